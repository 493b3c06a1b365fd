//! How a content holds the IPv4 runs of a zone: as a list, or in a form that another crate knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use rblmap_format::{Run, ValueId};

use crate::held::Lender;
use crate::leaf_hasher::LeafHasher;
use crate::leaves::leaves;
use crate::normal;
use crate::values::renumbered;

/// A way to hold the IPv4 runs of a zone.
///
/// `Vec<Run<u32>>` is the simple one. `rblmap-image` has another, which leaves the runs of a large
/// image where they are: a list of a hundred million runs takes 1.2 GB, the image 170 MB.
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use rblmap_content::V4Runs;
/// use rblmap_format::{Run, ValueId};
///
/// let value = ValueId::from_rank(1).unwrap();
/// let mut runs = vec![Run { start: 1u32, end: 2, value }, Run { start: 3, end: 9, value }];
/// runs.normalize().expect("they rise");
/// assert_eq!(runs, [Run { start: 1, end: 9, value }]);
///
/// let used = [AtomicBool::new(false), AtomicBool::new(false)];
/// runs.mark_values(&used).expect("two values are enough");
/// assert!(!used[0].load(Ordering::Relaxed) && used[1].load(Ordering::Relaxed));
/// ```
pub trait V4Runs: Default + Send + Sync {
    /// What lends the content its first values: what holds runs of an image may hold its values, too.
    type Lender: Lender;

    /// How many runs there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Joins neighbours of equal value.
    ///
    /// # Errors
    /// The index of the first run that does not rise.
    fn normalize(&mut self) -> Result<(), usize>;

    /// Gives each run the new id of its value, found by the rank of the old one.
    fn renumber(&mut self, ids: &Arc<Vec<Option<ValueId>>>);

    /// Marks the ranks of the values in use.
    ///
    /// # Errors
    /// The first id for which `used` has no place.
    fn mark_values(&self, used: &[AtomicBool]) -> Result<(), ValueId>;

    /// Adds to each value's count, by rank, how many runs have the value; no further than a count goes.
    fn count_uses(&self, counts: &mut [u32]);

    /// Gives `work` each leaf of the content id's hash tree, on all cores, and returns its results
    /// in address order. [`leaves`] says what a leaf is.
    fn map_leaves<R: Send>(&self, work: impl Fn(&[Run<u32>]) -> R + Sync) -> Vec<R>;

    /// The hashes of these leaves.
    fn leaf_hashes(&self, hasher: &LeafHasher<'_>) -> Vec<[u8; 32]> {
        self.map_leaves(|runs| hasher.hash(runs))
    }
}

impl V4Runs for Vec<Run<u32>> {
    type Lender = ();

    fn len(&self) -> usize {
        Vec::len(self)
    }

    fn normalize(&mut self) -> Result<(), usize> {
        normal::merge_runs(self)
    }

    fn renumber(&mut self, ids: &Arc<Vec<Option<ValueId>>>) {
        self.par_iter_mut()
            .for_each(|run| run.value = renumbered(ids, run.value));
    }

    fn mark_values(&self, used: &[AtomicBool]) -> Result<(), ValueId> {
        mark_runs(self, used)
    }

    fn count_uses(&self, counts: &mut [u32]) {
        count_runs(self, counts);
    }

    fn map_leaves<R: Send>(&self, work: impl Fn(&[Run<u32>]) -> R + Sync) -> Vec<R> {
        let leaves = leaves(self, 0, u32::BITS);
        leaves.into_par_iter().map(&work).collect()
    }
}

/// Adds to each value's count, by rank, how many runs have the value; no further than a count goes.
///
/// ```
/// use rblmap_content::count_runs;
/// use rblmap_format::{Run, ValueId};
/// let value = ValueId::from_rank(1).expect("a small rank");
/// let mut counts = [0; 2];
/// count_runs(&[Run { start: 1u32, end: 9, value }], &mut counts);
/// assert_eq!(counts, [0, 1]);
/// ```
pub fn count_runs<A>(runs: &[Run<A>], counts: &mut [u32]) {
    for run in runs {
        if let Some(count) = counts.get_mut(run.value.rank() as usize) {
            *count = count.saturating_add(1);
        }
    }
}

/// Marks the ranks of the values that runs have.
pub(crate) fn mark_runs<A: Sync>(runs: &[Run<A>], used: &[AtomicBool]) -> Result<(), ValueId> {
    runs.par_iter().try_for_each(|run| mark(used, run.value))
}

/// Marks the rank of a value.
///
/// # Errors
/// The id, if `used` has no place for it.
pub(crate) fn mark(used: &[AtomicBool], id: ValueId) -> Result<(), ValueId> {
    let slot = used.get(id.rank() as usize).ok_or(id)?;
    // The mark is read first: cores that all write to one place wait for each other.
    if !slot.load(Ordering::Relaxed) {
        slot.store(true, Ordering::Relaxed);
    }
    Ok(())
}
