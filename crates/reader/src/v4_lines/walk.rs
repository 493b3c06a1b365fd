//! Walks what lines say, in address order.

use std::hint::select_unpredictable;

use super::{BlockLines, EACH, EITHER, FOUR, Form, Kind, Lines, WINDOWS};
use crate::compare::{Compare, Task, Window};
use crate::layout::bytes::{u16_at, u64_at};
use crate::layout::line::{BLOCK, LINE, MAP, PALETTE};
use crate::run::{Run, ValueId};

impl Lines<'_> {
    /// Reads the runs of a /16 in address order, cut at its ends.
    pub(crate) fn read_runs<'f>(
        &self,
        block: u16,
        of: BlockLines<'_>,
        found: &'f mut Stretches,
    ) -> &'f [Run<u32>] {
        let first = u32::from(block) << 16;
        found.begin(first);
        match of {
            BlockLines::Damaged | BlockLines::Uniform(None) => {}
            BlockLines::Uniform(Some(value)) => {
                found.push(0, value.get(), true);
                found.finish();
            }
            BlockLines::Lines { lines, starts, .. } => self.level.run(Walk {
                reader: self,
                lines,
                starts,
                found,
            }),
        }
        found.runs()
    }

    /// Finds where the stretches of equal value of a line begin that speaks for the addresses from
    /// `start` to before `end`.
    #[inline(always)]
    fn walk_line(&self, line: &[u8; LINE], ends: (u32, u32), found: &mut Stretches) {
        let Some(kind) = self.kinds.get(usize::from(line[0] & 7)) else {
            return;
        };
        match kind.form {
            0 => self.walk_as::<0>(line, kind, ends, found),
            FOUR => self.walk_as::<FOUR>(line, kind, ends, found),
            EACH => self.walk_as::<EACH>(line, kind, ends, found),
            WINDOWS => self.walk_as::<WINDOWS>(line, kind, ends, found),
            form if form == EACH | FOUR => {
                self.walk_as::<{ EACH | FOUR }>(line, kind, ends, found);
            }
            form if form == WINDOWS | EITHER => {
                self.walk_as::<{ WINDOWS | EITHER }>(line, kind, ends, found);
            }
            _ => self.walk_as::<{ FOUR | WINDOWS }>(line, kind, ends, found),
        }
    }

    /// Walks a line of a kind that is read in this form.
    #[inline(always)]
    fn walk_as<const FORM: u8>(
        &self,
        line: &[u8; LINE],
        kind: &Kind,
        (start, end): (u32, u32),
        found: &mut Stretches,
    ) {
        if FORM & EACH != 0 {
            self.walk_each::<FORM>(line, kind, (start, end), found);
            return;
        }
        let base = u32::from(u16_at(line, 2));
        if FORM & WINDOWS != 0 {
            let Window { map, keys_at, .. } = kind.window(line, Form::of(FORM), 0);
            let keys = line.get(keys_at as usize..).unwrap_or_default();
            let keys = keys.iter().take(kind.keys.count().into());
            let lows = windows(map).zip(keys);
            let lows = lows.map(|(window, low)| base + (window << 8 | u32::from(*low)));
            self.walk_keys::<FORM>(line, kind, lows, (start, end), found);
        } else {
            let lows = kind.keys.read(line).map(|low| base + u32::from(low));
            self.walk_keys::<FORM>(line, kind, lows, (start, end), found);
        }
    }

    /// Walks the entries of a line, of which these are the keys.
    #[inline(always)]
    fn walk_keys<const FORM: u8>(
        &self,
        line: &[u8; LINE],
        kind: &Kind,
        lows: impl Iterator<Item = u32> + Clone,
        (start, end): (u32, u32),
        found: &mut Stretches,
    ) {
        let default = self.read_default(line);
        let ids = Ids::<FORM>::new(self, line, kind);
        if default == 0
            && ids.are_single
            && found.push_singles(lows.clone(), ids.clone(), (start, end))
        {
            return;
        }
        let mut ids = ids;
        found.leave_singles();
        found.push(start, default, true);
        let mut around = default;
        // Unused places repeat the last key, and damaged bytes hold any.
        let mut next = start;
        for (index, low) in lows.enumerate() {
            if low < next || low >= end {
                break;
            }
            let (id, only) = ids.next(index);
            found.push(low, id, true);
            next = low + 1;
            if FORM & EITHER != 0 {
                around = select_unpredictable(only, around, id);
            }
            found.push(next, around, only & (next < end));
        }
    }

    /// Walks a line that has a place for each address.
    #[inline(always)]
    fn walk_each<const FORM: u8>(
        &self,
        line: &[u8; LINE],
        kind: &Kind,
        (start, end): (u32, u32),
        found: &mut Stretches,
    ) {
        found.leave_singles();
        let base = u32::from(u16_at(line, 2));
        let last = end.min(base + u32::from(kind.keys.count())).max(start);
        // An undamaged line speaks from its base on.
        let mut see = |index: u32| {
            let low = base + index;
            let (at, _) = self.place(line, kind, Form::of(FORM), index as usize);
            found.push(low, self.read_id(line, at), low >= start && low < last);
        };
        if FORM & FOUR == 0 {
            (0..kind.keys.count().into()).for_each(&mut see);
        } else {
            // Of 32 places only those are looked at that say something else than the one before.
            let mut before = !(u64_at(line, usize::from(kind.at).min(LINE - 8)) & 3);
            for word in 0..u32::from(kind.keys.count()).div_ceil(32) {
                let at = usize::from(kind.at) + 8 * word as usize;
                let places = short_u64_at(line, at);
                let differ = places ^ (places << 2 | before & 3);
                let mut turns = (differ | differ >> 1) & 0x5555_5555_5555_5555;
                while turns != 0 {
                    see(32 * word + turns.trailing_zeros() / 2);
                    turns &= turns - 1;
                }
                before = places >> 62;
            }
        }
        found.push(last, self.read_default(line), true);
    }
}

