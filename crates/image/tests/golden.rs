//! Files that guard the format: if one of these tests fails, old images have become unreadable or
//! old content ids wrong. Never adapt the files to the code once a release is out.
//!
//! `RBLMAP_BLESS=1 cargo test -p rblmap-image --test golden` writes them anew.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

use std::net::Ipv4Addr;
use std::path::PathBuf;

use rblmap::{Image, NameKey, NameRule, Run};
use rblmap_content::{Content, Draft, Record, TemplateBuf, TextPart, ValueBuf};
use rblmap_format::SectionInfo;
use rblmap_image::{Stamp, encode};

fn testdata(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/golden")
        .join(file)
}

/// One entry of each kind: the image that `docs/format.md` takes apart.
fn three_entries() -> Content {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let text = TemplateBuf::new([
        TextPart::Literal(b"Open proxy, see http://ops.example/?".to_vec()),
        TextPart::Key,
    ]);
    let a = Some(Ipv4Addr::new(127, 0, 0, 2));
    let proxy = draft
        .values
        .intern(&ValueBuf::new([Record { a, text }]))
        .unwrap();
    let a = Some(Ipv4Addr::new(127, 0, 0, 3));
    let plain = draft
        .values
        .intern(&ValueBuf::new([Record { a, text: None }]))
        .unwrap();
    let zone = draft.zone_mut(&NameKey::ROOT);
    zone.v4.push(Run {
        start: 0xc000_0201,
        end: 0xc000_0201,
        value: proxy,
    });
    let net = 0x2001_0db8_u128 << 96;
    zone.v6.push(Run {
        start: net,
        end: net | u128::MAX >> 32,
        value: plain,
    });
    let name = NameKey::parse(b"mail.example").unwrap();
    zone.names.push(
        name.as_bytes(),
        NameRule::Value(proxy),
        NameRule::Value(plain),
    );
    draft.finish().unwrap()
}

fn three_image() -> Vec<u8> {
    encode(
        &three_entries(),
        Stamp {
            serial: 1,
            created: 1_790_000_000,
        },
    )
    .unwrap()
}

fn compare(file: &str, bytes: &[u8]) {
    let path = testdata(file);
    if std::env::var_os("RBLMAP_BLESS").is_some() {
        std::fs::write(&path, bytes).unwrap();
    }
    let golden = std::fs::read(&path).unwrap();
    assert!(golden == bytes, "{file} differs: the format has changed");
}

#[test]
fn the_image_of_three_entries_is_as_it_was() {
    compare("three.rbl", &three_image());
}

#[test]
fn content_ids_are_as_they_were() {
    let empty = Draft::new("ops.example".parse().unwrap()).finish().unwrap();
    let mut many = Draft::new("ids.example".parse().unwrap());
    let ids: Vec<_> = (0..5u32)
        .map(|n| {
            let a = Some(Ipv4Addr::from_bits(0x7f00_0002 + n));
            many.values
                .intern(&ValueBuf::new([Record { a, text: None }]))
                .unwrap()
        })
        .collect();
    let name = NameKey::parse(b"sub").unwrap();
    let zone = many.zone_mut(&name);
    zone.expires = Some(1_800_000_000);
    for n in 0..20_000u32 {
        let value = ids[(n % 5) as usize];
        zone.v4.push(Run {
            start: n * 1000,
            end: n * 1000 + n % 7,
            value,
        });
        let start = u128::from(n) << 100;
        zone.v6.push(Run {
            start,
            end: start + u128::from(n % 3),
            value,
        });
        let key = NameKey::parse(format!("{n}.x.example").as_bytes()).unwrap();
        let below = if n % 2 == 0 {
            NameRule::Value(value)
        } else {
            NameRule::Inherit
        };
        zone.names
            .push(key.as_bytes(), NameRule::Value(ids[0]), below);
    }
    let many = many.finish().unwrap();
    let lines = format!(
        "empty {}\nthree {}\nmany {}\n",
        empty.id(),
        three_entries().id(),
        many.id()
    );
    compare("content-ids.txt", lines.as_bytes());
}

/// IPv6 prefixes and names enough for lines, none of them at random.
fn lines() -> Content {
    let mut draft = Draft::new("lines.example".parse().unwrap());
    let ids: Vec<_> = (0..9u32)
        .map(|n| {
            let a = Some(Ipv4Addr::from_bits(0x7f00_0002 + n));
            draft
                .values
                .intern(&ValueBuf::new([Record { a, text: None }]))
                .unwrap()
        })
        .collect();
    let zone = draft.zone_mut(&NameKey::ROOT);
    let value = |n: u32| ids[(n.wrapping_mul(0x9e37_79b9) >> 16) as usize % ids.len()];
    let mut next = 0x2001 << 112;
    for n in 0..20_000u32 {
        let shift = [0, 0, 64, 80, 96][n as usize % 5];
        let start: u128 = ((next >> shift) + 1 + u128::from(n % 3)) << shift;
        let end = start | ((1 << shift) - 1);
        let value = value(n);
        zone.v6.push(Run { start, end, value });
        next = end + 1;
    }
    for n in 0..20_000u32 {
        let host = if n % 4 == 0 { "host." } else { "" };
        let name = format!("{:x}.{host}{}", n.wrapping_mul(0x9e37_79b9), n % 3);
        let key = NameKey::parse(name.as_bytes()).unwrap();
        let below = [
            NameRule::Inherit,
            NameRule::Value(value(n)),
            NameRule::Value(ids[0]),
        ][n as usize % 3];
        zone.names
            .push(key.as_bytes(), NameRule::Value(value(n)), below);
    }
    draft.finish().unwrap()
}

#[test]
fn lines_are_written_as_they_were() {
    let image = Image::from_vec(encode(&lines(), Stamp::default()).unwrap()).unwrap();
    let mut text = String::new();
    for SectionInfo {
        kind, offset, len, ..
    } in image.sections()
    {
        let (offset, len) = (offset as usize, len as usize);
        let hash = blake3::hash(&image.as_bytes()[offset..offset + len]);
        let name = rblmap_format::sections::kind::name(kind);
        text.push_str(&format!("{name} {len} {hash}\n"));
    }
    for kind in ["V6_LINES", "V6_INSIDE_64", "NAMES_LINES", "NAMES_ORDER"] {
        assert!(text.contains(kind), "no {kind} in {text}");
    }
    compare("lines.txt", text.as_bytes());
}

#[test]
fn the_format_page_shows_this_image() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/format.md");
    let page = std::fs::read_to_string(page).unwrap();
    let image = three_image();
    let mut shown = vec![0u8; image.len()];
    let mut rows = 0;
    for line in page
        .lines()
        .skip_while(|line| !line.starts_with("## An image of three"))
    {
        let Some((offset, rest)) = line.split_once("  ") else {
            continue;
        };
        let Ok(offset) = usize::from_str_radix(offset, 16) else {
            continue;
        };
        let bytes = rest.split("  ").next().unwrap().split(' ');
        for (place, byte) in bytes.enumerate() {
            shown[offset + place] = u8::from_str_radix(byte, 16).unwrap();
        }
        rows += 1;
    }
    assert!(rows > 30, "{rows} rows");
    assert!(shown == image, "docs/format.md shows another image");
}
