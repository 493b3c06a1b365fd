//! Cuts blocks of text into lines.

use memchr::{memchr, memchr_iter};

use crate::tally::Counting;

/// A line that is longer is no line of a log: its end is not kept.
const LONGEST: usize = 1 << 20;

/// Counts the lines of blocks that follow each other.
#[derive(Debug)]
pub(super) struct Lines<'t> {
    counting: Counting<'t>,
    log: usize,
    /// Where the line begins that comes next or has begun.
    offset: u64,
    /// The beginning of a line that goes on in the next block, or nothing.
    begun: Vec<u8>,
    /// How long that line is so far.
    begun_len: u64,
}

impl<'t> Lines<'t> {
    /// Lines of the given log from `offset`, where a line begins.
    pub(super) fn new(counting: Counting<'t>, log: usize, offset: u64) -> Lines<'t> {
        Lines {
            counting,
            log,
            offset,
            begun: Vec::new(),
            begun_len: 0,
        }
    }

    /// How many bytes of text there were.
    pub(super) fn position(&self) -> u64 {
        self.offset + self.begun_len
    }

    /// Whether a line has begun and not ended.
    pub(super) fn has_begun(&self) -> bool {
        self.begun_len > 0
    }

    /// Counts the lines that end in this block.
    pub(super) fn block(&mut self, block: &[u8]) {
        let mut rest = block;
        if self.begun_len > 0 {
            let end = memchr(b'\n', block);
            let (head, tail) = block.split_at(end.unwrap_or(block.len()));
            self.keep(head);
            if end.is_none() {
                return;
            }
            self.end_begun();
            self.offset += 1;
            rest = tail.get(1..).unwrap_or_default();
        }
        let mut start = 0;
        for end in memchr_iter(b'\n', rest) {
            let line = rest.get(start..end).unwrap_or_default();
            let offset = self.offset + start as u64;
            self.counting.line_at(line, self.log, offset);
            start = end + 1;
        }
        self.offset += start as u64;
        self.keep(rest.get(start..).unwrap_or_default());
    }

    /// Counts the last line, if it has no end.
    pub(super) fn finish(mut self) {
        if self.begun_len > 0 {
            self.end_begun();
        }
        self.counting.finish();
    }

    fn keep(&mut self, more: &[u8]) {
        self.begun_len += more.len() as u64;
        let room = LONGEST.saturating_sub(self.begun.len());
        self.begun
            .extend_from_slice(more.get(..room).unwrap_or(more));
    }

    fn end_begun(&mut self) {
        self.counting.line_at(&self.begun, self.log, self.offset);
        self.offset += self.begun_len;
        self.begun_len = 0;
        self.begun.clear();
    }
}
