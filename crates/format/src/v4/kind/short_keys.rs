//! Keys of 8 bits in windows: where the entries of SHORT, TURNS and MIXED lines are.
//!
//! A window is 256 addresses, counted from the line's base. A map of 64 bits tells which entries
//! lie in which window: for each window one set bit for each of its entries, then one clear bit.
//! Behind the map, and behind the bits for each entry if the kind has such, lies one byte for each
//! entry: its place in the window.
//!
//! ```text
//! entries at base + 3, base + 7, base + 0x105      map, lowest bit first: 1 1 0 1 0 0 0 ...
//!                                                                         └┬┘   │
//!                                                             window 0: two  window 1: one
//!                                                  keys: 03 07 05
//! ```
//!
//! A lookup turns the number of a window into a range of keys with two bit instructions, and
//! compares all keys at once ([`Compare::window`](crate::simd::compare::Compare::window)).

use super::{Form, Kind, entry_bytes, small};
use crate::bytes::{put_bytes, u16_at, u64_at};
use crate::simd::compare::Window;
use crate::v4::entries::Entry;
use crate::v4::shape::{LINE, MAP};
use crate::v4::unfolded::{Unfolded, add_keys};

/// Most entries of a line with short keys.
const MOST: u32 = 40;

/// The question to a line of this form about the address `x` behind its base.
#[inline(always)]
pub(in crate::v4) fn window(line: &[u8; LINE], kind: &Kind, form: Form, x: u16) -> Window {
    let [x, number] = x.to_le_bytes();
    let map_at = kind.keys.at();
    Window {
        map: u64_at(line, usize::from(map_at).min(LINE - MAP)),
        number: u32::from(number) % 64,
        keys_at: u32::from(map_at) + u32::from(small(MAP + entry_bytes(form))),
        x,
    }
}

/// Reads how many entries there are, and their addresses.
#[inline(always)]
pub(in crate::v4) fn unfold(line: &[u8; LINE], kind: &Kind, form: Form, entries: &mut Unfolded) {
    let Window { map, keys_at, .. } = window(line, kind, form, 0);
    let most = u32::from(kind.keys.count()).min(MOST);
    entries.count = map.count_ones().min(most) as usize;
    put_windows(map, u16_at(line, 2), &mut entries.lows);
    let keys = line.get(keys_at as usize..).unwrap_or_default();
    add_keys(&mut entries.lows, keys, entries.count, |[low]: [u8; 1]| {
        low.into()
    });
}

/// Puts in the place of each entry the first address of its window, from the map of windows. The line
/// starts at `base`.
#[inline(always)]
fn put_windows(map: u64, base: u16, lows: &mut [u16; LINE]) {
    const PART: usize = 16;
    let (mut rest, mut first) = (map, base);
    let mut at = 0;
    while rest != 0 {
        let skipped = rest.trailing_zeros();
        rest >>= skipped;
        first = first.wrapping_add(u16::from(small(skipped as usize)) << 8);
        let here = rest.trailing_ones();
        rest = rest.checked_shr(here).unwrap_or(0);
        let behind = at + here as usize;
        // More than are in this window: the next ones overwrite them.
        while at < behind {
            if let Some(part) = lows.get_mut(at..at + PART) {
                part.fill(first);
            }
            at += PART;
        }
        at = behind;
    }
}

/// Writes map and keys of entries. `at` is where the map lies, `base` where the line starts, and
/// `bits` is how many bytes lie between map and keys.
pub(in crate::v4) fn write(
    line: &mut [u8; LINE],
    at: usize,
    bits: usize,
    base: u32,
    entries: &[Entry],
) {
    let mut map = 0u64;
    for (number, entry) in (0u32..).zip(entries) {
        let key = entry.key - base;
        map |= 1 << (number + (key >> 8));
        let [low, ..] = key.to_le_bytes();
        put_bytes(line, at + MAP + bits + number as usize, &[low]);
    }
    put_bytes(line, at, &map.to_le_bytes());
}
