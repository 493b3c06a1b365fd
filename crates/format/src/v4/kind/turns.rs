//! An id where the value changes: what TURNS and MIXED lines say.
//!
//! One bit for each entry is set where its value differs from the value of the entry before (a
//! *turn*; the first entry is one). The ids of the turns lie from the end of the line down, so that
//! keys and ids share the room as each line needs it. A MIXED line has a second bit for each entry:
//! set if the entry is of its own address only.

use super::Kind;
use super::ids::only_bits;
use crate::bytes::{put_bytes, put_id, u64_at};
use crate::v4::entries::Entry;
use crate::v4::lookup::Lines;
use crate::v4::shape::{ENTRY_BITS, LINE, Shape};
use crate::v4::unfolded::Unfolded;

/// Reads the ids of a line's entries, of which it has one for each turn. Those of a MIXED line have their
/// "this address only" bits elsewhere.
#[inline(always)]
pub(in crate::v4) fn unfold(
    lines: &Lines<'_>,
    line: &[u8; LINE],
    kind: &Kind,
    entries: &mut Unfolded,
) {
    const PART: usize = 8;
    entries.turns = u64_at(line, kind.turns_at()) & entries.all();
    let width = usize::from(lines.width);
    let count = entries.turns.count_ones() as usize;
    let mut at = LINE;
    // How many there are could not be predicted, but in how many parts rather.
    let (parts, _) = entries.ids.as_chunks_mut::<PART>();
    for part in parts.iter_mut().take(count.div_ceil(PART)) {
        for id in part {
            at = at.wrapping_sub(width);
            *id = lines.read_id(line, at);
        }
    }
    entries.only = only_bits(line);
}

/// Writes turn bits at `at`, and the ids of the turns.
pub(in crate::v4) fn write(line: &mut [u8; LINE], at: usize, shape: &Shape, entries: &[Entry]) {
    let (mut place, mut last) = (LINE, None);
    let turns = entries.iter().map(|entry| {
        let turns = last.replace(entry.id) != Some(entry.id);
        if turns {
            place -= shape.width;
            put_id(line, place, shape.width, entry.id);
        }
        turns
    });
    let bits = entry_bits(turns);
    put_bytes(line, at, &bits);
}

/// Writes the second bit of each entry of a MIXED line.
pub(in crate::v4) fn write_only(line: &mut [u8; LINE], at: usize, entries: &[Entry]) {
    let only = entry_bits(entries.iter().map(|entry| entry.only));
    put_bytes(line, at, &only);
}

/// A bit for each entry, the first one lowest.
fn entry_bits(of: impl Iterator<Item = bool>) -> [u8; ENTRY_BITS] {
    let bits = (0..u64::BITS).zip(of);
    let bits = bits.fold(0u64, |bits, (number, bit)| bits | u64::from(bit) << number);
    *bits.to_le_bytes().first_chunk().expect("5 of 8 bytes")
}
