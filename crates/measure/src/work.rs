//! How long an access takes: one at a time, as a stream, and after other work.

#![allow(
    clippy::cast_precision_loss,
    reason = "a few digits of a time are enough"
)]

use std::cell::RefCell;
use std::hint::black_box;
use std::time::Instant;

use crate::clock::{fence, nanos_since, thread_time};

/// Queries of one measurement.
pub const QUERIES: usize = 1 << 17;
/// Bytes of queries that are timed together: a query that was just read is near.
const NEAR: usize = 1 << 15;
/// Queries that are timed together at least, so that the clock weighs little.
const FEWEST: usize = 128;
/// Queries before those, so that what all of them read is near again.
const BEFORE: usize = 1 << 16;
/// Bytes that are written as other work: more than the caches hold.
const OTHER_WORK: usize = 48 << 20;

/// What else a machine does, between what is timed: memory to write to, so that caches and address
/// translations hold something else.
///
/// See the example of [the crate](crate).
pub struct OtherWork {
    memory: RefCell<Vec<u64>>,
    effort: Effort,
}

/// How much is done for one figure.
///
/// See the example of [the crate](crate).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// How often queries are timed together, each time after other work.
    pub blocks: usize,
    /// How many cold accesses are timed, each after other work.
    pub cold: usize,
}

impl Effort {
    /// What the figures of the documentation are measured with.
    pub const FULL: Effort = Effort {
        blocks: 8,
        cold: 80,
    };
}

impl OtherWork {
    /// Takes the memory.
    pub fn new(effort: Effort) -> OtherWork {
        OtherWork {
            memory: RefCell::new(vec![0; OTHER_WORK / 8]),
            effort,
        }
    }

    /// Nanoseconds a query of one access after the other: the next starts when the last has ended.
    pub fn latency<Q: Copy>(&self, queries: &[Q], access: impl Fn(&Q) -> u32) -> f64 {
        self.blocks(queries, |block| {
            for query in block {
                black_box(access(query));
                fence();
            }
        })
    }

    /// Nanoseconds a query of accesses that need not wait for each other.
    pub fn stream<Q: Copy>(&self, queries: &[Q], access: impl Fn(&Q) -> u32) -> f64 {
        self.blocks(queries, |block| {
            black_box(
                block
                    .iter()
                    .fold(0, |sum: u32, query| sum.wrapping_add(access(query))),
            );
        })
    }

    /// How many queries of a type are timed together, where there are as many.
    pub fn together<Q>() -> usize {
        (NEAR / size_of::<Q>().max(1)).max(FEWEST)
    }

    /// Nanoseconds a query of work on many queries together, in time of this thread. 0 for no query.
    ///
    /// Before each block that is timed comes other work, and then other queries: what few bytes all
    /// queries share is near, and most of what only one reads is in memory. Whether a list that fits
    /// the last cache lies there otherwise depends on the neighbours of a virtual machine, and one
    /// random line took 17 to 158 ns. The lower quartile of the blocks: what disturbs makes slower.
    pub fn blocks<Q: Copy>(&self, queries: &[Q], mut work: impl FnMut(&[Q])) -> f64 {
        let len = Self::together::<Q>();
        let mut near = Vec::with_capacity(len);
        let mut one = |block: &[Q]| {
            // Long keys come from far away otherwise, which is not what is measured.
            near.clear();
            near.extend_from_slice(block);
            let start = thread_time();
            work(black_box(&near));
            (thread_time() - start) as f64 / block.len().max(1) as f64
        };
        let (before, timed) = queries.split_at(BEFORE.min(queries.len() / 2));
        let mut taken = Vec::with_capacity(self.effort.blocks);
        for block in timed.chunks(len).take(self.effort.blocks) {
            self.evict();
            before.chunks(len).for_each(|block| {
                one(block);
            });
            taken.push(one(block));
        }
        taken.sort_by(f64::total_cmp);
        taken.get(taken.len() / 4).copied().unwrap_or(0.0)
    }

    /// Nanoseconds of one access after other work: the median of a few dozen, less the clock. 0 where
    /// the clock cannot tell it, and for no query.
    pub fn cold<Q>(&self, queries: &[Q], access: impl Fn(&Q) -> u32) -> f64 {
        let mut taken = Vec::with_capacity(self.effort.cold);
        let mut clock = Vec::with_capacity(self.effort.cold);
        for query in queries.iter().take(self.effort.cold) {
            self.evict();
            taken.push(once(|| access(query)));
            clock.push(once(|| 0));
        }
        taken.sort_unstable();
        clock.sort_unstable();
        let middle = |sorted: &[u64]| sorted.get(sorted.len() / 2).copied().unwrap_or(0);
        middle(&taken).saturating_sub(middle(&clock)) as f64
    }

    fn evict(&self) {
        let mut bytes = self.memory.borrow_mut();
        for line in bytes.chunks_mut(8) {
            if let Some(first) = line.first_mut() {
                *first = first.wrapping_add(1);
            }
        }
        black_box(&bytes);
        // The clock is warm: it is not what is measured.
        black_box((Instant::now(), Instant::now()));
        fence();
    }
}

fn once(access: impl FnOnce() -> u32) -> u64 {
    let start = Instant::now();
    fence();
    black_box(access());
    fence();
    nanos_since(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LITTLE: Effort = Effort { blocks: 1, cold: 2 };

    #[test]
    fn figures_are_never_negative_and_nothing_takes_no_time() {
        let work = OtherWork::new(LITTLE);
        let access = |query: &u32| query.wrapping_mul(3);
        for queries in [&[][..], &[1], &[7; 1000]] {
            for nanos in [
                work.latency(queries, access),
                work.stream(queries, access),
                work.cold(queries, access),
            ] {
                assert!(nanos.is_finite() && nanos >= 0.0, "{nanos}");
            }
        }
        assert_eq!(work.latency(&[], access), 0.0);
    }
}
