//! V4_RUN_COUNTS: counts of runs that an image holds, so that an update need not read all of its lines to find
//! the n-th run.
//!
//! ```text
//!  for each /16 with lines            for some values in a row
//!  ┌──────┬─────────────────┐         ┌──────┬──────────────────────────┐
//!  │ runs │ runs + 1 - gaps │  . . .  │ runs │ how many have so many    │  . . .
//!  └──────┴─────────────────┘         └──────┴──────────────────────────┘
//! ```
//!
//! All numbers are in groups of 7 bits ([`varint`](crate::varint)). Between two runs is a gap, but where they
//! touch: so the second number is small.

use crate::v4::shape::BLOCK;
use crate::varint::{push_uv, take_uv};

/// How many runs there are in the /16s of a zone, and of each value.
///
/// ```
/// use rblmap_format::v4::StoredCounts;
///
/// let counts = StoredCounts {
///     of_16s: vec![(1, 2), (300, 298)],
///     uses: vec![299, 1, 1],
/// };
/// let bytes = counts.to_bytes();
/// assert_eq!(bytes, [1, 0, 0xac, 2, 3, 0xab, 2, 1, 1, 2]);
/// assert_eq!(StoredCounts::read(&bytes, 2, 3), Some(counts));
/// assert_eq!(StoredCounts::read(&bytes, 2, 4), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCounts {
    /// How many runs and how many gaps each /16 with lines has, cut at its ends, in address order.
    pub of_16s: Vec<(u32, u32)>,
    /// How many runs of the zone have each value, by rank.
    pub uses: Vec<u32>,
}

impl StoredCounts {
    /// The section.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(3 * self.of_16s.len());
        for (runs, gaps) in &self.of_16s {
            push_uv(&mut out, u64::from(*runs));
            // There is a gap before, between or behind runs, or none.
            push_uv(
                &mut out,
                (u64::from(*runs) + 1).saturating_sub(u64::from(*gaps)),
            );
        }
        for alike in self.uses.chunk_by(|one, next| one == next) {
            push_uv(&mut out, alike.first().copied().unwrap_or(0).into());
            push_uv(&mut out, alike.len() as u64);
        }
        out
    }

    /// Reads the section of a zone with so many /16s with lines, in an image with so many values. `None` if it
    /// is not what [`StoredCounts::to_bytes`] writes.
    pub fn read(bytes: &[u8], count_of_16s: usize, values: usize) -> Option<StoredCounts> {
        let mut rest = bytes;
        let mut of_16s = Vec::with_capacity(count_of_16s);
        for _ in 0..count_of_16s {
            of_16s.push(take_counts(&mut rest)?);
        }
        let mut uses: Vec<u32> = Vec::with_capacity(values);
        while !rest.is_empty() {
            let count = u32::try_from(take_uv(&mut rest)?).ok()?;
            let more = usize::try_from(take_uv(&mut rest)?).ok()?;
            let fits = more > 0 && more <= values - uses.len() && uses.last() != Some(&count);
            if !fits {
                return None;
            }
            uses.resize(uses.len() + more, count);
        }
        (uses.len() == values).then_some(StoredCounts { of_16s, uses })
    }
}

/// The runs and the gaps of a /16: no more of them than addresses.
fn take_counts(rest: &mut &[u8]) -> Option<(u32, u32)> {
    let runs = u32::try_from(take_uv(rest)?).ok()?;
    let touching = u32::try_from(take_uv(rest)?).ok()?;
    let gaps = runs.checked_add(1)?.checked_sub(touching)?;
    let all = runs.checked_add(gaps)?;
    (1..=BLOCK).contains(&all).then_some((runs, gaps))
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        for seed in 0..200 {
            let mut rng = Rng::with_seed(seed);
            let of_16s: Vec<(u32, u32)> = (0..rng.usize(0..5))
                .map(|_| {
                    let runs = rng.u32(0..300);
                    let least = u32::from(runs == 0);
                    (runs, rng.u32(least..=runs + 1))
                })
                .collect();
            let uses: Vec<u32> = (0..rng.usize(0..6)).map(|_| rng.u32(0..3)).collect();
            let (count, values) = (of_16s.len(), uses.len());
            let counts = StoredCounts { of_16s, uses };
            let bytes = counts.to_bytes();
            assert_eq!(
                StoredCounts::read(&bytes, count, values),
                Some(counts.clone())
            );
            assert_eq!(StoredCounts::read(&bytes, count, values + 1), None);
            // Each other section that is read is written the same.
            for at in 0..bytes.len() {
                let mut bad = bytes.clone();
                bad[at] = rng.u8(..);
                let read = StoredCounts::read(&bad, count, values);
                assert!(
                    read.is_none_or(|read| read.to_bytes() == bad),
                    "seed {seed}"
                );
                let cut = StoredCounts::read(&bytes[..at], count, values);
                assert_eq!(cut, None, "seed {seed}");
            }
        }
    }
}
