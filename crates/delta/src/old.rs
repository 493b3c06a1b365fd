//! What an edit of addresses needs to know of the runs that it changes.

use rblmap::{Run, ValueId};

use crate::error::Error;
use crate::paint::{Interval, Intervals, count_intervals};
use rblmap_format::Address;

/// Runs that paints are laid over.
pub(crate) trait Old<A> {
    /// The intervals behind one.
    type Behind: Iterator<Item = Interval<A>> + Clone;

    /// How many covered and free intervals there are.
    fn counts(&self) -> (u64, u64);

    /// Gives `see`, in address order, the covered and the free intervals of these ranks, which rise:
    /// each with the value of the one before and the ones behind.
    fn each_started(
        &self,
        covered: &[u64],
        free: &[u64],
        see: impl FnMut(Option<ValueId>, Interval<A>, Self::Behind) -> Result<(), Error>,
    ) -> Result<(), Error>;
}

impl<'a, A: Address> Old<A> for &'a [Run<A>] {
    type Behind = Intervals<'a, A>;

    fn counts(&self) -> (u64, u64) {
        count_intervals(self)
    }

    fn each_started(
        &self,
        covered: &[u64],
        free: &[u64],
        mut see: impl FnMut(Option<ValueId>, Interval<A>, Intervals<'a, A>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let old = *self;
        let mut covered = covered.iter().copied().peekable();
        let mut free = free.iter().copied().peekable();
        let mut gaps = 0u64;
        let mut from = Some(A::FIRST);
        let mut before: Option<Run<A>> = None;
        for (rank, run) in (0u64..).zip(old) {
            let (Some(start), false) = (from, covered.peek().is_none() && free.peek().is_none())
            else {
                return Ok(());
            };
            let touching = before.filter(|before| before.end.next() == Some(run.start));
            if start < run.start {
                if free.next_if_eq(&gaps).is_some() {
                    let (end, value) = (run.start.previous().unwrap_or_default(), None);
                    let after = Intervals::behind(old, rank, Some(run.start));
                    see(
                        before.map(|run| run.value),
                        Interval { start, end, value },
                        after,
                    )?;
                }
                gaps += 1;
            }
            if covered.next_if_eq(&rank).is_some() {
                let (start, end, value) = (run.start, run.end, Some(run.value));
                let after = Intervals::behind(old, rank + 1, run.end.next());
                see(
                    touching.map(|run| run.value),
                    Interval { start, end, value },
                    after,
                )?;
            }
            before = Some(*run);
            from = run.end.next();
        }
        if let (Some(start), Some(_)) = (from, free.next_if_eq(&gaps)) {
            let (end, value) = (A::LAST, None);
            let after = Intervals::behind(old, old.len() as u64, None);
            see(
                before.map(|run| run.value),
                Interval { start, end, value },
                after,
            )?;
        }
        Ok(())
    }
}
