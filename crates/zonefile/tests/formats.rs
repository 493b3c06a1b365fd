//! Random content in every format of `dump`: what a format can hold is built back to the same
//! content, what it cannot hold is counted, and a database for libmaxminddb answers alike.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic and say their seeds"
)]

mod common;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fastrand::Rng;
use rblmap::{Image, NameKey, NameRule, Run, ValueId};
use rblmap_content::{Content, Draft, Record, TemplateBuf, TextPart, ValueBuf};
use rblmap_image::{Stamp, encode};
use rblmap_zonefile::{ListFormat, Options, build, write_list};

/// A format, and the type that reads it.
const FORMATS: [(ListFormat, &str); 9] = [
    (ListFormat::Csv, "csv"),
    (ListFormat::Json, "json"),
    (ListFormat::Plain, "plain"),
    (ListFormat::Cidr, "plain"),
    (ListFormat::Hosts, "hosts"),
    (ListFormat::Rpz, "rpz"),
    (ListFormat::Ipset, "ipset"),
    (ListFormat::Nft, "nft"),
    (ListFormat::Postfix, "postfix"),
];

/// Which kinds of things some content has.
#[derive(Clone, Copy)]
struct Kinds {
    values: bool,
    addresses: bool,
    names: bool,
    wild: bool,
    odd: bool,
    subzones: bool,
}

impl Kinds {
    fn random(rng: &mut Rng) -> Kinds {
        Kinds {
            values: rng.bool(),
            addresses: rng.u8(..4) > 0,
            names: rng.u8(..4) > 0,
            wild: rng.bool(),
            odd: rng.u8(..3) == 0,
            subzones: rng.u8(..3) == 0,
        }
    }
}

fn content(rng: &mut Rng, kinds: Kinds) -> Content {
    let mut draft = Draft::new("bl.test".parse().unwrap());
    let sub = NameKey::parse(b"sub").unwrap();
    let zones = if kinds.subzones {
        vec![NameKey::ROOT, sub]
    } else {
        vec![NameKey::ROOT]
    };
    for zone in zones {
        if kinds.addresses {
            let mut at = u64::from(rng.u32(..));
            while at < u64::from(u32::MAX) {
                let start = u32::try_from(at).unwrap();
                let bits = rng.u32(..12);
                let end = if rng.bool() {
                    start | ((1 << bits) - 1)
                } else {
                    start.saturating_add(rng.u32(..700))
                };
                let value = value(rng, &mut draft, kinds);
                draft.zone_mut(&zone).v4.push(Run { start, end, value });
                at = u64::from(end)
                    + 1
                    + if rng.bool() {
                        0
                    } else {
                        u64::from(rng.u32(..1 << 28))
                    };
            }
            let mut at = u128::from(rng.u64(..)) << 60 | u128::from(rng.u64(..));
            let mut floor = 0;
            for _ in 0..rng.usize(..6) {
                let bits = rng.u32(..70);
                let start = at >> bits << bits;
                if start < floor {
                    break;
                }
                let end = start | ((1 << bits) - 1);
                let value = value(rng, &mut draft, kinds);
                draft.zone_mut(&zone).v6.push(Run { start, end, value });
                at = (end + 1 + u128::from(rng.u64(..))) << rng.u32(..3);
                floor = end + 1;
                if at <= end || at >> 127 == 1 {
                    break;
                }
            }
        }
        if kinds.names {
            names(rng, &mut draft, kinds, &zone);
        }
    }
    draft.finish().unwrap()
}

fn names(rng: &mut Rng, draft: &mut Draft, kinds: Kinds, zone: &NameKey) {
    let labels: &[&str] = if kinds.odd {
        &["a", "b-1", "_c", "4", "x\\032y", "test"]
    } else {
        &["a", "b-1", "_c", "test"]
    };
    let mut seen = BTreeSet::new();
    for _ in 0..rng.usize(..25) {
        let count = if kinds.odd {
            rng.usize(0..5)
        } else {
            rng.usize(2..5)
        };
        let name: Vec<&str> = (0..count)
            .map(|_| labels[rng.usize(..labels.len())])
            .collect();
        let name = NameKey::parse(name.join(".").as_bytes()).unwrap();
        if !seen.insert(name.as_bytes().to_vec()) {
            continue;
        }
        let mut slot = |rng: &mut Rng| match rng.u8(..6) {
            0 if kinds.wild => NameRule::Nothing,
            1 if kinds.wild => NameRule::Inherit,
            _ => NameRule::Value(value(rng, draft, kinds)),
        };
        let exact = slot(rng);
        let below = match rng.u8(..3) {
            _ if !kinds.wild => NameRule::Inherit,
            0 => exact,
            _ => slot(rng),
        };
        draft
            .zone_mut(zone)
            .names
            .push(name.as_bytes(), exact, below);
    }
}

