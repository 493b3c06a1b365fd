//! How many runs have each value.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use rblmap::ValueId;

/// How many runs have each value: fewer than there are addresses.
#[derive(Debug, Clone)]
pub(super) struct Uses {
    /// By the rank that the value had before it got its last id.
    counts: Vec<u32>,
    /// The last ids, by that rank, until a count is needed: after the last change none is.
    ids: Option<Arc<Vec<Option<ValueId>>>>,
}

impl Uses {
    /// Of counts by rank.
    pub(super) fn new(counts: Vec<u32>) -> Uses {
        Uses { counts, ids: None }
    }

    /// All runs.
    pub(super) fn sum(&self) -> u64 {
        self.counts.iter().copied().map(u64::from).sum()
    }

    /// The counts by rank.
    fn by_rank(&self) -> Cow<'_, [u32]> {
        let Some(ids) = &self.ids else {
            return Cow::Borrowed(&self.counts);
        };
        // Each value that is left has an id.
        let mut counts = vec![0; ids.iter().flatten().count()];
        for (new, old) in ids.iter().zip(&self.counts) {
            if let Some(slot) = new.and_then(|id| counts.get_mut(id.rank() as usize)) {
                *slot += old;
            }
        }
        Cow::Owned(counts)
    }

    /// The counts by rank, to change them.
    fn by_rank_mut(&mut self) -> &mut Vec<u32> {
        if let Cow::Owned(counts) = self.by_rank() {
            *self = Uses::new(counts);
        }
        &mut self.counts
    }

    /// Gives the values new ids, found by the rank of the old.
    pub(super) fn renumber(&mut self, ids: &Arc<Vec<Option<ValueId>>>) {
        self.by_rank_mut();
        self.ids = Some(Arc::clone(ids));
    }

    /// Makes room for counts of the values up to this one.
    pub(super) fn make_room(&mut self, last: ValueId) {
        let counts = self.by_rank_mut();
        let len = last.rank() as usize + 1;
        counts.resize(len.max(counts.len()), 0);
    }

    /// Counts runs more or fewer of some values, as far as there is room: others are of a damaged image.
    pub(super) fn add(&mut self, more: impl Iterator<Item = (ValueId, i64)>) {
        let counts = self.by_rank_mut();
        for (id, more) in more {
            if let Some(count) = counts.get_mut(id.rank() as usize) {
                *count = count.saturating_add_signed(clamped(more));
            }
        }
    }

    /// Adds to a count for each value, by rank, how many runs have it.
    pub(super) fn count(&self, counts: &mut [u32]) {
        let uses = self.by_rank();
        let sums = counts.iter_mut().zip(uses.iter());
        sums.for_each(|(sum, uses)| *sum = sum.saturating_add(*uses));
    }

    /// Marks the ranks of the values that runs have.
    ///
    /// # Errors
    /// The first value for which there is no place.
    pub(super) fn mark(&self, marks: &[AtomicBool]) -> Result<(), ValueId> {
        let uses = self.by_rank();
        let parts = uses.par_chunks(MARKED).zip(marks.par_chunks(MARKED));
        parts.for_each(|(uses, marks)| {
            for (uses, mark) in uses.iter().zip(marks) {
                if *uses > 0 {
                    mark.store(true, Ordering::Relaxed);
                }
            }
        });
        let without = uses.get(marks.len()..).unwrap_or_default();
        let without = without.iter().position(|uses| *uses > 0);
        let rank = without.and_then(|behind| u32::try_from(marks.len() + behind).ok());
        match rank.and_then(ValueId::from_rank) {
            Some(id) => Err(id),
            None => Ok(()),
        }
    }
}

/// So many values one thread looks at.
const MARKED: usize = 1 << 14;

/// So many runs more or fewer.
fn clamped(more: i64) -> i32 {
    i32::try_from(more).unwrap_or(if more < 0 { i32::MIN } else { i32::MAX })
}
