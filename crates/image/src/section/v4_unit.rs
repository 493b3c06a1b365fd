//! Chooses a line and writes it: of all kinds the one that reaches farthest.

#![expect(
    clippy::cast_possible_truncation,
    reason = "places in a /16 and in a line are small"
)]

use rblmap::Run;
use rblmap::layout::line::{
    BLOCK, DIRECT, DIRECT2, ENTRY_BITS, LINE, LIST, MAP, MIXED, PALETTE, RAW, SHORT, Shape, TURNS,
};

use super::put_id;

/// The default value of a line is that of the longest of this many pieces.
const LOOK_AHEAD: usize = 8;
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
    /// Whether all kinds have ended whose entries are of their own address only.
    fn only_ended(&self) -> bool {
        // Nearly always those that end last first.
        self.turns_only.ended && self.short.ended && self.list.ended && self.raw_only.ended
    }

    fn all_ended(&self) -> bool {
        self.only_ended() && self.mixed.ended && self.raw_from.ended
    }
}

/// One entry of a line with keys.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    key: u32,
    id: u32,
    only: bool,
}

impl Entry {
    /// Whether the other one is the next address, of the same run.
    fn is_beside(&self, next: &Entry) -> bool {
        next.key == self.key + 1 && next.id == self.id
    }
}

/// The entries of a line; no kind has more than [`Entries::ROOM`].
pub(crate) struct Entries {
    list: [Entry; Entries::ROOM],
    len: usize,
}

impl Default for Entries {
    fn default() -> Entries {
        let entry = Entry {
            key: 0,
            id: 0,
            only: false,
        };
        Entries {
            list: [entry; Entries::ROOM],
            len: 0,
        }
    }
}

impl Entries {
    const ROOM: usize = 64;

    pub(crate) fn as_slice(&self) -> &[Entry] {
        self.list.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, entry: Entry) {
        if let Some(place) = self.list.get_mut(self.len) {
            *place = entry;
            self.len += 1;
        }
    }

    /// Adds one or two neighbours of their own address only, without a branch on how many.
    #[inline]
    fn push_single(&mut self, key: u32, count: usize, id: u32) {
        let only = true;
        if let Some([first, second]) = self.list.get_mut(self.len..self.len + 2) {
            *first = Entry { key, id, only };
            *second = Entry {
                key: key + 1,
                id,
                only,
            };
            self.len += count;
        }
    }

    /// Keeps the entries of the runs that begin before `reach`, at most so many.
    fn cut(&mut self, most: usize, reach: u32) {
        self.len = most.min(self.len);
        while let Some((last, before)) = self.as_slice().split_last()
            && last.key >= reach
            && !before
                .last()
                .is_some_and(|it| it.key < reach && it.is_beside(last))
        {
            self.len -= 1;
        }
    }

    /// How many pieces the runs are and the gaps between them.
    fn pieces(&self) -> usize {
        let pairs = self.as_slice().windows(2);
        let more = pairs.map(|pair| match pair {
            [a, b] if a.is_beside(b) => 0,
            [a, b] if a.key + 1 == b.key => 1,
            _ => 2,
        });
        more.sum::<usize>() + 1
    }

    /// What a line reaches that has room for so many entries of their own address only, and ends
    /// before `end` at the latest.
    fn reach(&self, room: usize, end: Option<usize>) -> Reach {
        let mut at = room.min(end.unwrap_or(usize::MAX));
        // Neighbours of one value are one piece, and go together.
        if let Some([a, b]) = at.checked_sub(1).and_then(|a| self.as_slice().get(a..=at))
            && a.is_beside(b)
        {
            at -= 1;
        }
        self.as_slice().get(at).map_or(
            Reach {
                end: BLOCK,
                entries: self.len,
                ended: false,
            },
            |next| Reach {
                end: next.key,
                entries: at,
                ended: true,
            },
        )
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
                from += 1;
                reaches.raw_from.go_on(from <= shape.raw, first, from);
            }
            if id != around {
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
        let used = self.slots.get(..self.len).unwrap_or_default();
        if let Some(slot) = used.iter().position(|used| *used == (id, only)) {
            return Some(slot);
        }
        *self.slots.get_mut(self.len)? = (id, only);
        self.len += 1;
        Some(self.len - 1)
    }

    /// Writes the slots of entries.
    fn put_slots(
        &mut self,
        line: &mut [u8; LINE],
        at: usize,
        entries: impl Iterator<Item = Entry>,
    ) {
        let (mut slot, mut last) = (0, None);
        for (place, entry) in entries.enumerate() {
            let value = (entry.id, entry.only);
            if last.replace(value) != Some(value) {
                slot = self.slot(entry.id, entry.only).unwrap_or(0);
            }
            if slot > 0 {
                put_two_bits(line, at, place, slot);
            }
        }
    }

    fn used(&self) -> impl Iterator<Item = (u32, bool)> {
        self.slots.into_iter().take(self.len)
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

fn put_two_bits(line: &mut [u8; LINE], at: usize, place: usize, slot: usize) {
    if let Some(byte) = line.get_mut(at + place / 4) {
        *byte |= u8::try_from(slot & 3).unwrap_or(0) << (2 * (place % 4));
    }
}
