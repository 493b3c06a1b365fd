//! Sections of an image, each written by a room of the name that reads it in `rblmap`.

pub(crate) mod names;
pub(crate) mod names_lines;
pub(crate) mod sorted;
pub(crate) mod v4_lines;
mod v4_patch;
mod v4_unit;
pub(crate) mod v6_lines;
pub(crate) mod zones;

use rayon::prelude::*;
use rblmap_format::sections::CHUNK;

/// A section before it has its place in the file.
pub(crate) struct Section<'a> {
    pub(crate) kind: u16,
    pub(crate) zone: u32,
    pub(crate) parameter: u64,
    pub(crate) bytes: Vec<Pieces<'a>>,
}

impl Section<'_> {
    pub(crate) fn len(&self) -> usize {
        self.bytes.iter().map(Pieces::len).sum()
    }
}

/// Bytes that lie in several places, some of them in another image.
pub(crate) struct Pieces<'a> {
    /// Those that are new, one after the other.
    new: Vec<u8>,
    order: Vec<Piece<'a>>,
}

/// A part of [`Pieces`].
pub(crate) enum Piece<'a> {
    /// The next so many of the new bytes.
    New(usize),
    Other(&'a [u8]),
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(new: Vec<u8>, order: Vec<Piece<'a>>) -> Pieces<'a> {
        Pieces { new, order }
    }

    pub(crate) fn len(&self) -> usize {
        let lens = self.order.iter().map(|piece| match piece {
            Piece::New(count) => *count,
            Piece::Other(bytes) => bytes.len(),
        });
        lens.sum()
    }

    /// The bytes, in order.
    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut new = self.new.as_slice();
        self.order.iter().map(move |piece| match piece {
            Piece::New(count) => new.split_off(..*count).unwrap_or_default(),
            Piece::Other(bytes) => bytes,
        })
    }
}

impl From<Vec<u8>> for Pieces<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Pieces {
            order: vec![Piece::New(bytes.len())],
            new: bytes,
        }
    }
}

/// Copies the bytes of sections to where each starts, rising, on all cores: memory that nobody had
/// before is slow to write to.
pub(crate) fn copy_all(sections: &[(usize, Section<'_>)], out: &mut [u8]) {
    let (mut rest, mut at) = (out, 0);
    let mut copies: Vec<Copies<'_, '_>> = Vec::new();
    // How many bytes the last ones are.
    let mut len = CHUNK;
    for (start, section) in sections {
        rest = rest.get_mut(start - at..).unwrap_or_default();
        at = *start;
        let pieces = section.bytes.iter().flat_map(Pieces::iter);
        for bytes in pieces.flat_map(|bytes| bytes.chunks(CHUNK)) {
            let (place, after) = rest.split_at_mut_checked(bytes.len()).unwrap_or_default();
            at += bytes.len();
            rest = after;
            // Small ones go together.
            if len >= CHUNK {
                copies.push(Vec::new());
                len = 0;
            }
            len += bytes.len();
            if let Some(last) = copies.last_mut() {
                last.push((place, bytes));
            }
        }
    }
    copies
        .into_par_iter()
        .flatten_iter()
        .for_each(|(place, bytes)| {
            if place.len() == bytes.len() {
                place.copy_from_slice(bytes);
            }
        });
}

/// Bytes and the places they are copied to, of their length.
type Copies<'o, 's> = Vec<(&'o mut [u8], &'s [u8])>;

/// Appends an id of `width` bytes.
pub(crate) fn push_id(out: &mut Vec<u8>, width: usize, id: u32) {
    // Ids are smaller than what the width was chosen for.
    out.extend(id.to_le_bytes().iter().take(width));
}

/// Writes an id of `width` bytes at place `index` of a list that begins at `at`.
pub(crate) fn put_id(out: &mut [u8], at: usize, width: usize, index: usize, id: u32) {
    let at = at + index * width;
    if let Some(place) = out.get_mut(at..at + width) {
        place
            .iter_mut()
            .zip(id.to_le_bytes())
            .for_each(|(place, byte)| *place = byte);
    }
}
