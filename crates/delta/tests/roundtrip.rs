//! Random lists through snapshot and delta: the image that comes out is the one that was built.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    unreachable_pub,
    reason = "a test may panic"
)]

mod random;

use fastrand::Rng;
use rblmap::Image;
use rblmap_delta::{Error, Header, Limits, Session, apply, diff, merge, pack, unpack};

use random::Model;

const LIMITS: Limits = Limits {
    payload: 1 << 24,
    entries: 1 << 20,
};

#[test]
fn images_come_back_from_snapshots_and_deltas() {
    for seed in 0..400 {
        let mut rng = Rng::with_seed(seed);
        let mut model = Model::new(&mut rng);
        let mut old = model.image();
        for _ in 0..5 {
            model.step(&mut rng, [3, 40, 400][(seed % 3) as usize]);
            let new = model.image();
            let snapshot = pack(&new, Session(3)).unwrap();
            let unpacked = unpack(&snapshot, &LIMITS).unwrap();
            assert!(unpacked == new.as_bytes(), "seed {seed}: snapshot");
            let delta = diff(&old, &new, Session(3)).unwrap();
            let applied = apply(&old, &[&delta], &LIMITS);
            let applied = applied.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert!(applied == new.as_bytes(), "seed {seed}: delta");
            old = new;
        }
    }
}

#[test]
fn headers_say_what_a_file_is() {
    let mut rng = Rng::with_seed(1);
    let mut model = Model::new(&mut rng);
    model.step(&mut rng, 30);
    let old = model.image();
    model.step(&mut rng, 30);
    let new = model.image();
    let header = Header::read(&diff(&old, &new, Session(9)).unwrap()).unwrap();
    assert_eq!(
        (header.session, header.from_serial(), header.to_serial),
        (Session(9), 1, 2)
    );
    assert_eq!(header.created, 120);
    let snapshot = pack(&new, Session(9)).unwrap();
    let kind = apply(&old, &[&snapshot], &LIMITS).unwrap_err();
    assert!(matches!(kind, Error::Kind { .. }), "{kind}");
    let delta = diff(&old, &new, Session(9)).unwrap();
    let kind = unpack(&delta, &LIMITS).unwrap_err();
    assert!(matches!(kind, Error::Kind { .. }), "{kind}");
    let base = apply(&new, &[&delta], &LIMITS).unwrap_err();
    assert!(matches!(base, Error::Base { .. }), "{base}");
    assert!(matches!(apply(&old, &[], &LIMITS), Err(Error::NoDelta)));
    let limits = Limits {
        payload: 3,
        ..LIMITS
    };
    assert!(matches!(
        unpack(&snapshot, &limits),
        Err(Error::Limit { .. })
    ));
    let limits = Limits {
        entries: 1,
        ..LIMITS
    };
    assert!(matches!(
        unpack(&snapshot, &limits),
        Err(Error::Limit { .. })
    ));
}

/// A history of `len` versions, the deltas between them, and for checks the images.
fn history(seed: u64, len: usize, edits: usize) -> (Vec<Image>, Vec<Vec<u8>>) {
    let mut rng = Rng::with_seed(seed);
    let mut model = Model::new(&mut rng);
    let mut images = vec![model.image()];
    for _ in 0..len {
        model.step(&mut rng, edits);
        images.push(model.image());
    }
    let deltas = images
        .windows(2)
        .map(|pair| diff(&pair[0], &pair[1], Session(1)).unwrap());
    let deltas = deltas.collect();
    (images, deltas)
}

#[test]
fn every_path_through_a_history_ends_in_one_image() {
    for seed in 0..4 {
        let (images, steps) = history(seed, 200, 6);
        let mut rng = Rng::with_seed(seed + 1000);
        for _ in 0..12 {
            let (mut from, mut to) = (rng.usize(0..200), rng.usize(0..=200));
            if from > to {
                (from, to) = (to, from);
            }
            // Steps and merged deltas of random lengths, up to the end.
            let mut path: Vec<Vec<u8>> = Vec::new();
            let mut at = from;
            while at < to {
                let next = (at + rng.usize(1..60)).min(to);
                let part: Vec<&[u8]> = steps[at..next].iter().map(Vec::as_slice).collect();
                if rng.bool() {
                    path.push(merge(&images[at], &part, &LIMITS).unwrap());
                } else {
                    path.extend(part.into_iter().map(<[u8]>::to_vec));
                }
                at = next;
            }
            if path.is_empty() {
                continue;
            }
            let path: Vec<&[u8]> = path.iter().map(Vec::as_slice).collect();
            let end = apply(&images[from], &path, &LIMITS).unwrap();
            assert!(end == images[to].as_bytes(), "seed {seed}: {from} to {to}");
        }
    }
}

#[test]
fn merging_is_associative_and_equals_the_difference() {
    for seed in 0..40 {
        let (images, steps) = history(seed + 500, 6, 30);
        let all: Vec<&[u8]> = steps.iter().map(Vec::as_slice).collect();
        let whole = merge(&images[0], &all, &LIMITS).unwrap();
        assert_eq!(
            whole,
            diff(&images[0], &images[6], Session(1)).unwrap(),
            "seed {seed}"
        );
        for cut in 1..6 {
            let first = merge(&images[0], &all[..cut], &LIMITS).unwrap();
            let second = merge(&images[cut], &all[cut..], &LIMITS).unwrap();
            let joined = merge(&images[0], &[&first, &second], &LIMITS).unwrap();
            assert_eq!(joined, whole, "seed {seed}, cut at {cut}");
        }
    }
}
