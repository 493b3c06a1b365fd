//! How a content holds the IPv4 runs of a zone: as a list, or as an image's /16s and those that have
//! changed.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use rblmap::{Run, ValueId, Zone};
use rblmap_format::V4Blocks;

use crate::blocks::{Blocks, blocks_by_top};
use crate::normal;

/// A way to hold the IPv4 runs of a zone. A list is the simple one; [`V4Image`] does not take all
/// runs of a large image to memory.
pub trait V4Runs: Default + Send + Sync {
    /// The runs, for reading.
    fn view(&self) -> V4View<'_>;

    /// Joins neighbours of equal value.
    ///
    /// # Errors
    /// The index of the first run that does not rise.
    fn normalize(&mut self) -> Result<(), usize>;

    /// Gives each run the new id of its value, found by the rank of the old one.
    fn renumber(&mut self, ids: &[Option<ValueId>]);
}

/// The IPv4 runs of a zone, for reading.
#[derive(Debug, Clone, Copy)]
pub enum V4View<'v> {
    /// All of them, in address order.
    List(&'v [Run<u32>]),
    /// By /16.
    Blocks(&'v Blocks<'v>),
}

/// The IPv4 runs of a zone of an image: a small zone's as a list, a large one's where they are.
#[derive(Debug, Clone)]
pub enum V4Image<'a> {
    /// All of them, in address order.
    List(Vec<Run<u32>>),
    /// By /16.
    Blocks(Box<Blocks<'a>>),
}

impl V4Runs for Vec<Run<u32>> {
    fn view(&self) -> V4View<'_> {
        V4View::List(self)
    }

    fn normalize(&mut self) -> Result<(), usize> {
        normal::merge_runs(self)
    }

    fn renumber(&mut self, ids: &[Option<ValueId>]) {
        self.par_iter_mut()
            .for_each(|run| run.value = renumbered(ids, run.value));
    }
}

/// The IPv4 runs of a zone of an image, read on all cores.
pub(crate) fn list_of(zone: &Zone<'_>) -> Vec<Run<u32>> {
    let Some(blocks) = V4Blocks::of(zone.v4()) else {
        return zone.v4_runs().collect();
    };
    let parts: Vec<Vec<Run<u32>>> = blocks_by_top()
        .map_init(
            || blocks.walk(),
            |walk, part| {
                let mut runs = Vec::new();
                part.for_each(|block| append(&mut runs, walk.runs(block)));
                runs
            },
        )
        .collect();
    let mut runs = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    parts.iter().for_each(|part| append(&mut runs, part));
    runs
}

/// Appends runs of which the first may go on with the last.
pub(crate) fn append(runs: &mut Vec<Run<u32>>, more: &[Run<u32>]) {
    let mut more = more;
    if let (Some(last), Some(first)) = (runs.last_mut(), more.first())
        && last.end.checked_add(1) == Some(first.start)
        && last.value == first.value
    {
        last.end = first.end;
        more = more.get(1..).unwrap_or_default();
    }
    runs.extend_from_slice(more);
}

impl<'a> V4Image<'a> {
    /// The runs of a zone of an image of so many values.
    pub(crate) fn of(zone: &Zone<'a>, values: usize) -> V4Image<'a> {
        match Blocks::of(zone, values) {
            Some(blocks) => V4Image::Blocks(Box::new(blocks)),
            None => V4Image::List(list_of(zone)),
        }
    }
}

impl Default for V4Image<'_> {
    fn default() -> Self {
        V4Image::List(Vec::new())
    }
}

impl V4Runs for V4Image<'_> {
    fn view(&self) -> V4View<'_> {
        match self {
            V4Image::List(runs) => V4View::List(runs),
            V4Image::Blocks(blocks) => V4View::Blocks(blocks),
        }
    }

    fn normalize(&mut self) -> Result<(), usize> {
        match self {
            V4Image::List(runs) => runs.normalize(),
            V4Image::Blocks(_) => Ok(()),
        }
    }

    fn renumber(&mut self, ids: &[Option<ValueId>]) {
        match self {
            V4Image::List(runs) => runs.renumber(ids),
            V4Image::Blocks(blocks) => blocks.renumber(ids),
        }
    }
}

impl<'v> V4View<'v> {
    /// How many runs there are.
    pub fn len(&self) -> usize {
        match self {
            V4View::List(runs) => runs.len(),
            V4View::Blocks(blocks) => usize::try_from(blocks.counts().0).unwrap_or(usize::MAX),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds to a count for each value, by rank, how many runs have it.
    pub fn count_uses(&self, counts: &mut [u64]) {
        match self {
            V4View::List(runs) => {
                for run in *runs {
                    if let Some(count) = counts.get_mut(run.value.rank() as usize) {
                        *count += 1;
                    }
                }
            }
            V4View::Blocks(blocks) => blocks.count_uses(counts),
        }
    }

    /// All runs as a list.
    pub(crate) fn to_list(self) -> Cow<'v, [Run<u32>]> {
        match self {
            V4View::List(runs) => Cow::Borrowed(runs),
            V4View::Blocks(blocks) => Cow::Owned(blocks.to_list()),
        }
    }

    /// Marks the ranks of the values in use; an id that has no place as error.
    pub(crate) fn mark_values(&self, used: &[AtomicBool]) -> Result<(), ValueId> {
        match self {
            V4View::List(runs) => mark_runs(runs, used),
            V4View::Blocks(blocks) => blocks.used().try_for_each(|id| mark(used, id)),
        }
    }
}

pub(crate) fn mark_runs<A: Sync>(runs: &[Run<A>], used: &[AtomicBool]) -> Result<(), ValueId> {
    runs.par_iter().try_for_each(|run| mark(used, run.value))
}

/// Marks a value.
pub(crate) fn mark(used: &[AtomicBool], id: ValueId) -> Result<(), ValueId> {
    let slot = used.get(id.rank() as usize).ok_or(id)?;
    // Looked at first: cores that all write to one place wait for each other.
    if !slot.load(Ordering::Relaxed) {
        slot.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// The new id of a value.
pub(crate) fn renumbered(ids: &[Option<ValueId>], old: ValueId) -> ValueId {
    let new = ids.get(old.rank() as usize).copied().flatten();
    new.unwrap_or(old)
}
