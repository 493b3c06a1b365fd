//! Walks what lines say, in address order.

use std::hint::select_unpredictable;

use super::lookup::{BlockLines, EACH, EITHER, FOUR, Form, Kind, Lines, WINDOWS, form_of};
use crate::bytes::{u16_at, u64_at};
use crate::run::{Run, ValueId};
use crate::simd::{Compare, Task, Window};
use crate::v4::shape::{
    BLOCK, DIRECT, DIRECT2, LINE, LIST, MAP, MIXED, PALETTE, RAW, SHORT, TURNS,
};

impl Lines<'_> {
    /// Adds the runs of a /16 in address order, cut at its ends.
    pub(crate) fn push_runs(
        &self,
        block: u16,
        of: BlockLines<'_>,
        found: &mut Stretches,
        out: &mut Vec<Run<u32>>,
    ) {
        let first = u32::from(block) << 16;
        match of {
            BlockLines::Damaged | BlockLines::Uniform(None) => {}
            BlockLines::Uniform(Some(value)) => out.push(Run {
                start: first,
                end: first | 0xffff,
                value,
            }),
            BlockLines::Lines { lines, starts, .. } => {
                self.push_lines(block, (lines, starts), (0, BLOCK), found, out);
            }
        }
    }

    /// Adds the runs of some lines of a /16, one behind the other, that speak for the addresses from
    /// one to before another of it; cut at these. `starts` says where each but the first starts.
    pub(crate) fn push_lines(
        &self,
        block: u16,
        (lines, starts): (&[[u8; LINE]], &[[u8; 2]]),
        (start, end): (u32, u32),
        found: &mut Stretches,
        out: &mut Vec<Run<u32>>,
    ) {
        self.level.run(Walk {
            reader: self,
            lines,
            starts,
            start,
            end,
            first: u32::from(block) << 16,
            found,
            out,
        });
    }

    /// Finds where the stretches of equal value of a line begin that speaks for the addresses from
    /// `start` to before `end`.
    #[inline(always)]
    fn walk_line(&self, line: &[u8; LINE], ends: (u32, u32), found: &mut Stretches) {
        let number = line[0] & 7;
        let Some(kind) = self.kinds.get(usize::from(number)) else {
            return;
        };
        match number {
            LIST => self.walk_as::<{ form_of(LIST) }>(line, kind, ends, found),
            DIRECT2 => self.walk_as::<{ form_of(DIRECT2) }>(line, kind, ends, found),
            DIRECT => self.walk_as::<{ form_of(DIRECT) }>(line, kind, ends, found),
            SHORT => self.walk_as::<{ form_of(SHORT) }>(line, kind, ends, found),
            TURNS => self.walk_as::<{ form_of(TURNS) }>(line, kind, ends, found),
            MIXED => self.walk_as::<{ form_of(MIXED) }>(line, kind, ends, found),
            _ => self.walk_as::<{ form_of(RAW) }>(line, kind, ends, found),
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
        let default = self.read_default(line);
        found.push(start, default, true);
        let base = u32::from(u16_at(line, 2));
        if FORM & WINDOWS != 0 {
            let Window { map, keys_at, .. } = kind.window(line, Form::of(FORM), 0);
            let keys = line.get(keys_at as usize..).unwrap_or_default();
            let keys = keys.iter().take(kind.keys.count().into());
            let lows = windows(map).zip(keys);
            let lows = lows.map(|(window, low)| base + (window << 8 | u32::from(*low)));
            self.walk_keys::<FORM>(line, kind, (start, end), lows, found);
        } else {
            let lows = kind.keys.read(line).map(|low| base + u32::from(low));
            self.walk_keys::<FORM>(line, kind, (start, end), lows, found);
        }
    }

    /// Walks the entries of a line, of which these are the keys.
    #[inline(always)]
    fn walk_keys<const FORM: u8>(
        &self,
        line: &[u8; LINE],
        kind: &Kind,
        (start, end): (u32, u32),
        lows: impl Iterator<Item = u32>,
        found: &mut Stretches,
    ) {
        let default = self.read_default(line);
        let mut ids = Ids::<FORM>::new(self, line, kind);
        // Unused places repeat the last key, and damaged bytes hold any.
        let mut next = start;
        if default == 0 && ids.are_single {
            let mut singles = found.begin_singles(start);
            for (index, low) in lows.enumerate() {
                if low < next || low >= end {
                    break;
                }
                let (id, _) = ids.next(index);
                found.push_single(&mut singles, low, id, low == next);
                next = low + 1;
            }
            found.end_singles(&singles, next);
            return;
        }
        let mut around = default;
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

/// Walks lines of a /16.
struct Walk<'l, 'a, 'b, 'o> {
    reader: &'l Lines<'a>,
    lines: &'b [[u8; LINE]],
    starts: &'b [[u8; 2]],
    /// Where the first one starts, and where the last one ends.
    start: u32,
    end: u32,
    /// The first address of the /16.
    first: u32,
    found: &'o mut Stretches,
    out: &'o mut Vec<Run<u32>>,
}

impl Task for Walk<'_, '_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self, _: impl Compare) {
        let found = self.found;
        found.first = self.first;
        let mut start = self.start;
        // What is stored for a line is where the next one starts.
        let ends = self.starts.iter();
        let ends = ends.map(|start| u16::from_le_bytes(*start).into());
        let ends = ends.take(self.lines.len().saturating_sub(1));
        let ends = ends.chain([self.end]);
        for (line, end) in self.lines.iter().zip(ends) {
            // Damaged starts need not rise.
            let end = end.max(start);
            self.reader.walk_line(line, (start, end), found);
            found.flush(self.out);
            start = end;
        }
        found.finish(self.end, self.out);
    }
}

