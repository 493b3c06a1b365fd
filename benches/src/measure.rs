//! How long an access takes: one at a time, as a stream, and after other work.

use std::cell::RefCell;
use std::hint::black_box;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// Queries of one measurement.
pub const QUERIES: usize = 1 << 17;
/// Bytes of queries that are timed together: a query that was just read is near.
const NEAR: usize = 1 << 15;
/// Queries that are timed together at least, so that the clock weighs little.
const FEWEST: usize = 128;
/// How often queries are timed together in one measurement.
const TIMES: usize = 8;
/// Queries before those, so that what all of them read is near again.
const BEFORE: usize = 1 << 16;
/// Cold accesses of one measurement.
const COLD: usize = 80;
/// Bytes that are written as other work: more than the caches hold.
const OTHER_WORK: usize = 48 << 20;

/// What else a machine does, between what is timed: memory to write to, so that caches and address
/// translations hold something else.
pub struct OtherWork(RefCell<Vec<u64>>);

impl OtherWork {
    /// Takes the memory.
    #[expect(clippy::new_without_default, reason = "48 MB are not a default")]
    pub fn new() -> OtherWork {
        OtherWork(RefCell::new(vec![0; OTHER_WORK / 8]))
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

    /// Nanoseconds a query of work on many queries together, in time of this thread.
    ///
    /// Before each block that is timed comes other work, and then other queries: what few bytes all
    /// queries share is near, and most of what only one reads is in memory. Whether a list that fits
    /// the last cache lies there otherwise depends on the neighbours of a virtual machine, and one
    /// random line took 17 to 158 ns. The lower quartile of the blocks: what disturbs makes slower.
    pub fn blocks<Q: Copy>(&self, queries: &[Q], mut work: impl FnMut(&[Q])) -> f64 {
        let len = (NEAR / size_of::<Q>().max(1)).max(FEWEST);
        let mut near = Vec::with_capacity(len);
        let mut one = |block: &[Q]| {
            // Long keys come from far away otherwise, which is not what is measured.
            near.clear();
            near.extend_from_slice(block);
            let start = thread_time();
            work(black_box(&near));
            (thread_time() - start) as f64 / block.len() as f64
        };
        let (before, timed) = queries.split_at(BEFORE.min(queries.len() / 2));
        let mut taken = Vec::with_capacity(TIMES);
        for block in timed.chunks(len).take(TIMES) {
            self.evict();
            before.chunks(len).for_each(|block| {
                one(block);
            });
            taken.push(one(block));
        }
        taken.sort_by(f64::total_cmp);
        taken[taken.len() / 4]
    }

    /// Nanoseconds of one access after other work: the median of a few dozen, less the clock.
    pub fn cold<Q>(&self, queries: &[Q], access: impl Fn(&Q) -> u32) -> f64 {
        let mut taken = Vec::with_capacity(COLD);
        let mut clock = Vec::with_capacity(COLD);
        for query in queries.iter().take(COLD) {
            self.evict();
            taken.push(once(|| access(query)));
            clock.push(once(|| 0));
        }
        taken.sort_unstable();
        clock.sort_unstable();
        taken[taken.len() / 2].saturating_sub(clock[clock.len() / 2]) as f64
    }

    fn evict(&self) {
        let mut bytes = self.0.borrow_mut();
        for line in bytes.chunks_mut(8) {
            line[0] = line[0].wrapping_add(1);
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
    start.elapsed().as_nanos() as u64
}

/// Nanoseconds that this thread has run.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Keeps this thread on one processor, if the system lets it.
pub fn stay() {
    let mut one = rustix::thread::CpuSet::new();
    one.set(rustix::thread::sched_getcpu());
    let _ = rustix::thread::sched_setaffinity(None, &one);
}

/// Waits until all earlier loads have ended and starts none after it before, so that no branch
/// predictor runs ahead to the next query. What it takes itself is in every figure.
#[inline(always)]
pub fn fence() {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "an instruction of its own")]
    // SAFETY: LFENCE is part of SSE2, which every x86-64 has.
    unsafe {
        std::arch::x86_64::_mm_lfence();
    }
    #[cfg(not(target_arch = "x86_64"))]
    black_box(Instant::now());
}
