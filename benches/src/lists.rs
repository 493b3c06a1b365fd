//! Lists to ask about: runs with a value each, and the queries that are put to them.

use std::ops::{Add, Sub};

use fastrand::Rng;
use rblmap::{NameKey, NameRule, Run};
use rblmap_content::Error;
use rblmap_content::{Content, Draft, Record, ValueBuf};

use crate::clustered::{clustered, is_public, reason};

/// Addresses of one value, both ends included, and the last byte of its A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<A> {
    /// First address.
    pub start: A,
    /// Last address.
    pub end: A,
    /// `N` of `127.0.0.N`.
    pub reason: u8,
}

/// A list of addresses.
#[derive(Debug, Clone)]
pub struct List<A> {
    /// Its name in tables.
    pub name: &'static str,
    /// How many networks and addresses it was made of.
    pub entries: usize,
    /// What they come to: disjoint, rising.
    pub runs: Vec<Listed<A>>,
}

/// Single addresses, clustered; the more there are the denser.
pub fn singles(name: &'static str, count: usize) -> List<u32> {
    let runs = clustered(count, 10).into_iter().map(|entry| Listed {
        start: entry.address,
        end: entry.address,
        reason: entry.reason,
    });
    List {
        name,
        entries: count,
        runs: runs.collect(),
    }
}

/// Single addresses anywhere in the public space.
pub fn uniform(name: &'static str, count: usize) -> List<u32> {
    let rng = &mut Rng::with_seed(12);
    let mut addresses: Vec<u32> = std::iter::repeat_with(|| public(rng)).take(count).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let runs: Vec<_> = addresses
        .into_iter()
        .map(|start| Listed {
            start,
            end: start,
            reason: reason(rng),
        })
        .collect();
    List {
        name,
        entries: runs.len(),
        runs,
    }
}

/// Clustered single addresses, and one network for every twenty of them: mostly /24, some of any
/// length from /8 to /31. The longest prefix decides.
pub fn with_ranges(name: &'static str, count: usize) -> List<u32> {
    let singles = clustered(count, 10);
    let rng = &mut Rng::with_seed(13);
    let mut nets: Vec<(u32, u32, u8)> = (0..count / 20)
        .map(|_| {
            let near = singles[rng.usize(..singles.len())].address;
            let at = if rng.bool() { near } else { public(rng) };
            let bits = match rng.u32(..100) {
                0..60 => 24,
                60..80 => 25 + rng.u32(..7),
                // Each prefix is half as frequent as the one that is a bit longer.
                _ => 23 - rng.u32(1..1 << 15).leading_zeros().saturating_sub(17),
            };
            let mask = u32::MAX << (32 - bits);
            (at & mask, at | !mask, reason(rng))
        })
        .chain(
            singles
                .iter()
                .map(|entry| (entry.address, entry.address, entry.reason)),
        )
        .collect();
    let entries = nets.len();
    // Outer networks before those inside; of equal ones the first.
    nets.sort_by_key(|&(start, end, _)| (start, std::cmp::Reverse(end)));
    nets.dedup_by_key(|&mut (start, end, _)| (start, end));
    List {
        name,
        entries,
        runs: flatten(&nets, u32::MAX),
    }
}

/// Nested networks, outer before inner, to disjoint runs: the innermost decides. The last address,
/// `end`, is never in these lists.
fn flatten<A>(nets: &[(A, A, u8)], end: A) -> Vec<Listed<A>>
where
    A: Copy + Ord + From<u8> + Add<Output = A> + Sub<Output = A>,
{
    let one = A::from(1);
    let mut runs: Vec<Listed<A>> = Vec::with_capacity(nets.len());
    let mut open: Vec<(A, u8)> = Vec::new();
    let mut at = A::from(0);
    let mut emit = |start: A, next: A, reason: u8| {
        if start >= next {
            return;
        }
        let end = next - one;
        match runs.last_mut() {
            Some(last) if last.reason == reason && last.end + one == start => last.end = end,
            _ => runs.push(Listed { start, end, reason }),
        }
    };
    for &(start, last, reason) in nets.iter().chain(&[(end, end, 0)]) {
        while let Some(&(last, outer)) = open.last().filter(|(last, _)| *last < start) {
            emit(at, last + one, outer);
            at = at.max(last + one);
            open.pop();
        }
        if let Some(&(_, outer)) = open.last() {
            emit(at, start, outer);
        }
        at = start;
        open.push((last, reason));
    }
    runs
}

