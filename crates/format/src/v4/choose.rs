//! Chooses the kind of one IPv4 line.
//!
//! Lines are chosen greedily: each line starts where the last one ended, and takes the kind that
//! *reaches* farthest, that is, answers for most addresses. Where kinds reach equally far, the first
//! in a fixed order wins, so that equal runs make equal bytes.
//!
//! What is left of the /16 falls into *parts*: its runs and the gaps between them.
//!
//! ```text
//!   start                                                            end of the /16
//!   │  gap  │run A│ gap │A│B│      gap       │    run C (long)     │ gap ...
//!   ├───────┼─────┼─────┼─┼─┼────────────────┼─────────────────────┤
//!           └┬────┘     └┬┴┴┘                └┬────────────────────┘
//!     two entries     a single each      LIST and SHORT: one entry where it begins, one where it
//!     (A is 2 long)                      ends. MIXED: one entry. RAW of singles and TURNS: none fits
//! ```
//!
//! The default value is the value of the longest of the first [`LOOK_AHEAD`] parts; it needs no
//! entry. Each kind counts in its own way how many entries the parts take ([`candidates`]), and
//! ends before the first part that it has no room for. That is its reach (the picture is schematic):
//!
//! ```text
//!                 parts ──►  1   2   3   4   5   6   7   8
//!   LIST (24 keys, 4 values) ─────────────────►│            5th value
//!   SHORT (38 keys, 4 values) ────────────────►│            5th value
//!   RAW (20 keys) ───────────────────►│                     21st key
//!   TURNS (40 keys, ids share) ──────────────────────────►│ no room for one more id      wins
//! ```
//!
//! [`Scan`] is the fast way to the same choice where all runs are one or two addresses long and the
//! default is "no value", as in nearly all lines of most lists: only listed addresses are looked at.
//! A test in `reencode.rs` and the models in `tests/` check that both choose the same.

#![expect(
    clippy::cast_possible_truncation,
    reason = "places in a /16 and in a line are small"
)]

use super::candidates::{Candidates, Scan};
use super::entries::{Entries, Entry, MAP_BITS, Part, Reach, Reaches, SINGLES};
use super::kind::palette::Palette;
use super::kind::{DIRECT, DIRECT2, LIST, MIXED, RAW, SHORT, TURNS};
use crate::run::Run;
use crate::v4::shape::{BLOCK, Shape};

/// The default value of a line is that of the longest of this many parts.
pub(super) const LOOK_AHEAD: usize = 8;

/// What is left of a /16 for the next line and all after it.
pub(super) struct Unit<'a> {
    /// The runs that do not end before it.
    runs: &'a [Run<u32>],
    /// The /16: the upper half of its addresses.
    block: u32,
    /// Where it starts in the /16.
    pub(super) start: u32,
    /// The id of the default value, 0 for none.
    pub(super) default: u32,
    pub(super) shape: Shape,
}

/// A kind of line, and how far it reaches.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) kind: u8,
    /// For [`RAW`] and [`TURNS`]: each entry is of its own address only.
    pub(super) only: bool,
    /// The first address of the /16 that the line does not answer for.
    pub(super) reach: u32,
}

