//! The buffer that turns the lines of a /16 into runs.
//!
//! A line is walked as a list of *starts*: (place in the /16, id), in rising order. Each start holds up
//! to the next one. Of two starts at one place the later holds, so a caller need not know what comes
//! next. Neighbours of one id are one run, also across lines.
//!
//! ```text
//!  push     (0,0) (5,7) (6,0) (6,7) (9,0)          what a line gives: 5 has id 7, then 6..9 has 7
//!             │     └──┬──┘     │     └ last start: the next line may overwrite it, so it waits
//!             │   same place: (6,7) replaces (6,0)
//!  settle   runs: [5, 8] has 7     open: (9, 0)
//!  flush    gives away all runs but the last, which the next line may extend
//!  finish   closes everything at the end of the /16
//! ```
//!
//! Between calls of `settle` three things hold: `list` has at most the one start that may still be
//! replaced; `open` is where the last run or gap began that is not in `runs` yet; and `runs` are
//! finished but for the last, which may grow. Hardly anything here branches on what lines hold, which
//! no processor could predict.

use std::hint::select_unpredictable;

use crate::run::{Run, ValueId};
use crate::v4::shape::BLOCK;

/// Scratch buffer for a walk over the lines of a /16; see the head of this file.
pub(super) struct RunBuffer {
    list: [(u32, u32); RunBuffer::ROOM],
    len: usize,
    /// Where the last run or gap began that is not in `runs` yet, and its id.
    open: (u32, u32),
    runs: [Run<u32>; RunBuffer::ROOM],
    count: usize,
    /// The first address of the /16.
    pub(super) first: u32,
}

impl RunBuffer {
    /// More than any line has: the [`DIRECT2`] ones have 224 addresses.
    const ROOM: usize = 256;

    pub(super) fn new() -> RunBuffer {
        let run = Run {
            start: 0,
            end: 0,
            value: ValueId::FIRST,
        };
        RunBuffer {
            list: [(0, 0); RunBuffer::ROOM],
            len: 0,
            open: (0, 0),
            runs: [run; RunBuffer::ROOM],
            count: 0,
            first: 0,
        }
    }

    /// Adds a start, if it counts.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the array")]
    pub(super) fn push(&mut self, start: u32, id: u32, counts: bool) {
        self.list[self.len % RunBuffer::ROOM] = (start, id);
        self.len += usize::from(counts);
    }

    /// Makes runs of all starts but the last, which the next one may replace.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the array")]
    fn settle(&mut self) {
        let Some(last) = self.len.checked_sub(1) else {
            return;
        };
        let last = last % RunBuffer::ROOM;
        let (mut count, mut open) = (self.count, self.open);
        for at in 0..last {
            let (start, id) = self.list[at];
            let turns = self.list[at + 1].0 != start && id != open.1;
            self.runs[count % RunBuffer::ROOM] = self.run(open.0, start, open.1);
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

    /// Begins a line of single addresses, with no value between them, whose unit starts at `start`.
    #[inline(always)]
    pub(super) fn begin_singles(&mut self, start: u32) -> Singles {
        // The default of the line is no value, so its first start makes no run.
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

    /// Adds an address. `is_beside` says that it is the one behind the last run.
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
        self.runs[place % RunBuffer::ROOM] = Run {
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

    /// Gives away all runs but the last, which the next line may extend.
    #[inline(always)]
    pub(super) fn flush(&mut self, out: &mut Vec<Run<u32>>) {
        self.settle();
        let Some(last) = self.count.checked_sub(1) else {
            return;
        };
        let last = last % RunBuffer::ROOM;
        if let Some((kept, gone)) = self.runs.get(..=last).and_then(|runs| runs.split_last()) {
            out.extend_from_slice(gone);
            self.runs[0] = *kept;
            self.count = 1;
        }
    }

    /// Closes everything before an address.
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
