//! Bent snapshots and deltas take no more memory than their limit and 64 MB, whatever they claim.
//! One test, as all of the process is counted.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    unreachable_pub,
    dead_code,
    reason = "a test may panic"
)]

mod bent;
mod random;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use fastrand::Rng;
use rblmap_delta::{Limits, apply, unpack};

use bent::{case, frame_at, mutate, payload, seal, with_payload};

/// The system's allocator; knows how much is held and how much was at most.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code, reason = "an allocator is unsafe to write")]
// SAFETY: all is left to the system's allocator, with the arguments as they came; counting allocates
// nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller promises what this asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `place` came from `alloc` above, so from the system.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LIMITS: Limits = Limits {
    payload: 1 << 20,
    entries: 1 << 16,
    zones: 1 << 10,
};
const MOST: usize = (1 << 20) + (64 << 20);

/// How much more was held at once while `work` ran.
fn peak(work: impl FnOnce()) -> usize {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed).saturating_sub(before)
}

#[test]
fn bent_files_take_no_more_than_their_limit() {
    let mut most = 0;
    for seed in 0..12 {
        let case = case(seed);
        let mut rng = Rng::with_seed(seed + 99);
        for round in 0..120 {
            for file in [&case.snapshot, &case.delta] {
                let mut bytes = payload(file);
                for _ in 0..rng.usize(1..4) {
                    mutate(&mut rng, &mut bytes);
                }
                // Counts stand in front: as large as they can be.
                if round % 3 == 0 && !bytes.is_empty() {
                    let at = rng.usize(..bytes.len().min(12));
                    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
                    let len = rng.usize(1..=huge.len());
                    bytes.splice(at..at + 1, huge[huge.len() - len..].iter().copied());
                }
                let mutant = with_payload(file, &bytes);
                let taken = peak(|| {
                    let _ = unpack(&mutant, &LIMITS);
                    let _ = apply(&case.old, &[&mutant], &LIMITS);
                });
                assert!(taken < MOST, "seed {seed}, round {round}: {taken}");
                most = most.max(taken);
            }
        }
        // A bomb: a frame of zeros, as large as it says or larger.
        let bomb = zstd::bulk::compress(&vec![0; 1 << 27], 19).unwrap();
        let bomb = seal([&case.delta[..frame_at(&case.delta)], &bomb].concat());
        let taken = peak(|| assert!(apply(&case.old, &[&bomb], &LIMITS).is_err()));
        assert!(taken < MOST, "bomb: {taken}");
    }
    assert!(most > 1 << 16, "{most}");
    println!("at most {most} bytes");
}
