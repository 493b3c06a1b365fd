//! How many runs and gaps some addresses have, and which values are at the ends.

use crate::run::{Run, ValueId};

/// How many runs and gaps a range of IPv4 addresses has, and the values at its ends: enough to count
/// those of neighbouring ranges together without walking them. The range has at least one address.
///
/// See the example of [`RunCounts::of`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunCounts {
    /// How many runs there are, cut at the ends of the range.
    pub runs: u32,
    /// How many gaps there are before, between and behind them.
    pub gaps: u32,
    /// What the first address has.
    pub first: Option<ValueId>,
    /// What the last address has.
    pub last: Option<ValueId>,
}

impl RunCounts {
    /// A range without a value.
    pub const FREE: RunCounts = RunCounts {
        runs: 0,
        gaps: 1,
        first: None,
        last: None,
    };

    /// A range of which all has one value, or none.
    pub fn uniform(value: Option<ValueId>) -> RunCounts {
        RunCounts {
            runs: value.map_or(0, |_| 1),
            gaps: value.map_or(1, |_| 0),
            first: value,
            last: value,
        }
    }

    /// The run counts of the addresses from `first` to `last`, of which these are the runs. The first and the
    /// last of them may go on beyond.
    ///
    /// ```
    /// use rblmap_format::{RunCounts, Run, ValueId};
    /// let value = ValueId::from_rank(0).unwrap();
    /// let run = Run { start: 7, end: 9, value };
    /// let run_counts = RunCounts::of(&[run], (0, 9));
    /// assert_eq!((run_counts.runs, run_counts.gaps), (1, 1));
    /// assert_eq!((run_counts.first, run_counts.last), (None, Some(value)));
    /// ```
    pub fn of(runs: &[Run<u32>], (first, last): (u32, u32)) -> RunCounts {
        let mut gaps = 0;
        // One more than the last address there is has no number; nothing begins there.
        let mut next = first;
        for run in runs {
            gaps += u32::from(run.start > next);
            next = run.end.wrapping_add(1);
        }
        let at_start = runs.first().filter(|run| run.start <= first);
        let at_end = runs.last().filter(|run| run.end >= last);
        RunCounts {
            // No range that is counted has as many as 2^32.
            runs: u32::try_from(runs.len()).unwrap_or(u32::MAX),
            gaps: gaps + u32::from(at_end.is_none()),
            first: at_start.map(|run| run.value),
            last: at_end.map(|run| run.value),
        }
    }

    /// Whether the range is one run or one gap.
    pub fn is_uniform(&self) -> bool {
        self.runs + self.gaps == 1
    }

    /// How many runs and gaps begin in this range, if `before` is the range in front of it.
    pub fn starts(&self, before: Option<RunCounts>) -> (u32, u32) {
        match before {
            Some(before) if before.last == self.first => match self.first {
                Some(_) => (self.runs.saturating_sub(1), self.gaps),
                None => (self.runs, self.gaps.saturating_sub(1)),
            },
            _ => (self.runs, self.gaps),
        }
    }

    /// The run counts of this range and the next together.
    #[must_use]
    pub fn then(&self, next: RunCounts) -> RunCounts {
        let (runs, gaps) = next.starts(Some(*self));
        RunCounts {
            runs: self.runs + runs,
            gaps: self.gaps + gaps,
            first: self.first,
            last: next.last,
        }
    }
}
