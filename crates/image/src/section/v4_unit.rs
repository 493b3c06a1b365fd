//! Chooses a line: of all kinds the one that reaches farthest.

#![expect(
    clippy::cast_possible_truncation,
    reason = "places in a /16 and in a line are small"
)]

mod entries;
mod fill;

use rblmap::Run;
use rblmap_format::v4::shape::{
    BLOCK, DIRECT, DIRECT2, LIST, MAP, MIXED, RAW, SHORT, Shape, TURNS,
};

pub(crate) use entries::Entries;
use entries::{Entry, Palette};

/// The default value of a line is that of the longest of this many pieces.
pub(super) const LOOK_AHEAD: usize = 8;
/// What the map of a line with short keys has room for: a bit an entry, and one a window.
const MAP_BITS: usize = 8 * MAP;
/// Non-default pieces up to this long are written address by address.
const SINGLES: u32 = 2;

/// What is left of a /16 for the next line and all after it.
///
/// It falls into pieces: first address, the one after the last, and id; of one value each, 0 for
/// none.
pub(crate) struct Unit<'a> {
    /// The runs that do not end before it.
    runs: &'a [Run<u32>],
    block: u32,
    start: u32,
    default: u32,
    shape: Shape,
}

/// A kind of line, and the address up to which it speaks.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    kind: u8,
    /// For [`RAW`]: each entry is of its own address only.
    only: bool,
    pub(crate) reach: u32,
}

/// How far a kind of line reaches.
struct Reach {
    /// The first address that it does not speak of.
    end: u32,
    /// How many entries that takes.
    entries: usize,
    ended: bool,
}

impl Default for Reach {
    fn default() -> Reach {
        Reach {
            end: BLOCK,
            entries: 0,
            ended: false,
        }
    }
}

impl Reach {
    const NOTHING: Reach = Reach {
        end: 0,
        entries: 0,
        ended: true,
    };

    /// Takes the next piece, after which there are so many entries, if it fits.
    #[inline]
    fn go_on(&mut self, fits: bool, first: u32, entries: usize) {
        if self.ended {
            return;
        }
        if fits {
            self.entries = entries;
        } else {
            self.end = first;
            self.ended = true;
        }
    }
}

/// How far each kind with keys reaches.
#[derive(Default)]
struct Reaches {
    list: Reach,
    short: Reach,
    raw_only: Reach,
    turns_only: Reach,
    raw_from: Reach,
    mixed: Reach,
}

impl Reaches {
    /// Whether the kinds have ended whose entries are all of their own address only.
    fn single_ended(&self) -> bool {
        self.turns_only.ended && self.raw_only.ended
    }

    /// Whether the kinds with a palette have.
    fn palette_ended(&self) -> bool {
        self.short.ended && self.list.ended
    }

    fn all_ended(&self) -> bool {
        let mixed = self.mixed.ended && self.raw_from.ended;
        mixed && self.single_ended() && self.palette_ended()
    }
}

