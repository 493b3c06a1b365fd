//! The edits that turn one list of runs into another.

use rayon::prelude::*;
use rblmap::{Run, ValueId};
use rblmap_content::{
    Content, Difference, Edit, V4Runs, differences, differences_between, renumbered,
};
use rblmap_format::v4::renumber::NewIds;
use rblmap_format::v4::shape::Shape;
use rblmap_format::{Address, sections};
use rblmap_image::{RunsBy16, V4View};

/// The fewest edits that turn `old` into `new`, each inside one run or gap of `old`.
pub(crate) fn edits_between<A: Address>(old: &[Run<A>], new: &[Run<A>]) -> Vec<Edit<A>> {
    let mut edits = Vec::new();
    differences(old, new, |it| edits.push(edit(it)));
    edits
}

/// What makes a difference of the old list as it is in the new one.
fn edit<A>(it: Difference<A>) -> Edit<A> {
    Edit {
        start: it.start,
        end: it.end,
        value: it.is,
    }
}

/// The edits that make such differences.
pub(crate) fn edits_of(differences: &[Difference<u32>]) -> Vec<Edit<u32>> {
    differences.iter().copied().map(edit).collect()
}

/// The ids of the new values in a change: those of the old content, or ids behind these.
#[derive(Debug)]
pub(crate) struct Ids {
    /// By rank in the new content.
    ids: Vec<Option<ValueId>>,
    /// How many values both contents have.
    count: usize,
    /// Whether each value has the id in the change that it has in the new content.
    keep: bool,
    /// The bytes that ids have in images of both contents, if these are as many.
    width: Option<usize>,
}

impl Ids {
    /// Of two contents; `ids` are by rank in the new one.
    pub(crate) fn new<V4: V4Runs>(old: &Content<V4>, new: &Content<V4>, ids: Vec<ValueId>) -> Ids {
        let is_same = |(rank, id): (u32, &ValueId)| id.rank() == rank;
        let width = |content: &Content<V4>| {
            sections::id_width(u32::try_from(content.values().len()).unwrap_or(u32::MAX))
        };
        let most = ids.iter().map(|id| id.rank() as usize + 1).max();
        Ids {
            keep: (0u32..).zip(&ids).all(is_same),
            count: most.unwrap_or(0).max(old.values().len()),
            width: Some(width(old)).filter(|old| *old == width(new)),
            ids: ids.into_iter().map(Some).collect(),
        }
    }

    /// The id of a new value.
    pub(crate) fn of(&self, id: ValueId) -> ValueId {
        renumbered(&self.ids, id)
    }

    /// By rank in the new content.
    pub(crate) fn all(&self) -> impl Iterator<Item = ValueId> {
        self.ids.iter().copied().flatten()
    }

    /// How many values both contents have.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether each value has the id in the change that it has in the new content.
    pub(crate) fn keep(&self) -> bool {
        self.keep
    }

    /// How lines of both images can be compared; none where ids are too wide for that.
    fn in_lines(&self) -> Option<NewIds<'_>> {
        let width = sections::id_width(u32::try_from(self.count).unwrap_or(u32::MAX));
        let ids = (!self.keep).then_some(self.ids.as_slice());
        (self.width == Some(width)).then(|| NewIds::new(ids, Shape::new(width)))
    }
}

/// The edits that turn one list of IPv4 runs into another; as [`edits_between`].
pub(crate) fn edits4(old: V4View<'_>, new: V4View<'_>, ids: &Ids) -> Vec<Edit<u32>> {
    edits_of(&differences4(old, new, ids))
}

/// The differences of IPv4 runs, read by /16 on all cores. Lines that are the same bytes in both images,
/// but for ids of the same values, are not read.
pub(crate) fn differences4(old: V4View<'_>, new: V4View<'_>, ids: &Ids) -> Vec<Difference<u32>> {
    if let (V4View::List(old), V4View::List(new)) = (old, new) {
        let mut found = Vec::new();
        let new: Vec<Run<u32>> = with_ids(new, |id| ids.of(id)).collect();
        differences(old, &new, |it| found.push(it));
        return found;
    }
    let in_lines = ids.in_lines();
    let parts: Vec<Vec<Difference<u32>>> = (0u16..256)
        .into_par_iter()
        .map_init(
            || (old.reader(), new.reader(), Vec::new()),
            |(old, new, renumbered), top| {
                let mut found = Vec::new();
                for block in top << 8..=top << 8 | 0xff {
                    let both = (&mut *old, &mut *new);
                    differences_of_16(both, block, (ids, in_lines), renumbered, &mut found);
                }
                found
            },
        )
        .collect();
    // What goes over the end of a /16 or of a line in both lists is one difference.
    let mut found = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    for next in parts.into_iter().flatten() {
        next.push_to(&mut found);
    }
    found
}

/// Appends the differences of a /16. `in_lines` says how lines of both images are compared.
fn differences_of_16(
    both: (&mut RunsBy16<'_>, &mut RunsBy16<'_>),
    block: u16,
    (ids, in_lines): (&Ids, Option<NewIds<'_>>),
    renumbered: &mut Vec<Run<u32>>,
    found: &mut Vec<Difference<u32>>,
) {
    let mut see = |it| found.push(it);
    match (both, in_lines) {
        ((RunsBy16::Blocks(old), RunsBy16::Blocks(new)), Some(in_lines)) => {
            let unequal = old.blocks().unequal_units(new.blocks(), block, in_lines);
            for (of_old, of_new) in unequal {
                let ends = old.blocks().ends_of(block, &of_old);
                renumber(new.runs_of(block, of_new), ids, renumbered);
                differences_between(old.runs_of(block, of_old), renumbered, ends, &mut see);
            }
        }
        ((old, new), _) => {
            renumber(new.runs(block), ids, renumbered);
            let first = u32::from(block) << 16;
            let ends = (first, first | 0xffff);
            differences_between(old.runs(block), renumbered, ends, see);
        }
    }
}

/// Runs with other ids of their values.
pub(crate) fn with_ids<A: Address>(
    runs: &[Run<A>],
    id: impl Fn(ValueId) -> ValueId,
) -> impl Iterator<Item = Run<A>> {
    runs.iter().map(move |run| Run {
        value: id(run.value),
        ..*run
    })
}

/// Puts runs of the new content, with the ids of the change, in place of others.
fn renumber(runs: &[Run<u32>], ids: &Ids, out: &mut Vec<Run<u32>>) {
    out.clear();
    out.extend(with_ids(runs, |id| ids.of(id)));
}

/// Whether neighbouring edits have one value.
pub(crate) fn can_be_joined<A: Address>(edits: &[Edit<A>]) -> bool {
    edits.windows(2).any(|pair| match pair {
        [a, b] => a.value == b.value && a.end.next() == Some(b.start),
        _ => false,
    })
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
    use rblmap_content::{RunOrGap, RunsAndGaps, count_runs_and_gaps, edit_runs};

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
            let is_covered = |next: &&RunOrGap<u32>| next.value.is_some();
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
