//! The network that an answer holds for, and walks over a range, against a plain model.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and its numbers are small enough"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fastrand::Rng;
use rblmap::{Image, NameKey, Run, ValueId};
use rblmap_content::{Draft, Record, TemplateBuf, ValueBuf};
use rblmap_image::{Stamp, encode};

/// An image with about so many runs of each kind, some of them wide, some of them touching.
fn image(rng: &mut Rng, count: usize) -> Image {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let ids = [2u8, 3, 4].map(|last| {
        let a = Some(Ipv4Addr::new(127, 0, 0, last));
        let text = TemplateBuf::new([]);
        let value = ValueBuf::new([Record { a, text }]);
        draft.values.intern(&value).unwrap()
    });
    let zone = draft.zone_mut(&NameKey::ROOT);
    let near = [0x0a00_0000_u128, 0x0a01_0000, 0xc000_0000, 0];
    zone.v4 = runs(rng, count, ids, |rng| match rng.u32(0..4) {
        0 => u128::from(rng.u32(..)) & 0xffff_0000,
        1 => u128::from(rng.u32(..)),
        _ => near[rng.usize(..4)] + u128::from(rng.u32(..0x2_0000)),
    })
    .into_iter()
    .filter(|run| run.end <= u128::from(u32::MAX))
    .map(|run| Run {
        start: run.start as u32,
        end: run.end as u32,
        value: run.value,
    })
    .collect();
    zone.v6 = runs(rng, count, ids, |rng| {
        let net = 0x2001_0db8_u128 + u128::from(rng.u32(..3));
        match rng.u32(0..4) {
            0 => net << 96,
            1 => net << 96 | u128::from(rng.u32(..)) << 64,
            2 => 0x2400_u128 << 112 | u128::from(rng.u8(..)) << 100,
            _ => net << 96 | u128::from(rng.u32(..300)) << 64 | u128::from(rng.u32(..9)),
        }
    });
    let content = draft.finish().unwrap();
    Image::from_vec(encode(&content, Stamp::default()).unwrap()).unwrap()
}

/// Rising runs that begin where `start` says.
fn runs(
    rng: &mut Rng,
    count: usize,
    ids: [ValueId; 3],
    start: impl Fn(&mut Rng) -> u128,
) -> Vec<Run<u128>> {
    let mut starts: Vec<u128> = (0..count).map(|_| start(rng)).collect();
    starts.sort_unstable();
    starts.dedup();
    let mut out: Vec<Run<u128>> = Vec::new();
    for (index, &start) in starts.iter().enumerate() {
        let last = starts.get(index + 1).map_or(start | 0xff, |next| next - 1);
        let end = match rng.u32(0..3) {
            0 => last,
            1 => start,
            _ => (start | ((1 << rng.u32(0..66)) - 1)).min(last),
        };
        let value = ids[rng.usize(..3)];
        let touches = out
            .last()
            .is_some_and(|run| run.end + 1 == start && run.value == value);
        if !touches {
            out.push(Run { start, end, value });
        }
    }
    out
}

/// The prefix of the widest network around an address that lies in one run or in one gap.
fn widest(runs: &[(u128, u128)], address: u128, bits: u32) -> u32 {
    let all = if bits == 128 {
        u128::MAX
    } else {
        (1 << bits) - 1
    };
    let own = runs
        .iter()
        .find(|(start, end)| (*start..=*end).contains(&address));
    let (first, last) = own.copied().unwrap_or_else(|| {
        let before = runs.iter().rev().find(|(_, end)| *end < address);
        let behind = runs.iter().find(|(start, _)| *start > address);
        let first = before.map_or(0, |(_, end)| end + 1);
        (first, behind.map_or(all, |(start, _)| start - 1))
    });
    let fits = |prefix: &u32| {
        let host = if *prefix == 0 {
            all
        } else {
            (1u128 << (bits - prefix)) - 1
        };
        address & !host >= first && address | host <= last
    };
    (0..=bits).find(fits).unwrap()
}

