//! Synthetic lists of IPv4 addresses. Real ones are clustered: few /16s hold most of the listed
//! /24s, few /24s most of the addresses, and most of a /24 is listed for the same reason.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use rblmap::{NameKey, Run};
use rblmap_content::Error;
use rblmap_content::{Content, Draft, Record, ValueBuf};

/// A listed address and the last byte of its A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The address.
    pub address: u32,
    /// `N` of `127.0.0.N`.
    pub reason: u8,
}

/// Exactly `count` entries, rising: about seven in each /24 that has any, twenty where there are over
/// twenty million, and 150 over two hundred million; at most 1.3 billion or so.
///
/// ```
/// let list = rblmap_benches::clustered(1000, 1);
/// assert_eq!(list.len(), 1000);
/// assert_eq!(list, rblmap_benches::clustered(1000, 1));
/// ```
pub fn clustered(count: usize, seed: u64) -> Vec<Entry> {
    let dense = match count {
        0..=20_000_000 => 7,
        20_000_001..=200_000_000 => 20,
        _ => 150,
    };
    clustered_in(count, count.div_ceil(dense), seed)
}

/// Exactly `count` entries in `networks` /24s.
fn clustered_in(count: usize, networks: usize, seed: u64) -> Vec<Entry> {
    let rng = &mut Rng::with_seed(seed);
    let occupied = occupied(networks, rng);
    // A place for each /24 there is: of memory that is not written to there are no pages.
    let mut blocks = vec![Block([0; 4]); NETWORKS];
    let mut total = 0;
    let mut networks = occupied.clone();
    rng.shuffle(&mut networks);
    for network in &networks {
        let wanted = pareto(1.1, 1.05, 256.0, rng).min(count - total);
        let block = &mut blocks[*network as usize];
        total += (0..wanted).filter(|_| block.insert(rng)).count();
    }
    while total < count {
        let network = networks[rng.usize(..networks.len())];
        total += usize::from(blocks[network as usize].insert(rng));
    }
    let mut list = Vec::with_capacity(count);
    for network in occupied {
        list.extend(blocks[network as usize].entries(network, rng));
    }
    list
}

/// The list some time later: `share` of its entries changed, half of them gone, half new beside
/// others. What changes for a small share changes for a larger one too, so that a history is made
/// of rising shares. It is told entry by entry: of a billion there is no room for two lists.
pub fn churn(list: &[Entry], share: f64, seed: u64) -> impl Iterator<Item = Entry> {
    let [going, coming] = &mut [1, 2].map(|part| Rng::with_seed(seed ^ part << 32));
    let changes = (list.len() as f64 * share / 2.0).round() as usize;
    let mut gone = BTreeSet::new();
    while gone.len() < changes {
        gone.insert(going.usize(..list.len()));
    }
    let mut new = BTreeMap::new();
    while new.len() < changes {
        let near = list[coming.usize(..list.len())];
        let address = near.address & !0xff | coming.u32(..256);
        let known = list.binary_search_by_key(&address, |entry| entry.address);
        if known.is_err() {
            new.insert(address, near.reason);
        }
    }
    let new = new
        .into_iter()
        .map(|(address, reason)| Entry { address, reason });
    let mut new = new.peekable();
    let mut old = (0..)
        .zip(list)
        .filter(move |(index, _)| !gone.contains(index))
        .map(|(_, entry)| *entry)
        .peekable();
    std::iter::from_fn(move || match (old.peek(), new.peek()) {
        (Some(old), Some(near)) if near.address < old.address => new.next(),
        (Some(_), _) => old.next(),
        _ => new.next(),
    })
}

/// The list as content of the zone `bench.example`.
///
/// # Errors
/// None for a list that rises.
pub fn content(list: &[Entry]) -> Result<Content, Error> {
    let mut draft = Draft::new("bench.example".parse().expect("a plain name"));
    let mut runs = Vec::with_capacity(list.len());
    for entry in list {
        let a = Some([127, 0, 0, entry.reason].into());
        let value = draft
            .values
            .intern(&ValueBuf::new([Record { a, text: None }]));
        let (start, end) = (entry.address, entry.address);
        runs.push(Run {
            start,
            end,
            value: value.expect("one of 64 values"),
        });
    }
    draft.zone_mut(&NameKey::ROOT).v4 = runs;
    draft.finish()
}

