//! Walks the runs of IPv4 lines, in address order.

use std::hint::select_unpredictable;

use super::kind::ids::Ids;
use super::kind::palette::PaletteIds;
use super::kind::turns::TurnIds;
use super::kind::{
    DIRECT, DIRECT2, LIST, MIXED, SHORT, TURNS, direct, form_of, long_keys, short_keys,
};
use super::lookup::{BlockLines, Lines};
use super::run_buffer::RunBuffer;
use super::values::Values;
use crate::run::Run;
use crate::simd::compare::{Compare, Task};
use crate::v4::shape::{BLOCK, LINE};

impl Lines<'_> {
    /// Adds the runs of a /16 in address order, cut at its ends.
    pub(super) fn push_runs(
        &self,
        block: u16,
        of: BlockLines<'_>,
        found: &mut RunBuffer,
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

    /// Adds the runs of some neighbouring lines of a /16, which answer for the addresses from `start` to
    /// before `end`, cut at these. `starts` says where each line but the first starts.
    pub(super) fn push_lines(
        &self,
        block: u16,
        (lines, starts): (&[[u8; LINE]], &[[u8; 2]]),
        (start, end): (u32, u32),
        found: &mut RunBuffer,
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

    /// Finds where values change in a line that answers for the addresses from `start` to before `end`.
    #[inline(always)]
    fn walk_line(&self, line: &[u8; LINE], ends: (u32, u32), found: &mut RunBuffer) {
        let number = line[0] & 7;
        let Some(kind) = self.kinds.get(usize::from(number)) else {
            return;
        };
        match number {
            LIST => {
                let keys = long_keys::lows(line, kind);
                self.walk_keys(line, keys, PaletteIds::new(self, line, kind), ends, found);
            }
            SHORT => {
                let keys = short_keys::lows(line, kind, const { form_of(SHORT) });
                self.walk_keys(line, keys, PaletteIds::new(self, line, kind), ends, found);
            }
            TURNS => {
                let keys = short_keys::lows(line, kind, const { form_of(TURNS) });
                let ids = TurnIds::<false>::new(self, line, kind);
                self.walk_keys(line, keys, ids, ends, found);
            }
            MIXED => {
                let keys = short_keys::lows(line, kind, const { form_of(MIXED) });
                let ids = TurnIds::<true>::new(self, line, kind);
                self.walk_keys(line, keys, ids, ends, found);
            }
            DIRECT2 => direct::walk(self, line, (kind, const { form_of(DIRECT2) }), ends, found),
            DIRECT => direct::walk(self, line, (kind, const { form_of(DIRECT) }), ends, found),
            _ => {
                let keys = long_keys::lows(line, kind);
                self.walk_keys(line, keys, Ids::new(self, line, kind), ends, found);
            }
        }
    }

    /// Walks the entries of a line with these keys and ids.
    #[inline(always)]
    fn walk_keys<V: Values>(
        &self,
        line: &[u8; LINE],
        lows: impl Iterator<Item = u32>,
        mut ids: V,
        (start, end): (u32, u32),
        found: &mut RunBuffer,
    ) {
        let default = self.read_default(line);
        found.push(start, default, true);
        // Unused places repeat the last key, and damaged bytes hold any.
        let mut next = start;
        if default == 0 && ids.are_single() {
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
            if V::GO_ON {
                around = select_unpredictable(only, around, id);
            }
            found.push(next, around, only & (next < end));
        }
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
    found: &'o mut RunBuffer,
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
            self.lines
                .push_runs(block, lines, &mut self.found, &mut self.runs);
        }
    }
}