fn value(rng: &mut Rng, draft: &mut Draft, kinds: Kinds) -> ValueId {
    let simple = Record {
        a: Some(Ipv4Addr::new(127, 0, 0, 2)),
        text: None,
    };
    if !kinds.values || rng.bool() {
        return draft.values.intern(&ValueBuf::new([simple])).unwrap();
    }
    let texts: [&[u8]; 9] = [
        b"see ",
        b"$",
        b"$5 off",
        b"=x",
        b"a,\"b\"",
        b"# c ; d // e",
        b"\xff\\x41",
        b" x",
        b"x ",
    ];
    let records = (0..rng.usize(1..4)).map(|_| {
        let parts = (0..rng.usize(..4)).map(|_| match rng.bool() {
            true => TextPart::Key,
            false => TextPart::Literal(texts[rng.usize(..texts.len())].to_vec()),
        });
        let text = TemplateBuf::new(parts.collect::<Vec<_>>());
        let a = match rng.u8(..5) {
            0 if text.is_some() => None,
            1 => Some(Ipv4Addr::new(rng.u8(..), 0, 1, 2)),
            n => Some(Ipv4Addr::new(127, 0, 0, n)),
        };
        Record { a, text }
    });
    let value = ValueBuf::new(records.collect::<Vec<_>>());
    draft.values.intern(&value).unwrap()
}

#[test]
fn what_a_format_holds_is_built_back() {
    let first = fastrand::u64(..);
    println!("seeds from {first}");
    let dir = tempfile::tempdir().unwrap();
    let mut held = [0; FORMATS.len()];
    for round in 0..250 {
        let seed = first.wrapping_add(round);
        let mut rng = Rng::with_seed(seed);
        let kinds = Kinds::random(&mut rng);
        let content = content(&mut rng, kinds);
        for (at, (format, kind)) in FORMATS.into_iter().enumerate() {
            let zones = if format.has_zones() {
                content.zones()
            } else {
                &content.zones()[..1]
            };
            let mut out = Vec::new();
            let omitted = write_list(&content, zones, format, &mut out).unwrap();
            if omitted.iter().next().is_some() || zones.len() < content.zones().len() {
                continue;
            }
            if content.zones().len() > 1 && content.zones()[1..].iter().any(is_empty) {
                // Rows are of keys: a subzone without any is not there.
                continue;
            }
            let path = common::file(&dir, "dump", &out);
            let mut options = Options::default();
            options.reading.plain.templates = format.has_zones();
            let spec = common::spec("bl.test", kind, &[path]);
            let built = build(&[spec], &options).unwrap();
            assert_eq!(
                built.content.id(),
                content.id(),
                "seed {seed}, {format:?}: {content:#?}\n{:#?}\n{}\n{:?}",
                built.content,
                String::from_utf8_lossy(&out),
                built.warnings
            );
            held[at] += 1;
        }
    }
    assert!(held.iter().all(|count| *count > 3), "{held:?}");
}

fn is_empty(zone: &rblmap_content::ZoneContent) -> bool {
    zone.v4().is_empty() && zone.v6().is_empty() && zone.names().is_empty()
}

/// What a database has for an address.
#[derive(serde::Deserialize, Default)]
struct Entry {
    codes: Option<Vec<String>>,
}

#[test]
fn a_database_answers_as_the_image_does() {
    let first = fastrand::u64(..);
    println!("seeds from {first}");
    for round in 0..40 {
        let seed = first.wrapping_add(round);
        let mut rng = Rng::with_seed(seed);
        let kinds = Kinds {
            addresses: true,
            // A name can answer for the address that it spells backwards.
            names: false,
            subzones: false,
            ..Kinds::random(&mut rng)
        };
        let content = content(&mut rng, kinds);
        let mut bytes = Vec::new();
        write_list(&content, content.zones(), ListFormat::Mmdb, &mut bytes).unwrap();
        let database = maxminddb::Reader::from_source(bytes).unwrap();
        let image = Image::from_vec(encode(&content, Stamp::default()).unwrap()).unwrap();
        for _ in 0..3000 {
            let address = question(&mut rng, &content);
            let told = common::told(image.base().lookup(address));
            let codes: BTreeSet<String> = told.a.iter().map(ToString::to_string).collect();
            let found = database.lookup(address).unwrap();
            let entry: Entry = found.decode().unwrap().unwrap_or_default();
            let theirs: BTreeSet<String> = entry.codes.unwrap_or_default().into_iter().collect();
            assert_eq!(codes, theirs, "seed {seed}, {address}");
        }
    }
}

/// An address at or near the end of a run, or any.
fn question(rng: &mut Rng, content: &Content) -> IpAddr {
    let base = content.base();
    let step = rng.u32(..3);
    if rng.bool() && !base.v4().is_empty() {
        let run = base.v4()[rng.usize(..base.v4().len())];
        let edge = if rng.bool() { run.start } else { run.end };
        let address = Ipv4Addr::from_bits(edge.wrapping_add(step).wrapping_sub(1));
        return match rng.u8(..3) {
            0 => address.to_ipv6_mapped().into(),
            _ => address.into(),
        };
    }
    if rng.bool() && !base.v6().is_empty() {
        let run = base.v6()[rng.usize(..base.v6().len())];
        let edge = if rng.bool() { run.start } else { run.end };
        return Ipv6Addr::from_bits(edge.wrapping_add(step.into()).wrapping_sub(1)).into();
    }
    Ipv4Addr::from_bits(rng.u32(..)).into()
}
