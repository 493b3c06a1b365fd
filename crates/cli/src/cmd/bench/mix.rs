//! Questions of one kind, and the zones that they are put to.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use rblmap::{Image, NameKey, Zone};
use rblmap_measure::{OtherWork, QUERIES, fence};

use super::row::{How, Kind};

/// An image and its path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'i> {
    path: &'i Path,
    pub(super) image: &'i Image,
}

impl<'i> Source<'i> {
    pub(super) fn new(path: &'i Path, image: &'i Image) -> Source<'i> {
        Source { path, image }
    }

    /// Whether no zone of it lists or says anything.
    pub(super) fn is_empty(&self) -> bool {
        let says = |zone: &Zone<'_>| {
            zone.v4_runs().next().is_some()
                || zone.v6_runs().next().is_some()
                || zone.name_count() > 0
        };
        // Zones that are damaged are found by whoever asks them.
        !self.image.zones().flatten().any(|zone| says(&zone))
    }

    /// The path, as it was given.
    pub(super) fn label(&self) -> String {
        self.path.display().to_string()
    }
}

/// Addresses that are asked at once.
const AT_ONCE: usize = 256;

/// What a lookup is asked with.
pub(super) trait Key: Copy + Send + Sync {
    /// Whether a zone lists it.
    fn listed(&self, zone: &Zone<'_>) -> bool;

    /// How many of `keys` a zone says something of; no lookup waits for another.
    fn ask_at_once(zone: &Zone<'_>, keys: &[Self]) -> u32 {
        keys.iter()
            .fold(0, |sum, key| sum + u32::from(key.listed(zone)))
    }
}

impl Key for u32 {
    #[inline]
    fn listed(&self, zone: &Zone<'_>) -> bool {
        zone.contains_v4(*self)
    }

    fn ask_at_once(zone: &Zone<'_>, keys: &[u32]) -> u32 {
        let mut values = [None; AT_ONCE];
        for addresses in keys.chunks(AT_ONCE) {
            zone.lookup_v4_many(addresses, &mut values);
            black_box(&values);
        }
        values
            .iter()
            .flatten()
            .map(|id| id.get())
            .fold(0, u32::wrapping_add)
    }
}

impl Key for u128 {
    #[inline]
    fn listed(&self, zone: &Zone<'_>) -> bool {
        zone.lookup_v6(*self).is_listed()
    }
}

impl Key for NameKey {
    #[inline]
    fn listed(&self, zone: &Zone<'_>) -> bool {
        zone.lookup_name(self).is_listed()
    }
}

/// A key, and which of several zones it is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<K> {
    pub(super) key: K,
    pub(super) zone: u32,
}

