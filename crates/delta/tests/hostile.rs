//! Snapshots and deltas that somebody bent: never another list, never a panic, never much memory.
//!
//! The check of the header finds every change on the way, so most mutants here are sealed again,
//! as an attacker would. What then still decodes is caught by the content id.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    unreachable_pub,
    reason = "a test may panic"
)]

mod bent;
mod random;

use fastrand::Rng;
use rblmap::Image;
use rblmap_delta::{Error, Header, Limits, apply, unpack};

use bent::{Case, case, frame_at, mutate, payload, seal, with_payload, without_root};

const LIMITS: Limits = Limits {
    payload: 1 << 20,
    entries: 1 << 16,
    zones: 1 << 20,
};
/// Refused, or the very same image where the change means nothing.
fn refused(case: &Case, mutant: &[u8], what: &str) -> bool {
    for result in [
        unpack(mutant, &LIMITS),
        apply(&case.old, &[mutant], &LIMITS),
    ] {
        let Ok(image) = result else { continue };
        // Header fields that the content does not cover come out as they were written.
        let image = Image::from_vec(image).unwrap();
        assert_eq!(image.content_id(), case.new.content_id(), "{what}");
        return false;
    }
    true
}

#[test]
fn any_bit_that_flips_is_found() {
    let case = case(3);
    for file in [&case.snapshot, &case.delta] {
        for bit in 0..file.len() * 8 {
            let mut mutant = file.clone();
            mutant[bit / 8] ^= 1 << (bit % 8);
            assert!(refused(&case, &mutant, "one bit"), "bit {bit}");
        }
        for cut in 0..file.len() {
            assert!(refused(&case, &file[..cut], "cut"), "cut at {cut}");
        }
    }
}

#[test]
fn mutants_with_a_right_check_never_give_another_list() {
    let mut kept = 0;
    for seed in 0..20 {
        let case = case(seed);
        let mut rng = Rng::with_seed(seed + 77);
        for round in 0..250 {
            for file in [&case.snapshot, &case.delta] {
                let file = &match round % 2 {
                    0 => without_root(file),
                    _ => file.clone(),
                };
                let mut mutant = file.clone();
                for _ in 0..rng.usize(1..4) {
                    mutate(&mut rng, &mut mutant);
                }
                let what = format!("seed {seed}, round {round}");
                kept += u32::from(!refused(&case, &seal(mutant), &what));
                // Most bytes are behind zstd.
                let mut inner = payload(file);
                for _ in 0..rng.usize(1..4) {
                    mutate(&mut rng, &mut inner);
                }
                kept += u32::from(!refused(&case, &with_payload(file, &inner), &what));
            }
        }
    }
    assert!(
        kept < 500,
        "of 20,000 mutants {kept} say the same as before"
    );
}

/// What is wrong with the only delta.
fn of_delta(error: &Error) -> &Error {
    match error {
        Error::Delta { index: 0, source } => source,
        error => panic!("not about the delta: {error}"),
    }
}

#[test]
fn what_the_header_says_of_content_is_held_to() {
    let case = case(5);
    let header = Header::read(&case.delta).unwrap();
    let id = header.result.as_bytes();
    for (file, is_named) in [
        (case.delta.clone(), true),
        (without_root(&case.delta), false),
    ] {
        assert_eq!(
            apply(&case.old, &[&file], &LIMITS).unwrap(),
            case.new.as_bytes()
        );
        let at = file.windows(32).position(|bytes| bytes == id).unwrap();
        // The content id, then the format of the image and its root.
        let named = if is_named { 33..49 } else { 0..0 };
        for byte in (0..32).chain(named) {
            let mut mutant = file.clone();
            mutant[at + byte] ^= 1;
            let error = apply(&case.old, &[&seal(mutant)], &LIMITS).unwrap_err();
            if is_named {
                assert!(
                    matches!(of_delta(&error), Error::ResultImage { .. }),
                    "{error}"
                );
            } else {
                assert!(matches!(of_delta(&error), Error::Result { .. }), "{error}");
            }
        }
    }
    let mut mutant = case.delta.clone();
    let zone = mutant.windows(3).position(|bytes| bytes == b"ops").unwrap();
    mutant[zone] = b'x';
    let error = apply(&case.old, &[&seal(mutant)], &LIMITS).unwrap_err();
    assert!(matches!(of_delta(&error), Error::Zone { .. }), "{error}");
    let mut mutant = case.delta.clone();
    mutant[zone] = b'/';
    let error = apply(&case.old, &[&seal(mutant)], &LIMITS).unwrap_err();
    assert!(matches!(of_delta(&error), Error::Field { .. }), "{error}");
}

#[test]
fn frames_are_one_of_declared_size_within_the_limit() {
    let case = case(6);
    let head = &case.snapshot[..frame_at(&case.snapshot)];
    let frame = &case.snapshot[head.len()..];
    let inner = payload(&case.snapshot);
    let open = |frame: &[u8]| unpack(&seal([head, frame].concat()), &LIMITS).unwrap_err();
    // A bomb: little to read, a lot to write.
    let bomb = zstd::bulk::compress(&vec![0; 1 << 26], 19).unwrap();
    assert!(matches!(open(&bomb), Error::Limit { .. }));
    // No size declared.
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_contentsize(false).unwrap();
    std::io::Write::write_all(&mut encoder, &inner).unwrap();
    assert!(matches!(open(&encoder.finish().unwrap()), Error::Frame));
    // Something behind the frame, or before it.
    assert!(matches!(open(&[frame, &[0]].concat()), Error::Frame));
    assert!(matches!(open(&[frame, frame].concat()), Error::Frame));
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
    assert!(matches!(open(&[&skippable, frame].concat()), Error::Frame));
    assert!(matches!(open(&frame[..frame.len() - 1]), Error::Frame));
    assert!(matches!(open(b""), Error::Frame));
}

#[test]
fn counts_are_held_against_limits_and_what_is_there() {
    let case = case(7);
    // flags 0, one zone with IPv4 paints: covered, free, more, then no decisions.
    let file = |bytes: &[u8]| with_payload(&case.snapshot, bytes);
    let uv = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let many = [&[0, 1, 0, 1], &uv[..], &[0]].concat();
    assert!(matches!(
        unpack(&file(&many), &LIMITS),
        Err(Error::Limit { .. })
    ));
    let more_than_there_are = [0, 1, 0, 9, 0, 0];
    let error = unpack(&file(&more_than_there_are), &LIMITS).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
    // Many paints out of no bytes: the decisions end early.
    let out_of_nothing = [0, 1, 0, 1, 0xff, 0x7f, 0];
    let error = unpack(&file(&out_of_nothing), &LIMITS).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
    // A list of zones without the base, out of order, or longer than the head.
    for zones in [
        &[1, 1, 2, b'a', 0, 0, 0][..],
        &[1, 2, 0, 0, 0, 0, 0],
        &[1, 0xff, 0xff, 3, 0],
    ] {
        let error = unpack(&file(zones), &LIMITS).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
    }
    // Trailing bytes.
    let mut longer = payload(&case.snapshot);
    longer.push(0);
    assert!(unpack(&file(&longer), &LIMITS).is_err());
}
