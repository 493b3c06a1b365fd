//! Writes a line that was chosen.

use rblmap::layout::line::{DIRECT2, ENTRY_BITS, LINE, LIST, MAP, MIXED, RAW, SHORT, TURNS};

use super::entries::{Entries, Palette, set_bits};
use super::{Plan, Unit};
use crate::section::put_id;

impl Unit<'_> {
    pub(crate) fn line(&self, plan: &Plan, entries: &Entries) -> [u8; LINE] {
        let mut line = [0u8; LINE];
        line[0] = plan.kind;
        put_bytes(&mut line, 2, &self.base().to_le_bytes());
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
            TURNS => self.fill_turns(&mut line, entries, ENTRY_BITS),
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

    /// What keys are counted from.
    fn base(&self) -> u16 {
        u16::try_from(self.start).unwrap_or(u16::MAX) // below BLOCK
    }

    fn fill_raw(&self, line: &mut [u8; LINE], entries: &Entries) {
        self.put_keys(line, (self.shape.head, self.shape.raw), entries);
        let ids_at = self.shape.head + 2 * self.shape.raw;
        let last = entries.ids().last().unwrap_or(&self.default);
        for place in 0..self.shape.raw {
            let id = *entries.ids().get(place).unwrap_or(last);
            put_id(line, ids_at, self.shape.width, place, id);
        }
    }

    /// Map and keys; between them bits, the first of which say which values differ from the one before;
    /// and those from the end down.
    fn fill_turns(&self, line: &mut [u8; LINE], entries: &Entries, bits: usize) {
        let at = self.shape.head;
        self.put_windows(line, (at, at + MAP + bits), entries);
        put_entry_bits(line, at + MAP, entries.turns());
        for (turn, place) in (1..).zip(set_bits(entries.turns())) {
            let id = entries.ids().get(place).copied().unwrap_or(0);
            let at = LINE.saturating_sub(turn * self.shape.width);
            put_id(line, at, self.shape.width, 0, id);
        }
    }

    fn fill_mixed(&self, line: &mut [u8; LINE], entries: &Entries) {
        self.fill_turns(line, entries, 2 * ENTRY_BITS);
        let at = self.shape.head + MAP + ENTRY_BITS;
        put_entry_bits(line, at, entries.only());
    }

    fn fill_list(&self, line: &mut [u8; LINE], entries: &Entries) {
        let (keys, room) = (self.shape.palette_end, self.shape.list);
        self.put_keys(line, (keys, room), entries);
        let mut palette = Palette::default();
        if entries.keys().is_empty() {
            palette.slot(self.default, false);
        }
        palette.put_slots(line, (keys + 2 * room, room, room), entries);
        self.put_palette(line, &palette);
    }

    fn fill_short(&self, line: &mut [u8; LINE], entries: &Entries) {
        let (map, room) = (self.shape.palette_end, self.shape.short);
        let keys = map + MAP;
        self.put_windows(line, (map, keys), entries);
        let mut palette = Palette::default();
        palette.put_slots(line, (keys + room, room, entries.keys().len()), entries);
        self.put_palette(line, &palette);
    }

    /// Keys of 16 bits. Unused places repeat the last; a line without any has the last there can be.
    fn put_keys(&self, line: &mut [u8; LINE], (at, room): (usize, usize), entries: &Entries) {
        let base = self.base();
        let last = entries.keys().last().map_or(u16::MAX, |key| key - base);
        let keys = entries.keys().iter().map(|key| key - base);
        let keys = keys.chain(std::iter::repeat(last));
        let places = line.get_mut(at..at + 2 * room).unwrap_or_default();
        for (place, key) in places.as_chunks_mut::<2>().0.iter_mut().zip(keys) {
            *place = key.to_le_bytes();
        }
    }

    /// Keys of 8 bits, and the map of their windows.
    fn put_windows(&self, line: &mut [u8; LINE], (map_at, at): (usize, usize), entries: &Entries) {
        let base = self.base();
        let mut map = 0u64;
        let places = line.get_mut(at..).unwrap_or_default();
        for ((number, key), place) in (0u32..).zip(entries.keys()).zip(places) {
            let [low, window] = (key - base).to_le_bytes();
            map |= 1 << ((number + u32::from(window)) % u64::BITS);
            *place = low;
        }
        put_bytes(line, map_at, &map.to_le_bytes());
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
}

/// A bit for each entry.
fn put_entry_bits(line: &mut [u8; LINE], at: usize, bits: u64) {
    if let Some(bytes) = bits.to_le_bytes().first_chunk::<ENTRY_BITS>() {
        put_bytes(line, at, bytes);
    }
}

pub(super) fn put_bytes(line: &mut [u8; LINE], at: usize, bytes: &[u8]) {
    if let Some(place) = line.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn put_two_bits(line: &mut [u8; LINE], at: usize, place: usize, slot: usize) {
    if let Some(byte) = line.get_mut(at + place / 4) {
        *byte |= u8::try_from(slot & 3).unwrap_or(0) << (2 * (place % 4));
    }
}
