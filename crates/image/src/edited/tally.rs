//! Counts the runs of an image, or of a list.

use rblmap::{Run, ValueId};
use rblmap_format::{RunCounts, Slash16, Slash16s, V4Walk, prefetch};

use super::begun::begun_before;

/// What one thread has counted of the lines of an image, or of the runs of a list.
pub(crate) struct Tally {
    /// How many runs have each value, by rank, as if each line of an image began a run of its own. Until all are
    /// counted it may be more or fewer than fit, which comes right in the end: so it takes half the
    /// memory, of which there is some for each thread.
    uses: Vec<i32>,
    /// What is added when its place has had time to come near, in turn: nothing at first.
    waiting: [(u32, i32); AHEAD],
    next: usize,
    is_damaged: bool,
}

/// Counts of so many values stay in a core's own cache.
const NEAR: usize = 1 << 14;
/// So many counts are on their way at once.
const AHEAD: usize = 16;

impl Tally {
    pub(super) fn new(values: usize) -> Tally {
        Tally {
            uses: vec![0; values],
            waiting: [(0, 0); AHEAD],
            next: 0,
            is_damaged: false,
        }
    }

    /// How many runs have each value; none if the image is damaged.
    fn finish(mut self) -> Option<Vec<i32>> {
        if self.uses.len() > NEAR {
            for (rank, more) in self.waiting {
                self.add_now(rank, more);
            }
        }
        (!self.is_damaged).then_some(self.uses)
    }

    /// Counts the runs of a /16, unit by unit, and adds to `begun` how many runs and gaps begin before
    /// each.
    pub(super) fn count(
        &mut self,
        image: &Slash16s<'_>,
        walk: &mut V4Walk<'_>,
        block: u16,
        begun: &mut Vec<[u16; 2]>,
    ) -> RunCounts {
        self.look_at_starts(image, block);
        let mut all = self.unit(walk, block, 0);
        begun.push([0, 0]);
        for unit in 1..image.block(block).units() {
            begun.push(begun_before(all));
            let next = self.unit(walk, block, unit);
            self.join(Some(all), next, -1);
            all = all.then(next);
        }
        all
    }

    /// As [`Tally::count`], from the runs of the /16, cut at its ends, and without what begins before units.
    pub(super) fn count_runs(
        &mut self,
        image: &Slash16s<'_>,
        runs: &[Run<u32>],
        block: u16,
    ) -> RunCounts {
        self.look_at_starts(image, block);
        self.add_runs(runs, 1);
        let first = u32::from(block) << 16;
        RunCounts::of(runs, (first, first | 0xffff))
    }

    /// Counts the run that goes on from what is before a unit into it, which is one run, so many times more.
    pub(super) fn join(&mut self, before: Option<RunCounts>, next: RunCounts, more: i32) {
        let goes_on = next
            .first
            .filter(|_| before.is_some_and(|it| it.last == next.first));
        if let Some(value) = goes_on {
            self.add(value, more);
        }
    }

    /// Notes damage where starts do not rise.
    pub(super) fn look_at_starts(&mut self, image: &Slash16s<'_>, block: u16) {
        self.is_damaged |= !starts_rise(&image.block(block));
    }

    /// Counts runs so many times more. Neighbours often have one value, and each count of it would wait for
    /// the one before: so runs that lie apart are counted in turns.
    pub(super) fn add_runs(&mut self, runs: &[Run<u32>], more: i32) {
        let apart = runs.len().div_ceil(4).max(1);
        let parts: [&[Run<u32>]; 4] = std::array::from_fn(|nth| {
            let part = runs.chunks(apart).nth(nth);
            part.unwrap_or_default()
        });
        for at in 0..apart {
            for part in parts {
                if let Some(run) = part.get(at) {
                    self.add(run.value, more);
                }
            }
        }
    }

    /// Counts the runs of a unit, as if it were alone.
    fn unit(&mut self, walk: &mut V4Walk<'_>, block: u16, unit: usize) -> RunCounts {
        walk.run_counts(block, unit, &mut |value, more| {
            self.add(value, more.cast_signed());
        })
    }

    /// What several threads have counted, together, of so many values; none if any came upon damage.
    pub(super) fn sum(tallies: Vec<Tally>, values: usize) -> Option<Vec<i32>> {
        let tallies = tallies.into_iter().map(Tally::finish);
        let tallies: Vec<Vec<i32>> = tallies.collect::<Option<_>>()?;
        // Summed up in what a thread has counted: in new memory each page would be given when it is
        // written, after it was read, which stops all threads.
        let mut parts = tallies.into_iter();
        let mut uses = parts.next().unwrap_or_else(|| vec![0; values]);
        for part in parts {
            add_all(&mut uses, &part);
        }
        Some(uses)
    }

    fn add(&mut self, value: ValueId, more: i32) {
        let rank = value.rank();
        if self.uses.len() <= NEAR {
            return self.add_now(rank, more);
        }
        prefetch(self.uses.as_ptr().wrapping_add(rank as usize));
        self.next = (self.next + 1) % AHEAD;
        if let Some(slot) = self.waiting.get_mut(self.next) {
            let (rank, more) = std::mem::replace(slot, (rank, more));
            self.add_now(rank, more);
        }
    }

    fn add_now(&mut self, rank: u32, more: i32) {
        match self.uses.get_mut(rank as usize) {
            Some(uses) => *uses = uses.wrapping_add(more),
            None => self.is_damaged = true,
        }
    }
}

/// Whether the starts of the lines of a /16 rise, as they do but in damaged images.
pub(super) fn starts_rise(of: &Slash16<'_>) -> bool {
    let starts = (0..=of.units()).map(|unit| of.start_of(unit));
    starts.is_sorted_by(|a, b| a < b)
}

/// Adds counts to counts.
pub(super) fn add_all(sums: &mut [i32], more: &[i32]) {
    let pairs = sums.iter_mut().zip(more);
    pairs.for_each(|(sum, more)| *sum = sum.wrapping_add(*more));
}
