//! Walks the runs of an image in address order.

use crate::address::Address;
use crate::run::{Run, ValueId};
use crate::sorted::Sorted;
use crate::v4::lookup::{BlockLines, Lines};
use crate::v4::walk::Stretches;

/// Joins stretches that touch and have one value; leaves out those without, and any that do not
/// rise (only damaged images have such).
pub(crate) struct Runs<A, S> {
    stretches: S,
    pending: Option<Run<A>>,
}

impl<A, S> Runs<A, S> {
    pub(crate) fn new(stretches: S) -> Runs<A, S> {
        Runs {
            stretches,
            pending: None,
        }
    }
}

impl<A: Address, S: Iterator<Item = (A, A, u32)>> Iterator for Runs<A, S> {
    type Item = Run<A>;

    fn next(&mut self) -> Option<Run<A>> {
        for (start, end, id) in self.stretches.by_ref() {
            let Some(value) = ValueId::new(id) else {
                continue;
            };
            if end < start {
                continue;
            }
            match &mut self.pending {
                Some(run) if start <= run.end => {}
                Some(run) if run.value == value && run.end.next() == Some(start) => run.end = end,
                pending => {
                    if let Some(run) = pending.replace(Run { start, end, value }) {
                        return Some(run);
                    }
                }
            }
        }
        self.pending.take()
    }
}

/// The stretches of a sorted section.
pub(crate) struct SortedStretches<'a> {
    section: Sorted<'a>,
    index: usize,
}

impl<'a> SortedStretches<'a> {
    pub(crate) fn new(section: Sorted<'a>) -> SortedStretches<'a> {
        SortedStretches { section, index: 0 }
    }

    /// From the entry on that speaks of an address.
    pub(crate) fn from<A: Address>(section: Sorted<'a>, first: A) -> SortedStretches<'a> {
        let index = section.behind(first).saturating_sub(1);
        SortedStretches { section, index }
    }

    fn step<A: Address>(&mut self) -> Option<(A, A, u32)> {
        let stretch = self.section.stretch(self.index)?;
        self.index += 1;
        Some(stretch)
    }
}

impl Iterator for SortedStretches<'_> {
    type Item = (u128, u128, u32);

    fn next(&mut self) -> Option<(u128, u128, u32)> {
        self.step()
    }
}

/// The stretches of a zone's IPv4 section, whichever it has.
pub(crate) enum V4Stretches<'a> {
    Sorted(SortedStretches<'a>),
    Lines(LineStretches<'a>),
}

impl Iterator for V4Stretches<'_> {
    type Item = (u32, u32, u32);

    fn next(&mut self) -> Option<(u32, u32, u32)> {
        match self {
            V4Stretches::Sorted(sorted) => sorted.step(),
            V4Stretches::Lines(lines) => lines.next(),
        }
    }
}

/// The runs of lines, cut at the ends of each /16, which is read as a whole.
pub(crate) struct LineStretches<'a> {
    lines: Lines<'a>,
    /// The /16 to read next; none after the last.
    block: Option<u16>,
    /// The line that the next /16 with lines begins with; none where that is not known yet.
    next_line: Option<usize>,
    found: Box<Stretches>,
    runs: Vec<Run<u32>>,
    index: usize,
}

impl<'a> LineStretches<'a> {
    pub(crate) fn new(lines: Lines<'a>) -> LineStretches<'a> {
        LineStretches {
            lines,
            block: Some(0),
            next_line: Some(0),
            found: Box::new(Stretches::new()),
            runs: Vec::new(),
            index: 0,
        }
    }

    /// From the /16 of an address on.
    pub(crate) fn from(lines: Lines<'a>, address: u32) -> LineStretches<'a> {
        LineStretches {
            block: u16::try_from(address >> 16).ok(),
            next_line: None,
            ..LineStretches::new(lines)
        }
    }
}

impl Iterator for LineStretches<'_> {
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