/// IPv6 networks as lists have them: 46 of 100 a /64, 28 a /128, 20 a /48, the rest /32 to /56,
/// in ten thousand /32s. The longest prefix decides.
pub fn v6(name: &'static str, count: usize) -> List<u128> {
    let rng = &mut Rng::with_seed(14);
    let roots: Vec<u128> = (0..(count / 100).max(1))
        .map(|_| u128::from(0x2000_0000 | rng.u32(..22) << 24 | rng.u32(..1 << 20)) << 96)
        .collect();
    let mut nets = Vec::with_capacity(count);
    while nets.len() < count {
        let root = roots[(roots.len() as f64 * rng.f64().powi(3)) as usize];
        let inside = root | u128::from(rng.u64(..)) << 32;
        let (bits, copies) = match rng.u32(..100) {
            0..46 => (64, 1),
            // Addresses come in groups inside a /64.
            46..55 => (128, ((1.0 - rng.f64()).powf(-0.9) as usize).min(2000)),
            55..80 => (48, 1),
            _ => (32 + rng.u32(..25), 1),
        };
        for _ in 0..copies.min(count - nets.len()) {
            let at = inside
                | if bits == 128 {
                    u128::from(rng.u64(..))
                } else {
                    0
                };
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            nets.push((at & mask, at | !mask, reason(rng)));
        }
    }
    nets.sort_by_key(|&(start, end, _)| (start, std::cmp::Reverse(end)));
    nets.dedup_by_key(|&mut (start, end, _)| (start, end));
    List {
        name,
        entries: nets.len(),
        runs: flatten(&nets, u128::MAX),
    }
}

/// Distinct names of 5 to 35 bytes, with the reason each is listed for.
pub fn names(count: usize) -> Vec<(NameKey, u8)> {
    const ENDS: [&str; 8] = ["com", "net", "org", "info", "co.uk", "ru", "top", "xyz"];
    let rng = &mut Rng::with_seed(15);
    (0..count)
        .map(|number| {
            let mut name = String::new();
            if rng.u8(..3) == 0 {
                name.extend(std::iter::repeat_with(|| rng.lowercase()).take(3));
                name.push('.');
            }
            let len = 2 + rng.usize(..14);
            name.extend(std::iter::repeat_with(|| rng.lowercase()).take(len));
            // The number makes each name another one.
            name.push_str(&format!("{number:x}.{}", ENDS[rng.usize(..ENDS.len())]));
            (
                NameKey::parse(name.as_bytes()).expect("a short name"),
                reason(rng),
            )
        })
        .collect()
}

/// An address that may be listed.
pub fn public(rng: &mut Rng) -> u32 {
    loop {
        let address = rng.u32(0x0100_0000..0xe000_0000);
        if is_public(address >> 16) {
            return address;
        }
    }
}

/// The last byte of the A record that lists an address, 0 for none: by binary search.
pub fn find<A: Ord + Copy>(runs: &[Listed<A>], address: A) -> u8 {
    let at = runs.partition_point(|run| run.end < address);
    runs.get(at)
        .filter(|run| run.start <= address)
        .map_or(0, |run| run.reason)
}

/// What is asked about a list of IPv4 addresses.
pub struct Queries {
    /// All listed, at random.
    pub hit: Vec<u32>,
    /// None listed, at random.
    pub miss: Vec<u32>,
    /// What a mail server that is spammed asks: nine of ten listed, few clients most of the time.
    pub mail: Vec<u32>,
}

