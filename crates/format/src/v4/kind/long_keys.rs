//! Keys of 16 bits: where the entries of RAW and LIST lines are.
//!
//! Each key is the distance of an address from the line's base, two bytes little-endian, rising.
//! Unused places repeat the last key. A lookup compares all keys at once
//! ([`Compare::keys`](crate::simd::compare::Compare::keys)).

use super::Kind;
use crate::bytes::{put_bytes, u16_at};
use crate::v4::entries::Entry;
use crate::v4::shape::LINE;
use crate::v4::unfolded::{Unfolded, add_keys};

/// Reads how many places there are, and the addresses of the entries.
#[inline(always)]
pub(in crate::v4) fn unfold(line: &[u8; LINE], kind: &Kind, entries: &mut Unfolded) {
    entries.count = kind.keys.count().into();
    entries.lows = [u16_at(line, 2); LINE];
    let keys = line.get(kind.keys.at().into()..).unwrap_or_default();
    add_keys(&mut entries.lows, keys, entries.count, u16::from_le_bytes);
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
