//! The information limits that deltas and snapshots of single IPv4 addresses are held against:
//! `bounds OLD.rbl NEW.rbl`. Prints, separated by tabs: addresses of the old list, removed, added,
//! changed in value; the bound of the keys and of the values of a delta; the bound of the keys and
//! of the values of a snapshot of the new list; bytes.
//!
//! Keys of a delta (B2): which addresses go, given the old list, by classes of /24s with as many
//! addresses (classes double); which free addresses of /24s that were listed come, by the same
//! classes; which /24s are new, by classes of /16s with as many /24s, how many addresses each has
//! (entropy of order 0) and which. What the classes need is not counted. Values: which entries
//! change, and the entropy of order 0 of the new values.
//!
//! Keys of a snapshot: how many /24s the /16s have and how many addresses the /24s (entropies of
//! order 0), and which ones.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use rblmap::{Image, Value};
use rblmap_benches::bits::{choose, counts, entropy};

/// Addresses with the bytes of their values.
type List<'a> = BTreeMap<u32, &'a [u8]>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut open = || -> Result<Image, Box<dyn Error>> {
        Ok(rblmap_benches::map(
            arguments.next().ok_or("usage: bounds OLD.rbl NEW.rbl")?,
        )?)
    };
    let (old_image, new_image) = (open()?, open()?);
    let (old, new) = (list(&old_image), list(&new_image));
    let removed: Vec<u32> = old
        .keys()
        .filter(|key| !new.contains_key(key))
        .copied()
        .collect();
    let added: Vec<u32> = new
        .keys()
        .filter(|key| !old.contains_key(key))
        .copied()
        .collect();
    let changed: Vec<&[u8]> = new
        .iter()
        .filter(|(key, value)| old.get(key).is_some_and(|old| old != *value))
        .map(|(_, value)| *value)
        .collect();
    let added_values = added.iter().filter_map(|key| new.get(key).copied());
    let values =
        choose(old.len(), changed.len()) + entropy(changed.iter().copied()) + entropy(added_values);
    let keys = removals(&old, &removed) + additions(&old, &added);
    println!(
        "{}\t{}\t{}\t{}\t{:.0}\t{:.0}\t{:.0}\t{:.0}",
        old.len(),
        removed.len(),
        added.len(),
        changed.len(),
        keys / 8.0,
        values / 8.0,
        snapshot(&new) / 8.0,
        entropy(new.values().copied()) / 8.0,
    );
    Ok(())
}

fn list(image: &Image) -> List<'_> {
    let mut list = List::new();
    for run in image.base().v4_runs() {
        let value: Value<'_> = image.value(run.value);
        list.extend((run.start..=run.end).map(|address| (address, value.as_bytes())));
    }
    list
}

fn removals(old: &List<'_>, removed: &[u32]) -> f64 {
    let sizes = counts(old.keys().map(|key| key >> 8));
    let class = |key: &u32| class_of(sizes.get(&(key >> 8)).copied().unwrap_or(0));
    let all = counts(old.keys().map(class));
    let gone = counts(removed.iter().map(class));
    gone.iter()
        .map(|(class, count)| choose(all.get(class).copied().unwrap_or(0), *count))
        .sum()
}

fn additions(old: &List<'_>, added: &[u32]) -> f64 {
    let sizes = counts(old.keys().map(|key| key >> 8));
    let mut free: BTreeMap<u32, usize> = BTreeMap::new();
    for size in sizes.values() {
        *free.entry(class_of(*size)).or_default() += 256 - size;
    }
    let (inside, outside): (Vec<u32>, Vec<u32>) = added
        .iter()
        .partition(|key| sizes.contains_key(&(*key >> 8)));
    let taken = counts(
        inside
            .iter()
            .map(|key| class_of(sizes.get(&(key >> 8)).copied().unwrap_or(0))),
    );
    let inside: f64 = taken
        .iter()
        .map(|(class, count)| choose(free.get(class).copied().unwrap_or(0), *count))
        .sum();
    // New /24s, by how many /24s their /16 had.
    let nets = counts(sizes.keys().map(|net| net >> 8));
    let class = |wide: u32| class_of(nets.get(&wide).copied().unwrap_or(0));
    let mut empty: BTreeMap<u32, usize> = BTreeMap::new();
    for wide in 0..65_536u32 {
        *empty.entry(class(wide)).or_default() += 256 - nets.get(&wide).copied().unwrap_or(0);
    }
    let fresh: BTreeSet<u32> = outside.iter().map(|key| key >> 8).collect();
    let opened = counts(fresh.iter().map(|net| class(net >> 8)));
    let opened: f64 = opened
        .iter()
        .map(|(class, count)| choose(empty.get(class).copied().unwrap_or(0), *count))
        .sum();
    let filled = counts(outside.iter().map(|key| key >> 8));
    inside + opened + fill(&filled)
}

fn snapshot(list: &List<'_>) -> f64 {
    let sizes = counts(list.keys().map(|key| key >> 8));
    let nets = counts(sizes.keys().map(|net| net >> 8));
    let histogram = (0..65_536u32).map(|wide| nets.get(&wide).copied().unwrap_or(0));
    let which: f64 = nets.values().map(|count| choose(256, *count)).sum();
    entropy(histogram) + which + fill(&sizes)
}

/// How many addresses each /24 has, and which.
fn fill(sizes: &BTreeMap<u32, usize>) -> f64 {
    let which: f64 = sizes.values().map(|count| choose(256, *count)).sum();
    entropy(sizes.values()) + which
}

fn class_of(count: usize) -> u32 {
    usize::BITS - count.leading_zeros()
}