/// Room to walk lines in: where the stretches of equal value of a line begin, start within the /16
/// and id, starts never falling; of two with one start the later holds. Hardly anything here
/// branches on what lines say, which nobody could predict.
pub(crate) struct Stretches {
    list: [(u32, u32); Stretches::ROOM],
    len: usize,
    /// The last stretch that is known to differ from what is before and behind it.
    open: (u32, u32),
    runs: [Run<u32>; Stretches::ROOM],
    count: usize,
    /// The first address of the /16.
    first: u32,
}

impl Stretches {
    /// More than any line has: the [`DIRECT2`] ones have 224 addresses.
    const ROOM: usize = 256;

    pub(crate) fn new() -> Stretches {
        let run = Run {
            start: 0,
            end: 0,
            value: ValueId::FIRST,
        };
        Stretches {
            list: [(0, 0); Stretches::ROOM],
            len: 0,
            open: (0, 0),
            runs: [run; Stretches::ROOM],
            count: 0,
            first: 0,
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
        let (mut count, mut open) = (self.count, self.open);
        for at in 0..last {
            let (start, id) = self.list[at];
            let turns = self.list[at + 1].0 != start && id != open.1;
            self.runs[count % Stretches::ROOM] = self.run(open.0, start, open.1);
            count += usize::from(turns & (open.1 != 0));
            open.0 = select_unpredictable(turns, start, open.0);
            open.1 = select_unpredictable(turns, id, open.1);
        }
        (self.count, self.open) = (count, open);
        self.list[0] = self.list[last];
        self.len = 1;
    }

    #[inline(always)]
    fn run(&self, start: u32, end: u32, id: u32) -> Run<u32> {
        Run {
            start: self.first | start,
            end: self.first | end.wrapping_sub(1),
            value: ValueId::new(id).unwrap_or(ValueId::FIRST),
        }
    }

    /// Addresses from `start` on follow that say something of their own, and those between them say
    /// nothing.
    #[inline(always)]
    fn begin_singles(&mut self, start: u32) -> Singles {
        // What the line says first says nothing, so it needs no entry.
        self.push(BLOCK + 1, 0, true);
        self.settle();
        let last = self.count.checked_sub(1).and_then(|at| self.runs.get(at));
        let last = last.filter(|run| run.end.wrapping_add(1) == self.first | start);
        Singles {
            count: self.count,
            start: last.map_or(0, |run| run.start),
            id: last.map_or(0, |run| run.value.get()),
        }
    }

    /// Adds an address, which may be the one behind the last run.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the array")]
    fn push_single(&mut self, last: &mut Singles, at: u32, id: u32, is_beside: bool) {
        let Some(value) = ValueId::new(id) else {
            // An undamaged line has no such entry.
            last.id = 0;
            return;
        };
        let address = self.first | at;
        let joins = is_beside & (last.id == id);
        last.start = select_unpredictable(joins, last.start, address);
        // What joins takes the place of the last run, which there is.
        let place = last.count.wrapping_sub(usize::from(joins));
        self.runs[place % Stretches::ROOM] = Run {
            start: last.start,
            end: address,
            value,
        };
        last.count = place.wrapping_add(1);
        last.id = id;
    }

    #[inline(always)]
    fn end_singles(&mut self, last: &Singles, next: u32) {
        self.count = last.count;
        (self.open, self.list[0]) = ((next, 0), (next, 0));
        // The last one may go on in the next line.
        if let Some(run) = last.count.checked_sub(1).and_then(|at| self.runs.get(at)) {
            self.open = (run.start - self.first, run.value.get());
            self.list[0] = (run.end - self.first + 1, 0);
            self.count = last.count - 1;
        }
    }

    /// Gives the runs away but the last, to which the next may be joined.
    #[inline(always)]
    fn flush(&mut self, out: &mut Vec<Run<u32>>) {
        self.settle();
        let Some(last) = self.count.checked_sub(1) else {
            return;
        };
        let last = last % Stretches::ROOM;
        if let Some((kept, gone)) = self.runs.get(..=last).and_then(|runs| runs.split_last()) {
            out.extend_from_slice(gone);
            self.runs[0] = *kept;
            self.count = 1;
        }
    }

    /// Ends what is walked before an address.
    fn finish(&mut self, end: u32, out: &mut Vec<Run<u32>>) {
        self.push(end, 0, true);
        self.push(BLOCK + 1, 0, true);
        self.settle();
        out.extend_from_slice(self.runs.get(..self.count).unwrap_or_default());
        (self.len, self.open, self.count) = (0, (0, 0), 0);
    }
}

/// What is known while addresses of their own are added.
struct Singles {
    /// How many runs there are.
    count: usize,
    /// Where the last run begins, and its id; 0 if no address can be joined to it.
    start: u32,
    id: u32,
}

/// Reads the ids of a line's entries, one after the other.
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
pub(super) fn short_u64_at(line: &[u8; LINE], at: usize) -> u64 {
    match LINE.checked_sub(at) {
        Some(8..) => u64_at(line, at),
        Some(left @ 1..) => u64_at(line, LINE - 8) >> (64 - 8 * left),
        _ => 0,
    }
}

/// The number of the window of each key, as a map of windows has them.
#[inline(always)]
fn windows(map: u64) -> impl Iterator<Item = u32> {
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
