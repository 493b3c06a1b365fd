//! Names in lines against a plain model: every kind of entry, width of slots, common suffixes,
//! long names and odd bytes; walked with and without their order, and with damage.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test may panic; random numbers are small enough"
)]

use std::net::Ipv4Addr;

use fastrand::Rng;
use rblmap::{Image, NameKey, NameRule, ValueId};
use rblmap_content::{Content, Draft, Record, ValueBuf, resolve_name};
use rblmap_format::sections::{SectionInfo, kind};
use rblmap_image::{Layout, Stamp, encode, encode_with};

/// A name as lists have them: few ends, some hosts with many names below, some odd ones.
fn name(rng: &mut Rng) -> NameKey {
    let mut name = NameKey::parse(["com", "com", "net", "co.uk", "x"][rng.usize(..5)].as_bytes());
    let name = name.as_mut().unwrap();
    let letters = |rng: &mut Rng, most: usize| -> Vec<u8> {
        (0..rng.usize(1..=most))
            .map(|_| rng.lowercase() as u8)
            .collect()
    };
    match rng.u32(0..20) {
        0..=3 => name
            .push_label(format!("host{}", rng.u8(0..9)).as_bytes())
            .unwrap(),
        4 => {
            // Long, and of bytes that are rare.
            while name
                .push_label(&[rng.u8(..), rng.u8(..), b'a', rng.u8(..), b'-'])
                .is_ok()
            {
                if rng.u8(0..9) == 0 {
                    break;
                }
            }
        }
        5 => {
            let one = [b'q'; 63];
            while name.push_label(&one[rng.usize(0..62)..]).is_ok() && rng.u8(0..5) > 0 {}
        }
        6 => while name.push_label(b"d").is_ok() && rng.u8(0..90) > 0 {},
        _ => {}
    }
    let _ = name.push_label(&letters(rng, 12));
    if rng.u8(0..6) == 0 {
        let _ = name.push_label(&letters(rng, 3));
    }
    *name
}

fn content(rng: &mut Rng, count: usize, values: u32, root: bool) -> Content {
    let mut draft = Draft::new("names.example".parse().unwrap());
    let ids: Vec<ValueId> = (0..values)
        .map(|n| {
            let a = Some(Ipv4Addr::from_bits(0x7f00_0002 + n));
            let value = ValueBuf::new([Record { a, text: None }]);
            draft.values.intern(&value).unwrap()
        })
        .collect();
    let mut keys: Vec<NameKey> = (0..count).map(|_| name(rng)).collect();
    let above: Vec<NameKey> = keys.iter().step_by(9).filter_map(NameKey::parent).collect();
    keys.extend(above);
    keys.retain(|key| key.label_count() > 0);
    keys.extend(root.then_some(NameKey::ROOT));
    keys.sort_unstable();
    keys.dedup();
    let zone = draft.zone_mut(&NameKey::ROOT);
    for (at, key) in keys.iter().enumerate() {
        let id = ids[at % ids.len()];
        let other = ids[rng.usize(..ids.len())];
        let (exact, below) = match rng.u32(0..10) {
            0 => (NameRule::Value(id), NameRule::Nothing),
            1 => (NameRule::Nothing, NameRule::Value(id)),
            2 => (NameRule::Value(id), NameRule::Value(other)),
            3 => (NameRule::Inherit, NameRule::Value(id)),
            4 => (NameRule::Nothing, NameRule::Nothing),
            5 | 6 => (NameRule::Value(id), NameRule::Inherit),
            _ => (NameRule::Value(id), NameRule::Value(id)),
        };
        zone.names.push(key.as_bytes(), exact, below);
    }
    draft.finish().unwrap()
}

fn kinds(image: &Image) -> Vec<u16> {
    image.sections().map(|section| section.kind).collect()
}

fn check(content: &Content, image: &Image, rng: &mut Rng, seed: u64) {
    let names = content.base().names();
    let zone = image.base();
    assert_eq!(zone.name_count(), names.len());
    let mut asked: Vec<NameKey> = names
        .iter()
        .map(|point| NameKey::from_key(point.key).unwrap())
        .collect();
    for at in 0..asked.len() {
        let mut below = asked[at];
        if below.push_label(&[rng.lowercase() as u8]).is_ok() {
            asked.push(below);
        }
        let other = asked[at].to_string();
        asked.extend(asked[at].parent());
        asked.extend(NameKey::parse(other.replacen('a', "b", 1).as_bytes()));
    }
    for name in &asked {
        let expected = resolve_name(names, name);
        let answer = zone.lookup_name(name);
        let got: Vec<_> = answer
            .records()
            .map(|record| (record.a(), record.key()))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .flat_map(|(id, key)| {
                let key = rblmap::Key::Name(key.as_bytes());
                image
                    .value(*id)
                    .records()
                    .map(move |record| (record.a, key))
            })
            .collect();
        assert_eq!(got, expected, "{name}, seed {seed}");
    }
}