/// Keys, and whom they are put to.
#[derive(Debug)]
pub(super) enum Asked<'i, K> {
    /// All keys to one zone.
    One(Box<Zone<'i>>, Vec<K>),
    /// Each key to a zone of its own, as subzones are asked.
    Each(Vec<Zone<'i>>, Vec<Placed<K>>),
    /// Each key to all zones, as a mail host asks several lists.
    All(Vec<Zone<'i>>, Vec<K>),
}

impl<'i, K: Key> Asked<'i, K> {
    pub(super) fn len(&self) -> usize {
        match self {
            Asked::One(_, keys) | Asked::All(_, keys) => keys.len(),
            Asked::Each(_, keys) => keys.len(),
        }
    }

    /// Up to `count` keys, spread over all of them, each with its zone; of several zones that are all
    /// asked, the first.
    pub(super) fn some(&self, count: usize) -> Vec<(K, Zone<'i>)> {
        let step = self.len().div_ceil(count.max(1)).max(1);
        match self {
            Asked::One(zone, keys) => keys
                .iter()
                .step_by(step)
                .map(|&key| (key, **zone))
                .collect(),
            Asked::Each(zones, keys) => {
                let some = keys.iter().step_by(step);
                let zone = |placed: &Placed<K>| zones.get(placed.zone as usize).copied();
                some.filter_map(|placed| Some((placed.key, zone(placed)?)))
                    .collect()
            }
            Asked::All(zones, keys) => {
                let first = zones.first();
                let keys = keys.iter().step_by(step);
                keys.filter_map(|&key| Some((key, *first?))).collect()
            }
        }
    }

    /// Nanoseconds a lookup, of the keys of a round.
    fn time(&self, how: How, round: usize, work: &OtherWork) -> f64 {
        match self {
            Asked::One(zone, keys) => {
                let keys = part(keys, round);
                match how {
                    How::AtOnce => work.blocks(keys, |block| {
                        black_box(K::ask_at_once(zone, block));
                    }),
                    _ => time(keys, how, work, |key| key.listed(zone).into()),
                }
            }
            Asked::Each(zones, keys) => {
                time(part(keys, round), how, work, |placed| of(zones, placed))
            }
            Asked::All(zones, keys) => time(part(keys, round), how, work, |key| all(zones, key)),
        }
    }

    /// Calls `each` with what asks one key, for the keys of a round: for latencies.
    fn singly(&self, round: usize, mut each: impl FnMut(&dyn Fn() -> u32)) {
        match self {
            Asked::One(zone, keys) => {
                let keys = part(keys, round).iter();
                keys.for_each(|key| each(&|| key.listed(zone).into()));
            }
            Asked::Each(zones, keys) => {
                let keys = part(keys, round).iter();
                keys.for_each(|placed| each(&|| of(zones, placed)));
            }
            Asked::All(zones, keys) => {
                let keys = part(keys, round).iter();
                keys.for_each(|key| each(&|| all(zones, key)));
            }
        }
    }

    /// Asks from key number `from` on until `until`; how many keys that were.
    fn ask_until(&self, how: How, from: usize, until: Instant) -> u64 {
        let alone = how == How::Alone;
        match self {
            Asked::One(zone, keys) if !alone => turns(keys, from, until, |block| {
                black_box(K::ask_at_once(zone, block));
            }),
            Asked::One(zone, keys) => turns(keys, from, until, |block| {
                ask(block, alone, |key| key.listed(zone).into());
            }),
            Asked::Each(zones, keys) => turns(keys, from, until, |block| {
                ask(block, alone, |placed| of(zones, placed));
            }),
            Asked::All(zones, keys) => turns(keys, from, until, |block| {
                ask(block, alone, |key| all(zones, key));
            }),
        }
    }
}

#[inline]
fn of<K: Key>(zones: &[Zone<'_>], placed: &Placed<K>) -> u32 {
    let zone = zones.get(placed.zone as usize);
    zone.map_or(0, |zone| placed.key.listed(zone).into())
}

#[inline]
fn all<K: Key>(zones: &[Zone<'_>], key: &K) -> u32 {
    zones
        .iter()
        .fold(0, |sum, zone| sum + u32::from(key.listed(zone)))
}

/// Asks all keys of a block, each after the one before has ended if `alone`.
fn ask<Q>(block: &[Q], alone: bool, access: impl Fn(&Q) -> u32) {
    if alone {
        for key in block {
            black_box(access(key));
            fence();
        }
    } else {
        black_box(
            block
                .iter()
                .fold(0, |sum: u32, key| sum.wrapping_add(access(key))),
        );
    }
}

/// Calls `work` with one block of keys after the other until `until`; how many keys that were.
pub(super) fn turns<Q>(keys: &[Q], from: usize, until: Instant, mut work: impl FnMut(&[Q])) -> u64 {
    let mut count = 0;
    if keys.is_empty() {
        return 0;
    }
    let (before, after) = keys.split_at(from % keys.len());
    loop {
        for block in after.chunks(AT_ONCE).chain(before.chunks(AT_ONCE)) {
            work(block);
            count += block.len() as u64;
            if Instant::now() >= until {
                return count;
            }
        }
    }
}

/// Nanoseconds an access.
pub(super) fn time<Q: Copy>(
    keys: &[Q],
    how: How,
    work: &OtherWork,
    access: impl Fn(&Q) -> u32,
) -> f64 {
    match how {
        How::Alone => work.latency(keys, access),
        How::AtOnce => work.stream(keys, access),
        How::Cold => work.cold(keys, access),
        // A server is not timed in this way.
        How::DnsAlone | How::DnsAtOnce => 0.0,
    }
}

/// The keys of a round: as many as are timed, from another place in each.
pub(super) fn part<Q>(keys: &[Q], round: usize) -> &[Q] {
    let count = QUERIES.min(keys.len());
    let from = (round * count) % (keys.len() - count + 1);
    keys.get(from..from + count).unwrap_or_default()
}

/// Questions of each kind.
#[derive(Debug)]
pub(super) enum Questions<'i> {
    Address(Asked<'i, u32>),
    Ipv6(Asked<'i, u128>),
    Name(Asked<'i, NameKey>),
}

/// Questions of one kind, and what they are called.
#[derive(Debug)]
pub(super) struct Mix<'i> {
    pub(super) asked: &'static str,
    /// The path of the image, or how many there are.
    pub(super) image: String,
    /// The zone's name within the image, or how many subzones there are.
    pub(super) zone: String,
    /// All images that are read.
    pub(super) images: Vec<&'i Image>,
    pub(super) questions: Questions<'i>,
}

impl Mix<'_> {
    pub(super) fn kind(&self) -> Kind {
        match self.questions {
            Questions::Address(_) => Kind::Address,
            Questions::Ipv6(_) => Kind::Ipv6,
            Questions::Name(_) => Kind::Name,
        }
    }

    /// Whether it is what is measured on several threads: one mix of each kind.
    pub(super) fn is_listed(&self) -> bool {
        matches!(self.asked, "hit" | "exact" | "queries")
    }

    /// How many queries there are in a round, and how many are timed together.
    pub(super) fn together(&self) -> (usize, usize) {
        fn of<Q>(count: usize) -> (usize, usize) {
            let count = QUERIES.min(count);
            // The first half warms up.
            (count, OtherWork::together::<Q>().min(count.div_ceil(2)))
        }
        match &self.questions {
            Questions::Address(asked) => of::<u32>(asked.len()),
            Questions::Ipv6(asked) => of::<u128>(asked.len()),
            Questions::Name(asked) => of::<NameKey>(asked.len()),
        }
    }

    pub(super) fn time(&self, how: How, round: usize, work: &OtherWork) -> f64 {
        match &self.questions {
            Questions::Address(asked) => asked.time(how, round, work),
            Questions::Ipv6(asked) => asked.time(how, round, work),
            Questions::Name(asked) => asked.time(how, round, work),
        }
    }

    pub(super) fn singly(&self, round: usize, each: impl FnMut(&dyn Fn() -> u32)) {
        match &self.questions {
            Questions::Address(asked) => asked.singly(round, each),
            Questions::Ipv6(asked) => asked.singly(round, each),
            Questions::Name(asked) => asked.singly(round, each),
        }
    }

    pub(super) fn ask_until(&self, how: How, from: usize, until: Instant) -> u64 {
        match &self.questions {
            Questions::Address(asked) => asked.ask_until(how, from, until),
            Questions::Ipv6(asked) => asked.ask_until(how, from, until),
            Questions::Name(asked) => asked.ask_until(how, from, until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_has_keys_however_few_there_are() {
        assert!(part::<u32>(&[], 3).is_empty());
        assert_eq!(part(&[1, 2, 3], 5), [1, 2, 3]);
        let many: Vec<usize> = (0..QUERIES + 10).collect();
        assert_eq!(part(&many, 1).len(), QUERIES);
        assert_ne!(part(&many, 0), part(&many, 1));
    }

    #[test]
    fn turns_end_and_count_whole_blocks() {
        let mut asked = 0;
        let count = turns(&[7; 1000], 999, Instant::now(), |block| {
            asked += block.len() as u64;
        });
        assert_eq!((asked, count), (1, 1));
        assert_eq!(turns::<u32>(&[], 0, Instant::now(), |_| ()), 0);
    }
}
