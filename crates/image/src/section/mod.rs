//! Sections of an image: the drivers that write them on all cores. What the bytes are is decided in
//! `rblmap-format`.

pub(crate) mod names;
pub(crate) mod v4;
pub(crate) mod zones;

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

/// Copies the bytes of sections to where each starts, rising, on all cores: memory that nobody had
/// before is slow to write to.
pub(crate) fn copy_all(sections: &[(usize, Section<'_>)], out: &mut [u8]) {
    let (mut rest, mut at) = (out, 0);
    let mut copies: Vec<Copies<'_, '_>> = Vec::new();
    // How many bytes the last ones are.
    let mut len = CHUNK;
    for (start, section) in sections {
        let behind = rest.get_mut(start - at..);
        rest = behind.expect("the file has room for each section");
        at = *start;
        let pieces = section.bytes.iter().flat_map(Pieces::iter);
        for bytes in pieces.flat_map(|bytes| bytes.chunks(CHUNK)) {
            let parts = rest.split_at_mut_checked(bytes.len());
            let (place, after) = parts.expect("the file has room for each section");
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
        .for_each(|(place, bytes)| place.copy_from_slice(bytes));
}

/// Bytes and the places they are copied to, of their length.
type Copies<'o, 's> = Vec<(&'o mut [u8], &'s [u8])>;