/// How many /24s there are.
const NETWORKS: usize = 1 << 24;

/// The addresses of one /24.
#[derive(Clone)]
struct Block([u64; 4]);

impl Block {
    /// Adds an address at random; whether it was new.
    fn insert(&mut self, rng: &mut Rng) -> bool {
        let (word, bit) = (&mut self.0[rng.usize(..4)], 1 << rng.u32(..64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    fn entries(&self, network: u32, rng: &mut Rng) -> Vec<Entry> {
        let usual = reason(rng);
        let listed = |low: &u32| self.0[(low / 64) as usize] >> (low % 64) & 1 == 1;
        let mut entry = |low: u32| Entry {
            address: network << 8 | low,
            reason: if rng.u32(..10) == 0 {
                reason(rng)
            } else {
                usual
            },
        };
        (0..256).filter(listed).map(&mut entry).collect()
    }
}

/// One of 64 last bytes, low ones far more often.
pub(crate) fn reason(rng: &mut Rng) -> u8 {
    2 + (63.99 * rng.f64().powi(4)) as u8
}

/// `count` /24s, gathered in few /16s, rising.
fn occupied(count: usize, rng: &mut Rng) -> Vec<u32> {
    let mut nets: Vec<u32> = (0x0100..0xe000).filter(|&net| is_public(net)).collect();
    rng.shuffle(&mut nets);
    let (mut is_occupied, mut total) = (vec![false; NETWORKS], 0);
    let mut scale = (count as f64 / 200_000.0).max(0.3);
    while total < count {
        for net in &nets {
            let wanted = pareto(scale, 1.1, 256.0, rng).min(count - total);
            for _ in 0..wanted {
                let network = net << 8 | rng.u32(..256);
                let before = std::mem::replace(&mut is_occupied[network as usize], true);
                total += usize::from(!before);
            }
        }
        scale /= 2.0;
    }
    let all = (0u32..).zip(is_occupied);
    all.filter_map(|(network, is)| is.then_some(network))
        .collect()
}

/// Whether the /16 may be listed at all.
pub(crate) fn is_public(net: u32) -> bool {
    let (first, second) = (net >> 8, net & 0xff);
    match first {
        10 | 127 => false,
        100 => !(64..128).contains(&second),
        172 => !(16..32).contains(&second),
        169 => second != 254,
        192 => second != 168,
        _ => true,
    }
}

/// A whole number with a heavy tail.
fn pareto(scale: f64, shape: f64, most: f64, rng: &mut Rng) -> usize {
    (scale * (1.0 - rng.f64()).powf(-1.0 / shape)).min(most) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_clustered_and_rise() {
        let list = clustered(100_000, 7);
        assert_eq!(list.len(), 100_000);
        assert!(list.is_sorted_by(|a, b| a.address < b.address));
        let mut blocks: Vec<u32> = list.iter().map(|entry| entry.address >> 8).collect();
        blocks.dedup();
        assert!((10_000..25_000).contains(&blocks.len()), "{}", blocks.len());
        assert_eq!(content(&list).unwrap().values().len(), 64);
    }

    #[test]
    fn churn_changes_its_share() {
        let old = clustered(100_000, 7);
        let new: Vec<Entry> = churn(&old, 0.001, 8).collect();
        assert_eq!(new.len(), old.len());
        let gone = old.iter().filter(|entry| new.binary_search(entry).is_err());
        assert_eq!(gone.count(), 50);
        // One step of a history changes no more than its share.
        let later: Vec<Entry> = churn(&old, 0.002, 8).collect();
        assert!(later.is_sorted());
        let gone = new
            .iter()
            .filter(|entry| later.binary_search(entry).is_err());
        assert_eq!(gone.count(), 50);
    }
}
