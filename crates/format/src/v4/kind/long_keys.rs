//! Keys of 16 bits: where the entries of RAW and LIST lines are.
//!
//! Each key is the distance of an address from the line's base, two bytes little-endian, rising.
//! Unused places repeat the last key. A lookup compares all keys at once
//! ([`Compare::keys`](crate::simd::compare::Compare::keys)).

use super::Kind;
use super::singles::SingleKeys;
use crate::bytes::{put_bytes, u16_at};
use crate::simd::compare::{Compare, Keys};
use crate::v4::entries::Entry;
use crate::v4::shape::LINE;

/// The addresses of the entries, as offsets in the /16. Unused places repeat the last one.
#[inline(always)]
pub(in crate::v4) fn lows(line: &[u8; LINE], kind: &Kind) -> impl Iterator<Item = u32> {
    let base = u32::from(u16_at(line, 2));
    kind.keys.read(line).map(move |low| base + u32::from(low))
}

/// Writes the keys of entries, one for each place, of a line that starts at `base`.
pub(in crate::v4) fn write(
    line: &mut [u8; LINE],
    at: usize,
    base: u32,
    entries: impl Iterator<Item = Entry>,
) {
    for (place, entry) in entries.enumerate() {
        let key = u16::try_from(entry.key - base).expect("an entry lies in its /16");
        put_bytes(line, at + 2 * place, &key.to_le_bytes());
    }
}

/// The keys of a line of single addresses that ends before `end`, for counting.
#[inline(always)]
pub(in crate::v4) fn count(
    line: &[u8; LINE],
    keys: Keys,
    end: u32,
    compare: impl Compare,
) -> Option<SingleKeys> {
    let mut list = [0u16; LINE / 2];
    let mut held = 0;
    for (place, key) in list.iter_mut().zip(keys.read(line)) {
        *place = key;
        held += 1;
    }
    let base = u32::from(u16_at(line, 2));
    // A line without entries has keys beyond its own unit.
    if base + u32::from(list[0]) >= end {
        return Some(SingleKeys::NONE);
    }
    let mut steps = [0u8; LINE];
    let pairs = list.iter().zip(list.iter().skip(1)).take(held - 1);
    for (step, (key, next)) in steps.iter_mut().zip(pairs) {
        *step = u8::try_from(next.wrapping_sub(*key).min(2)).unwrap_or(2);
    }
    // The first step of 0 is where the last key begins to repeat.
    let last_entry = compare.equal(&steps, 0).trailing_zeros();
    Some(SingleKeys {
        count: last_entry + 1,
        first: list[0].into(),
        last: list.get(last_entry as usize).copied()?.into(),
        beside: compare.equal(&steps, 1) & ((1 << last_entry) - 1),
    })
}
