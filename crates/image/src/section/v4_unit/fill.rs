//! Writes a line that was chosen.

use rblmap_format::v4::shape::{DIRECT2, ENTRY_BITS, LINE, LIST, MAP, MIXED, RAW, SHORT, TURNS};

use super::entries::{Entry, Palette};
use super::{Plan, Unit};
use crate::section::put_id;

impl Unit<'_> {
    pub(crate) fn line(&self, plan: &Plan, entries: &[Entry]) -> [u8; LINE] {
        let mut line = [0u8; LINE];
        line[0] = plan.kind;
        let base = u16::try_from(self.start).unwrap_or(u16::MAX).to_le_bytes(); // below BLOCK
        (line[2], line[3]) = (base[0], base[1]);
        put_id(
            &mut line,
            self.shape.default_at,
            self.shape.width,
            0,
            self.default,
        );
        if plan.only {
            line[0] |= 0x10;
        }
        match plan.kind {
            RAW => self.fill_raw(&mut line, entries),
            TURNS => self.fill_turns(&mut line, self.shape.head + MAP, entries),
            MIXED => self.fill_mixed(&mut line, entries),
            LIST => self.fill_list(&mut line, entries),
            SHORT => self.fill_short(&mut line, entries),
            DIRECT2 => self.fill_direct2(&mut line, plan),
            _ => self.each_address(plan, |place, id| {
                put_id(&mut line, self.shape.head, self.shape.width, place, id);
            }),
        }
        line
    }

    fn fill_raw(&self, line: &mut [u8; LINE], entries: &[Entry]) {
        let (keys, ids) = (self.shape.head, self.shape.head + 2 * self.shape.raw);
        for place in 0..self.shape.raw {
            let entry = self.entry_or_last(entries, place);
            put_id(line, keys, 2, place, entry.key - self.start);
            put_id(line, ids, self.shape.width, place, entry.id);
        }
    }

    /// Map and keys; at `at` the bits that say which values differ from the one before, and those from
    /// the end down.
    fn fill_turns(&self, line: &mut [u8; LINE], at: usize, entries: &[Entry]) {
        self.put_windows(line, self.shape.head, entries);
        let (mut place, mut last) = (LINE, None);
        let turns = entries.iter().map(|entry| {
            let turns = last.replace(entry.id) != Some(entry.id);
            if turns {
                place -= self.shape.width;
                put_id(line, place, self.shape.width, 0, entry.id);
            }
            turns
        });
        let bits = entry_bits(turns);
        put_bytes(line, at, &bits);
    }

    fn fill_mixed(&self, line: &mut [u8; LINE], entries: &[Entry]) {
        let at = self.shape.head + MAP;
        self.fill_turns(line, at, entries);
        let only = entry_bits(entries.iter().map(|entry| entry.only));
        put_bytes(line, at + ENTRY_BITS, &only);
    }

    /// The map of windows at `at`, and the keys where the line's kind has them.
    fn put_windows(&self, line: &mut [u8; LINE], at: usize, entries: &[Entry]) {
        let bits = match line[0] & 7 {
            TURNS => ENTRY_BITS,
            MIXED => 2 * ENTRY_BITS,
            _ => 0,
        };
        let keys = at + MAP + bits;
        let mut map = 0u64;
        let places = line.get_mut(keys..).unwrap_or_default();
        for ((number, entry), place) in (0u32..).zip(entries).zip(places) {
            let key = entry.key - self.start;
            map |= 1 << (number + (key >> 8));
            *place = key as u8;
        }
        put_bytes(line, at, &map.to_le_bytes());
    }

    fn fill_list(&self, line: &mut [u8; LINE], entries: &[Entry]) {
        let mut palette = Palette::default();
        let keys = self.shape.palette_end;
        let slots = keys + 2 * self.shape.list;
        let all = (0..self.shape.list).map(|place| self.entry_or_last(entries, place));
        palette.put_slots(line, slots, all.clone());
        for (place, entry) in all.enumerate() {
            put_id(line, keys, 2, place, entry.key - self.start);
        }
        self.put_palette(line, &palette);
    }

    fn fill_short(&self, line: &mut [u8; LINE], entries: &[Entry]) {
        self.put_windows(line, self.shape.palette_end, entries);
        let mut palette = Palette::default();
        let slots = self.shape.palette_end + MAP + self.shape.short;
        palette.put_slots(line, slots, entries.iter().copied());
        self.put_palette(line, &palette);
    }

    fn put_palette(&self, line: &mut [u8; LINE], palette: &Palette) {
        for (slot, (id, only)) in palette.used().enumerate() {
            put_id(line, self.shape.palette_at, self.shape.width, slot, id);
            if only {
                line[0] |= 0x10 << slot;
            }
        }
    }

    fn fill_direct2(&self, line: &mut [u8; LINE], plan: &Plan) {
        let mut palette = Palette::default();
        self.each_address(plan, |place, id| {
            let slot = palette.slot(id, false).unwrap_or(0);
            put_two_bits(line, self.shape.palette_end, place, slot);
        });
        self.put_palette(line, &palette);
    }

    fn each_address(&self, plan: &Plan, mut see: impl FnMut(usize, u32)) {
        for (from, to, id) in self.pieces().take_while(|piece| piece.0 < plan.reach) {
            (from..to.min(plan.reach)).for_each(|key| see((key - self.start) as usize, id));
        }
    }

    /// Unused places repeat the last entry; a line without any says the default at its last key.
    fn entry_or_last(&self, entries: &[Entry], place: usize) -> Entry {
        let last = Entry {
            key: self.start + 0xffff,
            id: self.default,
            only: false,
        };
        *entries.get(place).or(entries.last()).unwrap_or(&last)
    }
}

/// A bit for each entry.
fn entry_bits(of: impl Iterator<Item = bool>) -> [u8; ENTRY_BITS] {
    let bits = (0..u64::BITS).zip(of);
    let bits = bits.fold(0u64, |bits, (number, bit)| bits | u64::from(bit) << number);
    bits.to_le_bytes()
        .first_chunk()
        .copied()
        .unwrap_or_default()
}

fn put_bytes(line: &mut [u8; LINE], at: usize, bytes: &[u8]) {
    if let Some(place) = line.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

pub(super) fn put_two_bits(line: &mut [u8; LINE], at: usize, place: usize, slot: usize) {
    if let Some(byte) = line.get_mut(at + place / 4) {
        *byte |= u8::try_from(slot & 3).unwrap_or(0) << (2 * (place % 4));
    }
}
