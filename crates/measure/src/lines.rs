//! The limit of the machine: random lines of memory, read with nothing around them.

use rblmap_format::prefetch;

/// The 64-byte lines of an image's mapping.
///
/// See the example of [the crate](crate).
#[derive(Clone, Copy)]
pub struct Lines<'a> {
    lines: &'a [[u8; 64]],
}

impl<'a> Lines<'a> {
    /// All whole lines of a mapping.
    pub fn new(mapping: &'a [u8]) -> Lines<'a> {
        let (lines, _) = mapping.as_chunks::<64>();
        Lines { lines }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// A byte of the line that a random number picks.
    #[inline(always)]
    pub fn read(&self, random: u32) -> u32 {
        self.line(random).map_or(0, |line| line[0].into())
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
        if let Some(line) = self.line(random) {
            prefetch(line.as_ptr());
        }
    }

    #[inline(always)]
    fn line(&self, random: u32) -> Option<&'a [u8; 64]> {
        self.lines.get(self.index(random))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_picks_a_line_if_there_is_one() {
        let mapping = [1u8; 200];
        let lines = Lines::new(&mapping);
        assert_eq!(lines.count(), 3);
        assert_eq!(lines.read(0) + lines.read(u32::MAX), 2);
        assert_eq!(lines.read_many(&[0, 1, u32::MAX]), 3);
        assert_eq!(Lines::new(&[]).read(7), 0);
    }
}
