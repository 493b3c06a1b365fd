//! Walks the runs of IPv4 lines, in address order.

use std::hint::select_unpredictable;

use super::kind::{DIRECT, DIRECT2, MIXED, direct, form_of};
use super::lookup::{BlockLines, Lines};
use super::run_buffer::{RunBuffer, Turns, counts_of, turns_from};
use super::run_counts::RunCounts;
use super::unfolded::Unfolded;
use crate::run::Run;
use crate::simd::compare::{Compare, Task};
use crate::v4::shape::{BLOCK, LINE};

impl Lines<'_> {
    /// Adds the runs of a /16 in address order, cut at its ends. Tells `see` the run counts of each unit.
    pub(super) fn push_runs(
        &self,
        block: u16,
        of: BlockLines<'_>,
        (found, out): (&mut RunBuffer, &mut Vec<Run<u32>>),
        see: &mut impl FnMut(RunCounts),
    ) {
        let first = u32::from(block) << 16;
        match of {
            BlockLines::Damaged => {}
            BlockLines::Uniform(value) => {
                see(RunCounts::uniform(value));
                out.extend(value.map(|value| Run {
                    start: first,
                    end: first | 0xffff,
                    value,
                }));
            }
            BlockLines::Lines { lines, starts, .. } => {
                self.push_lines(block, (lines, starts), (0, BLOCK), (found, out), see);
            }
        }
    }

    /// Adds the runs of some neighbouring lines of a /16, which answer for the addresses from `start` to
    /// before `end`, cut at these. `starts` says where each line but the first starts. Tells `see` the run
    /// counts of each line.
    pub(super) fn push_lines(
        &self,
        block: u16,
        (lines, starts): (&[[u8; LINE]], &[[u8; 2]]),
        (start, end): (u32, u32),
        (found, out): (&mut RunBuffer, &mut Vec<Run<u32>>),
        see: &mut impl FnMut(RunCounts),
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
            see,
        });
    }

    /// Adds the runs of a line that answers for the addresses from `start` to before `end`, and tells `see`
    /// its run counts.
    #[inline(always)]
    fn walk_line(
        &self,
        line: &[u8; LINE],
        ends: (u32, u32),
        (found, out): (&mut RunBuffer, &mut Vec<Run<u32>>),
        see: &mut impl FnMut(RunCounts),
        compare: impl Compare,
    ) {
        let mut entries = Unfolded::NONE;
        match self.read_entries(line, ends, &mut entries, compare) {
            Some(same) => {
                see(entries.counts_of_singles(same, ends));
                found.singles(ends, &entries, same, out);
            }
            None => {
                let turns = found.line(|turns| self.tell_turns(line, &entries, ends, turns), out);
                see(counts_of(turns_from(turns, ends.0)));
            }
        }
    }

    /// Reads the entries of a line that answers for the addresses from `start` to before `end`, if there
    /// are such. Where each has a value and is of its own address only, with no value between them: a bit
    /// for each whose next address has the same value.
    #[inline(always)]
    pub(super) fn read_entries(
        &self,
        line: &[u8; LINE],
        ends: (u32, u32),
        entries: &mut Unfolded,
        compare: impl Compare,
    ) -> Option<u64> {
        let number = line[0] & 7;
        let kind = self.kinds.get(usize::from(number))?;
        if matches!(number, DIRECT2 | DIRECT) {
            return None;
        }
        self.unfold(line, kind, entries);
        entries.cut(ends, compare);
        if entries.count == 0 || self.read_default(line) != 0 {
            return None;
        }
        entries.same_in_singles(compare)
    }

    /// Tells where values change in a line that answers for the addresses from `start` to before `end`. Its
    /// entries are read, if it has such.
    #[inline(always)]
    pub(super) fn tell_turns(
        &self,
        line: &[u8; LINE],
        entries: &Unfolded,
        ends: (u32, u32),
        turns: &mut Turns<'_>,
    ) {
        let number = line[0] & 7;
        let Some(kind) = self.kinds.get(usize::from(number)) else {
            return;
        };
        match number {
            DIRECT2 => direct::walk(self, line, (kind, const { form_of(DIRECT2) }), ends, turns),
            DIRECT => direct::walk(self, line, (kind, const { form_of(DIRECT) }), ends, turns),
            _ => walk_entries(entries, (number, self.read_default(line)), ends, turns),
        }
    }
}

