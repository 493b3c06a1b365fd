//! Sections of an image: the drivers that write them on all cores. What the bytes are is decided in
//! `rblmap-format`.

pub(crate) mod names;
pub(crate) mod v4;
pub(crate) mod zones;

use std::ops::Range;

use rayon::prelude::*;
use rblmap_format::pieces::Pieces;
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

    /// Whether it is these bytes and no copy of them.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        let whole = bytes.as_ptr_range();
        let mut at = whole.start;
        let follows = |piece: &[u8]| {
            let piece = piece.as_ptr_range();
            std::mem::replace(&mut at, piece.end) == piece.start
        };
        self.bytes.iter().flat_map(Pieces::iter).all(follows) && at == whole.end
    }

    /// Whether it has these bytes.
    pub(crate) fn equals(&self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        let mut follows = |piece: &[u8]| rest.split_off(..piece.len()) == Some(piece);
        self.bytes.iter().flat_map(Pieces::iter).all(&mut follows) && rest.is_empty()
    }

    /// The same with bytes of its own.
    pub(crate) fn into_owned(self) -> Section<'static> {
        let owned = |pieces: Pieces<'_>| pieces.into_vec().into();
        Section {
            kind: self.kind,
            zone: self.zone,
            parameter: self.parameter,
            bytes: self.bytes.into_iter().map(owned).collect(),
        }
    }

    /// The same without bytes.
    pub(crate) fn without_bytes(self) -> Section<'static> {
        Section {
            bytes: Vec::new(),
            ..self
        }
        .into_owned()
    }
}

/// Copies the bytes of sections to where each starts, rising, and gives the digest of each chunk of the
/// range, which has all of them. On all cores: memory that nobody had before is slow to write to. A chunk
/// is hashed as soon as it is there, while it is near.
pub(crate) fn copy_all(
    sections: &[(usize, Section<'_>)],
    out: &mut [u8],
    range: Range<usize>,
) -> Vec<u8> {
    let mut pieces: Vec<(usize, &[u8])> = Vec::new();
    for (start, section) in sections {
        let mut at = *start - range.start;
        for bytes in section.bytes.iter().flat_map(Pieces::iter) {
            pieces.push((at, bytes));
            at += bytes.len();
        }
    }
    let out = out.get_mut(range);
    let chunks = out.expect("the file has room for each section");
    let chunks = chunks.par_chunks_mut(CHUNK).enumerate();
    let digests: Vec<[u8; 32]> = chunks
        .map(|(nth, chunk)| {
            copy_to(chunk, nth * CHUNK, &pieces);
            *blake3::hash(chunk).as_bytes()
        })
        .collect();
    digests.concat()
}

/// Copies what lies in a chunk which begins at `first`; of all pieces, which rise.
fn copy_to(chunk: &mut [u8], first: usize, pieces: &[(usize, &[u8])]) {
    let from = pieces.partition_point(|(at, bytes)| at + bytes.len() <= first);
    for (at, bytes) in pieces.get(from..).unwrap_or_default() {
        // Those behind the chunk have no place in it.
        let Some(place) = chunk.get_mut(at.saturating_sub(first)..) else {
            return;
        };
        let bytes = bytes.get(first.saturating_sub(*at)..).unwrap_or_default();
        let len = bytes.len().min(place.len());
        let parts = place.get_mut(..len).zip(bytes.get(..len));
        parts
            .into_iter()
            .for_each(|(place, bytes)| place.copy_from_slice(bytes));
    }
}
