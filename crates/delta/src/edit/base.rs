//! What the coder of addresses needs to know of the runs that edits change.

use rblmap::{Run, ValueId};
use rblmap_content::{Edit, RunOrGap, RunsAndGaps, count_runs_and_gaps};
use rblmap_format::Address;
use rblmap_image::{Behind, Blocks};

use crate::error::Error;

/// Where edits start, by ranks: the n-th run, or the n-th gap. Both sides know runs and gaps, so a rank
/// is all that must be told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Starts {
    /// The ranks of the runs in which edits start, rising.
    pub(crate) in_runs: Vec<u64>,
    /// The ranks of the gaps.
    pub(crate) in_gaps: Vec<u64>,
    /// For each of both, in address order, how many edits start in it beyond the first.
    pub(crate) more: Vec<u64>,
}

/// Runs that edits are made over: a list, or those of an image.
pub(crate) trait Base<A> {
    /// The runs and gaps behind one.
    type Behind: Iterator<Item = RunOrGap<A>> + Clone;

    /// How many runs there are, and how many gaps before, between and behind them.
    fn counts(&self) -> (u64, u64);

    /// Where edits start, which rise and do not overlap.
    fn locate(&self, edits: &[Edit<A>]) -> Starts;

    /// Gives `see`, in address order, the runs and the gaps of these ranks, which rise: each with the
    /// value of the run that ends just before it, and the runs and gaps behind it.
    ///
    /// # Errors
    /// The first error of `see`.
    fn each_started(
        &self,
        in_runs: &[u64],
        in_gaps: &[u64],
        see: impl FnMut(Option<ValueId>, RunOrGap<A>, Self::Behind) -> Result<(), Error>,
    ) -> Result<(), Error>;
}

impl Starts {
    /// Notes that an edit starts in the run or gap of a rank, which does not fall.
    fn push(&mut self, is_run: bool, rank: u64) {
        let ranks = if is_run {
            &mut self.in_runs
        } else {
            &mut self.in_gaps
        };
        if ranks.last() == Some(&rank) {
            if let Some(more) = self.more.last_mut() {
                *more += 1;
            }
            return;
        }
        ranks.push(rank);
        self.more.push(0);
    }
}

/// The run or gap of an address in a list of runs that begins at `first`: whether it is a run, and its
/// rank in the list.
fn rank_in<A: Address>(runs: &[Run<A>], gaps: &[u64], address: A) -> (bool, u64) {
    let before = runs.partition_point(|run| run.end < address);
    match runs.get(before) {
        Some(run) if run.start <= address => (true, before as u64),
        _ => (false, gaps.get(before).copied().unwrap_or(0)),
    }
}

/// For each place among the runs how many gaps lie before it, if the list begins at `first`.
fn gaps_before<A: Address>(runs: &[Run<A>], first: A) -> Vec<u64> {
    let mut from = Some(first);
    let mut gaps = Vec::with_capacity(runs.len() + 1);
    let mut count = 0;
    for run in runs {
        gaps.push(count);
        count += u64::from(from != Some(run.start));
        from = run.end.next();
    }
    gaps.push(count);
    gaps
}

impl<'a, A: Address> Base<A> for &'a [Run<A>] {
    type Behind = RunsAndGaps<'a, A>;

    fn counts(&self) -> (u64, u64) {
        count_runs_and_gaps(self)
    }

    fn locate(&self, edits: &[Edit<A>]) -> Starts {
        let gaps = gaps_before(self, A::FIRST);
        let mut starts = Starts::default();
        for edit in edits {
            let (is_run, rank) = rank_in(self, &gaps, edit.start);
            starts.push(is_run, rank);
        }
        starts
    }

    fn each_started(
        &self,
        in_runs: &[u64],
        in_gaps: &[u64],
        mut see: impl FnMut(Option<ValueId>, RunOrGap<A>, RunsAndGaps<'a, A>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let old = *self;
        let gaps = gaps_before(old, A::FIRST);
        // The run behind a gap: the last one before which there are no more gaps.
        let behind = |gap: u64| gaps.partition_point(|before| *before <= gap) - 1;
        let mut in_runs = in_runs
            .iter()
            .map(|rank| usize::try_from(*rank).unwrap_or(usize::MAX));
        let mut in_gaps = in_gaps.iter().map(|gap| behind(*gap));
        let (mut run, mut gap) = (in_runs.next(), in_gaps.next());
        loop {
            let (left, range, next) = match (run, gap) {
                (Some(at), behind) if behind.is_none_or(|behind| behind > at) => {
                    run = in_runs.next();
                    let Some(found) = old.get(at) else { break };
                    let before = at.checked_sub(1).and_then(|at| old.get(at));
                    let before = before.filter(|run| run.end.next() == Some(found.start));
                    let (start, end, value) = (found.start, found.end, Some(found.value));
                    (before, RunOrGap { start, end, value }, at + 1)
                }
                (_, Some(at)) => {
                    gap = in_gaps.next();
                    let before = at.checked_sub(1).and_then(|at| old.get(at));
                    let start = before.map_or(Some(A::FIRST), |run| run.end.next());
                    let end = old
                        .get(at)
                        .map_or(Some(A::LAST), |run| run.start.previous());
                    let Some((start, end)) = start.zip(end) else {
                        break;
                    };
                    let value = None;
                    (before, RunOrGap { start, end, value }, at)
                }
                _ => break,
            };
            let rest = old.get(next..).unwrap_or_default();
            let rest = RunsAndGaps::from(rest, range.end.next());
            see(left.map(|run| run.value), range, rest)?;
        }
        Ok(())
    }
}

impl<'b, 'a> Base<u32> for &'b Blocks<'a> {
    type Behind = Behind<'b, 'a>;

    fn counts(&self) -> (u64, u64) {
        Blocks::counts(self)
    }

    fn locate(&self, edits: &[Edit<u32>]) -> Starts {
        let addresses: Vec<u32> = edits.iter().map(|edit| edit.start).collect();
        let mut starts = Starts::default();
        for (is_run, rank) in self.ranks(&addresses) {
            starts.push(is_run, rank);
        }
        starts
    }

    fn each_started(
        &self,
        in_runs: &[u64],
        in_gaps: &[u64],
        see: impl FnMut(Option<ValueId>, RunOrGap<u32>, Behind<'b, 'a>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        Blocks::each_started(self, in_runs, in_gaps, see)
    }
}
