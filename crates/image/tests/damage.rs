//! Damaged images: no panic, no endless loop, and `verify` tells.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::net::Ipv4Addr;

use fastrand::Rng;
use rblmap::{ErrorKind, Image, NameKey, NameRule, Run, TextBuf};
use rblmap_content::{Content, Draft, Record, TemplateBuf, TextPart, ValueBuf};
use rblmap_image::{Stamp, encode};

/// Content with all key kinds in a base and a subzone; `count` addresses, in lines if many.
fn content(rng: &mut Rng, count: u32, values: u8) -> Content {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let ids: Vec<_> = (0..values)
        .map(|n| {
            let text = TemplateBuf::new([TextPart::Literal(vec![b'a' + n % 26]), TextPart::Key]);
            let a = Some(Ipv4Addr::new(127, 0, 0, n));
            draft
                .values
                .intern(&ValueBuf::new([Record { a, text }]))
                .unwrap()
        })
        .collect();
    for zone in ["", "proxies"] {
        let zone = draft.zone_mut(&NameKey::parse(zone.as_bytes()).unwrap());
        let mut next = 0u32;
        for n in 0..count {
            let start = next + rng.u32(0..if n % 50 == 0 { 60_000 } else { 9 });
            let end = start + if rng.u8(0..5) == 0 { rng.u32(0..20) } else { 0 };
            let value = ids[rng.usize(0..ids.len())];
            zone.v4.push(Run { start, end, value });
            if n < 200 {
                let start = u128::from(start) << 64;
                zone.v6.push(Run {
                    start,
                    end: start + u128::from(n),
                    value,
                });
                let key = NameKey::parse(format!("n{n}.{}.example", n % 7).as_bytes()).unwrap();
                zone.names
                    .push(key.as_bytes(), NameRule::Value(value), NameRule::Nothing);
            }
            next = end + 1;
        }
    }
    draft.finish().unwrap()
}

/// Asks everything that can be asked.
fn use_all(image: &Image, rng: &mut Rng, walk: bool) {
    let mut text = TextBuf::new();
    for zone in image.zones().flatten() {
        for _ in 0..20 {
            let name = NameKey::parse(b"n1.1.example").unwrap();
            let answers = [
                zone.lookup_v4(rng.u32(..) >> rng.u32(0..24)),
                zone.lookup_v6(rng.u128(..) >> rng.u32(0..64)),
                zone.lookup_name(&name),
            ];
            for record in answers.iter().flat_map(|answer| answer.records()) {
                let _ = (record.a(), record.txt(&mut text).map(<[u8]>::len));
            }
        }
        if walk {
            let _ = (
                zone.v4_runs().count(),
                zone.v6_runs().count(),
                zone.names().count(),
            );
        }
    }
    let _ = image
        .zone("proxies")
        .map(|zone| zone.map(|zone| zone.expired_at(0)));
    if walk {
        let _ = rblmap_image::decode(image);
    }
}

#[test]
fn every_flipped_bit_of_a_small_image_is_reported() {
    let mut rng = Rng::with_seed(1);
    for (count, values) in [(0, 1), (1, 1), (12, 3)] {
        let content = content(&mut rng, count, values);
        let bytes = encode(
            &content,
            Stamp {
                serial: 1,
                created: 2,
            },
        )
        .unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let Ok(image) = Image::from_vec(damaged) else {
                continue;
            };
            assert!(image.verify().is_err(), "bit {bit} of {}", bytes.len());
            use_all(&image, &mut rng, bit % 8 == 0);
        }
    }
}

#[test]
fn every_cut_is_refused() {
    let mut rng = Rng::with_seed(2);
    let bytes = encode(&content(&mut rng, 12, 3), Stamp::default()).unwrap();
    for len in 0..bytes.len() {
        let opened = Image::from_vec(bytes[..len].to_vec());
        match opened {
            Err(error) if *error.kind() == ErrorKind::NotAnImage => assert_eq!(len, 0),
            Err(_) => assert!(len > 0),
            Ok(_) => panic!("opened {len} of {} bytes", bytes.len()),
        }
    }
    assert!(matches!(
        Image::from_vec([&bytes[..], b"x"].concat()),
        Err(error) if matches!(error.kind(), ErrorKind::Length { .. })
    ));
    assert!(matches!(
        Image::from_vec(b"#!/bin/sh".to_vec()),
        Err(error) if *error.kind() == ErrorKind::NotAnImage
    ));
}

#[test]
fn lines_with_damage_are_walked_in_bounds() {
    let mut rng = Rng::with_seed(3);
    for values in [3, 255] {
        let content = content(&mut rng, 150_000, values);
        let bytes = encode(&content, Stamp::default()).unwrap();
        for round in 0..60 {
            let mut damaged = bytes.clone();
            for _ in 0..1 << rng.u32(0..12) {
                let at = rng.usize(512..damaged.len());
                damaged[at] = rng.u8(..);
            }
            let Ok(image) = Image::from_vec(damaged) else {
                continue;
            };
            assert!(image.verify().is_err());
            use_all(&image, &mut rng, round % 4 == 0);
        }
    }
}
