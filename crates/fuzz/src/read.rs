//! All that the reader answers, of bytes that nobody verified; and what must hold of content.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use rblmap::{Answer, Image, ImageSet, Network, TextBuf, Zone};
use rblmap_content::Content;
use rblmap_format::NameKey;
use rblmap_image::{Layout, Stamp, decode, decode_in_place, encode, encode_with, is_written_as};

const V4: [u32; 10] = [
    0,
    u32::MAX,
    0x0a00_0001,
    0x0a00_01ff,
    0xc000_0201,
    0x7f00_0002,
    0x0a09_0301,
    0x0b00_0000,
    0x5000_0010,
    0x6000_0000,
];
const V6: [u128; 7] = [
    0,
    u128::MAX,
    0x2001_0db8 << 96,
    0x2001_0db8_0002_0005 << 64,
    0x2001_0db8_0005 << 80 | 1,
    0xffff_c000_0201,
    0x2002_0a00_0001 << 80,
];
const NAMES: [&[u8]; 9] = [
    b"",
    b"n3.x1.example",
    b"a.b.c.d.e.f.example",
    b"h12.d5.com",
    b"x.h77.d60.co.uk",
    b"2.0.0.127",
    b"1.2.3.4.example",
    b"txt",
    b"5.0.2.0.192.gen",
];

/// The keys that are asked for: fixed ones, and some that the input names.
struct Keys {
    v4: Vec<u32>,
    v6: Vec<u128>,
    names: Vec<NameKey>,
}

impl Keys {
    fn new(more: &[u8]) -> Keys {
        let (v4, _) = more.as_chunks::<4>();
        let (v6, _) = more.as_chunks::<16>();
        let names = NAMES
            .iter()
            .map(|text| NameKey::parse(text).expect("a name"));
        let more = NameKey::parse(more)
            .into_iter()
            .chain(NameKey::from_key(more));
        Keys {
            v4: V4
                .into_iter()
                .chain(v4.iter().take(16).map(|four| u32::from_le_bytes(*four)))
                .collect(),
            v6: V6
                .into_iter()
                .chain(v6.iter().take(8).map(|six| u128::from_le_bytes(*six)))
                .collect(),
            names: names.chain(more).collect(),
        }
    }
}

/// Asks for everything; with `walk`, visits all entries too, which must end.
pub(crate) fn read_all(image: &Image, more: &[u8], walk: bool) {
    let keys = Keys::new(more);
    let mut buffer = TextBuf::new();
    for zone in image.zones().take(16).flatten() {
        let _ = (zone.name(), zone.expires(), zone.facts(), zone.name_count());
        let _ = rblmap_format::facts::Facts::has_rows(zone.facts());
        ask(&zone, &keys, &mut buffer);
        ask(&zone.portable(), &keys, &mut buffer);
        if walk {
            visit(image, &zone, &keys);
        }
    }
    for name in &keys.names {
        if let Ok(answer) = image.query(name) {
            say(answer, &mut buffer);
        }
        let _ = image.zone_of(name);
    }
    let _ = (image.zone("@").is_ok(), image.zone("six").is_ok());
    let _ = (
        image.name().len(),
        image.serial(),
        image.root(),
        image.verify().is_ok(),
    );
}

fn ask(zone: &Zone<'_>, keys: &Keys, buffer: &mut TextBuf) {
    for &address in &keys.v4 {
        say(zone.lookup_v4(address), buffer);
        let listed = zone.lookup_v4(address).is_listed();
        assert!(
            !listed || zone.contains_v4(address),
            "listed, and not in the list"
        );
        say(zone.lookup(IpAddr::V4(address.into())), buffer);
    }
    for &address in &keys.v6 {
        say(zone.lookup_v6(address), buffer);
        let network: Network = zone.network(Ipv6Addr::from(address));
        assert!(network.contains(Ipv6Addr::from(address)) || network.first().is_ipv4());
    }
    for name in &keys.names {
        say(zone.lookup_name(name), buffer);
    }
    let mut values = vec![None; keys.v4.len()];
    zone.lookup_v4_many(&keys.v4, &mut values);
    let mut listed = vec![false; keys.v4.len()];
    zone.contains_v4_many(&keys.v4, &mut listed);
    zone.answers_v4_many(&keys.v4, |_, answer| {
        let _ = answer.is_listed();
    });
}

fn say(answer: Answer<'_>, buffer: &mut TextBuf) {
    let _ = answer.is_listed();
    for record in answer.records().take(1000) {
        let _ = record.a();
        assert!(
            record.txt(buffer).is_none_or(|text| text.len() <= 255),
            "a long text"
        );
    }
}

fn visit(image: &Image, zone: &Zone<'_>, keys: &Keys) {
    // No more than the file could hold: a /16 of one byte can be 32,768 runs.
    let most = image.as_bytes().len() * 64 + (1 << 21);
    assert!(
        zone.v4_runs().take(most + 1).count() <= most,
        "an endless walk of IPv4"
    );
    assert!(
        zone.v6_runs().take(most + 1).count() <= most,
        "an endless walk of IPv6"
    );
    assert!(
        zone.names().take(most + 1).count() <= most,
        "an endless walk of names"
    );
    for name in keys.names.iter().take(4) {
        let _ = zone.names_within(name).take(most + 1).count();
    }
}

/// Asks several zones at once.
pub(crate) fn ask_set(image: Image) {
    let image = Arc::new(image);
    let mut set = ImageSet::new();
    for zone in ["@", "six", "l", "@"] {
        let _ = set.add(&image, zone);
    }
    for address in V4 {
        for answer in set.lookup(IpAddr::V4(address.into())) {
            let _ = answer.is_listed();
        }
    }
    for answer in set.lookup(Ipv6Addr::from(V6[2])) {
        let _ = answer.records().count();
    }
}

/// What was decoded is content: it can be encoded, and is what its image says.
pub(crate) fn goes_round(content: &Content) -> Vec<u8> {
    let stamp = Stamp {
        serial: 2,
        created: 3,
    };
    let bytes = encode(content, stamp).expect("content can be encoded");
    let image = Image::from_vec(bytes).expect("an image opens");
    image.verify().expect("an image is whole");
    let again = decode(&image).expect("an image is read");
    assert!(again.id() == content.id(), "another id");
    let in_place = decode_in_place(&image).expect("an image is read in place");
    assert!(in_place.id() == content.id(), "another id in place");
    let twice = encode_with(&in_place, stamp, Layout::of(&image)).expect("encoded again");
    assert!(twice == image.as_bytes(), "other bytes");
    let same = is_written_as(&image, &in_place, in_place.id());
    assert!(same.expect("encoded again"), "not what it is written as");
    twice
}
