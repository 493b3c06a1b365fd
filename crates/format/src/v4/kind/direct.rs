//! A place for each address: where DIRECT2 and DIRECT lines have their values.
//!
//! The first place is of the line's base. A DIRECT2 line has two bits an address, the number of a
//! place in the palette; a DIRECT line has an id.

use super::palette::short_u64_at;
use super::{Form, Kind};
use crate::bytes::{u16_at, u64_at};
use crate::v4::lookup::Lines;
use crate::v4::run_buffer::Turns;
use crate::v4::shape::LINE;

/// Finds where values change in a line that answers for the addresses from
/// `start` to before `end`.
#[inline(always)]
pub(in crate::v4) fn walk(
    lines: &Lines<'_>,
    line: &[u8; LINE],
    (kind, form): (&Kind, Form),
    (start, end): (u32, u32),
    found: &mut Turns<'_>,
) {
    let base = u32::from(u16_at(line, 2));
    let count = u32::from(kind.keys.count());
    let last = end.min(base + count).max(start);
    // The unit of an undamaged line starts at its base.
    let mut see = |index: u32| {
        let low = base + index;
        let (at, _) = lines.place(line, kind, form, index as usize);
        found.add(low, lines.read_id(line, at), low >= start && low < last);
    };
    if form.four {
        // Of 32 places only those are looked at that differ from the one before.
        let mut before = !(u64_at(line, usize::from(kind.at).min(LINE - 8)) & 3);
        for word in 0..count.div_ceil(32) {
            let at = usize::from(kind.at) + 8 * word as usize;
            let places = short_u64_at(line, at);
            let differ = places ^ (places << 2 | before & 3);
            let mut turns = (differ | differ >> 1) & 0x5555_5555_5555_5555;
            while turns != 0 {
                see(32 * word + turns.trailing_zeros() / 2);
                turns &= turns - 1;
            }
            before = places >> 62;
        }
    } else {
        (0..count).for_each(&mut see);
    }
    found.add(last, lines.read_default(line), last < end);
}