impl<'a> Unit<'a> {
    pub(crate) fn new(runs: &'a [Run<u32>], (block, start): (u32, u32), shape: Shape) -> Unit<'a> {
        let mut unit = Unit {
            runs,
            block,
            start,
            default: 0,
            shape,
        };
        let (mut longest, mut default) = (0, 0);
        for (from, to, id) in unit.pieces().take(LOOK_AHEAD) {
            if to - from > longest {
                (longest, default) = (to - from, id);
            }
        }
        unit.default = default;
        unit
    }

    /// The pieces, gaps included.
    #[inline]
    fn pieces(&self) -> impl Iterator<Item = (u32, u32, u32)> {
        let mut rest = self.runs_in_block().peekable();
        let mut at = self.start;
        std::iter::from_fn(move || {
            if at == BLOCK {
                return None;
            }
            let from = at;
            let (to, id) = match rest.next_if(|run| run.0 <= from) {
                Some((_, to, id)) => (to, id),
                None => (rest.peek().map_or(BLOCK, |run| run.0), 0),
            };
            at = to;
            Some((from, to, id))
        })
    }

    /// First address, the one after the last, and id of each run, cut to the unit.
    #[inline]
    fn runs_in_block(&self) -> impl Iterator<Item = (u32, u32, u32)> {
        let (first, last) = (self.block << 16, self.block << 16 | 0xffff);
        let start = first + self.start;
        let runs = self.runs.iter().take_while(move |run| run.start <= last);
        runs.map(move |run| {
            let (from, to) = (run.start.max(start), run.end.min(last));
            (from - first, to - first + 1, run.value.get())
        })
    }

    /// The line that reaches farthest, and its entries.
    pub(crate) fn best(&self, entries: &mut Entries) -> Plan {
        if let Some(plan) = self.best_of_short(entries) {
            return plan;
        }
        let plan = self.choose(&self.reaches());
        entries.len = 0;
        match plan.kind {
            RAW | TURNS => self.raw_of(&plan, entries),
            MIXED => self.mixed_of(&plan, entries),
            LIST | SHORT => self.list_of(&plan, entries),
            _ => {}
        }
        plan
    }

    /// The kind that reaches farthest; of equals the first in the order 1, 4, 0 (each of its key only),
    /// 5, 0, 6, 2, 3.
    fn choose(&self, reaches: &Reaches) -> Plan {
        let shape = &self.shape;
        let mut best = Plan {
            kind: LIST,
            only: false,
            reach: reaches.list.end,
        };
        let mut consider = |kind, only, reach| {
            if reach > best.reach {
                best = Plan { kind, only, reach };
            }
            best.reach
        };
        consider(SHORT, false, self.mapped(&reaches.short));
        consider(RAW, true, reaches.raw_only.end);
        consider(TURNS, true, self.mapped(&reaches.turns_only));
        consider(RAW, false, reaches.raw_from.end);
        let reach = consider(MIXED, false, self.mapped(&reaches.mixed));
        // Lines without keys speak of few addresses.
        if reach < self.start + shape.direct2 as u32 {
            consider(DIRECT2, false, self.reach_direct2());
            let direct = self.start + shape.direct as u32;
            consider(DIRECT, false, direct.min(BLOCK));
        }
        best
    }

    /// As [`Unit::choose`] where all runs are short, as in nearly all lines of most lists: only the
    /// addresses that are listed are looked at. None where lines may win that say more than that.
    fn best_of_short(&self, entries: &mut Entries) -> Option<Plan> {
        if self.default != 0 {
            return None;
        }
        let shape = &self.shape;
        entries.len = 0;
        let mut palette = Palette::default();
        let (mut turns, mut last) = (0, 0);
        // Before which entry palette, map, and turns are full.
        let (mut palette_end, mut map_end, mut turns_end) = (None, None, None);
        // How many entries there must be before no kind has room for more.
        let mut enough = shape.turns.max(shape.short);
        for (from, to, id) in self.runs_in_block() {
            if to - from > SINGLES {
                return None;
            }
            let before = entries.len;
            entries.push_single(from, (to - from) as usize, id);
            if id != last {
                last = id;
                turns += 1;
                if palette.slot(id, true).is_none() {
                    palette_end = palette_end.or(Some(before));
                }
            }
            let window = ((to - 1 - self.start) >> 8) as usize;
            if entries.len + window >= MAP_BITS && map_end.is_none() {
                map_end = Some(before);
                enough = shape.list;
            }
            if !shape.turns_hold(entries.len, turns) {
                turns_end = turns_end.or(Some(before));
            }
            if entries.len > enough {
                break;
            }
        }
        let full = |a: Option<usize>, b: Option<usize>| a.into_iter().chain(b).min();
        let reaches = Reaches {
            list: entries.reach(shape.list, palette_end),
            short: entries.reach(shape.short, full(palette_end, map_end)),
            raw_only: entries.reach(shape.raw, None),
            turns_only: entries.reach(shape.turns, full(turns_end, map_end)),
            // Not looked at, so they reach nothing.
            raw_from: Reach::NOTHING,
            mixed: Reach::NOTHING,
        };
        let plan = self.choose(&reaches);
        let most = match plan.kind {
            LIST => reaches.list.entries,
            SHORT => reaches.short.entries,
            RAW => reaches.raw_only.entries,
            TURNS => reaches.turns_only.entries,
            _ => return None,
        };
        entries.cut(most, plan.reach);
        // Of one value, each run would take a start and an end where a list has two places for it.
        let others_lose = turns == 1 || entries.pieces() > shape.raw;
        others_lose.then_some(plan)
    }

    /// How far each kind with keys reaches, found in one walk over the pieces.
    fn reaches(&self) -> Reaches {
        let shape = &self.shape;
        let mut reaches = Reaches::default();
        let mut palette = Palette::default();
        // Entries so far, and turns to another value: with a palette, of their address only, from their
        // key on, and of both kinds.
        let (mut listed, mut open) = (0, false);
        let (mut only, mut only_turns, mut only_last) = (0, 0, None);
        let mut from = 0;
        let (mut mixed, mut mixed_turns, mut mixed_last) = (0, 0, None);
        // What addresses say that no entry of their own speaks for.
        let mut around = self.default;
        for (index, (first, to, id)) in self.pieces().enumerate() {
            let default = id == self.default;
            let short = to - first <= SINGLES;
            // What has ended is not looked at again: most lines go on for one of the kinds alone.
            if !default && !reaches.single_ended() {
                let window = ((to - 1 - self.start) >> 8) as usize;
                only += (to - first) as usize;
                only_turns += usize::from(only_last.replace(id) != Some(id));
                let mapped = only + window < MAP_BITS;
                let raw = short && only <= shape.raw;
                let turns = short && shape.turns_hold(only, only_turns) && mapped;
                reaches.raw_only.go_on(raw, first, only);
                reaches.turns_only.go_on(turns, first, only);
            }
            if (index > 0 || !default) && !reaches.raw_from.ended {
                from += 1;
                reaches.raw_from.go_on(from <= shape.raw, first, from);
            }
            if id != around && !reaches.mixed.ended {
                let (entries, last) = if short {
                    ((to - first) as usize, to - 1)
                } else {
                    around = id;
                    (1, first)
                };
                let window = ((last - self.start) >> 8) as usize;
                mixed += entries;
                mixed_turns += usize::from(mixed_last.replace(id) != Some(id));
                let mapped = mixed + window < MAP_BITS;
                let fits = shape.mixed_hold(mixed, mixed_turns) && mapped;
                reaches.mixed.go_on(fits, first, mixed);
            }
            // The default needs no entry but where a longer piece has to end.
            if (!default || open) && !reaches.palette_ended() {
                let single = !default && short;
                let entries = if single { (to - first) as usize } else { 1 };
                let last = if single { to - 1 } else { first };
                let window = ((last - self.start) >> 8) as usize;
                listed += entries;
                open = !default && !short;
                let known = palette.slot(id, single).is_some();
                let mapped = listed + window < MAP_BITS;
                let fits = known && listed <= shape.short && mapped;
                reaches
                    .list
                    .go_on(known && listed <= shape.list, first, listed);
                reaches.short.go_on(fits, first, listed);
            }
            if reaches.all_ended() {
                break;
            }
        }
        reaches
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
        for (from, _, id) in self.pieces() {
            if from >= limit {
                break;
            }
            if palette.slot(id, false).is_none() {
                return from;
            }
        }
        limit
    }

    /// The entries of a line of both kinds.
    fn mixed_of(&self, plan: &Plan, entries: &mut Entries) {
        let mut around = self.default;
        for (from, to, id) in self.pieces().take_while(|piece| piece.0 < plan.reach) {
            if id == around {
                continue;
            }
            let only = to - from <= SINGLES;
            let keys = if only { from..to } else { from..from + 1 };
            keys.for_each(|key| entries.push(Entry { key, id, only }));
            if !only {
                around = id;
            }
        }
    }

    /// The entries of a line with an id for each.
    fn raw_of(&self, plan: &Plan, entries: &mut Entries) {
        let only = plan.only;
        for (index, (from, to, id)) in self.pieces().enumerate() {
            if from >= plan.reach {
                break;
            }
            if only && id != self.default {
                (from..to).for_each(|key| entries.push(Entry { key, id, only }));
            } else if !only && (index > 0 || id != self.default) {
                entries.push(Entry {
                    key: from,
                    id,
                    only,
                });
            }
        }
    }

    /// The entries of a line with a palette and keys.
    fn list_of(&self, plan: &Plan, entries: &mut Entries) {
        let mut open = false;
        for piece in self.pieces().take_while(|piece| piece.0 < plan.reach) {
            self.list_entries(piece, &mut open, entries);
        }
    }

    /// The entries of a line with a palette for one piece; `open` if the one before needs an end.
    fn list_entries(
        &self,
        (from, to, id): (u32, u32, u32),
        open: &mut bool,
        entries: &mut Entries,
    ) {
        let only = id != self.default && to - from <= SINGLES;
        if only {
            *open = false;
            (from..to).for_each(|key| entries.push(Entry { key, id, only }));
            return;
        }
        // The default needs no entry but where a longer piece has to end.
        if id != self.default || *open {
            let key = from;
            entries.push(Entry { key, id, only });
        }
        *open = id != self.default;
    }
}
