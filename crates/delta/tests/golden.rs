//! Files that guard the format: if one of these tests fails, old snapshots and deltas have become
//! unreadable. Never adapt the files to the code once a release is out.
//!
//! `RBLMAP_BLESS=1 cargo test -p rblmap-delta --test golden` writes them anew. Compared are
//! payloads, since zstd may shorten the same bytes otherwise in another version.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::net::Ipv4Addr;
use std::path::PathBuf;

use rblmap::{Image, NameKey, NameRule, Run};
use rblmap_content::{Draft, Facts, Record, TemplateBuf, TextPart, ValueBuf};
use rblmap_delta::{Limits, Session, apply, diff, pack, unpack};
use rblmap_image::{Stamp, encode};

fn testdata(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/golden")
        .join(file)
}

fn golden(file: &str, made: &[u8]) -> Vec<u8> {
    let path = testdata(file);
    if std::env::var_os("RBLMAP_BLESS").is_some() {
        std::fs::write(&path, made).unwrap();
    }
    std::fs::read(path).unwrap()
}

/// Header without the check, and the payload.
fn parts(file: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    let at = file.windows(4).position(|bytes| bytes == magic).unwrap();
    let header = [&file[..5], &file[13..at]].concat();
    (
        header,
        zstd::bulk::decompress(&file[at..], 1 << 20).unwrap(),
    )
}

fn three() -> Image {
    Image::read(testdata("three.rbl")).unwrap()
}

/// What became of the three entries: every kind of change once.
fn later() -> Image {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let mut value = |last: u8, text: &str| {
        let text = TemplateBuf::new([TextPart::Literal(text.into()), TextPart::Key]);
        let a = Some(Ipv4Addr::new(127, 0, 0, last));
        draft
            .values
            .intern(&ValueBuf::new([Record { a, text }]))
            .unwrap()
    };
    let old = value(2, "Open proxy, see http://ops.example/?");
    let new = value(2, "Open proxy, case 77, see http://ops.example/?");
    let zone = draft.zone_mut(&NameKey::ROOT);
    for n in 0..40u32 {
        let start = 0xc000_0200 + n * n;
        zone.v4.push(Run {
            start,
            end: start + n % 3,
            value: if n % 5 == 0 { new } else { old },
        });
    }
    let net = 0x2001_0db8_u128 << 96;
    zone.v6.push(Run {
        start: net | 5,
        end: net | 5,
        value: new,
    });
    for (name, exact) in [
        ("mail.example", old),
        ("example", new),
        ("a.mail.example", new),
    ] {
        let key = NameKey::parse(name.as_bytes()).unwrap();
        zone.names
            .push(key.as_bytes(), NameRule::Value(exact), NameRule::Nothing);
    }
    zone.expires = Some(1_900_000_000);
    zone.facts = Facts {
        ttl: Some(2048),
        ..Facts::default()
    };
    let sub = draft.zone_mut(&NameKey::parse(b"proxies").unwrap());
    sub.v4.push(Run {
        start: 0,
        end: u32::MAX,
        value: old,
    });
    let stamp = Stamp {
        serial: 2,
        created: 1_790_003_600,
    };
    Image::from_vec(encode(&draft.finish().unwrap(), stamp).unwrap()).unwrap()
}

#[test]
fn the_snapshot_of_three_entries_is_as_it_was() {
    let made = pack(&three(), Session(3)).unwrap();
    let golden = golden("three.rbs", &made);
    assert!(unpack(&golden, &Limits::default()).unwrap() == three().as_bytes());
    assert_eq!(
        parts(&golden),
        parts(&made),
        "three.rbs: the format has changed"
    );
}

#[test]
fn the_delta_with_every_kind_of_change_is_as_it_was() {
    let made = diff(&three(), &later(), Session(3)).unwrap();
    let golden = golden("later.rbd", &made);
    let applied = apply(&three(), &[&golden], &Limits::default()).unwrap();
    assert!(applied == later().as_bytes());
    assert_eq!(
        parts(&golden),
        parts(&made),
        "later.rbd: the format has changed"
    );
}

#[test]
fn the_format_page_shows_this_snapshot() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/delta.md");
    let page = std::fs::read_to_string(page).unwrap();
    let file = std::fs::read(testdata("three.rbs")).unwrap();
    let dump = page
        .lines()
        .skip_while(|line| !line.starts_with("## A snapshot of three"));
    let rows = dump.filter_map(|line| {
        let (offset, rest) = line.split_once("  ")?;
        let offset = usize::from_str_radix(offset, 16).ok()?;
        let bytes = rest.split("  ").next()?.split(' ');
        let bytes: Option<Vec<u8>> = bytes.map(|b| u8::from_str_radix(b, 16).ok()).collect();
        Some((offset, bytes?))
    });
    let mut shown = vec![0u8; file.len()];
    for (offset, bytes) in rows {
        shown[offset..offset + bytes.len()].copy_from_slice(&bytes);
    }
    assert_eq!(shown, file);
}