impl<'a> Unit<'a> {
    /// What is left of a /16 from `start` on, of which these are the runs.
    pub(super) fn new(runs: &'a [Run<u32>], (block, start): (u32, u32), shape: Shape) -> Unit<'a> {
        let mut unit = Unit {
            runs,
            block,
            start,
            default: 0,
            shape,
        };
        let (mut longest, mut default) = (0, 0);
        for part in unit.parts().take(LOOK_AHEAD) {
            if part.len() > longest {
                (longest, default) = (part.len(), part.id);
            }
        }
        unit.default = default;
        unit
    }

    /// The runs and gaps.
    #[inline]
    pub(super) fn parts(&self) -> impl Iterator<Item = Part> {
        let mut rest = self.runs_in_block().peekable();
        let mut at = self.start;
        std::iter::from_fn(move || {
            if at == BLOCK {
                return None;
            }
            let from = at;
            let part = match rest.next_if(|run| run.from <= from) {
                Some(run) => Part { from, ..run },
                None => Part {
                    from,
                    to: rest.peek().map_or(BLOCK, |run| run.from),
                    id: 0,
                },
            };
            at = part.to;
            Some(part)
        })
    }

    /// The runs, cut to the unit.
    #[inline]
    pub(super) fn runs_in_block(&self) -> impl Iterator<Item = Part> {
        let (first, last) = (self.block << 16, self.block << 16 | 0xffff);
        let start = first + self.start;
        let runs = self.runs.iter().take_while(move |run| run.start <= last);
        runs.map(move |run| Part {
            from: run.start.max(start) - first,
            to: run.end.min(last) - first + 1,
            id: run.value.get(),
        })
    }

    /// The line that reaches farthest, and its entries.
    pub(super) fn best(&self, entries: &mut Entries) -> Plan {
        if let Some(plan) = self.best_of_short(entries) {
            return plan;
        }
        let plan = self.choose(&self.candidates());
        entries.clear();
        match plan.kind {
            RAW | TURNS => self.raw_of(&plan, entries),
            MIXED => self.mixed_of(&plan, entries),
            LIST | SHORT => self.list_of(&plan, entries),
            _ => {}
        }
        plan
    }

    /// The kind that reaches farthest. Of kinds that reach equally far, the first in the order LIST,
    /// SHORT, RAW of single addresses, TURNS, RAW, MIXED, DIRECT2, DIRECT.
    fn choose(&self, reaches: &Reaches) -> Plan {
        let shape = &self.shape;
        let mut best = Plan {
            kind: LIST,
            only: false,
            reach: 0,
        };
        let mut consider = |kind, only, reach| {
            if reach > best.reach && shape.may_write(kind) {
                best = Plan { kind, only, reach };
            }
            best.reach
        };
        consider(LIST, false, reaches.list.end);
        consider(SHORT, false, self.mapped(&reaches.short));
        consider(RAW, true, reaches.raw_only.end);
        consider(TURNS, true, self.mapped(&reaches.turns));
        consider(RAW, false, reaches.raw_from.end);
        let reach = consider(MIXED, false, self.mapped(&reaches.mixed));
        // Lines without keys answer for few addresses.
        if reach < self.start + shape.direct2 as u32 {
            consider(DIRECT2, false, self.reach_direct2());
            let direct = self.start + shape.direct as u32;
            consider(DIRECT, false, direct.min(BLOCK));
        }
        best
    }

    /// As [`Unit::choose`] where all runs are short. `None` where a kind may win that says more than
    /// which single addresses are listed.
    fn best_of_short(&self, entries: &mut Entries) -> Option<Plan> {
        if self.default != 0 {
            return None;
        }
        let shape = &self.shape;
        entries.clear();
        let mut scan = Scan::new(shape);
        for run in self.runs_in_block() {
            if run.len() > SINGLES {
                return None;
            }
            if !scan.push(run, self.start, shape, entries) {
                break;
            }
        }
        let reaches = scan.reaches(shape, entries);
        let plan = self.choose(&reaches);
        let most = match plan.kind {
            LIST => reaches.list.entries,
            SHORT => reaches.short.entries,
            RAW => reaches.raw_only.entries,
            TURNS => reaches.turns.entries,
            _ => return None,
        };
        entries.cut(most, plan.reach);
        // The kinds that were not looked at take two entries for each run: where it begins, and where
        // it ends. With a single value that is never less than the at most two addresses of a run.
        let others_lose = scan.values_changed() == 1 || entries.parts() > shape.raw;
        others_lose.then_some(plan)
    }

    /// How far each kind with keys reaches, found in one walk over the parts.
    fn candidates(&self) -> Reaches {
        let mut candidates = Candidates::new(self.start, self.default, &self.shape);
        for (index, part) in self.parts().enumerate() {
            if !candidates.push(index, part) {
                break;
            }
        }
        candidates.reaches()
    }

    /// How far the map of a line with keys of 8 bits lets it reach.
    fn mapped(&self, reach: &Reach) -> u32 {
        reach
            .end
            .min(self.start + 256 * (MAP_BITS - reach.entries) as u32)
    }

    fn reach_direct2(&self) -> u32 {
        let limit = (self.start + self.shape.direct2 as u32).min(BLOCK);
        let mut palette = Palette::default();
        for part in self.parts() {
            if part.from >= limit {
                break;
            }
            if palette.place(part.id, false).is_none() {
                return part.from;
            }
        }
        limit
    }

    /// The entries of a MIXED line.
    fn mixed_of(&self, plan: &Plan, entries: &mut Entries) {
        let mut around = self.default;
        for part in self.parts().take_while(|part| part.from < plan.reach) {
            if part.id == around {
                continue;
            }
            let only = part.len() <= SINGLES;
            let to = if only { part.to } else { part.from + 1 };
            entries.push_range(part.from, to, part.id, only);
            if !only {
                around = part.id;
            }
        }
    }

    /// The entries of a line with an id for each.
    fn raw_of(&self, plan: &Plan, entries: &mut Entries) {
        let parts = self.parts().take_while(|part| part.from < plan.reach);
        for (index, part) in parts.enumerate() {
            let is_default = part.id == self.default;
            if plan.only && !is_default {
                entries.push_range(part.from, part.to, part.id, true);
            } else if !plan.only && (index > 0 || !is_default) {
                entries.push(Entry {
                    key: part.from,
                    id: part.id,
                    only: false,
                });
            }
        }
    }

    /// The entries of a line with a palette and keys. The default needs an entry only where a longer
    /// part has to end.
    fn list_of(&self, plan: &Plan, entries: &mut Entries) {
        let mut open = false;
        for part in self.parts().take_while(|part| part.from < plan.reach) {
            let is_default = part.id == self.default;
            if !is_default && part.len() <= SINGLES {
                open = false;
                entries.push_range(part.from, part.to, part.id, true);
                continue;
            }
            if !is_default || open {
                entries.push(Entry {
                    key: part.from,
                    id: part.id,
                    only: false,
                });
            }
            open = !is_default;
        }
    }
}
