//! A palette of four values: what LIST, SHORT and DIRECT2 lines say.
//!
//! Four ids lie behind the head. Each entry, or each address of a DIRECT2 line, has the number of
//! its place in the palette, in two bits, the first one in the lowest bits of the first byte. Bits
//! 4 to 7 of the head say for each of the four places whether its entries are of their own address
//! only; otherwise an entry holds from its key to the next.

use super::Kind;
use crate::bytes::{put_id, u64_at};
use crate::v4::entries::Entry;
use crate::v4::lookup::Lines;
use crate::v4::shape::{LINE, PALETTE, Shape};
use crate::v4::unfolded::Unfolded;

/// Reads the ids of a line's entries.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "two bits say one of four")]
pub(in crate::v4) fn unfold(
    lines: &Lines<'_>,
    line: &[u8; LINE],
    kind: &Kind,
    entries: &mut Unfolded,
) {
    let palette = ids(lines, line);
    let flags = line[0] >> 4;
    let places = line.get(kind.at.into()..).unwrap_or_default();
    let of_four = places
        .iter()
        .flat_map(|byte| [0, 2, 4, 6].map(|at| byte >> at & 3));
    let mut only = 0;
    for (number, (id, place)) in (0..).zip(entries.ids.iter_mut().take(entries.count).zip(of_four))
    {
        *id = palette[usize::from(place)];
        only |= u64::from(flags >> place & 1) << number;
    }
    entries.only = only;
}

/// The four ids of a line's palette.
#[inline(always)]
fn ids(lines: &Lines<'_>, line: &[u8; LINE]) -> [u32; PALETTE] {
    let (from, width) = (usize::from(lines.palette_at), usize::from(lines.width));
    std::array::from_fn(|place| lines.read_id(line, from + place * width))
}

/// Up to eight bytes from a place of a line on; bytes beyond its end are zero.
#[inline(always)]
pub(in crate::v4) fn short_u64_at(line: &[u8; LINE], at: usize) -> u64 {
    match LINE.checked_sub(at) {
        Some(8..) => u64_at(line, at),
        Some(left @ 1..) => u64_at(line, LINE - 8) >> (64 - 8 * left),
        _ => 0,
    }
}

/// Up to four values, in order of appearance, for writing.
#[derive(Default)]
pub(in crate::v4) struct Palette {
    places: [(u32, bool); PALETTE],
    len: usize,
}

impl Palette {
    /// The place of a value, a new one if need be; `None` if there are four others.
    #[inline]
    pub(in crate::v4) fn place(&mut self, id: u32, only: bool) -> Option<usize> {
        let used = self.places.get(..self.len).unwrap_or_default();
        if let Some(place) = used.iter().position(|used| *used == (id, only)) {
            return Some(place);
        }
        *self.places.get_mut(self.len)? = (id, only);
        self.len += 1;
        Some(self.len - 1)
    }

    /// Writes the numbers of the places of entries.
    pub(in crate::v4) fn write_places(
        &mut self,
        line: &mut [u8; LINE],
        at: usize,
        entries: impl Iterator<Item = Entry>,
    ) {
        let mut last = None;
        for (index, entry) in entries.enumerate() {
            let value = (entry.id, entry.only);
            let place = match last {
                Some((known, place)) if known == value => place,
                _ => self.place_of_chosen(entry.id, entry.only),
            };
            last = Some((value, place));
            put_two_bits(line, at, index, place);
        }
    }

    /// The place of a value of a line that was chosen because it has no more than four.
    pub(in crate::v4) fn place_of_chosen(&mut self, id: u32, only: bool) -> usize {
        self.place(id, only)
            .expect("a line with a palette is chosen for at most four values")
    }

    /// Writes the ids, and the flags in the head.
    pub(in crate::v4) fn write(&self, line: &mut [u8; LINE], shape: &Shape) {
        for (place, (id, only)) in self.places.iter().take(self.len).enumerate() {
            let at = shape.palette_at + place * shape.width;
            put_id(line, at, shape.width, *id);
            if *only {
                line[0] |= 0x10 << place;
            }
        }
    }
}

/// Writes the number of a place, which is below four, for the entry of this index.
pub(in crate::v4) fn put_two_bits(line: &mut [u8; LINE], at: usize, index: usize, place: usize) {
    let byte = line.get_mut(at + index / 4);
    let byte = byte.expect("a line has room for the entries of its kind");
    *byte |= u8::try_from(place).expect("below four") << (2 * (index % 4));
}
