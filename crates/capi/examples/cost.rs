//! What `Live` and the C interface add to a lookup: nanoseconds, medians of 7 interleaved rounds.
//!
//!     cargo run --release -p rblmap-capi --example cost
#![allow(
    unsafe_code,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::undocumented_unsafe_blocks,
    reason = "a measurement"
)]

use std::hint::black_box;
use std::ptr::{null, null_mut};
use std::time::Instant;

const CALLS: u32 = 3_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let golden = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/golden/three.rbl\0"
    );
    let path = golden.trim_end_matches('\0');
    let image = rblmap::Image::open(path)?;
    let zone = image.base();
    let mut live = rblmap::Live::open_file(path, false)?.reader();
    let (mut list, mut reader) = (null_mut(), null_mut());
    let status = unsafe { rblmap_capi::rblmap_open(golden.as_ptr().cast(), null(), 0, &mut list) };
    assert_eq!(status, 0);
    let status = unsafe { rblmap_capi::rblmap_reader_new(list, null(), &mut reader) };
    assert_eq!(status, 0);

    let mut rounds = [const { Vec::new() }; 4];
    for _ in 0..7 {
        rounds[0].push(time(|a| zone.contains_v4(a)));
        rounds[1].push(time(|a| {
            black_box(live.image());
            zone.contains_v4(a)
        }));
        rounds[2].push(time(|a| live.image().base().contains_v4(a)));
        rounds[3].push(time(|a| {
            let mut listed = 0;
            unsafe { rblmap_capi::rblmap_lookup_v4(reader, a, &mut listed) };
            listed != 0
        }));
    }
    let names = [
        "zone in hand",
        "and Live's image()",
        "image().base() each time",
        "C call",
    ];
    for (name, mut round) in names.into_iter().zip(rounds) {
        round.sort_by(f64::total_cmp);
        println!(
            "{name:26} {:6.2} ns ({:.2} to {:.2})",
            round[3], round[0], round[6]
        );
    }
    Ok(())
}

/// Each lookup waits for the one before.
fn time(mut lookup: impl FnMut(u32) -> bool) -> f64 {
    let (start, mut address) = (Instant::now(), 0xc000_0200_u32);
    for _ in 0..CALLS {
        address = 0xc000_0200 | u32::from(black_box(lookup(black_box(address))));
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}
