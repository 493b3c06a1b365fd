//! Writes IPv4 lines: each /16 on its own, so that all can be made at once, and an update can
//! copy those it does not touch.
//!
//! A line is chosen greedily: of all kinds the one that reaches farthest from where the last line
//! ended, the first of equals. So equal runs make equal bytes.

#![expect(
    clippy::cast_possible_truncation,
    reason = "places in a /16 and in a line are small"
)]

use rayon::prelude::*;
use rblmap::Run;
use rblmap::layout::line::{
    BLOCK, DIRECT, DIRECT2, LINE, LIST, MAP, PALETTE, RAW, SHORT, Shape, TURN_BITS, TURNS,
};
use rblmap::layout::{V4_BITS_LEN, V4_MID_PAD, V4_TOP_LEN};

use super::put_id;
use crate::error::Error;

/// The sections of one zone's lines.
pub(crate) struct V4Lines {
    pub(crate) top: Vec<u8>,
    pub(crate) mid: Vec<u8>,
    pub(crate) big: Vec<u8>,
    pub(crate) lines: Vec<u8>,
}

/// Lines are counted in 24 bits.
const MAX_LINES: usize = 1 << 24;
/// The default value of a line is that of the longest of this many intervals.
const LOOK_AHEAD: usize = 8;
/// What the map of a line with short keys has room for: a bit an entry, and one a window.
const MAP_BITS: usize = 8 * MAP;
/// Non-default intervals up to this long are written address by address.
const SINGLES: u32 = 2;

/// Encodes the runs of a zone.
pub(crate) fn encode(runs: &[Run<u32>], width: usize) -> Result<V4Lines, Error> {
    let shape = Shape::new(width);
    let parts: Vec<Part> = (0..256u32)
        .into_par_iter()
        .map(|top| part(runs, top, shape))
        .collect();
    let count: usize = parts.iter().map(|part| part.starts.len()).sum();
    if count > MAX_LINES {
        let (size, limit) = (count as u64, MAX_LINES as u64);
        return Err(Error::TooLarge {
            what: "lines of IPv4",
            size,
            limit,
        });
    }
    let mut out = V4Lines {
        top: Vec::with_capacity(V4_TOP_LEN),
        mid: Vec::with_capacity((count + V4_MID_PAD) * 2),
        big: Vec::new(),
        lines: Vec::with_capacity(count * LINE),
    };
    for (block, summary) in (0u32..).zip(parts.iter().flat_map(|part| &part.blocks)) {
        let first = (out.mid.len() / 2) as u32; // below MAX_LINES
        match summary {
            Block::Uniform(id) => out.top.extend((id << 8).to_le_bytes()),
            Block::Units(starts) => {
                if starts.len() >= 0xff {
                    let count = starts.len() as u32; // at most 65,536
                    out.big.extend(block.to_le_bytes());
                    out.big.extend(count.to_le_bytes());
                }
                let count = starts.len().min(0xff) as u32;
                out.top.extend((first << 8 | count).to_le_bytes());
                let followers = starts.iter().skip(1).chain([&0]);
                followers.for_each(|start| out.mid.extend(start.to_le_bytes()));
            }
        }
    }
    out.mid.resize(out.mid.len() + V4_MID_PAD * 2, 0xff);
    for part in &parts {
        out.lines.extend_from_slice(part.lines.as_flattened());
    }
    Ok(out)
}

/// One bit for every /24, set if an address of it has a value.
pub(crate) fn bits(runs: &[Run<u32>]) -> Vec<u8> {
    let mut bits = vec![0u8; V4_BITS_LEN];
    for run in runs {
        for block in run.start >> 8..=run.end >> 8 {
            if let Some(byte) = bits.get_mut((block >> 3) as usize) {
                *byte |= 1 << (block & 7);
            }
        }
    }
    bits
}

/// The lines of a /8.
struct Part {
    blocks: Vec<Block>,
    lines: Vec<[u8; LINE]>,
    starts: Vec<u16>,
}

/// What a /16 says: one value, or where its units start.
enum Block {
    Uniform(u32),
    Units(Vec<u16>),
}

