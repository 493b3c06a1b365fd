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

use super::singles::SingleKeys;
use super::{Form, Kind, entry_bytes, small};
use crate::bytes::{put_bytes, u16_at, u64_at};
use crate::simd::compare::{Compare, Window};
use crate::v4::entries::Entry;
use crate::v4::shape::{LINE, MAP};

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

/// The addresses of the entries, as offsets in the /16.
#[inline(always)]
pub(in crate::v4) fn lows(line: &[u8; LINE], kind: &Kind, form: Form) -> impl Iterator<Item = u32> {
    let base = u32::from(u16_at(line, 2));
    let Window { map, keys_at, .. } = window(line, kind, form, 0);
    let keys = line.get(keys_at as usize..).unwrap_or_default();
    let keys = keys.iter().take(kind.keys.count().into());
    let lows = windows(map).zip(keys);
    lows.map(move |(window, low)| base + (window << 8 | u32::from(*low)))
}

/// The number of the window of each key, from the map of windows.
#[inline(always)]
fn windows(map: u64) -> impl Iterator<Item = u32> {
    let (mut map, mut keys) = (map, 0);
    std::iter::from_fn(move || {
        if map == 0 {
            return None;
        }
        // The number of a window is how many clear bits lie before it.
        let window = map.trailing_zeros() - keys;
        map &= map - 1;
        keys += 1;
        Some(window)
    })
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

/// The keys of a line of single addresses, for counting. `None` for damaged lines.
#[inline(always)]
pub(in crate::v4) fn count(
    line: &[u8; LINE],
    window: &Window,
    compare: impl Compare,
) -> Option<SingleKeys> {
    let map = window.map;
    let count = map.count_ones();
    let mut keys = [0u8; LINE];
    let held = line.get(window.keys_at as usize..)?;
    keys.get_mut(..held.len())?.copy_from_slice(held);
    if count > MOST || count as usize > held.len() {
        return None;
    }
    let Some(last_entry) = count.checked_sub(1) else {
        return Some(SingleKeys::NONE);
    };
    let key = |entry: u32| u32::from(keys.get(entry as usize).copied().unwrap_or(0));
    let mut steps = [0u8; LINE];
    let pairs = keys.iter().zip(keys.iter().skip(1));
    for (step, (key, next)) in steps.iter_mut().zip(pairs) {
        *step = next.wrapping_sub(*key);
    }
    let beside = compare.equal(&steps, 1) & ((1 << last_entry) - 1);
    let at = |bit: u32, entry: u32| 256 * (bit - entry);
    Some(SingleKeys {
        count,
        first: at(map.trailing_zeros(), 0) + key(0),
        last: at(63 - map.leading_zeros(), last_entry) + key(last_entry),
        beside: beside & !apart(map, key),
    })
}

/// A bit for each last entry of a window that has no neighbour in the next one: the next window
/// that has entries is another than the next, or its first entry is not its first address. (The
/// step from key 255 to key 0 looks like any other step of one, so only these have to go.)
#[inline(always)]
fn apart(map: u64, key: impl Fn(u32) -> u32) -> u64 {
    let mut apart = 0;
    let mut rest = map >> map.trailing_zeros();
    let mut entry = 0;
    loop {
        let here = rest.trailing_ones();
        entry += here;
        rest = rest.checked_shr(here).unwrap_or(0);
        if rest == 0 {
            return apart;
        }
        let skipped = rest.trailing_zeros();
        rest >>= skipped;
        if skipped > 1 || key(entry) != 0 {
            apart |= 1 << (entry - 1);
        }
    }
}
