//! Paints as they are found between two lists of runs.

use rblmap::{Run, ValueId};
pub(crate) use rblmap_content::Edit;

use rblmap_format::Address;

/// A stretch of addresses on which a list of runs is constant: a run, or a gap between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval<A> {
    pub(crate) start: A,
    pub(crate) end: A,
    pub(crate) value: Option<ValueId>,
}

/// The intervals of sorted runs, in order; together they are the whole space.
#[derive(Debug, Clone)]
pub(crate) struct Intervals<'a, A> {
    runs: std::slice::Iter<'a, Run<A>>,
    run: Option<Run<A>>,
    /// First address not given out yet; none once the last was.
    from: Option<A>,
}

impl<'a, A: Address> Intervals<'a, A> {
    pub(crate) fn new(runs: &'a [Run<A>]) -> Intervals<'a, A> {
        let mut runs = runs.iter();
        let run = runs.next().copied();
        Intervals {
            runs,
            run,
            from: Some(A::FIRST),
        }
    }

    /// Those that begin at `from`, which the run of rank `rank` is the first not to lie before.
    pub(crate) fn behind(runs: &'a [Run<A>], rank: u64, from: Option<A>) -> Intervals<'a, A> {
        let rank = usize::try_from(rank).unwrap_or(usize::MAX);
        Intervals {
            from,
            ..Intervals::new(runs.get(rank..).unwrap_or_default())
        }
    }
}

impl<A: Address> Iterator for Intervals<'_, A> {
    type Item = Interval<A>;

    fn next(&mut self) -> Option<Interval<A>> {
        let start = self.from?;
        let (end, value) = match self.run {
            Some(run) if run.start == start => {
                self.run = self.runs.next().copied();
                (run.end, Some(run.value))
            }
            Some(run) => (run.start.previous().unwrap_or_default(), None),
            None => (A::LAST, None),
        };
        self.from = end.next();
        Some(Interval { start, end, value })
    }
}

/// How many covered and free intervals the runs make.
pub(crate) fn count_intervals<A: Address>(runs: &[Run<A>]) -> (u64, u64) {
    let mut free = 0;
    let mut from = Some(A::FIRST);
    for run in runs {
        free += u64::from(from != Some(run.start));
        from = run.end.next();
    }
    (runs.len() as u64, free + u64::from(from.is_some()))
}

/// The stretches on which two lists differ, each inside one interval of both.
pub(crate) fn differences<A: Address>(
    old: &[Run<A>],
    new: &[Run<A>],
    mut see: impl FnMut(Interval<A>, Option<ValueId>),
) {
    let (mut left, mut right) = (Intervals::new(old), Intervals::new(new));
    let (mut a, mut b) = (left.next(), right.next());
    while let (Some(was), Some(is)) = (a, b) {
        let (start, end) = (was.start.max(is.start), was.end.min(is.end));
        if was.value != is.value {
            let value = was.value;
            see(Interval { start, end, value }, is.value);
        }
        if was.end == end {
            a = left.next();
        }
        if is.end == end {
            b = right.next();
        }
    }
}

/// The fewest paints that turn `old` into `new`, each inside one interval of `old`.
pub(crate) fn find<A: Address>(old: &[Run<A>], new: &[Run<A>]) -> Vec<Edit<A>> {
    let mut paints = Vec::new();
    differences(old, new, |was, value| {
        let (start, end) = (was.start, was.end);
        paints.push(Edit { start, end, value });
    });
    paints
}

/// The same edit with neighbours of one value made one paint, over several intervals then.
pub(crate) fn join<A: Address>(paints: &[Edit<A>]) -> Vec<Edit<A>> {
    let mut joined: Vec<Edit<A>> = Vec::with_capacity(paints.len());
    for paint in paints {
        match joined.last_mut() {
            Some(last) if last.value == paint.value && last.end.next() == Some(paint.start) => {
                last.end = paint.end;
            }
            _ => joined.push(*paint),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use rblmap_content::edit_runs;

    use super::*;

    /// What 64 addresses say, as runs.
    fn runs_of(model: &[u32]) -> Vec<Run<u32>> {
        let mut paints = Vec::new();
        for (address, &id) in (0u32..).zip(model) {
            // The last byte stands for the end of the space, so that both ends are met.
            let address = if address == 63 { u32::MAX } else { address };
            let value = ValueId::new(id);
            paints.push(Edit {
                start: address,
                end: address,
                value,
            });
        }
        edit_runs(&[], &paints)
    }

    fn model(rng: &mut Rng) -> Vec<u32> {
        let dense = rng.u32(1..9);
        let mut id = 0;
        let next = |_| {
            if rng.u32(0..8) < dense {
                id = rng.u32(0..3);
            }
            id
        };
        (0..64).map(next).collect()
    }

    #[test]
    fn paints_turn_one_list_into_the_other() {
        for seed in 0..3000 {
            let mut rng = Rng::with_seed(seed);
            let (old, new) = (runs_of(&model(&mut rng)), runs_of(&model(&mut rng)));
            let paints = find(&old, &new);
            assert_eq!(edit_runs(&old, &paints), new, "seed {seed}");
            assert_eq!(edit_runs(&old, &join(&paints)), new, "seed {seed}");
            let (covered, free) = count_intervals(&old);
            let intervals: Vec<Interval<u32>> = Intervals::new(&old).collect();
            let is_covered = |interval: &&Interval<u32>| interval.value.is_some();
            assert_eq!(intervals.iter().filter(is_covered).count() as u64, covered);
            assert_eq!(intervals.len() as u64, covered + free);
            assert!(find(&old, &old).is_empty());
        }
    }

    #[test]
    fn the_whole_space_is_an_interval() {
        let value = ValueId::from_rank(0).unwrap();
        let all = [Run {
            start: 0,
            end: u128::MAX,
            value,
        }];
        assert_eq!(count_intervals(&all), (1, 0));
        assert_eq!(count_intervals::<u128>(&[]), (0, 1));
        let paints = find(&all, &[]);
        assert_eq!(paints.len(), 1);
        assert_eq!(edit_runs(&all, &paints), []);
        assert_eq!(edit_runs(&[], &find(&[], &all)), all);
    }
}