/// Addresses of a /16 from `start` to the next interval, all of one value; 0 for none.
#[derive(Clone, Copy)]
struct Interval {
    start: u32,
    id: u32,
}

fn part(runs: &[Run<u32>], top: u32, shape: Shape) -> Part {
    let mut part = Part {
        blocks: Vec::with_capacity(256),
        lines: Vec::new(),
        starts: Vec::new(),
    };
    let mut rest = runs
        .get(runs.partition_point(|run| run.end < top << 24)..)
        .unwrap_or_default();
    let mut intervals = Vec::new();
    for block in top << 8..(top << 8) + 256 {
        rest = block_intervals(rest, block, &mut intervals);
        match intervals.as_slice() {
            // The top table has 24 bits for an id.
            [only, _end] if only.id < 1 << 24 => part.blocks.push(Block::Uniform(only.id)),
            _ => {
                let starts = encode_block(&intervals, shape, &mut part.lines);
                part.starts.extend_from_slice(&starts);
                part.blocks.push(Block::Units(starts));
            }
        }
    }
    part
}

/// The intervals of a /16, gaps included, from runs of which none ends before it; behind them the
/// end of the /16. Gives the runs that do not end in it.
fn block_intervals<'r>(
    runs: &'r [Run<u32>],
    block: u32,
    out: &mut Vec<Interval>,
) -> &'r [Run<u32>] {
    out.clear();
    let (first, last) = (block << 16, block << 16 | 0xffff);
    let mut covered = 0u32;
    let mut rest = runs;
    while let Some((run, after)) = rest.split_first()
        && run.start <= last
    {
        let start = run.start.max(first) & 0xffff;
        if start > covered {
            out.push(Interval {
                start: covered,
                id: 0,
            });
        }
        out.push(Interval {
            start,
            id: run.value.get(),
        });
        covered = (run.end.min(last) & 0xffff) + 1;
        if run.end > last {
            break;
        }
        rest = after;
    }
    if covered < BLOCK {
        out.push(Interval {
            start: covered,
            id: 0,
        });
    }
    out.push(Interval {
        start: BLOCK,
        id: 0,
    });
    rest
}

fn encode_block(intervals: &[Interval], shape: Shape, lines: &mut Vec<[u8; LINE]>) -> Vec<u16> {
    let mut starts = Vec::new();
    let mut at = 0u32;
    let mut index = 0usize;
    while at < BLOCK {
        let unit = Unit::new(intervals.get(index..).unwrap_or_default(), at, shape);
        let plan = unit.best();
        lines.push(unit.line(&plan));
        starts.push(u16::try_from(at).unwrap_or(u16::MAX)); // below BLOCK
        at = plan.reach;
        while intervals
            .get(index + 1)
            .is_some_and(|next| next.start <= at)
        {
            index += 1;
        }
    }
    starts
}

/// What is left of a /16 for the next line and all after it.
struct Unit<'a> {
    intervals: &'a [Interval],
    start: u32,
    default: u32,
    shape: Shape,
}

/// A kind of line, and the address up to which it speaks.
#[derive(Clone, Copy)]
struct Plan {
    kind: u8,
    /// For [`RAW`]: each entry is of its own address only.
    only: bool,
    reach: u32,
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
    /// Takes the next interval, after which there are so many entries, if it fits.
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
    turns_from: Reach,
}

impl Reaches {
    fn all_ended(&self) -> bool {
        // Nearly always those that end last first.
        self.turns_only.ended
            && self.short.ended
            && self.list.ended
            && self.turns_from.ended
            && self.raw_only.ended
            && self.raw_from.ended
    }
}

/// One entry of a line with keys.
#[derive(Clone, Copy)]
struct Entry {
    key: u32,
    id: u32,
    only: bool,
}

