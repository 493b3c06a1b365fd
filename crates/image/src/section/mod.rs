//! Sections of an image, each written by a room of the name that reads it in `rblmap`.

pub(crate) mod names;
pub(crate) mod names_lines;
pub(crate) mod sorted;
pub(crate) mod v4_lines;
mod v4_unit;
pub(crate) mod v6_lines;
pub(crate) mod zones;

/// A section before it has its place in the file.
pub(crate) struct Section {
    pub(crate) kind: u16,
    pub(crate) zone: u32,
    pub(crate) parameter: u64,
    pub(crate) bytes: Vec<u8>,
}

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
