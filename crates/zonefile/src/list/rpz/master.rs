//! The master format: entries of words, over several lines where there are parentheses.

/// One entry.
pub(super) struct Entry<'t> {
    /// The line on which it begins, from 1.
    pub(super) line: u32,
    /// The line as it stands.
    pub(super) text: &'t [u8],
    /// Whether it begins with white space, and so has the owner of the entry before.
    pub(super) inherits: bool,
    /// Its words; quoted ones without their quotes.
    pub(super) words: Vec<&'t [u8]>,
    /// Whether its last line has an end.
    pub(super) ended: bool,
}

/// Takes a text apart.
pub(super) struct Master<'t> {
    rest: &'t [u8],
    /// Line ends that were passed.
    passed: u32,
    open: bool,
}

impl<'t> Master<'t> {
    pub(super) fn new(text: &'t [u8]) -> Master<'t> {
        Master {
            rest: text,
            passed: 0,
            open: text.last().is_some_and(|&byte| byte != b'\n'),
        }
    }

    /// How many lines there were.
    pub(super) fn lines(&self) -> u32 {
        self.passed + u32::from(self.open)
    }

    /// The next entry, in the memory of the words of the last one; none at the end.
    pub(super) fn next(&mut self, mut words: Vec<&'t [u8]>) -> Option<Entry<'t>> {
        words.clear();
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let mut entry = Entry {
            line: self.passed + 1,
            text: self.rest.get(..end).unwrap_or_default(),
            inherits: matches!(self.rest, [b' ' | b'\t', ..]),
            words,
            ended: false,
        };
        let mut depth = 0usize;
        while let Some((&byte, after)) = self.rest.split_first() {
            match byte {
                b'\n' => {
                    self.rest = after;
                    self.passed += 1;
                    if depth == 0 {
                        entry.ended = true;
                        break;
                    }
                }
                b' ' | b'\t' | b'\r' => self.rest = after,
                b'(' => (depth, self.rest) = (depth + 1, after),
                b')' => (depth, self.rest) = (depth.saturating_sub(1), after),
                b';' => {
                    let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
                    self.rest = self.rest.get(end..).unwrap_or_default();
                }
                b'"' => entry.words.push(self.quoted()),
                _ => entry.words.push(self.word()),
            }
        }
        Some(entry)
    }

    fn word(&mut self) -> &'t [u8] {
        let end = self.end_at(|byte| {
            matches!(
                byte,
                b' ' | b'\t' | b'\r' | b'\n' | b'(' | b')' | b';' | b'"'
            )
        });
        self.take(end, 0)
    }

    fn quoted(&mut self) -> &'t [u8] {
        self.rest = self.rest.get(1..).unwrap_or_default();
        let end = self.end_at(|byte| matches!(byte, b'"' | b'\n'));
        // A quote that a line end closes is malformed; the line end still ends the entry.
        let mark = usize::from(self.rest.get(end) == Some(&b'"'));
        self.take(end, mark)
    }

    /// Where the first byte stands that ends a word, or the end of the text. What a backslash stands
    /// before is a part of the word, whatever it is.
    fn end_at(&self, ends: impl Fn(u8) -> bool) -> usize {
        let mut end = 0;
        while let Some(&byte) = self.rest.get(end).filter(|byte| !ends(**byte)) {
            end += if byte == b'\\' { 2 } else { 1 };
        }
        end.min(self.rest.len())
    }

    fn take(&mut self, len: usize, skip: usize) -> &'t [u8] {
        let (word, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, &[]));
        self.rest = rest.get(skip..).unwrap_or_default();
        word
    }
}