impl Queries {
    /// `count` of each.
    pub fn new(list: &List<u32>, count: usize) -> Queries {
        let rng = &mut Rng::with_seed(11);
        let runs = &list.runs;
        let listed = |rng: &mut Rng| {
            let run = runs[rng.usize(..runs.len())];
            rng.u32(run.start..=run.end)
        };
        let unlisted = |rng: &mut Rng| loop {
            let address = public(rng);
            if find(runs, address) == 0 {
                return address;
            }
        };
        let clients: Vec<u32> = (0..1_000_000).map(|_| listed(rng)).collect();
        let mail = |rng: &mut Rng| match rng.u8(..10) {
            0 => unlisted(rng),
            // Zipf's law with exponent 0.9.
            _ => clients[(clients.len() as f64 * rng.f64().powi(10)) as usize],
        };
        Queries {
            hit: (0..count).map(|_| listed(rng)).collect(),
            miss: (0..count).map(|_| unlisted(rng)).collect(),
            mail: (0..count).map(|_| mail(rng)).collect(),
        }
    }

    /// The three mixes with their names.
    pub fn mixes(&self) -> [(&'static str, &[u32]); 3] {
        [
            ("hit", &self.hit),
            ("miss", &self.miss),
            ("mail", &self.mail),
        ]
    }
}

/// The content of a zone `bench.example` with these lists.
///
/// # Errors
/// None for lists of this module.
pub fn content_of(
    v4: &[Listed<u32>],
    v6: &[Listed<u128>],
    names: &[(NameKey, u8)],
) -> Result<Content, Error> {
    let mut draft = Draft::new("bench.example".parse().expect("a plain name"));
    let ids: Vec<_> = (0..=255u8)
        .map(|n| {
            let a = Some([127, 0, 0, n].into());
            let value = ValueBuf::new([Record { a, text: None }]);
            draft.values.intern(&value).expect("one of 256 values")
        })
        .collect();
    let value = |reason: u8| ids[usize::from(reason)];
    fn runs<A: Copy>(listed: &[Listed<A>], value: impl Fn(u8) -> rblmap::ValueId) -> Vec<Run<A>> {
        let run = |it: &Listed<A>| Run {
            start: it.start,
            end: it.end,
            value: value(it.reason),
        };
        listed.iter().map(run).collect()
    }
    let zone = draft.zone_mut(&NameKey::ROOT);
    zone.v4 = runs(v4, value);
    zone.v6 = runs(v6, value);
    for (name, reason) in names {
        zone.names.push(
            name.as_bytes(),
            NameRule::Value(value(*reason)),
            NameRule::Inherit,
        );
    }
    draft.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_network_decides() {
        let nets = [
            (0, 255, 1),
            (16, 31, 2),
            (20, 20, 3),
            (32, 47, 2),
            (300, 300, 4),
        ];
        let runs = flatten(&nets, u32::MAX);
        for address in 0..400 {
            let inner = nets
                .iter()
                .rev()
                .find(|net| (net.0..=net.1).contains(&address));
            assert_eq!(
                find(&runs, address),
                inner.map_or(0, |net| net.2),
                "{address}"
            );
        }
        assert!(runs.is_sorted_by(|a, b| a.end < b.start));
    }

    #[test]
    fn queries_are_what_they_are_called() {
        let list = with_ranges("ranges", 20_000);
        let queries = Queries::new(&list, 2000);
        assert!(
            queries
                .hit
                .iter()
                .all(|&address| find(&list.runs, address) != 0)
        );
        assert!(
            queries
                .miss
                .iter()
                .all(|&address| find(&list.runs, address) == 0)
        );
        let listed = queries
            .mail
            .iter()
            .filter(|&&address| find(&list.runs, address) != 0);
        assert!((1700..1900).contains(&listed.count()));
        assert_eq!(names(1000).len(), 1000);
        assert!(v6("v6", 5000).entries > 4900);
    }
}
