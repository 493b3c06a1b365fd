//! IPv6 in lines against a plain model: every kind of entry, width of ids and size of group;
//! walked, and with damage.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test may panic; random numbers are small enough"
)]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use fastrand::Rng;
use rblmap::{Image, NameKey, Run, ValueId};
use rblmap_content::{Content, Draft, Record, ValueBuf};
use rblmap_format::sections::{SectionInfo, kind};
use rblmap_image::{Stamp, encode};

/// Prefixes as lists have them, longer ones inside shorter ones; the longest decides.
fn prefixes(rng: &mut Rng, count: usize) -> Vec<(u128, u32)> {
    let nets: Vec<u128> = (0..count.div_ceil(60))
        .map(|_| (0x2001 + u128::from(rng.u16(0..4))) << 112 | u128::from(rng.u16(..)) << 96)
        .collect();
    let mut list = vec![
        (0, 8),
        (0xfc00 << 112, 7),
        (0x3fff << 112, 20),
        (0x2a00 << 112, 12),
    ];
    while list.len() < count {
        let net = nets[rng.usize(..nets.len())];
        let site = net | u128::from(rng.u16(0..300)) << 80;
        let lan = site | u128::from(rng.u16(0..9)) << 64;
        match rng.u32(0..20) {
            0 => list.push((net, 32 + rng.u32(0..9))),
            1 => list.push((site, 44)),
            2..=5 => list.push((site, 48)),
            6 => list.push((lan, rng.u32(60..70))),
            7..=11 => list.push((lan, 64)),
            12 => list.push((lan | rng.u128(..) >> 64, rng.u32(65..128))),
            13 if rng.u8(0..9) == 0 => {
                // Many addresses in one /64, dense or spread.
                let spread = rng.bool();
                let many = rng.u64(8..900);
                list.extend((0..many).map(|n| {
                    let low = if spread {
                        rng.u64(..)
                    } else {
                        n * rng.u64(1..4)
                    };
                    (lan | u128::from(low), 128)
                }));
                list.push((lan | u128::from(u64::MAX), 128));
            }
            _ => list.push((lan | u128::from(rng.u64(0..40)), 128)),
        }
    }
    list
}

/// The runs that prefixes make: swept by their ends, never expanded.
fn runs(rng: &mut Rng, list: &[(u128, u32)], ids: &[ValueId]) -> Vec<Run<u128>> {
    let mut nets: BTreeMap<(u128, u32), ValueId> = BTreeMap::new();
    for &(address, len) in list {
        let start = address & !u128::MAX.checked_shr(len).unwrap_or(0);
        nets.insert((start, len), ids[rng.usize(..ids.len())]);
    }
    let mut out: Vec<Run<u128>> = Vec::new();
    let mut open: Vec<(u128, ValueId)> = Vec::new();
    let mut next = 0u128;
    let mut say = |start: u128, end: u128, value: ValueId| match out.last_mut() {
        Some(run) if run.value == value && run.end.checked_add(1) == Some(start) => run.end = end,
        _ => out.push(Run { start, end, value }),
    };
    let ends = nets.iter().map(|(&(start, len), &id)| {
        (
            start,
            start | u128::MAX.checked_shr(len).unwrap_or(0),
            Some(id),
        )
    });
    for (start, end, id) in ends.chain([(u128::MAX, u128::MAX, None)]) {
        while let Some(&(end, id)) = open.last().filter(|(end, _)| *end < start) {
            if next <= end {
                say(next, end, id);
                next = end + 1;
            }
            open.pop();
        }
        if let Some(&(_, above)) = open.last().filter(|_| start > next) {
            say(next, start - 1, above);
        }
        next = next.max(start);
        open.extend(id.map(|id| (end, id)));
    }
    out
}

fn content(rng: &mut Rng, count: usize, values: u32) -> Content {
    let mut draft = Draft::new("six.example".parse().unwrap());
    let ids: Vec<ValueId> = (0..values)
        .map(|n| {
            let a = Some(Ipv4Addr::from_bits(0x7f00_0002 + n));
            let value = ValueBuf::new([Record { a, text: None }]);
            draft.values.intern(&value).unwrap()
        })
        .collect();
    let list = prefixes(rng, count);
    let zone = draft.zone_mut(&NameKey::ROOT);
    zone.v6 = runs(rng, &list, &ids);
    // Every value is used, so that the width of ids is what was asked for.
    let base = 0xff00 << 112;
    for (at, id) in ids.iter().enumerate() {
        let start = base | (at as u128) << 1;
        zone.v6.push(Run {
            start,
            end: start,
            value: *id,
        });
    }
    draft.finish().unwrap()
}

fn find(runs: &[Run<u128>], address: u128) -> Option<ValueId> {
    let at = runs.partition_point(|run| run.end < address);
    let run = runs.get(at).filter(|run| run.start <= address);
    run.map(|run| run.value)
}

fn has(image: &Image, kind: u16) -> bool {
    image.sections().any(|section| section.kind == kind)
}

