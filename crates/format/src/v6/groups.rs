//! Groups: what lies inside a /64. A few single addresses share a line with other groups; more of
//! them, or longer ranges, have lines of their own.

#![expect(
    clippy::cast_possible_truncation,
    reason = "lines inside a /64 are counted in 32 bits: `write` checks their number"
)]

use super::parts::Start;
use super::shape::{BIG, BIG_KEYS, LINE, REACH, SLOT_BITS, SLOT_IDS_AT, Shape6};
use crate::bytes::{put_bytes, put_id};

/// The lines of all groups so far.
pub(super) struct Groups {
    shape: Shape6,
    lines: Vec<[u8; LINE]>,
    /// Slots of the last line that are taken; all of them if no group may share it.
    used: usize,
}

/// How far groups have come, and the first line that a line of /64s can reach.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) first: u32,
    lines: usize,
    used: usize,
}

/// An entry of a group.
struct Slot {
    key: u64,
    only: bool,
    id: u32,
}

impl Groups {
    pub(super) fn new(shape: Shape6) -> Groups {
        Groups {
            shape,
            lines: Vec::new(),
            used: shape.slots,
        }
    }

    /// Where the next group would go.
    pub(super) fn mark(&self) -> Mark {
        // A line with room is reached by the next groups, too.
        let shared = usize::from(self.used < self.shape.slots);
        Mark {
            first: (self.lines.len() - shared) as u32,
            lines: self.lines.len(),
            used: self.used,
        }
    }

    /// The place of a group, and the mark behind it; `None` if it is out of reach.
    pub(super) fn place(&self, mark: &mut Mark, inside: &[Start], default: u32) -> Option<u32> {
        let slots = entries(inside, default);
        let small = slots.len() <= self.shape.slots && slots.iter().all(|slot| slot.only);
        let first = mark.first as usize;
        if small && mark.used + slots.len() <= self.shape.slots {
            let reach = mark.lines - 1 - first;
            let place = (reach << SLOT_BITS | mark.used) as u32;
            mark.used += slots.len();
            return (reach < REACH).then_some(place);
        }
        let reach = mark.lines - first;
        if small {
            mark.lines += 1;
            mark.used = slots.len();
        } else {
            mark.lines += 1 + slots.len().div_ceil(self.shape.slots);
            mark.used = self.shape.slots;
        }
        let slot = if small { 0 } else { BIG };
        (reach < REACH).then_some((reach << SLOT_BITS) as u32 | slot)
    }

    /// Writes a group at the place that [`Groups::place`] gave it.
    pub(super) fn write(&mut self, first: u32, place: u32, inside: &[Start], default: u32) {
        let slots = entries(inside, default);
        let at = first as usize + (place >> SLOT_BITS) as usize;
        if place & BIG == BIG {
            self.write_big(&slots);
            return;
        }
        if at == self.lines.len() {
            let mut line = [0; LINE];
            let keys = line.iter_mut().skip(self.shape.slot_keys_at);
            keys.for_each(|byte| *byte = 0xff);
            self.lines.push(line);
            self.used = 0;
        }
        let shape = self.shape;
        let line = self.lines.last_mut();
        let line = line.expect("a group that shares a line comes behind its first one");
        let end = self.used + slots.len();
        let [starts, ..] = line;
        *starts |= 1 << self.used | 1 << end;
        for (at, slot) in (self.used..).zip(&slots) {
            put_bytes(line, shape.slot_keys_at + at * 8, &slot.key.to_le_bytes());
            put_id(line, SLOT_IDS_AT + at * shape.width, shape.width, slot.id);
        }
        self.used = end;
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.lines.concat()
    }

    fn write_big(&mut self, slots: &[Slot]) {
        let shape = self.shape;
        let parts = slots.chunks(shape.slots);
        let step = parts.len().div_ceil(BIG_KEYS);
        let mut head = [0xff; LINE];
        put_bytes(&mut head, 0, &(parts.len() as u64).to_le_bytes());
        for (at, slot) in slots.iter().step_by(step * shape.slots).enumerate() {
            put_bytes(&mut head, 8 + at * 8, &slot.key.to_le_bytes());
        }
        self.lines.push(head);
        for part in parts {
            let mut line = [0; LINE];
            // Unused places repeat the last entry.
            let filled = part.iter().chain(part.last().into_iter().cycle());
            for (at, slot) in filled.take(shape.slots).enumerate() {
                let [only, ..] = &mut line;
                *only |= u8::from(slot.only) << at;
                put_bytes(
                    &mut line,
                    shape.slot_keys_at + at * 8,
                    &slot.key.to_le_bytes(),
                );
                put_id(
                    &mut line,
                    SLOT_IDS_AT + at * shape.width,
                    shape.width,
                    slot.id,
                );
            }
            self.lines.push(line);
        }
        self.used = shape.slots;
    }
}

/// What has to be said of the inside of a /64 where the default holds else.
fn entries(inside: &[Start], default: u32) -> Vec<Slot> {
    let mut slots = Vec::new();
    let mut goes_on = false;
    let ends = inside
        .iter()
        .skip(1)
        .map(|next| next.low - 1)
        .chain([u64::MAX]);
    for (start, end) in inside.iter().zip(ends) {
        if start.id == default && !goes_on {
            continue;
        }
        let only = start.low == end && start.id != default;
        goes_on = !only && start.id != default;
        slots.push(Slot {
            key: start.low,
            only,
            id: start.id,
        });
    }
    slots
}
