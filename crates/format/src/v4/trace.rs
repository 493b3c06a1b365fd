//! What a lookup of an IPv4 address reads, in words.

use std::net::Ipv4Addr;

use super::kind::{DIRECT2, Kind, MIXED, TURNS, entry_bytes, form_of, name};
use super::lookup::{BlockLines, Lines};
use super::unfolded::Unfolded;
use crate::bytes::u16_at;
use crate::sections::kind::{V4_BITS, V4_LINES, V4_STARTS, V4_TOP};
use crate::trace::{Step, value};
use crate::v4::shape::{ENTRY_BITS, LINE, MAP, PALETTE, Shape};

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
        let at = number * LINE;
        let mut push = |from: usize, len: usize, what: String| {
            steps.push(Step::new(V4_LINES, at + from..at + from + len, what));
        };
        self.trace_head(address, line, &mut push);
        let number_of_kind = line[0] & 7;
        if let Some(kind) = self.kinds.get(usize::from(number_of_kind)) {
            if form_of(number_of_kind).windows {
                trace_map(number_of_kind, kind.keys.at().into(), &mut push);
            }
            self.trace_entries(address, line, kind, &mut push);
        }
        // This asks the decode that lookups use, so a difference from the entries would show.
        let id = value(self.lookup(address));
        let address = Ipv4Addr::from_bits(address);
        push(0, LINE, format!("line {number} says of {address}: {id}"));
    }

    /// Kind, flags, default, base and palette of a line.
    fn trace_head(
        &self,
        address: u32,
        line: &[u8; LINE],
        push: &mut impl FnMut(usize, usize, String),
    ) {
        let shape = Shape::new(self.width.into());
        let (number, flags) = (line[0] & 7, line[0] >> 4);
        let kind_name = name(number);
        push(
            0,
            1,
            format!("kind {number}, {kind_name}; flags {flags:04b}"),
        );
        let default = value(self.read_default(line));
        push(shape.default_at, shape.width, format!("default: {default}"));
        let base = u32::from(u16_at(line, 2));
        let first = Ipv4Addr::from_bits(address & !0xffff | base);
        push(2, 2, format!("base: {first}"));
        if form_of(number).four {
            for place in 0..PALETTE {
                let from = shape.palette_at + place * shape.width;
                let id = value(self.read_id(line, from));
                let is_only = flags >> place & 1 != 0;
                let only = if is_only { ", its key only" } else { "" };
                push(from, shape.width, format!("palette {place}: {id}{only}"));
            }
        }
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
        let form = form_of(number);
        if form.each {
            let base = u32::from(u16_at(line, 2));
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
        let keys_at = usize::from(kind.keys.at());
        let (from, len) = if form.windows {
            (keys_at + MAP + entry_bytes(form), 1)
        } else {
            (keys_at, 2)
        };
        let mut entries = Unfolded::NONE;
        self.unfold(line, kind, &mut entries);
        let mut before = None;
        for (entry, low) in (0..).zip(entries.lows.iter().take(entries.count)) {
            // Unused places repeat the last key.
            if before.replace(low) == Some(low) {
                break;
            }
            let address = Ipv4Addr::from_bits(address & !0xffff | u32::from(*low));
            let only = entries.only >> entry & 1 != 0;
            let holds = if only { "only" } else { "and on" };
            let what = format!(
                "entry {entry}: {address} {holds}: {}",
                value(entries.id(entry))
            );
            push(from + len * entry as usize, len, what);
        }
    }
}

/// The map of windows and the bits for each entry.
fn trace_map(kind: u8, map_at: usize, push: &mut impl FnMut(usize, usize, String)) {
    push(map_at, MAP, "map of windows".to_owned());
    if matches!(kind, TURNS | MIXED) {
        let what = "turns to another value";
        push(map_at + MAP, ENTRY_BITS, what.to_owned());
    }
    if kind == MIXED {
        let what = "entries of their key only";
        push(map_at + MAP + ENTRY_BITS, ENTRY_BITS, what.to_owned());
    }
}
