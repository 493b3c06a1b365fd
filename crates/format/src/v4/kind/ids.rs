//! An id for each entry: what RAW and DIRECT lines say.
//!
//! The ids lie one after the other, of one width. Bit 4 of a RAW line's head says that every entry
//! is of its own address only; otherwise each holds from its key to the next.

use super::Kind;
use crate::v4::lookup::Lines;
use crate::v4::shape::LINE;
use crate::v4::unfolded::Unfolded;

/// Reads the ids of a line's entries.
#[inline(always)]
pub(in crate::v4) fn unfold(
    lines: &Lines<'_>,
    line: &[u8; LINE],
    kind: &Kind,
    entries: &mut Unfolded,
) {
    let width = usize::from(lines.width);
    let mut at = usize::from(kind.at);
    for id in entries.ids.iter_mut().take(entries.count) {
        *id = lines.read_id(line, at);
        at += width;
    }
    entries.only = only_bits(line);
}

/// A bit for each entry, of which all or none is of its own address only.
#[inline(always)]
pub(super) fn only_bits(line: &[u8; LINE]) -> u64 {
    match line[0] >> 4 & 1 {
        0 => 0,
        _ => u64::MAX,
    }
}
