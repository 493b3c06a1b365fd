//! The buffer that turns the lines of a /16 into runs.

use std::hint::select_unpredictable;

use crate::run::{Run, ValueId};
use crate::v4::shape::BLOCK;

/// Room to walk lines in: where the stretches of equal value of a line begin, start within the /16
/// and id, starts never falling; of two with one start the later holds. Hardly anything here
/// branches on what lines say, which nobody could predict.
pub(super) struct Stretches {
    list: [(u32, u32); Stretches::ROOM],
    len: usize,
    /// The last stretch that is known to differ from what is before and behind it.
    open: (u32, u32),
    runs: [Run<u32>; Stretches::ROOM],
    count: usize,
    /// The first address of the /16.
    pub(super) first: u32,
}

impl Stretches {
    /// More than any line has: the [`DIRECT2`] ones have 224 addresses.
    const ROOM: usize = 256;

    pub(super) fn new() -> Stretches {
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
    pub(super) fn push(&mut self, start: u32, id: u32, counts: bool) {
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
    pub(super) fn begin_singles(&mut self, start: u32) -> Singles {
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
    pub(super) fn push_single(&mut self, last: &mut Singles, at: u32, id: u32, is_beside: bool) {
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
    pub(super) fn end_singles(&mut self, last: &Singles, next: u32) {
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
    pub(super) fn flush(&mut self, out: &mut Vec<Run<u32>>) {
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
    pub(super) fn finish(&mut self, end: u32, out: &mut Vec<Run<u32>>) {
        self.push(end, 0, true);
        self.push(BLOCK + 1, 0, true);
        self.settle();
        out.extend_from_slice(self.runs.get(..self.count).unwrap_or_default());
        (self.len, self.open, self.count) = (0, (0, 0), 0);
    }
}

/// What is known while addresses of their own are added.
pub(super) struct Singles {
    /// How many runs there are.
    count: usize,
    /// Where the last run begins, and its id; 0 if no address can be joined to it.
    start: u32,
    id: u32,
}
