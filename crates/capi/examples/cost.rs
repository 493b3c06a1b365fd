//! What `Live` and the C interface add to a lookup, in nanoseconds: one round of what
//! `scripts/bench-embedding` makes medians of.
#![allow(unsafe_code, clippy::print_stdout, reason = "a measurement")]

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
    let image = rblmap::Image::read(path)?;
    let zone = image.base();
    let mut live = rblmap::Live::builder_of_image(path).read()?.reader();
    let (mut list, mut reader) = (null_mut(), null_mut());
    // SAFETY: the path ends with a NUL, no zone is given, and `list` may be written to.
    let status = unsafe { rblmap_capi::rblmap_open(golden.as_ptr().cast(), null(), 0, &mut list) };
    assert_eq!(status, 0);
    // SAFETY: the list is open, no zone is given, and `reader` may be written to.
    let status = unsafe { rblmap_capi::rblmap_reader_new(list, null(), &mut reader) };
    assert_eq!(status, 0);

    println!("zone in hand\t{:.2}", time(|a| zone.contains_v4(a)));
    let with_live = time(|a| {
        black_box(live.image());
        zone.contains_v4(a)
    });
    println!("and Live's image()\t{with_live:.2}");
    let each_time = time(|a| live.image().base().contains_v4(a));
    println!("image().base() each time\t{each_time:.2}");
    let call = time(|a| {
        let mut listed = 0;
        // SAFETY: no other thread has the reader, and `listed` may be written to.
        unsafe { rblmap_capi::rblmap_lookup_v4(reader, a, &mut listed) };
        listed != 0
    });
    println!("C call, linked statically\t{call:.2}");
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
