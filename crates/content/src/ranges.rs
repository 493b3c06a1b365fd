//! The whole address space as runs and the gaps between them.

use rblmap_format::{Address, Run, ValueId};

/// A run, or a gap between two runs: a maximal range of addresses with one value or with none. Both
/// ends are included.
///
/// See the example of [`RunsAndGaps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOrGap<A> {
    /// The first address.
    pub start: A,
    /// The last address.
    pub end: A,
    /// The value of a run; none for a gap.
    pub value: Option<ValueId>,
}

/// The runs and gaps of a sorted list of runs, in order. Together they are the whole address space.
///
/// ```
/// use rblmap_content::RunsAndGaps;
/// use rblmap_format::{Run, ValueId};
/// let value = ValueId::from_rank(0).unwrap();
/// let runs = [Run { start: 5u32, end: 9, value }];
/// let ends: Vec<u32> = RunsAndGaps::new(&runs).map(|range| range.end).collect();
/// assert_eq!(ends, [4, 9, u32::MAX]);
/// ```
#[derive(Debug, Clone)]
pub struct RunsAndGaps<'a, A> {
    runs: std::slice::Iter<'a, Run<A>>,
    run: Option<Run<A>>,
    /// The first address that was not given out yet; none once the last one was.
    from: Option<A>,
}

impl<'a, A: Address> RunsAndGaps<'a, A> {
    /// All of them.
    pub fn new(runs: &'a [Run<A>]) -> RunsAndGaps<'a, A> {
        RunsAndGaps::from(runs, Some(A::FIRST))
    }

    /// Those from the address `from` on, where one of them begins; `runs` are the runs from there on.
    pub fn from(runs: &'a [Run<A>], from: Option<A>) -> RunsAndGaps<'a, A> {
        let mut runs = runs.iter();
        let run = runs.next().copied();
        RunsAndGaps { runs, run, from }
    }
}

impl<A: Address> Iterator for RunsAndGaps<'_, A> {
    type Item = RunOrGap<A>;

    fn next(&mut self) -> Option<RunOrGap<A>> {
        let start = self.from?;
        let (end, value) = match self.run {
            Some(run) if run.start == start => {
                self.run = self.runs.next().copied();
                (run.end, Some(run.value))
            }
            Some(run) => (run.start.previous()?, None),
            None => (A::LAST, None),
        };
        self.from = end.next();
        Some(RunOrGap { start, end, value })
    }
}

/// How many runs there are, and how many gaps before, between and behind them.
///
/// ```
/// use rblmap_content::count_runs_and_gaps;
/// use rblmap_format::{Run, ValueId};
/// let value = ValueId::from_rank(0).unwrap();
/// assert_eq!(count_runs_and_gaps(&[Run { start: 5u32, end: 9, value }]), (1, 2));
/// ```
pub fn count_runs_and_gaps<A: Address>(runs: &[Run<A>]) -> (u64, u64) {
    let mut gaps = 0;
    let mut from = Some(A::FIRST);
    for run in runs {
        gaps += u64::from(from != Some(run.start));
        from = run.end.next();
    }
    (runs.len() as u64, gaps + u64::from(from.is_some()))
}
