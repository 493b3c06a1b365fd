//! The limit of the machine: random lines of memory, read with nothing around them.

use std::hint::black_box;
use std::time::Instant;

use rblmap::Image;

/// The 64-byte lines of an image's mapping.
pub struct Lines<'a> {
    lines: &'a [[u8; 64]],
}

impl<'a> Lines<'a> {
    /// All whole lines of the mapping.
    pub fn new(image: &'a Image) -> Lines<'a> {
        let (lines, _) = image.as_bytes().as_chunks::<64>();
        Lines { lines }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// A byte of the line that a random number picks.
    pub fn read(&self, random: u32) -> u8 {
        let index = (u64::from(random) * self.lines.len() as u64) >> 32;
        self.lines[index as usize][0]
    }
}

/// Waits until all earlier loads have ended, so that what is timed is one access at a time and no
/// branch predictor runs ahead. Reading the clock does that (the kernel orders it); a memory fence
/// does not, later loads start before it. Its own cost is in every figure: measure it alone, too.
pub fn barrier() {
    black_box(Instant::now());
}
