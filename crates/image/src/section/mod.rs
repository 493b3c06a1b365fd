//! Sections of an image: the drivers that write them on all cores. What the bytes are is decided in
//! `rblmap-format`.

pub(crate) mod names;
pub(crate) mod v4;
pub(crate) mod zones;

use rblmap_format::pieces::Pieces;

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

    /// Whether it has these bytes.
    pub(crate) fn equals(&self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        let mut follows = |piece: &[u8]| rest.split_off(..piece.len()) == Some(piece);
        self.bytes.iter().flat_map(Pieces::iter).all(&mut follows) && rest.is_empty()
    }
}
