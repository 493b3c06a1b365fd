//! The edits that turn one list of runs into another.

use rblmap::{Run, ValueId};
use rblmap_content::{Edit, RunOrGap, RunsAndGaps};

use rblmap_format::Address;

/// Gives `see` each range of addresses on which two lists differ: the run or gap of the old list, cut to
/// the range, and the new value. Each range lies inside one run or gap of both lists.
pub(crate) fn differences<A: Address>(
    old: &[Run<A>],
    new: &[Run<A>],
    mut see: impl FnMut(RunOrGap<A>, Option<ValueId>),
) {
    let (mut left, mut right) = (RunsAndGaps::new(old), RunsAndGaps::new(new));
    let (mut a, mut b) = (left.next(), right.next());
    while let (Some(was), Some(is)) = (a, b) {
        let (start, end) = (was.start.max(is.start), was.end.min(is.end));
        if was.value != is.value {
            let value = was.value;
            see(RunOrGap { start, end, value }, is.value);
        }
        if was.end == end {
            a = left.next();
        }
        if is.end == end {
            b = right.next();
        }
    }
}

/// The fewest edits that turn `old` into `new`, each inside one run or gap of `old`.
pub(crate) fn edits_between<A: Address>(old: &[Run<A>], new: &[Run<A>]) -> Vec<Edit<A>> {
    let mut edits = Vec::new();
    differences(old, new, |was, value| {
        let (start, end) = (was.start, was.end);
        edits.push(Edit { start, end, value });
    });
    edits
}

/// The same change, with neighbouring edits of one value made one. Such an edit may go over several
/// runs and gaps.
pub(crate) fn joined<A: Address>(edits: &[Edit<A>]) -> Vec<Edit<A>> {
    let mut joined: Vec<Edit<A>> = Vec::with_capacity(edits.len());
    for edit in edits {
        match joined.last_mut() {
            Some(last) if last.value == edit.value && last.end.next() == Some(edit.start) => {
                last.end = edit.end;
            }
            _ => joined.push(*edit),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use rblmap_content::{count_runs_and_gaps, edit_runs};

    use super::*;

    /// What 64 addresses say, as runs.
    fn runs_of(model: &[u32]) -> Vec<Run<u32>> {
        let mut edits = Vec::new();
        for (address, &id) in (0u32..).zip(model) {
            // The last byte stands for the end of the space, so that both ends are met.
            let address = if address == 63 { u32::MAX } else { address };
            let value = ValueId::new(id);
            edits.push(Edit {
                start: address,
                end: address,
                value,
            });
        }
        edit_runs(&[], &edits)
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
    fn edits_turn_one_list_into_the_other() {
        for seed in 0..3000 {
            let mut rng = Rng::with_seed(seed);
            let (old, new) = (runs_of(&model(&mut rng)), runs_of(&model(&mut rng)));
            let edits = edits_between(&old, &new);
            assert_eq!(edit_runs(&old, &edits), new, "seed {seed}");
            assert_eq!(edit_runs(&old, &joined(&edits)), new, "seed {seed}");
            let (in_runs, in_gaps) = count_runs_and_gaps(&old);
            let ranges: Vec<RunOrGap<u32>> = RunsAndGaps::new(&old).collect();
            let is_covered = |interval: &&RunOrGap<u32>| interval.value.is_some();
            assert_eq!(ranges.iter().filter(is_covered).count() as u64, in_runs);
            assert_eq!(ranges.len() as u64, in_runs + in_gaps);
            assert!(edits_between(&old, &old).is_empty());
        }
    }

    #[test]
    fn the_whole_space_is_a_run_or_a_gap() {
        let value = ValueId::from_rank(0).unwrap();
        let all = [Run {
            start: 0,
            end: u128::MAX,
            value,
        }];
        assert_eq!(count_runs_and_gaps(&all), (1, 0));
        assert_eq!(count_runs_and_gaps::<u128>(&[]), (0, 1));
        let edits = edits_between(&all, &[]);
        assert_eq!(edits.len(), 1);
        assert_eq!(edit_runs(&all, &edits), []);
        assert_eq!(edit_runs(&[], &edits_between(&[], &all)), all);
    }
}
