//! Writes a line that was chosen.

use super::choose::{Plan, Unit};
use super::entries::Entry;
use super::kind::palette::{Palette, put_two_bits};
use super::kind::{
    DIRECT, DIRECT2, LIST, MIXED, RAW, SHORT, TURNS, entry_bytes, form_of, long_keys, short_keys,
    turns,
};
use crate::bytes::{put_bytes, put_id};
use crate::v4::shape::{ENTRY_BITS, LINE, MAP};

impl Unit<'_> {
    /// The bytes of the planned line with these entries.
    pub(super) fn line(&self, plan: &Plan, entries: &[Entry]) -> [u8; LINE] {
        let shape = &self.shape;
        let mut line = [0u8; LINE];
        line[0] = plan.kind | if plan.only { 0x10 } else { 0 };
        let base = u16::try_from(self.start).expect("a line starts in its /16");
        put_bytes(&mut line, 2, &base.to_le_bytes());
        put_id(&mut line, shape.default_at, shape.width, self.default);
        match plan.kind {
            RAW => self.write_raw(&mut line, entries),
            LIST => self.write_list(&mut line, entries),
            DIRECT2 => self.write_direct2(&mut line, plan),
            DIRECT => self.each_address(plan, |index, id| {
                put_id(&mut line, shape.head + index * shape.width, shape.width, id);
            }),
            SHORT => {
                self.write_short_keys(&mut line, shape.palette_end, entries);
                let places = shape.palette_end + MAP + shape.short;
                let mut palette = Palette::default();
                palette.write_places(&mut line, places, entries.iter().copied());
                palette.write(&mut line, shape);
            }
            TURNS | MIXED => {
                self.write_short_keys(&mut line, shape.head, entries);
                let at = shape.head + MAP;
                turns::write(&mut line, at, shape, entries);
                if plan.kind == MIXED {
                    turns::write_only(&mut line, at + ENTRY_BITS, entries);
                }
            }
            other => unreachable!("no kind {other} is chosen"),
        }
        line
    }

    fn write_raw(&self, line: &mut [u8; LINE], entries: &[Entry]) {
        let shape = &self.shape;
        let all = (0..shape.raw).map(|place| self.entry_or_last(entries, place));
        long_keys::write(line, shape.head, self.start, all.clone());
        let ids = shape.head + 2 * shape.raw;
        for (place, entry) in all.enumerate() {
            put_id(line, ids + place * shape.width, shape.width, entry.id);
        }
    }

    fn write_list(&self, line: &mut [u8; LINE], entries: &[Entry]) {
        let shape = &self.shape;
        let all = (0..shape.list).map(|place| self.entry_or_last(entries, place));
        long_keys::write(line, shape.palette_end, self.start, all.clone());
        let mut palette = Palette::default();
        palette.write_places(line, shape.palette_end + 2 * shape.list, all);
        palette.write(line, shape);
    }

    fn write_short_keys(&self, line: &mut [u8; LINE], at: usize, entries: &[Entry]) {
        let bits = entry_bytes(form_of(line[0] & 7));
        short_keys::write(line, at, bits, self.start, entries);
    }

    fn write_direct2(&self, line: &mut [u8; LINE], plan: &Plan) {
        let mut palette = Palette::default();
        self.each_address(plan, |index, id| {
            let place = palette.place_of_chosen(id, false);
            put_two_bits(line, self.shape.palette_end, index, place);
        });
        palette.write(line, &self.shape);
    }

    fn each_address(&self, plan: &Plan, mut see: impl FnMut(usize, u32)) {
        for part in self.parts().take_while(|part| part.from < plan.reach) {
            let keys = part.from..part.to.min(plan.reach);
            keys.for_each(|key| see((key - self.start) as usize, part.id));
        }
    }

    /// The entry of a place. Unused places repeat the last entry; a line without any has one of the
    /// default value, at its last possible key.
    fn entry_or_last(&self, entries: &[Entry], place: usize) -> Entry {
        let none = Entry {
            key: self.start + 0xffff,
            id: self.default,
            only: false,
        };
        *entries.get(place).or(entries.last()).unwrap_or(&none)
    }
}