#[test]
fn lines_say_what_the_runs_say() {
    let seed = std::env::var("RBLMAP_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed} (RBLMAP_SEED)");
    let mut rng = Rng::with_seed(seed);
    for (count, values) in [
        (20_000, 2),
        (30_000, 5),
        (9000, 255),
        (9000, 256),
        (9000, 65_536),
    ] {
        let content = content(&mut rng, count, values);
        let bytes = encode(&content, Stamp::default()).unwrap();
        let image = Image::from_vec(bytes.clone()).unwrap();
        for kind in [
            kind::V6_TOP,
            kind::V6_RANGES,
            kind::V6_LINES,
            kind::V6_INSIDE_64,
        ] {
            let count = content.base().v6().len();
            assert!(
                has(&image, kind),
                "kind {kind}, {values} values, {count} runs"
            );
        }
        let runs = content.base().v6();
        assert_eq!(
            image.base().v6_runs().collect::<Vec<_>>(),
            runs,
            "seed {seed}"
        );
        let edges = runs.iter().flat_map(|run| {
            let ends = [
                run.start.wrapping_sub(1),
                run.start,
                run.end,
                run.end.wrapping_add(1),
            ];
            let inside = run.start + (run.end - run.start) / 3;
            ends.into_iter()
                .chain([inside, inside ^ 1 << 63, inside ^ 1 << 80])
        });
        for address in edges.chain([0, u128::MAX]) {
            let id = find(runs, address);
            let got = both_ways(&image, address);
            let expected = id.map(|id| image.value(id));
            let expected = expected.iter().flat_map(|value| value.records());
            let expected: Vec<_> = expected.map(|record| record.a).collect();
            assert_eq!(got, expected, "{address:032x}, seed {seed}");
        }
        let again = rblmap_image::decode(&image).unwrap();
        assert!(again == content, "seed {seed}");
        assert!(
            encode(&again, Stamp::default()).unwrap() == bytes,
            "seed {seed}"
        );
    }
}

/// The A records of an address, the same with all that this machine can do and with what any can.
fn both_ways(image: &Image, address: u128) -> Vec<Option<Ipv4Addr>> {
    let [best, portable] = [image.base(), image.base().portable()].map(|zone| {
        let answer = zone.lookup_v6(address);
        answer.records().map(|record| record.a()).collect()
    });
    assert_eq!(best, portable, "{address:032x}");
    best
}

#[test]
fn whole_halves_and_the_last_addresses_are_found() {
    let mut rng = Rng::with_seed(4);
    let mut draft = Draft::new("six.example".parse().unwrap());
    let a = Some(Ipv4Addr::LOCALHOST);
    let value = draft
        .values
        .intern(&ValueBuf::new([Record { a, text: None }]))
        .unwrap();
    // All addresses but every third one of a range, and the last of all.
    let mut v6 = Vec::new();
    let mut next = 0;
    for n in 0..5000u128 {
        let hole = 0x2001 << 112 | (n * (3 << rng.u32(0..2))) << if n < 2500 { 0 } else { 64 };
        if hole > next {
            v6.push(Run {
                start: next,
                end: hole - 1,
                value,
            });
            next = hole + 1;
        }
    }
    v6.push(Run {
        start: next,
        end: u128::MAX - 1,
        value,
    });
    draft.zone_mut(&NameKey::ROOT).v6 = v6;
    let content = draft.finish().unwrap();
    let image = Image::from_vec(encode(&content, Stamp::default()).unwrap()).unwrap();
    assert!(has(&image, kind::V6_TOP));
    assert_eq!(
        image.base().v6_runs().collect::<Vec<_>>(),
        content.base().v6()
    );
    for run in content.base().v6() {
        for (address, listed) in [(run.start, true), (run.end, true), (run.end + 1, false)] {
            let embedded = address >> 112 == 0x2002 || address >> 32 == 0xffff;
            let answer = image.base().lookup_v6(address);
            assert!(embedded || answer.is_listed() == listed, "{address:032x}");
        }
    }
}

#[test]
fn lines_with_damage_are_read_in_bounds() {
    let mut rng = Rng::with_seed(5);
    let content = content(&mut rng, 6000, 7);
    let runs = content.base().v6();
    let bytes = encode(&content, Stamp::default()).unwrap();
    let image = Image::from_vec(bytes.clone()).unwrap();
    let parts: Vec<(usize, usize)> = image
        .sections()
        .filter(|section| (kind::V6_TOP..=kind::V6_INSIDE_64).contains(&section.kind))
        .map(|section| (section.offset as usize, section.len as usize))
        .collect();
    assert_eq!(parts.len(), 5);
    for round in 0..400 {
        let mut damaged = bytes.clone();
        for _ in 0..1 << rng.u32(0..10) {
            let (at, len) = parts[rng.usize(..parts.len())];
            let byte = &mut damaged[at + rng.usize(..len)];
            *byte = if rng.bool() { rng.u8(..) } else { 0xff };
        }
        let image = Image::from_vec(damaged).unwrap();
        for _ in 0..2000 {
            let run = runs[rng.usize(..runs.len())];
            both_ways(&image, run.start ^ rng.u128(..) >> rng.u32(90..128));
        }
        if round % 10 == 0 {
            let walked = image.base().v6_runs().count();
            assert!(walked < bytes.len(), "{walked} runs");
            let _ = rblmap_image::decode(&image);
        }
    }
}

#[test]
fn any_byte_may_be_wrong() {
    let mut rng = Rng::with_seed(10);
    let content = content(&mut rng, 5000, 3);
    let runs = content.base().v6();
    let bytes = encode(&content, Stamp::default()).unwrap();
    let image = Image::from_vec(bytes.clone()).unwrap();
    let sections: Vec<_> = image.sections().collect();
    assert!(has(&image, kind::V6_LINES));
    drop(image);
    for SectionInfo { offset, len, .. } in sections
        .into_iter()
        .filter(|section| (kind::V6_TOP..=kind::V6_INSIDE_64).contains(&section.kind))
    {
        for at in offset as usize..(offset + len) as usize {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << rng.u32(0..8);
            let image = Image::from_vec(damaged).unwrap();
            for _ in 0..8 {
                let run = runs[rng.usize(..runs.len())];
                both_ways(&image, run.start);
                both_ways(&image, run.end ^ 1 << rng.u32(0..100));
            }
            if at % 500 == 0 {
                assert!(image.verify().is_err(), "byte {at}");
                assert!(image.base().v6_runs().count() < bytes.len());
            }
        }
    }
}
