//! A binary fuse filter, and an array that confirms what it lets through.

use xorf::{BinaryFuse8, Filter};

use super::Peer;
use crate::lists::Listed;

/// The filter reads three bytes, each from a line of its own that it knows at once, and lets one of 256
/// unlisted addresses through. The array is a hash table without gaps: addresses are spread by a
/// permutation, the upper bits of which name a bucket of some ten entries, and the lower 16 an entry in
/// it.
pub(super) struct Confirmed {
    filter: BinaryFuse8,
    /// Where buckets begin in `entries`, and the end of the last.
    starts: Box<[u32]>,
    entries: Box<[Entry]>,
    /// How many bits do not belong to the number of a bucket; at most 16.
    shift: u32,
}

/// The lower bits of a spread address and its value: ten lie in half a line.
#[derive(Clone, Copy)]
struct Entry {
    low: [u8; 2],
    reason: u8,
}

impl Confirmed {
    /// `runs` are single addresses.
    pub(super) fn new(runs: &[Listed<u32>]) -> Result<Confirmed, &'static str> {
        let keys: Vec<u64> = runs.iter().map(|run| run.start.into()).collect();
        let filter = BinaryFuse8::try_from(&keys)?;
        let mut spread: Vec<(u32, u8)> = runs
            .iter()
            .map(|run| (spread(run.start), run.reason))
            .collect();
        spread.sort_unstable();
        let bits = (runs.len() / 8).max(1).ilog2().clamp(16, 32);
        let shift = 32 - bits;
        let starts = (0..=1u64 << bits).map(|bucket| {
            spread.partition_point(|&(at, _)| u64::from(at) >> shift < bucket) as u32
        });
        let entry = |&(at, reason): &(u32, u8)| Entry {
            low: (at as u16).to_le_bytes(),
            reason,
        };
        Ok(Confirmed {
            filter,
            starts: starts.collect(),
            entries: spread.iter().map(entry).collect(),
            shift,
        })
    }
}

/// A permutation of all addresses that looks random: the finaliser of MurmurHash3.
fn spread(address: u32) -> u32 {
    let mixed = (address ^ address >> 16).wrapping_mul(0x85eb_ca6b);
    let mixed = (mixed ^ mixed >> 13).wrapping_mul(0xc2b2_ae35);
    mixed ^ mixed >> 16
}

impl Peer for Confirmed {
    fn name(&self) -> &'static str {
        "binary fuse filter, array"
    }

    fn bytes(&self) -> usize {
        self.filter.len() + self.starts.len() * 4 + self.entries.len() * size_of::<Entry>()
    }

    fn lookup(&self, address: u32) -> u32 {
        if !self.filter.contains(&address.into()) {
            return 0;
        }
        let at = spread(address);
        let bucket = (at >> self.shift) as usize;
        let (from, to) = (self.starts[bucket], self.starts[bucket + 1]);
        let low = (at as u16).to_le_bytes();
        let entries = &self.entries[from as usize..to as usize];
        let found = entries.iter().find(|entry| entry.low == low);
        found.map_or(0, |entry| entry.reason.into())
    }
}