/// Walks the lines of a /16.
struct Walk<'l, 'a, 'b, 'o> {
    reader: &'l Lines<'a>,
    lines: &'b [[u8; LINE]],
    starts: &'b [[u8; 2]],
    found: &'o mut Stretches,
}

impl Task for Walk<'_, '_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self, _: impl Compare) {
        let found = self.found;
        let mut start = 0;
        // The first unit starts at 0, and what is stored there is where the next one does.
        let ends = self.starts.iter();
        let ends = ends.map(|start| u16::from_le_bytes(*start).into());
        let ends = ends.take(self.lines.len() - 1).chain([BLOCK]);
        for (line, end) in self.lines.iter().zip(ends) {
            // Damaged starts need not rise.
            let end = end.max(start);
            found.make_room();
            self.reader.walk_line(line, (start, end), found);
            found.settle();
            start = end;
        }
        found.finish();
    }
}

/// Room to walk the lines of a /16 in: where the stretches of equal value of a line begin, start
/// within the /16 and id, starts never falling; of two with one start the later holds. Hardly anything
/// here branches on what lines say, which nobody could predict.
pub(crate) struct Stretches {
    list: [(u32, u32); Stretches::ROOM],
    len: usize,
    /// The last stretch that is known to differ from what is before and behind it.
    open: (u32, u32),
    /// Where the last line ended, if it had addresses of their own only: then `list` and `open` say
    /// nothing, as their runs are made at once.
    singles_end: Option<u32>,
    /// The first `count` are the runs of the /16 so far. Only grows.
    runs: Vec<Run<u32>>,
    count: usize,
    /// The first address of the /16.
    first: u32,
}

impl Stretches {
    /// More than any line has: the [`DIRECT2`] ones have 224 addresses.
    const ROOM: usize = 256;

    pub(crate) fn new() -> Stretches {
        Stretches {
            list: [(0, 0); Stretches::ROOM],
            len: 0,
            open: (0, 0),
            singles_end: None,
            runs: Vec::new(),
            count: 0,
            first: 0,
        }
    }

    /// The runs of the /16 that was read last.
    pub(crate) fn runs(&self) -> &[Run<u32>] {
        self.runs.get(..self.count).unwrap_or_default()
    }

