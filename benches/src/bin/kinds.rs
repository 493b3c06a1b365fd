//! How the lines of an image are filled: `kinds IMAGE`.
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "prints its result"
)]
use rblmap::layout::kind;
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let image = rblmap::Image::open(std::env::args_os().nth(1).ok_or("usage: kinds IMAGE")?)?;
    for (k, zone, offset, len, _) in image.sections() {
        println!("section {k} zone {zone}: {len} bytes");
        if k == kind::V4_LINES {
            let bytes = &image.as_bytes()[offset as usize..(offset + len) as usize];
            let mut counts = [0usize; 8];
            for line in bytes.chunks(64) {
                counts[usize::from(line[0] & 7)] += 1;
            }
            println!("lines of kind 0 to 7: {counts:?}");
        }
    }
    Ok(())
}
