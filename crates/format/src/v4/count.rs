//! Counts what a line holds without making its runs.

use super::lookup::{Form, Kind, Lines, WINDOWS, form_of};
use super::walk::short_u64_at;
use crate::bytes::u64_at;
use crate::run::ValueId;
use crate::simd::{Compare, Keys, Task, Window};
use crate::v4::outline::Outline;
use crate::v4::shape::{LINE, LIST, MAP, PALETTE, RAW, SHORT, TURNS};

/// Most entries of a line with short keys.
const MOST: u32 = 40;

impl Lines<'_> {
    /// The outline of a line that speaks for the addresses from `start` to before `end`, and for each
    /// id that runs have how many more or fewer it is to be counted. `None` for lines that have to be
    /// walked: those that hold other than single addresses.
    pub(crate) fn tally(
        &self,
        line: &[u8; LINE],
        ends: (u32, u32),
        see: &mut impl FnMut(u32, i64),
    ) -> Option<Outline> {
        let number = line[0] & 7;
        if !matches!(number, RAW | LIST | SHORT | TURNS) || self.read_default(line) != 0 {
            return None;
        }
        let kind = self.kinds.get(usize::from(number))?;
        self.level.run(Tally {
            lines: self,
            line,
            kind,
            ends,
            see,
        })
    }
}

/// Counts one line of single addresses.
struct Tally<'l, 'a, S> {
    lines: &'l Lines<'a>,
    line: &'l [u8; LINE],
    kind: &'l Kind,
    ends: (u32, u32),
    see: &'l mut S,
}

impl<S: FnMut(u32, i64)> Task for Tally<'_, '_, S> {
    type Output = Option<Outline>;

    #[inline(always)]
    fn run(self, compare: impl Compare) -> Option<Outline> {
        let number = self.line[0] & 7;
        let keys = if form_of(number) & WINDOWS == 0 {
            SingleKeys::read(self.line, self.kind.keys, self.ends, compare)?
        } else {
            let window = self.kind.window(self.line, Form::of(form_of(number)), 0);
            SingleKeys::read_windows(self.line, &window, compare)?
        };
        match number {
            LIST | SHORT => self.palette(&keys),
            TURNS => self.turns(&keys),
            _ => self.raw(&keys),
        }
    }
}

impl<S: FnMut(u32, i64)> Tally<'_, '_, S> {
    /// Of a line with a palette.
    #[inline(always)]
    fn palette(mut self, keys: &SingleKeys) -> Option<Outline> {
        const LOW: u64 = 0x5555_5555_5555_5555;
        let (lines, line) = (self.lines, self.line);
        let (from, width) = (usize::from(lines.palette_at), usize::from(lines.width));
        let palette: [u32; PALETTE] =
            std::array::from_fn(|slot| lines.read_id(line, from + slot * width));
        let only = line[0] >> 4;
        // Two bits an entry, in two numbers of 32 entries each.
        let at = usize::from(self.kind.at);
        let mut places = [short_u64_at(line, at), short_u64_at(line, at + 8)];
        let mut counts = [0u32; PALETTE];
        let mut left = keys.count;
        for places in &mut places {
            let here = left.min(32);
            left -= here;
            *places &= u64::MAX.checked_shr(64 - 2 * here).unwrap_or(0);
            let (low, high) = (*places & LOW, *places >> 1 & LOW);
            counts[1] += (low & !high).count_ones();
            counts[2] += (high & !low).count_ones();
            counts[3] += (high & low).count_ones();
        }
        counts[0] = keys.count - counts[1] - counts[2] - counts[3];
        for (slot, (id, count)) in palette.iter().zip(counts).enumerate() {
            let is_single = *id != 0 && only >> slot & 1 != 0;
            if count > 0 && !is_single {
                return None;
            }
        }
        let id = |entry: u32| {
            let places = if entry < 32 { places[0] } else { places[1] };
            let slot = places >> (2 * (entry % 32)) & 3;
            palette.get(slot as usize).copied().unwrap_or(0)
        };
        let outline = self.outline(keys, id)?;
        for (id, count) in palette.iter().zip(counts) {
            if count > 0 {
                (self.see)(*id, count.into());
            }
        }
        Some(outline)
    }

    /// Of a line with an id for each entry.
    #[inline(always)]
    fn raw(mut self, keys: &SingleKeys) -> Option<Outline> {
        let (lines, line) = (self.lines, self.line);
        let (at, width) = (usize::from(self.kind.at), usize::from(lines.width));
        let id = |entry: u32| lines.read_id(line, at + entry as usize * width);
        let is_single = line[0] >> 4 & 1 != 0 || keys.count == 0;
        if !is_single || (0..keys.count).any(|entry| id(entry) == 0) {
            return None;
        }
        let outline = self.outline(keys, id)?;
        (0..keys.count).for_each(|entry| (self.see)(id(entry), 1));
        Some(outline)
    }