#[test]
fn lines_say_what_the_names_say() {
    let seed = std::env::var("RBLMAP_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed} (RBLMAP_SEED)");
    let mut rng = Rng::with_seed(seed);
    for (count, values, root) in [
        (6000, 3, false),
        (30_000, 254, true),
        (9000, 255, true),
        (70_000, 65_535, false),
    ] {
        let content = content(&mut rng, count, values, root);
        let bytes = encode(&content, Stamp::default()).unwrap();
        let image = Image::from_vec(bytes.clone()).unwrap();
        assert!((kind::NAMES_MODEL..=kind::NAMES_ORDER).all(|kind| kinds(&image).contains(&kind)));
        check(&content, &image, &mut rng, seed);
        let again = rblmap_image::decode(&image).unwrap();
        assert!(again == content, "seed {seed}");
        assert!(
            encode(&again, Stamp::default()).unwrap() == bytes,
            "seed {seed}"
        );

        let layout = Layout { name_index: false };
        let bytes = encode_with(&content, Stamp::default(), layout).unwrap();
        let without = Image::from_vec(bytes).unwrap();
        assert_eq!(Layout::of(&without), layout);
        assert!(!kinds(&without).contains(&kind::NAMES_ORDER));
        check(&content, &without, &mut rng, seed);
        assert!(
            rblmap_image::decode(&without).unwrap() == content,
            "seed {seed}"
        );

        let names = content.base().names();
        for name in ["host3.com", "co.uk", "", "nobody.net", "zzz", "host1.x"] {
            let name = NameKey::parse(name.as_bytes()).unwrap();
            let expected = names
                .iter()
                .filter(|point| point.key.starts_with(name.as_bytes()))
                .count();
            for image in [&image, &without] {
                let within: Vec<_> = image.base().names_within(&name).collect();
                assert_eq!(within.len(), expected, "{name}, seed {seed}");
                assert!(within.iter().all(|point| point.key.is_within(&name)));
            }
        }
    }
}

#[test]
fn few_names_are_sorted() {
    let mut rng = Rng::with_seed(6);
    let content = content(&mut rng, 1000, 9, true);
    let image = Image::from_vec(encode(&content, Stamp::default()).unwrap()).unwrap();
    assert!(kinds(&image).contains(&kind::NAMES_SORTED));
    check(&content, &image, &mut rng, 6);
    let all = image.base().names_within(&NameKey::ROOT).count();
    assert_eq!(all, content.base().names().len());
}

#[test]
fn names_with_damage_are_read_in_bounds() {
    let mut rng = Rng::with_seed(8);
    let content = content(&mut rng, 6000, 7, true);
    let names = content.base().names();
    let stamp = Stamp::default();
    let with = encode(&content, stamp).unwrap();
    let without = encode_with(&content, stamp, Layout { name_index: false }).unwrap();
    for round in 0..400 {
        let mut damaged = if round % 4 == 0 {
            without.clone()
        } else {
            with.clone()
        };
        let image = Image::from_vec(damaged.clone()).unwrap();
        let parts: Vec<(usize, usize)> = image
            .sections()
            .filter(|section| (kind::NAMES_MODEL..=kind::NAMES_ORDER).contains(&section.kind))
            .map(|section| (section.offset as usize, section.len as usize))
            .collect();
        drop(image);
        for _ in 0..1 << rng.u32(0..10) {
            let (at, len) = parts[rng.usize(..parts.len())];
            damaged[at + rng.usize(..len)] = if rng.bool() { rng.u8(..) } else { 0xff };
        }
        let Ok(image) = Image::from_vec(damaged) else {
            continue;
        };
        for _ in 0..500 {
            let mut name =
                NameKey::from_key(names.get(rng.usize(..names.len())).unwrap().key).unwrap();
            let _ = name.push_label(&[rng.u8(..)]);
            let _ = image.base().lookup_name(&name);
            let _ = image.base().lookup_name(&name.parent().unwrap());
        }
        if round % 10 < 2 {
            let walked: Vec<_> = image.base().names().collect();
            assert!(walked.len() <= names.len() + 1, "{} names", walked.len());
            assert!(walked.is_sorted_by(|a, b| a.key < b.key));
            let _ = image
                .base()
                .names_within(&NameKey::parse(b"host3.com").unwrap())
                .count();
            let _ = rblmap_image::decode(&image);
        }
    }
}

#[test]
fn any_byte_may_be_wrong() {
    let mut rng = Rng::with_seed(9);
    let content = content(&mut rng, 6000, 3, true);
    let names = content.base().names();
    let bytes = encode(&content, Stamp::default()).unwrap();
    let image = Image::from_vec(bytes.clone()).unwrap();
    let sections: Vec<_> = image.sections().collect();
    assert!(kinds(&image).contains(&kind::NAMES_LINES));
    drop(image);
    let names_of = |at: usize| NameKey::from_key(names.get(at).unwrap().key).unwrap();
    for SectionInfo { offset, len, .. } in sections
        .into_iter()
        .filter(|section| (kind::NAMES_MODEL..=kind::NAMES_ORDER).contains(&section.kind))
    {
        for at in offset as usize..(offset + len) as usize {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << rng.u32(0..8);
            let Ok(image) = Image::from_vec(damaged) else {
                continue;
            };
            for _ in 0..4 {
                let mut name = names_of(rng.usize(..names.len()));
                let _ = image.base().lookup_name(&name);
                let _ = name.push_label(b"a");
                let _ = image.base().lookup_name(&name);
            }
            if at % 500 == 0 {
                assert!(image.verify().is_err(), "byte {at}");
                assert!(image.base().names().count() <= names.len() + 1);
            }
        }
    }
}
