//! An automaton that finds names within an edit distance, for a walk over an fst map.

use fst::Automaton;

/// Names differ by so many edits at most.
pub const MAX_DISTANCE: u8 = 2;

/// Accepts texts within [`MAX_DISTANCE`] edits of a text: insert, delete or replace a letter.
#[derive(Debug)]
pub(super) struct Near {
    letters: Vec<char>,
}

/// How many places of a row of the table of distances can hold so few edits.
const BAND: usize = 2 * MAX_DISTANCE as usize + 1;
/// More edits than matter.
const FAR: u8 = MAX_DISTANCE + 1;

/// What was read, seen from the text: of the table of distances, the part of the row for the letters
/// read so far that lies beside the diagonal. All other places are [`FAR`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// How many letters were read.
    read: usize,
    /// Place `k` is how many edits lead from the text's first `read + k - MAX_DISTANCE` letters to
    /// what was read.
    band: [u8; BAND],
    /// The bits of a letter of which not all bytes were read, and how many are to come.
    begun: u32,
    missing: u8,
}

impl Near {
    pub(super) fn new(text: &str) -> Near {
        Near {
            letters: text.chars().collect(),
        }
    }

    /// How many edits it took.
    pub(super) fn distance(&self, name: &[u8]) -> u8 {
        let row = name
            .iter()
            .fold(self.start(), |row, byte| self.accept(&row, *byte));
        self.edits(&row)
    }

    fn edits(&self, row: &Row) -> u8 {
        let place = (self.letters.len() + usize::from(MAX_DISTANCE)).checked_sub(row.read);
        let edits = place.and_then(|place| row.band.get(place));
        edits.copied().unwrap_or(FAR)
    }

    fn letter(&self, row: &Row, letter: u32) -> Row {
        let read = row.read + 1;
        let mut band = [FAR; BAND];
        let mut left = FAR;
        for (place, edits) in band.iter_mut().enumerate() {
            // The row is for the text's first so many letters; before its beginning there is none.
            let Some(len) = (read + place).checked_sub(MAX_DISTANCE.into()) else {
                continue;
            };
            let above = row.band.get(place + 1).copied().unwrap_or(FAR) + 1;
            let here = len.checked_sub(1).map(|last| self.letters.get(last));
            let replaced = match (here, row.band.get(place)) {
                (Some(Some(&same)), Some(diagonal)) => {
                    diagonal + u8::from(u32::from(same) != letter)
                }
                // Behind the end of the text.
                (Some(None), _) => continue,
                (_, _) => FAR,
            };
            *edits = replaced.min(above).min(left + 1).min(FAR);
            left = *edits;
        }
        Row {
            read,
            band,
            begun: 0,
            missing: 0,
        }
    }
}

impl Automaton for Near {
    type State = Row;

    fn start(&self) -> Row {
        let mut band = [FAR; BAND];
        for (edits, place) in (0..=MAX_DISTANCE).zip(MAX_DISTANCE..) {
            if let Some(first) = band.get_mut(usize::from(place)) {
                *first = edits;
            }
        }
        Row {
            read: 0,
            band,
            begun: 0,
            missing: 0,
        }
    }

    fn is_match(&self, row: &Row) -> bool {
        row.missing == 0 && self.edits(row) <= MAX_DISTANCE
    }

    fn can_match(&self, row: &Row) -> bool {
        row.band.iter().any(|&edits| edits <= MAX_DISTANCE)
    }

    /// Keys are UTF-8; an edit is one of letters, whatever bytes these have.
    fn accept(&self, row: &Row, byte: u8) -> Row {
        let (begun, missing) = match byte {
            0x80..=0xbf if row.missing > 0 => {
                (row.begun << 6 | u32::from(byte & 0x3f), row.missing - 1)
            }
            0xc0..=0xdf => (u32::from(byte & 0x1f), 1),
            0xe0..=0xef => (u32::from(byte & 0x0f), 2),
            0xf0.. => (u32::from(byte & 0x07), 3),
            ascii => (u32::from(ascii), 0),
        };
        if missing == 0 {
            return self.letter(row, begun);
        }
        Row {
            begun,
            missing,
            ..*row
        }
    }
}