    /// Of a line whose entries say where values turn.
    #[inline(always)]
    fn turns(mut self, keys: &SingleKeys) -> Option<Outline> {
        let (lines, line) = (self.lines, self.line);
        let at = usize::from(self.kind.keys.at()) + MAP;
        let turns = u64_at(line, at.min(LINE - 8)) & ((1 << keys.count) - 1);
        let is_single = line[0] >> 4 & 1 != 0 || keys.count == 0;
        if !is_single || (turns & 1 == 0 && keys.count > 0) {
            return None;
        }
        let width = usize::from(lines.width);
        // The ids of turns lie from the end down.
        let nth = |turn: u32| lines.read_id(line, LINE.wrapping_sub(turn as usize * width));
        let mut rest = turns;
        while rest != 0 {
            rest &= rest - 1;
            // No entry of an undamaged line says nothing.
            if nth(turns.count_ones() - rest.count_ones()) == 0 {
                return None;
            }
        }
        let id = |entry: u32| nth((turns << (63 - entry % 64)).count_ones());
        let outline = self.outline(keys, id)?;
        let mut rest = turns;
        let mut turn = 0;
        while rest != 0 {
            let from = rest.trailing_zeros();
            rest &= rest - 1;
            let to = if rest == 0 {
                keys.count
            } else {
                rest.trailing_zeros()
            };
            turn += 1;
            (self.see)(nth(turn), (to - from).into());
        }
        Some(outline)
    }

    /// The outline, where `id` says the id of each entry. Counts those that are one run with the one
    /// before off.
    #[inline(always)]
    fn outline(&mut self, keys: &SingleKeys, id: impl Fn(u32) -> u32) -> Option<Outline> {
        let (start, end) = self.ends;
        if keys.count == 0 {
            return (start < end).then_some(Outline::FREE);
        }
        let base = u32::from(u16::from_le_bytes([self.line[2], self.line[3]]));
        let (first, last) = (base + keys.first, base + keys.last);
        if first < start || last >= end || first > last {
            return None;
        }
        let last_entry = keys.count - 1;
        let at_ends = (first == start, last + 1 == end);
        let blocks = keys.count - keys.beside.count_ones();
        let mut runs = keys.count;
        let mut rest = keys.beside;
        while rest != 0 {
            let entry = rest.trailing_zeros();
            rest &= rest - 1;
            let value = id(entry);
            if value == id(entry + 1) {
                runs -= 1;
                (self.see)(value, -1);
            }
        }
        let value = |entry| ValueId::new(id(entry));
        Some(Outline {
            runs,
            gaps: blocks + 1 - u32::from(at_ends.0) - u32::from(at_ends.1),
            first: if at_ends.0 { value(0) } else { None },
            last: if at_ends.1 { value(last_entry) } else { None },
        })
    }
}

/// The keys of a line, all of their own address only.
struct SingleKeys {
    count: u32,
    /// The first and the last, behind the base.
    first: u32,
    last: u32,
    /// A bit for each that the next one lies right behind.
    beside: u64,
}

impl SingleKeys {
    const NONE: SingleKeys = SingleKeys {
        count: 0,
        first: 0,
        last: 0,
        beside: 0,
    };

    /// Keys of 16 bits.
    #[inline(always)]
    fn read(
        line: &[u8; LINE],
        keys: Keys,
        (_, end): (u32, u32),
        compare: impl Compare,
    ) -> Option<SingleKeys> {
        let mut list = [0u16; LINE / 2];
        let mut held = 0;
        for (place, key) in list.iter_mut().zip(keys.read(line)) {
            *place = key;
            held += 1;
        }
        let base = u32::from(u16::from_le_bytes([line[2], line[3]]));
        // A line without entries has keys that it does not speak for.
        if base + u32::from(list[0]) >= end {
            return Some(SingleKeys::NONE);
        }
        let mut steps = [0u8; LINE];
        let pairs = list.iter().zip(list.iter().skip(1)).take(held - 1);
        for (step, (key, next)) in steps.iter_mut().zip(pairs) {
            *step = u8::try_from(next.wrapping_sub(*key).min(2)).unwrap_or(2);
        }
        // Unused places repeat the last key.
        let last_entry = compare.equal(&steps, 0).trailing_zeros();
        Some(SingleKeys {
            count: last_entry + 1,
            first: list[0].into(),
            last: list.get(last_entry as usize).copied()?.into(),
            beside: compare.equal(&steps, 1) & ((1 << last_entry) - 1),
        })
    }

    /// Keys of 8 bits in windows. `None` for damaged lines.
    #[inline(always)]
    fn read_windows(
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
        let mut beside = compare.equal(&steps, 1) & ((1 << last_entry) - 1);
        // Where another window begins, the one before has to end with the last key there is.
        let mut rest = map >> map.trailing_zeros();
        let mut entry = 0;
        loop {
            let here = rest.trailing_ones();
            entry += here;
            rest = rest.checked_shr(here).unwrap_or(0);
            if rest == 0 {
                break;
            }
            let skipped = rest.trailing_zeros();
            rest >>= skipped;
            if skipped > 1 || key(entry) != 0 {
                beside &= !(1 << (entry - 1));
            }
        }
        let at = |bit: u32, entry: u32| 256 * (bit - entry);
        Some(SingleKeys {
            count,
            first: at(map.trailing_zeros(), 0) + key(0),
            last: at(63 - map.leading_zeros(), last_entry) + key(last_entry),
            beside,
        })
    }
}
