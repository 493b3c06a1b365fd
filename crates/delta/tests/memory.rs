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
mod counting;
mod random;

use fastrand::Rng;
use rblmap_delta::{Limits, apply, unpack};

use bent::{case, frame_at, mutate, payload, seal, with_payload};
use counting::peak;

const LIMITS: Limits = Limits {
    payload: 1 << 20,
    entries: 1 << 16,
    zones: 1 << 10,
};
const MOST: usize = (1 << 20) + (64 << 20);

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
                let (taken, ()) = peak(|| {
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
        let (taken, ()) = peak(|| assert!(apply(&case.old, &[&bomb], &LIMITS).is_err()));
        assert!(taken < MOST, "bomb: {taken}");
    }
    assert!(most > 1 << 16, "{most}");
    println!("at most {most} bytes");
}