    /// Begins a /16, given by its first address.
    fn begin(&mut self, first: u32) {
        self.first = first;
        (self.len, self.open, self.singles_end, self.count) = (0, (0, 0), None, 0);
        self.make_room();
    }

    /// Has room for the runs of a line.
    #[inline(always)]
    fn make_room(&mut self) {
        let wanted = self.count + 2 * Stretches::ROOM;
        if self.runs.len() < wanted {
            let run = Run {
                start: 0,
                end: 0,
                value: ValueId::FIRST,
            };
            self.runs.resize(2 * wanted, run);
        }
    }

    /// Adds a stretch, if it counts.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the array")]
    fn push(&mut self, start: u32, id: u32, counts: bool) {
        self.list[self.len % Stretches::ROOM] = (start, id);
        self.len += usize::from(counts);
    }

    /// Makes runs of the stretches but the last, which the next one may correct.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the array")]
    fn settle(&mut self) {
        let Some(last) = self.len.checked_sub(1) else {
            return;
        };
        let last = last % Stretches::ROOM;
        let first = self.first;
        let runs = self.runs.get_mut(self.count..).unwrap_or_default();
        let Some(runs) = runs.first_chunk_mut::<{ Stretches::ROOM }>() else {
            return; // there is room
        };
        let (mut count, mut open) = (0, self.open);
        for at in 0..last {
            let (start, id) = self.list[at];
            let turns = self.list[at + 1].0 != start && id != open.1;
            runs[count % Stretches::ROOM] = Run {
                start: first | open.0,
                end: first | start.wrapping_sub(1),
                value: ValueId::new(open.1).unwrap_or(ValueId::FIRST),
            };
            count += usize::from(turns & (open.1 != 0));
            open.0 = select_unpredictable(turns, start, open.0);
            open.1 = select_unpredictable(turns, id, open.1);
        }
        self.count += count;
        self.open = open;
        self.list[0] = self.list[last];
        self.len = 1;
    }

    /// Adds the entries of a line that says something of these addresses and nothing of others. False,
    /// and nothing is added, if they are not what undamaged lines have: rising, from `start` to before
    /// `end`, and with a value.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the array")]
    fn push_singles<const FORM: u8>(
        &mut self,
        lows: impl Iterator<Item = u32>,
        mut ids: Ids<'_, '_, FORM>,
        (start, end): (u32, u32),
    ) -> bool {
        if self.singles_end.is_none() {
            self.push(start, 0, true);
            self.push(BLOCK + 1, 0, true);
            self.settle();
        }
        let first = self.first;
        // The first of them may be the next address of the run before.
        let from = self.count.saturating_sub(1);
        let runs = self.runs.get_mut(from..).unwrap_or_default();
        let Some(runs) = runs.first_chunk_mut::<{ Stretches::ROOM }>() else {
            return false; // there is room
        };
        let mut place = self.count - from;
        let is_before = place == 1 && runs[0].end.wrapping_add(1) == first | start;
        let mut open = (
            runs[0].start,
            if is_before { runs[0].value.get() } else { 0 },
        );
        let mut next = start;
        let (mut falls, mut lacks) = (0, false);
        let before = runs[0];
        for (index, low) in lows.enumerate() {
            if FORM & WINDOWS == 0 && low < next {
                break; // unused places repeat the last key
            }
            let (id, _) = ids.next(index);
            falls |= low.wrapping_sub(next);
            lacks |= id == 0;
            let joins = (low == next) & (open.1 == id);
            let address = first | low;
            open = (select_unpredictable(joins, open.0, address), id);
            // What joins takes the place of the last run, which there is.
            place = place.wrapping_sub(usize::from(joins));
            runs[place % Stretches::ROOM] = Run {
                start: open.0,
                end: address,
                value: ValueId::new(id).unwrap_or(ValueId::FIRST),
            };
            place = place.wrapping_add(1);
            next = low + 1;
        }
        if falls > BLOCK || lacks || next > end {
            runs[0] = before;
            self.singles_end = Some(start);
            return false;
        }
        self.count = from + place;
        self.singles_end = Some(end);
        true
    }

