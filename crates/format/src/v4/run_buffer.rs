//! Puts the runs of a /16 together from what its lines say, one line after the other.
//!
//! A line says where values change: each *turn* is an address, as an offset in the /16, and the id that
//! holds from there on, 0 for none. Turns rise, also from line to line. A turn to the id that holds anyway
//! is none, so neighbours of one id are one run, also across lines.
//!
//! ```text
//!  turns    (0,0) (5,7) (6,0) (9,7)     what a line gives: 5 has id 7, and so has what is from 9 on
//!  runs     [5, 5] has 7                what has ended with this line
//!  open     (9, 7)                      the run or gap that goes on, maybe in the next line
//! ```
//!
//! Most lines hold addresses of their own only. What of those is one run is found for a line at once, by
//! bits. Hardly anything here branches on what lines hold, which no processor could predict: a turn or a
//! run is written in any case, and overwritten if it does not count.

use std::hint::select_unpredictable;

use super::run_counts::RunCounts;
use super::unfolded::Unfolded;
use crate::run::{Run, ValueId};

/// More than any line has: the [`DIRECT2`](super::kind::DIRECT2) ones have 224 addresses.
const ROOM: usize = 256;

/// Where a value begins to hold, as an offset in the /16, and its id; 0 for none.
pub(super) type Turn = (u32, u32);

/// Scratch buffer for a walk over the lines of a /16; see the head of this file.
pub(super) struct RunBuffer {
    turns: [Turn; ROOM],
    runs: [Run<u32>; ROOM],
    /// Where the run or gap begins that goes on, and its id.
    open: Turn,
    /// The first address of the /16.
    first: u32,
}

impl RunBuffer {
    pub(super) fn new() -> RunBuffer {
        let run = Run {
            start: 0,
            end: 0,
            value: ValueId::FIRST,
        };
        RunBuffer {
            turns: [(0, 0); ROOM],
            runs: [run; ROOM],
            open: (0, 0),
            first: 0,
        }
    }

    /// Begins the /16 of this first address.
    pub(super) fn begin(&mut self, first: u32) {
        self.first = first;
        self.open = (0, 0);
    }

    /// The turns that a line tells, behind the last one of the line before.
    #[inline(always)]
    pub(super) fn turns(&mut self, open: Turn, tell: impl FnOnce(&mut Turns<'_>)) -> &[Turn] {
        let count = self.tell(open, tell);
        self.turns.get(..count).unwrap_or_default()
    }

    #[inline(always)]
    fn tell(&mut self, open: Turn, tell: impl FnOnce(&mut Turns<'_>)) -> usize {
        self.turns[0] = open;
        let mut turns = Turns {
            turns: &mut self.turns,
            count: 1,
            id: open.1,
        };
        tell(&mut turns);
        turns.count
    }

    /// Adds a line: its turns. Gives them, behind the last one of the line before.
    #[inline(always)]
    pub(super) fn line(
        &mut self,
        tell: impl FnOnce(&mut Turns<'_>),
        out: &mut Vec<Run<u32>>,
    ) -> &[Turn] {
        let count = self.tell(self.open, tell);
        let turns = self.turns.get(..count).unwrap_or_default();
        let mut ended = 0;
        for (turn, next) in turns.iter().zip(turns.iter().skip(1)) {
            if let Some(run) = self.runs.get_mut(ended) {
                *run = run_of(self.first, (turn.0, next.0.wrapping_sub(1)), turn.1);
            }
            ended += usize::from(turn.1 != 0);
        }
        self.open = turns.last().copied().unwrap_or_default();
        out.extend_from_slice(self.runs.get(..ended).unwrap_or_default());
        turns
    }

    /// Adds a line that answers for the addresses from `start` to before `end`, of entries that are of
    /// their own address only, with no value between them. There is at least one. `same` has a bit for each
    /// whose next address has the same value.
    #[inline(always)]
    pub(super) fn singles(
        &mut self,
        (start, end): (u32, u32),
        entries: &Unfolded,
        same: u64,
        out: &mut Vec<Run<u32>>,
    ) {
        let at = |entry: u32| entries.low(entry);
        let id = |entry: u32| entries.id(entry);
        // Where the run begins that ends next.
        let mut from = at(0);
        if self.open.1 != 0 {
            if (from, id(0)) == (start, self.open.1) {
                from = self.open.0;
            } else {
                let ends = (self.open.0, start.wrapping_sub(1));
                out.push(run_of(self.first, ends, self.open.1));
            }
        }
        let all = entries.all();
        let last = 63 - all.leading_zeros();
        // The last one may go on in the next line.
        let mut ends = !same & all & !(1 << last);
        let mut ended = 0;
        for run in &mut self.runs {
            if ends == 0 {
                break;
            }
            let entry = ends.trailing_zeros();
            ends &= ends - 1;
            *run = run_of(self.first, (from, at(entry)), id(entry));
            from = at(entry + 1);
            ended += 1;
        }
        out.extend_from_slice(self.runs.get(..ended).unwrap_or_default());
        let behind = at(last) + 1;
        if behind == end {
            self.open = (from, id(last));
        } else {
            out.push(run_of(self.first, (from, at(last)), id(last)));
            self.open = (behind, 0);
        }
    }

    /// Closes everything before an address.
    pub(super) fn finish(&mut self, end: u32, out: &mut Vec<Run<u32>>) {
        if self.open.1 != 0 {
            let ends = (self.open.0, end.wrapping_sub(1));
            out.push(run_of(self.first, ends, self.open.1));
        }
        self.open = (0, 0);
    }
}

/// The turns of a line that starts here, of those behind the last one of the line before: that one says what
/// was before, if another begins at the same address.
#[inline(always)]
pub(super) fn turns_from(turns: &[Turn], start: u32) -> &[Turn] {
    match turns {
        [_, rest @ ..] if rest.first().is_some_and(|first| first.0 == start) => rest,
        all => all,
    }
}

/// The run counts of a line of which these are the turns, from where it starts; at most 256.
#[inline(always)]
pub(super) fn counts_of(turns: &[Turn]) -> RunCounts {
    let all = u32::try_from(turns.len()).unwrap_or(u32::MAX);
    let runs = turns.iter().map(|turn| u32::from(turn.1 != 0)).sum();
    let value = |turn: Option<&Turn>| ValueId::new(turn?.1);
    RunCounts {
        runs,
        gaps: all - runs,
        first: value(turns.first()),
        last: value(turns.last()),
    }
}

/// A run in the /16 of this first address.
#[inline(always)]
fn run_of(first: u32, (start, end): (u32, u32), id: u32) -> Run<u32> {
    Run {
        start: first | start,
        end: first | end,
        value: ValueId::new(id).unwrap_or(ValueId::FIRST),
    }
}

/// The turns of a line. How many there are is here and not behind a pointer, so that it stays in a register.
pub(super) struct Turns<'b> {
    turns: &'b mut [Turn; ROOM],
    count: usize,
    /// What holds from the last one on.
    id: u32,
}

impl Turns<'_> {
    /// From `at` on `id` holds, if that counts.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the array")]
    pub(super) fn add(&mut self, at: u32, id: u32, counts: bool) {
        self.turns[self.count % ROOM] = (at, id);
        self.count += usize::from(counts & (id != self.id));
        self.id = select_unpredictable(counts, id, self.id);
    }
}
