//! Reads the runs of /16s, with the edits over them.

use std::ops::Range;

use rblmap::{Run, ValueId};
use rblmap_format::{RunCounts, V4Walk};

use rblmap_content::{edit_runs_into, leaves, renumbered};

use super::borders::{append, extend};
use super::by16::{BLOCKS, Blocks};
use super::edits::cut;

/// Reads the runs of [`Blocks`].
///
/// See the example of [`Blocks`].
pub struct BlockReader<'b, 'a> {
    blocks: &'b Blocks<'a>,
    walk: V4Walk<'a>,
    runs: Vec<Run<u32>>,
    /// With the ids that values have by now.
    renumbered: Vec<Run<u32>>,
}

impl<'a> Blocks<'a> {
    /// Reads the runs of one /16 or unit after the other.
    pub fn reader(&self) -> BlockReader<'_, 'a> {
        BlockReader::new(self)
    }

    /// All runs.
    pub(crate) fn to_list(&self) -> Vec<Run<u32>> {
        let mut runs = Vec::new();
        self.reader().push_runs(0..BLOCKS, &mut runs);
        runs
    }
}

impl<'b, 'a> BlockReader<'b, 'a> {
    pub(super) fn new(blocks: &'b Blocks<'a>) -> BlockReader<'b, 'a> {
        BlockReader {
            blocks,
            walk: blocks.image.walk(),
            runs: Vec::new(),
            renumbered: Vec::new(),
        }
    }

    /// What is read.
    pub fn blocks(&self) -> &'b Blocks<'a> {
        self.blocks
    }

    /// The runs of a /16 in address order, cut at its ends.
    pub fn runs(&mut self, block: u16) -> &[Run<u32>] {
        self.runs_of(block, 0..self.blocks.units(block))
    }

    /// The runs of some units of a /16 in address order, cut at their ends.
    pub fn runs_of(&mut self, block: u16, units: Range<usize>) -> &[Run<u32>] {
        let ends = self.blocks.ends_of(block, &units);
        let mut runs = self.walk.runs_of(block, units);
        if let Some(ids) = &self.blocks.ids {
            self.renumbered.clear();
            self.renumbered.extend(runs.iter().map(|run| Run {
                value: renumbered(ids, run.value),
                ..*run
            }));
            runs = &self.renumbered;
        }
        let mut edits = cut(self.blocks.edits(block), ends).peekable();
        if edits.peek().is_none() {
            return runs;
        }
        self.runs.clear();
        edit_runs_into(runs, edits, &mut self.runs);
        &self.runs
    }

    /// The run counts of a unit of a /16.
    pub fn run_counts(&mut self, block: u16, unit: usize) -> RunCounts {
        let ends = self.blocks.ends(block, unit);
        if cut(self.blocks.edits(block), ends).next().is_some() {
            return RunCounts::of(self.runs_of(block, unit..unit + 1), ends);
        }
        let mut run_counts = self.walk.run_counts(block, unit, &mut |_, _| {});
        run_counts.first = run_counts.first.map(|id| self.blocks.id_now(id));
        run_counts.last = run_counts.last.map(|id| self.blocks.id_now(id));
        run_counts
    }

    /// What the last address of a unit of a /16 has.
    pub(super) fn last_of(&mut self, block: u16, unit: usize) -> Option<ValueId> {
        let blocks = self.blocks;
        if !blocks.edits(block).is_empty() {
            return self.run_counts(block, unit).last;
        }
        let last = blocks.image.value(blocks.ends(block, unit).1);
        last.map(|id| blocks.id_now(id))
    }

    /// Adds the runs that begin in some /16s, whole.
    pub fn push_runs(&mut self, range: Range<usize>, out: &mut Vec<Run<u32>>) {
        let from = out.len();
        let blocks = range.filter_map(|block| u16::try_from(block).ok());
        let goes_on = blocks
            .clone()
            .next()
            .map(|first| self.blocks.goes_on(first));
        blocks.for_each(|block| append(out, from, self.runs(block)));
        // If it began in another range it is in the list of that.
        if goes_on.is_some_and(|(run, _)| run) && out.len() > from {
            out.remove(from);
        }
        if let Some(last) = out.get_mut(from..).and_then(<[_]>::last_mut) {
            extend(last, |block| self.runs(block).first().copied());
        }
    }

    /// Gives `work` each leaf of the content id's hash tree that lies in some aligned /16s. `runs` is lent.
    pub(super) fn map_leaves<R>(
        &mut self,
        range: Range<usize>,
        runs: &mut Vec<Run<u32>>,
        work: &impl Fn(&[Run<u32>]) -> R,
    ) -> Vec<R> {
        runs.clear();
        let first = u32::try_from(range.start << 16).unwrap_or(0); // at most 65,535
        let bits = 16 + range.len().ilog2();
        self.push_runs(range, runs);
        leaves(runs, first, bits).into_iter().map(work).collect()
    }
}