impl<'a> Unit<'a> {
    fn new(intervals: &'a [Interval], start: u32, shape: Shape) -> Unit<'a> {
        let mut unit = Unit {
            intervals,
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

    /// First address, the one after the last, and id of each interval, the first cut to the unit.
    #[inline]
    fn pieces(&self) -> impl Iterator<Item = (u32, u32, u32)> {
        self.intervals.windows(2).filter_map(|pair| match pair {
            [it, next] => Some((it.start.max(self.start), next.start, it.id)),
            _ => None,
        })
    }

    /// The kind that reaches farthest; of equals the first in the order 1, 4, 0 and 5 (each of its key
    /// only), 0 and 5, 2, 3.
    fn best(&self) -> Plan {
        let shape = &self.shape;
        let reaches = self.reaches();
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
        let reach = consider(TURNS, false, self.mapped(&reaches.turns_from));
        // Lines without keys speak of few addresses.
        if reach < self.start + shape.direct2 as u32 {
            consider(DIRECT2, false, self.reach_direct2());
            let direct = self.start + shape.direct as u32;
            consider(DIRECT, false, direct.min(BLOCK));
        }
        best
    }

    /// How far each kind with keys reaches, found in one walk over the intervals.
    fn reaches(&self) -> Reaches {
        let shape = &self.shape;
        let mut reaches = Reaches::default();
        let mut palette = Palette::default();
        // Entries so far, and turns to another value: with a palette, of their address only, and from
        // their key on.
        let (mut listed, mut open) = (0, false);
        let (mut only, mut only_turns, mut only_last) = (0, 0, None);
        let (mut from, mut from_turns, mut from_last) = (0, 0, None);
        for (index, (first, to, id)) in self.pieces().enumerate() {
            let default = id == self.default;
            let short = to - first <= SINGLES;
            if !default {
                let window = ((to - 1 - self.start) >> 8) as usize;
                only += (to - first) as usize;
                only_turns += usize::from(only_last.replace(id) != Some(id));
                let mapped = only + window < MAP_BITS;
                let raw = short && only <= shape.raw;
                let turns = short && shape.turns_hold(only, only_turns) && mapped;
                reaches.raw_only.go_on(raw, first, only);
                reaches.turns_only.go_on(turns, first, only);
            }
            if index > 0 || !default {
                let window = ((first - self.start) >> 8) as usize;
                from += 1;
                from_turns += usize::from(from_last.replace(id) != Some(id));
                let mapped = from + window < MAP_BITS;
                let turns = shape.turns_hold(from, from_turns) && mapped;
                reaches.raw_from.go_on(from <= shape.raw, first, from);
                reaches.turns_from.go_on(turns, first, from);
            }
            // The default needs no entry but where a longer interval has to end.
            if !default || open {
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

    fn line(&self, plan: &Plan) -> [u8; LINE] {
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
        match plan.kind {
            RAW => self.fill_raw(&mut line, plan),
            TURNS => self.fill_turns(&mut line, plan),
            LIST => self.fill_list(&mut line, plan),
            SHORT => self.fill_short(&mut line, plan),
            DIRECT2 => self.fill_direct2(&mut line, plan),
            _ => self.each_address(plan, |place, id| {
                put_id(&mut line, self.shape.head, self.shape.width, place, id);
            }),
        }
        line
    }

    fn fill_raw(&self, line: &mut [u8; LINE], plan: &Plan) {
        let entries = self.raw_of(line, plan);
        let (keys, ids) = (self.shape.head, self.shape.head + 2 * self.shape.raw);
        for place in 0..self.shape.raw {
            let entry = self.entry_or_last(&entries, place);
            put_id(line, keys, 2, place, entry.key - self.start);
            put_id(line, ids, self.shape.width, place, entry.id);
        }
    }

    fn fill_turns(&self, line: &mut [u8; LINE], plan: &Plan) {
        let entries = self.raw_of(line, plan);
        self.put_windows(line, self.shape.head, &entries);
        let mut turns = 0u64;
        let (mut place, mut last) = (LINE, None);
        for (number, entry) in entries.iter().enumerate() {
            if last.replace(entry.id) != Some(entry.id) {
                turns |= 1 << number;
                place -= self.shape.width;
                put_id(line, place, self.shape.width, 0, entry.id);
            }
        }
        let turns = turns.to_le_bytes();
        put_bytes(
            line,
            self.shape.head + MAP,
            turns.get(..TURN_BITS).unwrap_or_default(),
        );
    }

    /// The entries of a line with an id for each; sets the flag that says what they speak of.
    fn raw_of(&self, line: &mut [u8; LINE], plan: &Plan) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(LINE);
        let only = plan.only;
        if only {
            line[0] |= 0x10;
        }
        for (index, (from, to, id)) in self.pieces().enumerate() {
            if from >= plan.reach {
                break;
            }
            if only && id != self.default {
                entries.extend((from..to).map(|key| Entry { key, id, only }));
            } else if !only && (index > 0 || id != self.default) {
                entries.push(Entry {
                    key: from,
                    id,
                    only,
                });
            }
        }
        entries
    }

    /// The map of windows at `at`, and the keys where the line's kind has them.
    fn put_windows(&self, line: &mut [u8; LINE], at: usize, entries: &[Entry]) {
        let keys = if line[0] & 7 == TURNS {
            at + MAP + TURN_BITS
        } else {
            at + MAP
        };
        let mut map = 0u64;
        for (place, entry) in entries.iter().enumerate() {
            let key = entry.key - self.start;
            map |= 1 << (place as u32 + (key >> 8));
            put_id(line, keys, 1, place, key & 0xff);
        }
        put_bytes(line, at, &map.to_le_bytes());
    }

    fn fill_list(&self, line: &mut [u8; LINE], plan: &Plan) {
        let entries = self.list_of(plan);
        let mut palette = Palette::default();
        let keys = self.shape.palette_end;
        let slots = keys + 2 * self.shape.list;
        for place in 0..self.shape.list {
            let entry = self.entry_or_last(&entries, place);
            let slot = palette.slot(entry.id, entry.only).unwrap_or(0);
            put_id(line, keys, 2, place, entry.key - self.start);
            put_two_bits(line, slots, place, slot);
        }
        self.put_palette(line, &palette);
    }

    fn fill_short(&self, line: &mut [u8; LINE], plan: &Plan) {
        let entries = self.list_of(plan);
        self.put_windows(line, self.shape.palette_end, &entries);
        let mut palette = Palette::default();
        let slots = self.shape.palette_end + MAP + self.shape.short;
        for (place, entry) in entries.iter().enumerate() {
            let slot = palette.slot(entry.id, entry.only).unwrap_or(0);
            put_two_bits(line, slots, place, slot);
        }
        self.put_palette(line, &palette);
    }

    /// The entries of a line with a palette and keys.
    fn list_of(&self, plan: &Plan) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(self.shape.short);
        let mut open = false;
        for piece in self.pieces().take_while(|piece| piece.0 < plan.reach) {
            list_entries(piece, self.default, &mut open, &mut |entry| {
                entries.push(entry);
                true
            });
        }
        entries
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

/// The entries of a [`LIST`] line for one interval; false as soon as `take` has no room.
#[inline]
fn list_entries(
    (from, to, id): (u32, u32, u32),
    default: u32,
    open: &mut bool,
    take: &mut impl FnMut(Entry) -> bool,
) -> bool {
    let only = id != default && to - from <= SINGLES;
    if only {
        *open = false;
        return (from..to).all(|key| take(Entry { key, id, only }));
    }
    // The default needs no entry but where a longer interval has to end.
    let needed = id != default || *open;
    *open = id != default;
    !needed
        || take(Entry {
            key: from,
            id,
            only,
        })
}

/// Up to four values, in order of appearance.
#[derive(Default)]
struct Palette {
    slots: [(u32, bool); PALETTE],
    len: usize,
}

impl Palette {
    /// The slot of a value, a new one if need be; none if there are four others.
    #[inline]
    fn slot(&mut self, id: u32, only: bool) -> Option<usize> {
        if let Some(slot) = self.used().position(|used| used == (id, only)) {
            return Some(slot);
        }
        *self.slots.get_mut(self.len)? = (id, only);
        self.len += 1;
        Some(self.len - 1)
    }

    fn used(&self) -> impl Iterator<Item = (u32, bool)> {
        self.slots.into_iter().take(self.len)
    }
}

fn put_bytes(line: &mut [u8; LINE], at: usize, bytes: &[u8]) {
    if let Some(place) = line.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn put_two_bits(line: &mut [u8; LINE], at: usize, place: usize, slot: usize) {
    if let Some(byte) = line.get_mut(at + place / 4) {
        *byte |= u8::try_from(slot & 3).unwrap_or(0) << (2 * (place % 4));
    }
}
