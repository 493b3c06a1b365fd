//! An automaton that finds names within an edit distance, for a walk over an fst set.

use fst::Automaton;

/// Accepts texts within `most` edits of a text: insert, delete or replace a byte.
#[derive(Debug)]
pub(super) struct Near<'t> {
    text: &'t [u8],
    most: u8,
}

/// A row of the table of distances: how many edits lead from the text's first bytes to what was read.
#[derive(Debug, Clone)]
pub(super) struct Row(Vec<u8>);

impl<'t> Near<'t> {
    pub(super) fn new(text: &'t [u8], most: u8) -> Near<'t> {
        Near { text, most }
    }

    /// How many edits it took.
    pub(super) fn distance(&self, name: &[u8]) -> u8 {
        let row = name
            .iter()
            .fold(self.start(), |row, byte| self.accept(&row, *byte));
        row.0.last().copied().unwrap_or(u8::MAX)
    }
}

impl Automaton for Near<'_> {
    type State = Row;

    fn start(&self) -> Row {
        let cells = (0..=self.text.len()).map(|edits| u8::try_from(edits).unwrap_or(u8::MAX));
        Row(cells.collect())
    }

    fn is_match(&self, row: &Row) -> bool {
        row.0.last().is_some_and(|&edits| edits <= self.most)
    }

    fn can_match(&self, row: &Row) -> bool {
        row.0.iter().any(|&edits| edits <= self.most)
    }

    fn accept(&self, row: &Row, byte: u8) -> Row {
        let mut cells = Vec::with_capacity(row.0.len());
        let mut diagonal = row.0.first().copied().unwrap_or(u8::MAX);
        let mut left = diagonal.saturating_add(1);
        cells.push(left);
        for (&letter, &above) in self.text.iter().zip(row.0.iter().skip(1)) {
            let replaced = diagonal.saturating_add(u8::from(letter != byte));
            left = replaced
                .min(above.saturating_add(1))
                .min(left.saturating_add(1));
            cells.push(left);
            diagonal = above;
        }
        Row(cells)
    }
}
