//! Entries of V4_TOP: what a /16 is made of, in 4 bytes.
//!
//! ```text
//!  bits 31 ... 25   24 ......................... 0
//!  ┌─────────────┬──────────────────────────────────┐   units 0: the other bits are the id of the value of
//!  │ units       │ first line                       │   the whole /16. 127: there are so many or more, and
//!  └─────────────┴──────────────────────────────────┘   the number is in V4_COUNTS
//! ```
//!
//! So an entry without units is the id, and less than any with units: many lookups at once need no more than
//! one comparison.

use crate::sections::V4_LINE_BITS;

/// So many units or more are counted in V4_COUNTS.
pub(super) const MANY: u32 = u32::MAX >> V4_LINE_BITS;
/// So many lines are the most: as many as an entry can name a first one of.
pub(super) const MAX_LINES: usize = 1 << V4_LINE_BITS;
/// Ids from this one on find no place in an entry.
pub(super) const MAX_ID: u32 = 1 << V4_LINE_BITS;

/// The entry of a /16 with lines: the number of the first one, below [`MAX_LINES`], and how many.
pub(super) fn of_lines(first: u32, units: u32) -> u32 {
    units.min(MANY) << V4_LINE_BITS | first
}

/// How many units an entry says: 0 for none, [`MANY`] for so many or more.
#[inline(always)]
pub(super) fn units(entry: u32) -> u32 {
    entry >> V4_LINE_BITS
}

/// The number of the first line; of an entry without units the id.
#[inline(always)]
pub(super) fn first(entry: u32) -> u32 {
    entry & (u32::MAX >> (u32::BITS - V4_LINE_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_the_most_lines_has_a_place() {
        let last = u32::try_from(MAX_LINES - 1).unwrap();
        for count in [1, 126, 127, 128, 65_536] {
            let entry = of_lines(last, count);
            assert_eq!((first(entry), units(entry)), (last, count.min(MANY)));
        }
        let id = MAX_ID - 1;
        assert_eq!((first(id), units(id)), (id, 0));
    }
}