#[test]
fn a_network_is_the_widest_that_says_the_same() {
    let mut rng = Rng::with_seed(71);
    for count in [0, 1, 40, 3_000, 30_000] {
        let image = image(&mut rng, count);
        let zone = image.base();
        let v4: Vec<_> = zone
            .v4_runs()
            .map(|r| (r.start.into(), r.end.into()))
            .collect();
        let v6: Vec<_> = zone.v6_runs().map(|r| (r.start, r.end)).collect();
        for _ in 0..300 {
            let near = v4.get(rng.usize(..v4.len().max(1))).map_or(0, |run| run.0);
            let address = (near as u32).wrapping_add(rng.u32(..3)).wrapping_sub(1);
            let address = if rng.bool() { address } else { rng.u32(..) };
            let found = zone.network(Ipv4Addr::from_bits(address));
            let told = (
                u32::from(found.prefix()),
                found.contains(Ipv4Addr::from_bits(address)),
            );
            let expected = widest(&v4, address.into(), 32);
            assert_eq!(told, (expected, true), "{count}: {found}");
            let answer = zone.lookup(Ipv4Addr::from_bits(address));
            assert_eq!(answer.network(), answer.is_listed().then_some(found));
        }
        for _ in 0..300 {
            let near = v6.get(rng.usize(..v6.len().max(1))).map_or(0, |run| run.0);
            let address = near.wrapping_add(rng.u128(..3)).wrapping_sub(1);
            let shift = rng.u32(..128);
            let address = if rng.bool() {
                address
            } else {
                near ^ rng.u128(..) >> shift
            };
            let v6_address = Ipv6Addr::from_bits(address);
            if v6_address.to_ipv4_mapped().is_some() || address >> 112 == 0x2002 {
                continue;
            }
            let found = zone.network(v6_address);
            // No network takes in addresses that hold an IPv4 one, where there is IPv4 data.
            let mut all = v6.clone();
            if !v4.is_empty() {
                all.extend([
                    (0x2002 << 112, (0x2003 << 112) - 1),
                    (0xffff << 32, (1 << 48) - 1),
                ]);
                all.sort_unstable();
            }
            let expected = widest(&all, address, 128);
            assert_eq!(u32::from(found.prefix()), expected, "{count}: {found}");
        }
    }
}

#[test]
fn what_holds_an_ipv4_address_has_the_network_of_that() {
    let mut rng = Rng::with_seed(72);
    let image = image(&mut rng, 500);
    let zone = image.base();
    let run = zone.v4_runs().last().unwrap();
    let v4 = Ipv4Addr::from_bits(run.start);
    let own = zone.network(v4).prefix();
    let mapped: IpAddr = v4.to_ipv6_mapped().into();
    assert_eq!(zone.network(mapped).prefix(), 96 + own);
    let six_to_four = Ipv6Addr::from_bits(0x2002 << 112 | u128::from(run.start) << 80 | 9);
    assert_eq!(zone.network(six_to_four).prefix(), 16 + own);
}

#[test]
fn a_walk_over_a_range_is_the_part_of_the_whole_walk() {
    let mut rng = Rng::with_seed(73);
    for count in [0, 3, 2_000, 30_000] {
        let image = image(&mut rng, count);
        let zone = image.base();
        let v4: Vec<Run<u32>> = zone.v4_runs().collect();
        let v6: Vec<Run<u128>> = zone.v6_runs().collect();
        for _ in 0..60 {
            let pick = |rng: &mut Rng| match v4.get(rng.usize(..v4.len().max(1))) {
                Some(run) if rng.bool() => run.end.wrapping_add(rng.u32(..2)),
                _ => rng.u32(..),
            };
            let (first, last) = (pick(&mut rng), pick(&mut rng));
            let (first, last) = (first.min(last), first.max(last));
            let range = Ipv4Addr::from_bits(first)..=Ipv4Addr::from_bits(last);
            let part: Vec<_> = zone.v4_runs_in(range).collect();
            assert_eq!(part, cut(&v4, first, last), "{first:x}-{last:x}");
            let pick = |rng: &mut Rng| match v6.get(rng.usize(..v6.len().max(1))) {
                Some(run) if rng.bool() => run.start ^ rng.u128(..2),
                _ => rng.u128(..),
            };
            let (first, last) = (pick(&mut rng), pick(&mut rng));
            let (first, last) = (first.min(last), first.max(last));
            let range = Ipv6Addr::from_bits(first)..=Ipv6Addr::from_bits(last);
            let part: Vec<_> = zone.v6_runs_in(range).collect();
            assert_eq!(part, cut(&v6, first, last), "{first:x}-{last:x}");
        }
        assert_eq!(zone.v4_runs_in(..).collect::<Vec<_>>(), v4);
        assert_eq!(zone.v6_runs_in(..).collect::<Vec<_>>(), v6);
        let empty = Ipv4Addr::new(1, 0, 0, 0)..Ipv4Addr::new(1, 0, 0, 0);
        assert_eq!(zone.v4_runs_in(empty).count(), 0);
    }
}

fn cut<A: Copy + Ord>(runs: &[Run<A>], first: A, last: A) -> Vec<Run<A>> {
    let within = runs
        .iter()
        .filter(|run| run.end >= first && run.start <= last);
    let cut = within.map(|run| Run {
        start: run.start.max(first),
        end: run.end.min(last),
        value: run.value,
    });
    cut.collect()
}
