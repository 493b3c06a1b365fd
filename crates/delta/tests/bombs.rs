//! Files of a few bytes that ask for a lot of memory or time: each ends at once, with an error. One
//! test function, as the memory of the whole process is counted.

#![allow(
    clippy::print_stdout,
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

use std::time::{Duration, Instant};

use rblmap_delta::{Error, Limits, Summary, apply, unpack};

use bent::{Case, case, frame_at, seal, with_payload};
use counting::peak;

const MOST: usize = 64 << 20;
/// Far more than any of them needs, so that a busy machine does not fail the test; without the limits
/// the files below took seconds to hours.
const SLOWEST: Duration = Duration::from_secs(5);

/// Unpacks, applies and sums a file up: every way to read it ends with an error, soon and small.
fn refused(case: &Case, file: &[u8], what: &str) -> Vec<Error> {
    let start = Instant::now();
    let limits = Limits::default();
    let (taken, results) = peak(|| {
        [
            unpack(file, &limits).map(drop),
            apply(&case.old, &[file], &limits).map(drop),
            Summary::read(file, &limits).map(drop),
        ]
    });
    println!(
        "{what}: {} bytes of file, {taken} of memory, {:?}",
        file.len(),
        start.elapsed()
    );
    assert!(taken < MOST, "{what}: {taken} bytes of memory");
    assert!(start.elapsed() < SLOWEST, "{what}: {:?}", start.elapsed());
    results.into_iter().filter_map(Result::err).collect()
}

/// A head that claims parts for many zones, and says nothing of each.
fn a_part_for_each_of_millions_of_zones(case: &Case) {
    for (count, len) in [(3_000_000u32, 3_000_000), (u32::MAX >> 4, 16 << 20)] {
        for file in [&case.snapshot, &case.delta] {
            // Flag 8: several zones, as many as the base; then parts of one byte.
            let mut bytes = vec![8u8];
            let mut rest = count;
            while rest >= 0x80 {
                bytes.push((rest & 0x7f) as u8 | 0x80);
                rest >>= 7;
            }
            bytes.push(rest as u8);
            bytes.resize(len, 0);
            let errors = refused(case, &with_payload(file, &bytes), "a part for each zone");
            assert!(errors.len() >= 2, "{errors:?}");
        }
    }
}

/// A list of a hundred thousand zones and more in a small file.
fn a_list_of_many_zones(case: &Case) {
    let mut bytes = vec![1u8, 0xff, 0xff, 0xff, 0x0f, 0];
    for first in 0..26u8 {
        for second in 0..26u8 {
            bytes.extend([3, b'a' + first, b'a' + second, 0]);
        }
    }
    let errors = refused(
        case,
        &with_payload(&case.snapshot, &bytes),
        "a list of zones",
    );
    assert!(
        matches!(errors[0], Error::Limit { what: "zones", .. }),
        "{errors:?}"
    );
}

/// A frame of zeros, gigabytes of them.
fn a_frame_of_gigabytes_of_zeros(case: &Case) {
    let head = &case.snapshot[..frame_at(&case.snapshot)];
    // 1 GiB of zeros in blocks of one byte each (RFC 8878), as `zstd` makes them in 32 KB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    frame.extend((1u32 << 30).to_le_bytes());
    for block in 0..8192u32 {
        let header = 128 << 10 << 3 | 1 << 1 | u32::from(block == 8191);
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    let errors = refused(case, &seal([head, &frame].concat()), "a frame of zeros");
    assert!(
        errors
            .iter()
            .any(|error| matches!(error, Error::Limit { .. })),
        "{errors:?}"
    );
}

/// Text under the model costs two microseconds a byte, so there is 1 MiB of it at most.
fn text_under_the_model_without_end(case: &Case) {
    for decisions in [vec![0xff; 80_000], vec![0; 80_000], vec![0x55; 80_000]] {
        // Flags 2 and 4: values under the model, as many as there may be.
        let mut bytes = vec![6u8, 0xff, 0xff, 0x3f, 16, 0];
        bytes.extend([0x80, 0xf1, 0x04]);
        bytes.extend(decisions);
        let errors = refused(
            case,
            &with_payload(&case.snapshot, &bytes),
            "text under the model",
        );
        assert!(errors.len() >= 2, "{errors:?}");
    }
}

#[test]
fn small_files_that_ask_for_much_end_at_once() {
    let case = case(3);
    a_part_for_each_of_millions_of_zones(&case);
    a_list_of_many_zones(&case);
    a_frame_of_gigabytes_of_zeros(&case);
    text_under_the_model_without_end(&case);
}
