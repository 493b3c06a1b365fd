//! What an edit of addresses needs to know of the runs that it changes.

use rblmap::{Run, ValueId};

use crate::error::Error;
use rblmap_content::{RunOrGap, RunsAndGaps, count_runs_and_gaps};
use rblmap_format::Address;
use rblmap_image::{Behind, Blocks};

/// Runs that edits are laid over.
pub(crate) trait Base<A> {
    /// The runs and gaps behind one.
    type Behind: Iterator<Item = RunOrGap<A>> + Clone;

    /// How many in_runs and in_gaps runs and gaps there are.
    fn counts(&self) -> (u64, u64);

    /// Gives `see`, in address order, the in_runs and the in_gaps runs and gaps of these ranks, which rise:
    /// each with the value of the one before and the ones behind.
    fn each_started(
        &self,
        in_runs: &[u64],
        in_gaps: &[u64],
        see: impl FnMut(Option<ValueId>, RunOrGap<A>, Self::Behind) -> Result<(), Error>,
    ) -> Result<(), Error>;
}

impl<'a, A: Address> Base<A> for &'a [Run<A>] {
    type Behind = RunsAndGaps<'a, A>;

    fn counts(&self) -> (u64, u64) {
        count_runs_and_gaps(self)
    }

    fn each_started(
        &self,
        in_runs: &[u64],
        in_gaps: &[u64],
        mut see: impl FnMut(Option<ValueId>, RunOrGap<A>, RunsAndGaps<'a, A>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let old = *self;
        let mut in_runs = in_runs.iter().copied().peekable();
        let mut in_gaps = in_gaps.iter().copied().peekable();
        let mut gaps = 0u64;
        let mut from = Some(A::FIRST);
        let mut before: Option<Run<A>> = None;
        for (rank, run) in (0u64..).zip(old) {
            let (Some(start), false) = (from, in_runs.peek().is_none() && in_gaps.peek().is_none())
            else {
                return Ok(());
            };
            let touching = before.filter(|before| before.end.next() == Some(run.start));
            if start < run.start {
                if in_gaps.next_if_eq(&gaps).is_some() {
                    let (end, value) = (run.start.previous().unwrap_or_default(), None);
                    let after = behind(old, rank, Some(run.start));
                    see(
                        before.map(|run| run.value),
                        RunOrGap { start, end, value },
                        after,
                    )?;
                }
                gaps += 1;
            }
            if in_runs.next_if_eq(&rank).is_some() {
                let (start, end, value) = (run.start, run.end, Some(run.value));
                let after = behind(old, rank + 1, run.end.next());
                see(
                    touching.map(|run| run.value),
                    RunOrGap { start, end, value },
                    after,
                )?;
            }
            before = Some(*run);
            from = run.end.next();
        }
        if let (Some(start), Some(_)) = (from, in_gaps.next_if_eq(&gaps)) {
            let (end, value) = (A::LAST, None);
            let after = behind(old, old.len() as u64, None);
            see(
                before.map(|run| run.value),
                RunOrGap { start, end, value },
                after,
            )?;
        }
        Ok(())
    }
}

/// The runs and gaps from the address `from` on; `rank` runs lie before it.
fn behind<A: Address>(runs: &[Run<A>], rank: u64, from: Option<A>) -> RunsAndGaps<'_, A> {
    let rank = usize::try_from(rank).unwrap_or(usize::MAX);
    RunsAndGaps::from(runs.get(rank..).unwrap_or_default(), from)
}

impl<'b, 'a> Base<u32> for &'b Blocks<'a> {
    type Behind = Behind<'b, 'a>;

    fn counts(&self) -> (u64, u64) {
        Blocks::counts(self)
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
