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
    zones: 1 << 10,
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

/// What is wrong with the first delta of a chain.
fn of_first(error: &Error) -> &Error {
    match error {
        Error::Delta { index: 0, source } => source,
        error => panic!("not about the first delta: {error}"),
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
    assert!(matches!(of_first(&kind), Error::Kind { .. }), "{kind}");
    let delta = diff(&old, &new, Session(9)).unwrap();
    let kind = unpack(&delta, &LIMITS).unwrap_err();
    assert!(matches!(kind, Error::Kind { .. }), "{kind}");
    let base = apply(&new, &[&delta], &LIMITS).unwrap_err();
    assert!(matches!(of_first(&base), Error::Base { .. }), "{base}");
    assert!(matches!(apply(&old, &[], &LIMITS), Err(Error::NoDelta)));
    let limits = Limits {
        payload: 3,
        ..LIMITS
    };
    assert!(matches!(
        unpack(&snapshot, &limits),
        Err(Error::Limit { .. })
    ));
}

#[test]
fn the_one_of_several_that_is_bad_is_told() {
    let (images, mut deltas) = history(1, 3, 30);
    deltas[1].pop();
    let deltas: Vec<&[u8]> = deltas.iter().map(Vec::as_slice).collect();
    let merged = merge(&images[0], &deltas, &LIMITS).unwrap_err();
    let applied = apply(&images[0], &deltas, &LIMITS).unwrap_err();
    for error in [merged, applied] {
        let Error::Delta { index: 1, source } = &error else {
            panic!("not about the second: {error}");
        };
        assert!(matches!(**source, Error::Damaged { .. }), "{source}");
    }
    let mut bytes = images[0].as_bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let damaged = Image::from_vec(bytes).unwrap();
    let old = diff(&damaged, &images[1], Session(1)).unwrap_err();
    assert!(matches!(old, Error::OldImage(_)), "{old}");
    let new = diff(&images[1], &damaged, Session(1)).unwrap_err();
    assert!(matches!(new, Error::NewImage(_)), "{new}");
}

#[test]
fn a_file_holds_no_more_entries_than_the_limit_or_four_for_each_byte() {
    let mut model = Model::new(&mut Rng::with_seed(1));
    model.step(&mut Rng::with_seed(2), 30);
    let few = pack(&model.image(), Session(9)).unwrap();
    // What is alike costs less than a bit.
    let value = rblmap::ValueId::from_rank(0).unwrap();
    let runs = (0..5000).map(|n| rblmap::Run {
        start: 2 * n,
        end: 2 * n,
        value,
    });
    let many = pack(&image_of(&runs.collect::<Vec<_>>()), Session(9)).unwrap();
    let limited = |entries| Limits { entries, ..LIMITS };
    assert!(unpack(&few, &limited(1)).is_ok());
    let refused = unpack(&many, &limited(4999)).unwrap_err();
    assert!(matches!(refused, Error::Limit { .. }), "{refused}");
    assert!(unpack(&many, &limited(5001)).is_ok());
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

/// Addresses as lists have them: most near others, some networks, several values.
fn many(rng: &mut Rng, count: usize) -> Vec<rblmap::Run<u32>> {
    let mut runs = Vec::with_capacity(count);
    let mut next = 0u32;
    while runs.len() < count {
        let start = next + 1 + (rng.u32(..) >> rng.u32(20..31));
        let end = start + [0, 0, 0, 0, 255][rng.usize(..5)];
        let value = rblmap::ValueId::from_rank(rng.u32(..3)).unwrap();
        runs.push(rblmap::Run { start, end, value });
        next = end;
    }
    runs
}

fn image_of(runs: &[rblmap::Run<u32>]) -> Image {
    let mut draft = rblmap_content::Draft::new("ops.example".parse().unwrap());
    for last in 2..5 {
        let a = Some([127, 0, 0, last].into());
        let record = rblmap_content::Record { a, text: None };
        let value = rblmap_content::ValueBuf::new([record]);
        draft.values.intern(&value).unwrap();
    }
    draft.zone_mut(&rblmap::NameKey::ROOT).v4 = runs.to_vec();
    let content = draft.finish().unwrap();
    Image::from_vec(rblmap_image::encode(&content, rblmap_image::Stamp::default()).unwrap())
        .unwrap()
}

#[test]
fn many_edits_are_told_in_streams_that_do_not_depend_on_threads() {
    let mut rng = Rng::with_seed(11);
    // A stream has 262,144 edits.
    let runs = many(&mut rng, 600_000);
    let (image, empty) = (image_of(&runs), image_of(&[]));
    let changed: Vec<_> = runs.iter().copied().filter(|_| rng.u8(..16) == 0).collect();
    let other = image_of(&changed);
    let limits = Limits::default();
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let snapshot = pack(&image, Session(1)).unwrap();
    assert_eq!(one.install(|| pack(&image, Session(1)).unwrap()), snapshot);
    assert!(unpack(&snapshot, &limits).unwrap() == image.as_bytes());
    let delta = diff(&other, &image, Session(1)).unwrap();
    assert!(apply(&other, &[&delta], &limits).unwrap() == image.as_bytes());
    let delta = diff(&image, &empty, Session(1)).unwrap();
    assert!(apply(&image, &[&delta], &limits).unwrap() == empty.as_bytes());
    // A stream that ends early, and one too many.
    let cut = bent_end(&snapshot, |file| file.truncate(file.len() - 9));
    assert!(unpack(&cut, &limits).is_err());
    let longer = bent_end(&snapshot, |file| file.push(0));
    assert!(matches!(unpack(&longer, &limits), Err(Error::Frame)));
}

/// The file with another end, and a check that is right again.
fn bent_end(file: &[u8], change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut file = file.to_vec();
    change(&mut file);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&file[..5]);
    hasher.update(&file[13..]);
    file[5..13].copy_from_slice(&hasher.finalize().as_bytes()[24..]);
    file
}