    /// Goes on behind lines of addresses of their own with one that says more.
    #[inline(always)]
    fn leave_singles(&mut self) {
        let Some(end) = self.singles_end.take() else {
            return;
        };
        (self.open, self.list[0], self.len) = ((end, 0), (end, 0), 1);
        // The last run may go on.
        if let Some(last) = self.count.checked_sub(1)
            && let Some(run) = self.runs.get(last)
            && run.end.wrapping_add(1) == self.first | end
        {
            self.open = (run.start - self.first, run.value.get());
            self.count = last;
        }
    }

    /// Ends the /16.
    fn finish(&mut self) {
        if self.singles_end.is_none() {
            self.push(BLOCK, 0, true);
            self.push(BLOCK + 1, 0, true);
            self.settle();
        }
    }
}

/// Reads the ids of a line's entries, one after the other.
#[derive(Clone)]
struct Ids<'l, 'a, const FORM: u8> {
    reader: &'l Lines<'a>,
    line: &'l [u8; LINE],
    at: usize,
    /// The ids of the palette, and whether each is of its key only.
    palette: [(u32, bool); PALETTE],
    /// The bits of the turns that are left, and of the entries that are of their key only.
    turns: u64,
    only: u64,
    /// Whether all that the line says is of its keys only.
    are_single: bool,
}

impl<'l, 'a, const FORM: u8> Ids<'l, 'a, FORM> {
    #[inline(always)]
    fn new(reader: &'l Lines<'a>, line: &'l [u8; LINE], kind: &Kind) -> Ids<'l, 'a, FORM> {
        let flags = line[0] >> 4;
        let mut ids = Ids {
            reader,
            line,
            at: kind.at.into(),
            palette: [(0, false); PALETTE],
            turns: 0,
            only: 0,
            are_single: flags & 1 != 0,
        };
        if FORM & FOUR != 0 {
            let (from, width) = (usize::from(reader.palette_at), usize::from(reader.width));
            ids.palette = std::array::from_fn(|slot| {
                let id = reader.read_id(line, from + slot * width);
                (id, flags >> slot & 1 != 0)
            });
            ids.are_single = ids.palette.iter().all(|(id, only)| *id == 0 || *only);
        } else if FORM & WINDOWS != 0 {
            ids.turns = u64_at(line, (usize::from(kind.keys.at()) + MAP).min(LINE - 8));
            ids.at = LINE;
            if FORM & EITHER != 0 {
                ids.only = !reader.onward_bits(line, kind);
                ids.are_single = false;
            }
        }
        ids
    }

    /// The id of the next entry, which has this index, and whether it is of its key only.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the array")]
    fn next(&mut self, index: usize) -> (u32, bool) {
        let width = usize::from(self.reader.width);
        if FORM & FOUR != 0 {
            let byte = self.line[(self.at + index / 4) % LINE];
            return self.palette[usize::from(byte >> (2 * (index % 4)) & 3)];
        }
        if FORM & WINDOWS != 0 {
            // The ids of turns lie from the end down.
            let turns = self.turns & 1 != 0;
            self.turns >>= 1;
            self.at = self.at.wrapping_sub(select_unpredictable(turns, width, 0));
            let only = self.are_single | (self.only & 1 != 0);
            self.only >>= 1;
            return (self.reader.read_id(self.line, self.at), only);
        }
        let id = self.reader.read_id(self.line, self.at + index * width);
        (id, self.are_single)
    }
}

/// Up to eight bytes from a place of a line on.
#[inline(always)]
fn short_u64_at(line: &[u8; LINE], at: usize) -> u64 {
    match LINE.checked_sub(at) {
        Some(8..) => u64_at(line, at),
        Some(left @ 1..) => u64_at(line, LINE - 8) >> (64 - 8 * left),
        _ => 0,
    }
}

/// The number of the window of each key, as a map of windows has them.
#[inline(always)]
fn windows(map: u64) -> impl Iterator<Item = u32> + Clone {
    let (mut map, mut keys) = (map, 0);
    std::iter::from_fn(move || {
        if map == 0 {
            return None;
        }
        // The clear bits before that of the key.
        let window = map.trailing_zeros() - keys;
        map &= map - 1;
        keys += 1;
        Some(window)
    })
}
