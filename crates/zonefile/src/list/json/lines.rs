//! On which line of a text a word of it stands.

/// Counts lines up to words that are met one after the other.
pub(super) struct Lines<'t> {
    text: &'t [u8],
    at: usize,
    line: u32,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t [u8]) -> Lines<'t> {
        Lines {
            text,
            at: 0,
            line: 1,
        }
    }

    /// Goes on to a word, if it stands in the text behind the last one.
    pub(super) fn reach(&mut self, word: &str) {
        let offset = (word.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        if let Some(between) = self.text.get(self.at..offset) {
            let lines = memchr::memchr_iter(b'\n', between).count();
            // A text of 2^32 lines is over the limits.
            self.line = self
                .line
                .saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
            self.at = offset;
        }
    }

    /// The line of the last word.
    pub(super) fn here(&self) -> u32 {
        self.line
    }

    /// How many lines there are.
    pub(super) fn all(&self) -> usize {
        let ends = memchr::memchr_iter(b'\n', self.text).count();
        let open = self.text.last().is_some_and(|&byte| byte != b'\n');
        ends + usize::from(open)
    }
}