/// Tells where values change, from the entries of a line of this kind and with this default.
#[inline(always)]
fn walk_entries(
    entries: &Unfolded,
    (kind, default): (u8, u32),
    (start, end): (u32, u32),
    turns: &mut Turns<'_>,
) {
    let at_start = entries.count > 0 && entries.low(0) == start;
    turns.add(start, default, !at_start);
    // Entries that change what is around those of their own address only.
    let mut changes = if kind == MIXED { !entries.only } else { 0 };
    // Where an entry is of its own address only and the next one has none, what is around holds again.
    let mut ends_here = entries.only & !entries.beside;
    let mut around = default;
    for entry in 0..64 - entries.all().leading_zeros() {
        let (low, id) = (entries.low(entry), entries.id(entry));
        turns.add(low, id, true);
        around = select_unpredictable(changes & 1 != 0, id, around);
        // Where the next line starts, that one says what holds.
        turns.add(low + 1, around, (ends_here & 1 != 0) & (low + 1 < end));
        (changes, ends_here) = (changes >> 1, ends_here >> 1);
    }
}

/// Walks lines of a /16.
struct Walk<'l, 'a, 'b, 'o, S> {
    reader: &'l Lines<'a>,
    lines: &'b [[u8; LINE]],
    starts: &'b [[u8; 2]],
    /// Where the first one starts, and where the last one ends.
    start: u32,
    end: u32,
    /// The first address of the /16.
    first: u32,
    found: &'o mut RunBuffer,
    out: &'o mut Vec<Run<u32>>,
    see: &'o mut S,
}

impl<S: FnMut(RunCounts)> Task for Walk<'_, '_, '_, '_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self, compare: impl Compare) {
        let found = self.found;
        found.begin(self.first);
        let mut start = self.start;
        // What is stored for a line is where the next one starts.
        let ends = self.starts.iter();
        let ends = ends.map(|start| u16::from_le_bytes(*start).into());
        let ends = ends.take(self.lines.len().saturating_sub(1));
        let ends = ends.chain([self.end]);
        for (line, end) in self.lines.iter().zip(ends) {
            // Damaged starts need not rise.
            let end = end.max(start);
            let into = (&mut *found, &mut *self.out);
            let see = &mut *self.see;
            self.reader
                .walk_line(line, (start, end), into, see, compare);
            start = end;
        }
        found.finish(self.end, self.out);
    }
}

/// The runs of lines, cut at the ends of each /16, which is read as a whole.
pub(crate) struct LineRuns<'a> {
    lines: Lines<'a>,
    /// The /16 to read next; none after the last.
    block: Option<u16>,
    /// The line that the next /16 with lines begins with; none where that is not known yet.
    next_line: Option<usize>,
    found: Box<RunBuffer>,
    runs: Vec<Run<u32>>,
    index: usize,
}

impl<'a> LineRuns<'a> {
    pub(crate) fn new(lines: Lines<'a>) -> LineRuns<'a> {
        LineRuns {
            lines,
            block: Some(0),
            next_line: Some(0),
            found: Box::new(RunBuffer::new()),
            runs: Vec::new(),
            index: 0,
        }
    }

    /// From the /16 of an address on.
    pub(crate) fn from(lines: Lines<'a>, address: u32) -> LineRuns<'a> {
        LineRuns {
            block: u16::try_from(address >> 16).ok(),
            next_line: None,
            ..LineRuns::new(lines)
        }
    }
}

impl Iterator for LineRuns<'_> {
    type Item = (u32, u32, u32);

    fn next(&mut self) -> Option<(u32, u32, u32)> {
        loop {
            if let Some(run) = self.runs.get(self.index) {
                self.index += 1;
                return Some((run.start, run.end, run.value.get()));
            }
            let block = self.block?;
            let lines = self.lines.lines_of(block);
            // Lines lie in the order of their /16. That the others are not read keeps a walk over
            // damaged bytes linear.
            match lines {
                BlockLines::Lines { first, lines, .. }
                    if self.next_line.is_none_or(|next| next == first) =>
                {
                    self.next_line = Some(first + lines.len());
                }
                BlockLines::Uniform(_) => {}
                _ => return None,
            }
            self.block = block.checked_add(1);
            self.runs.clear();
            self.index = 0;
            let into = (&mut *self.found, &mut self.runs);
            self.lines.push_runs(block, lines, into, &mut |_| {});
        }
    }
}
