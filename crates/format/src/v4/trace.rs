//! What a lookup of an IPv4 address reads, in words.

use std::net::Ipv4Addr;

use super::kind::ids::Ids;
use super::kind::palette::PaletteIds;
use super::kind::turns::TurnIds;
use super::kind::{
    DIRECT2, Kind, LIST, MIXED, RAW, SHORT, TURNS, entry_bytes, form_of, long_keys, name,
    short_keys,
};
use super::lookup::{BlockLines, Lines};
use super::values::Values;
use crate::bytes::u16_at;
use crate::sections::kind::{V4_BITS, V4_LINES, V4_STARTS, V4_TOP};
use crate::trace::{Step, value};
use crate::v4::shape::{ENTRY_BITS, LINE, MAP, Shape};

impl Lines<'_> {
    /// The bytes that decide about an address, in the order in which a lookup reads them.
    pub fn trace(&self, address: u32) -> Vec<Step> {
        let mut steps = Vec::new();
        if let Some(bits) = self.bits() {
            let byte = (address >> 11) as usize;
            let bit = address >> 8 & 7;
            let is_set = bits.get(byte).copied().unwrap_or(0) >> bit & 1 != 0;
            let says = if is_set { "set" } else { "clear: not listed" };
            let network = Ipv4Addr::from_bits(address & !0xff);
            let what = format!("/24 {network}: bit {bit} is {says}");
            steps.push(Step::new(V4_BITS, byte..byte + 1, what));
        }
        let block = address >> 16;
        let top = block as usize * 4;
        let network = Ipv4Addr::from_bits(address & !0xffff);
        let lines = self.lines_of(u16::try_from(block).unwrap_or(0));
        let what = match lines {
            BlockLines::Uniform(id) => {
                let id = id.map_or(0, crate::ValueId::get);
                format!("/16 {network}: all of it has {}", value(id))
            }
            BlockLines::Lines { first, lines, .. } => {
                let count = lines.len();
                format!("/16 {network}: {count} lines from line {first} on")
            }
            BlockLines::Damaged => format!("/16 {network}: damaged, its lines lie outside"),
        };
        steps.push(Step::new(V4_TOP, top..top + 4, what));
        if let BlockLines::Lines {
            first,
            lines,
            starts,
        } = lines
        {
            self.trace_unit(address, first, (lines, starts), &mut steps);
        }
        steps
    }

    fn trace_unit(
        &self,
        address: u32,
        first: usize,
        (lines, starts): (&[[u8; LINE]], &[[u8; 2]]),
        steps: &mut Vec<Step>,
    ) {
        let start_of = |unit: usize| match unit.checked_sub(1) {
            None => 0,
            Some(before) => {
                let start = starts.get(before).copied().unwrap_or_default();
                u32::from(u16::from_le_bytes(start))
            }
        };
        let low = address & 0xffff;
        let unit = (1..lines.len()).take_while(|unit| start_of(*unit) <= low);
        let unit = unit.last().unwrap_or(0);
        let last = match unit + 1 {
            next if next < lines.len() => start_of(next).wrapping_sub(1) & 0xffff,
            _ => 0xffff,
        };
        let of = |low: u32| Ipv4Addr::from_bits(address & !0xffff | low);
        let (from, to) = (of(start_of(unit)), of(last));
        let number = first + unit;
        let what = format!("unit {unit} of the /16: {from} to {to}, line {number}");
        // The first unit starts at 0: its start is not stored.
        let at = number.saturating_sub(1) * 2;
        let stored = if unit == 0 { at..at } else { at..at + 2 };
        steps.push(Step::new(V4_STARTS, stored, what));
        if let Some(line) = lines.get(unit) {
            self.trace_line(address, number, line, steps);
        }
    }

    fn trace_line(&self, address: u32, number: usize, line: &[u8; LINE], steps: &mut Vec<Step>) {
        let shape = Shape::new(self.width.into());
        let kind_number = line[0] & 7;
        let at = number * LINE;
        let mut push = |from: usize, len: usize, what: String| {
            steps.push(Step::new(V4_LINES, at + from..at + from + len, what));
        };
        let flags = line[0] >> 4;
        let kind_name = name(kind_number);
        push(
            0,
            1,
            format!("kind {kind_number}, {kind_name}; flags {flags:04b}"),
        );
        let default = value(self.read_default(line));
        push(shape.default_at, shape.width, format!("default: {default}"));
        let base = u16_at(line, 2);
        let first = Ipv4Addr::from_bits(address & !0xffff | u32::from(base));
        push(2, 2, format!("base: {first}"));
        if form_of(kind_number).four {
            for place in 0..4 {
                let from = shape.palette_at + place * shape.width;
                let id = value(self.read_id(line, from));
                let only = if flags >> place & 1 != 0 {
                    ", its key only"
                } else {
                    ""
                };
                push(from, shape.width, format!("palette {place}: {id}{only}"));
            }
        }
        let Some(kind) = self.kinds.get(usize::from(kind_number)) else {
            return;
        };
        if form_of(kind_number).windows {
            let map_at = usize::from(kind.keys.at());
            push(map_at, MAP, "map of windows".to_owned());
            if matches!(kind_number, TURNS | MIXED) {
                push(
                    map_at + MAP,
                    ENTRY_BITS,
                    "turns to another value".to_owned(),
                );
            }
            if kind_number == MIXED {
                let from = map_at + MAP + ENTRY_BITS;
                push(from, ENTRY_BITS, "entries of their key only".to_owned());
            }
        }
        self.trace_entries(address, line, kind, &mut push);
        // A lookup of an address of the same line: by the one decode that lookups have.
        let id = value(self.lookup(address));
        push(
            0,
            LINE,
            format!(
                "line {number} says of {}: {id}",
                Ipv4Addr::from_bits(address)
            ),
        );
    }

    /// The entries of a line, or its place for the address.
    fn trace_entries(
        &self,
        address: u32,
        line: &[u8; LINE],
        kind: &Kind,
        push: &mut impl FnMut(usize, usize, String),
    ) {
        let number = line[0] & 7;
        let base = u32::from(u16_at(line, 2));
        let form = form_of(number);
        let keys_at = usize::from(kind.keys.at());
        if form.each {
            let index = (address & 0xffff).wrapping_sub(base) as usize;
            if index < usize::from(kind.keys.count()) {
                let (at, _) = self.place(line, kind, form, index);
                let id = value(self.read_id(line, at));
                let (from, len) = match number {
                    DIRECT2 => (usize::from(kind.at) + index / 4, 1),
                    _ => (at, self.width.into()),
                };
                push(from, len, format!("place {index}: {id}"));
            }
            return;
        }
        let short_at = keys_at + MAP + entry_bytes(form);
        let short = |index: usize| (short_at + index, 1);
        let long = |index: usize| (keys_at + 2 * index, 2);
        let high = address & !0xffff;
        let mut see =
            |lows: Vec<u32>, ids: &mut dyn NextId, key: &dyn Fn(usize) -> (usize, usize)| {
                let mut before = None;
                for (index, low) in lows.into_iter().enumerate() {
                    // Unused places repeat the last key.
                    if before.replace(low) == Some(low) {
                        break;
                    }
                    let (id, only) = ids.next_id(index);
                    let (from, len) = key(index);
                    let key = Ipv4Addr::from_bits(high | low & 0xffff);
                    let holds = if only { "only" } else { "and on" };
                    push(
                        from,
                        len,
                        format!("entry {index}: {key} {holds}: {}", value(id)),
                    );
                }
            };
        let short_lows = || short_keys::lows(line, kind, form).collect();
        let long_lows = || long_keys::lows(line, kind).collect();
        match number {
            LIST => see(long_lows(), &mut PaletteIds::new(self, line, kind), &long),
            SHORT => see(short_lows(), &mut PaletteIds::new(self, line, kind), &short),
            TURNS => see(
                short_lows(),
                &mut TurnIds::<false>::new(self, line, kind),
                &short,
            ),
            MIXED => see(
                short_lows(),
                &mut TurnIds::<true>::new(self, line, kind),
                &short,
            ),
            RAW => see(long_lows(), &mut Ids::new(self, line, kind), &long),
            _ => {}
        }
    }
}

/// [`Values`] behind a reference.
trait NextId {
    fn next_id(&mut self, index: usize) -> (u32, bool);
}

impl<V: Values> NextId for V {
    fn next_id(&mut self, index: usize) -> (u32, bool) {
        self.next(index)
    }
}
