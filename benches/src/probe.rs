//! The limit of the machine: random lines of memory, read with nothing around them.

use rblmap::Image;

/// The 64-byte lines of an image's mapping.
#[derive(Clone, Copy)]
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
    #[inline(always)]
    pub fn read(&self, random: u32) -> u32 {
        self.lines[self.index(random)][0].into()
    }

    /// Reads a line for each number, 64 on their way at a time: the sum.
    pub fn read_many(&self, random: &[u32]) -> u32 {
        let mut sum = 0u32;
        for block in random.chunks(64) {
            block.iter().for_each(|&number| self.prefetch(number));
            sum = block
                .iter()
                .fold(sum, |sum, &number| sum.wrapping_add(self.read(number)));
        }
        sum
    }

    #[inline(always)]
    fn index(&self, random: u32) -> usize {
        ((u64::from(random) * self.lines.len() as u64) >> 32) as usize
    }

    #[inline(always)]
    fn prefetch(&self, random: u32) {
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "the instruction takes a pointer")]
        // SAFETY: a prefetch reads nothing; SSE is part of x86-64.
        unsafe {
            let line = self.lines[self.index(random)].as_ptr();
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.cast());
        }
    }
}
