//! Walks the runs of an image in address order.

use crate::run::{Run, ValueId};
use crate::sorted::{Sorted, SortedKey};
use crate::v4_lines::Lines;

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

impl<A: SortedKey, S: Iterator<Item = (A, A, u32)>> Iterator for Runs<A, S> {
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

    fn step<A: SortedKey>(&mut self) -> Option<(A, A, u32)> {
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

/// The stretches of lines, read one /16 at a time.
pub(crate) struct LineStretches<'a> {
    lines: Lines<'a>,
    next_block: u32,
    next_line: usize,
    /// Start within the /16 and id, in order; where two have one start the later one holds.
    starts: Vec<(u32, u32)>,
    index: usize,
}

const BLOCKS: u32 = 65_536;

impl<'a> LineStretches<'a> {
    pub(crate) fn new(lines: Lines<'a>) -> LineStretches<'a> {
        LineStretches {
            lines,
            next_block: 0,
            next_line: 0,
            starts: Vec::new(),
            index: 0,
        }
    }
}

impl Iterator for LineStretches<'_> {
    type Item = (u32, u32, u32);

    fn next(&mut self) -> Option<(u32, u32, u32)> {
        loop {
            while let Some(&(start, id)) = self.starts.get(self.index) {
                self.index += 1;
                let end = self
                    .starts
                    .get(self.index)
                    .map_or(BLOCKS, |(next, _)| *next);
                if end > start {
                    let high = (self.next_block - 1) << 16;
                    return Some((high | start, high | (end - 1), id));
                }
            }
            if self.next_block == BLOCKS {
                return None;
            }
            self.starts.clear();
            self.index = 0;
            let Self {
                lines,
                starts,
                next_block,
                next_line,
                ..
            } = self;
            let mut see = |start, id| starts.push((start, id));
            match lines.walk_block(*next_block, *next_line, &mut see) {
                Some(count) => *next_line += count,
                None => *next_block = BLOCKS - 1,
            }
            self.next_block += 1;
        }
    }
}
