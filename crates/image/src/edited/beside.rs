//! Counts the runs of an old image beside a new one with the same values, and finds where they differ. Most
//! lines are in both, and were counted when the runs of the new image were read: here they are only compared.
//!
//! ```text
//!   new    │ a │ b │   c   │ d │    counted as its runs are read
//!   old    │ a │ b │ x │ y │ d │    a, b and d as there; x and y are read, and compared with c
//!
//!   runs of each value: those of the new /16, less those of c, and those of x and y
//! ```

use std::ops::Range;

use rblmap::Run;
use rblmap_content::{Difference, differences_between};
use rblmap_format::v4::renumber::NewIds;
use rblmap_format::{RunCounts, Slash16, Slash16s, V4Walk};

use super::aligned::{aligned, ends_of, is_same};
use super::begun::begun_before;
use super::counted::Counted;
use super::tally::Tally;

/// An old image of which each /16 is counted right after that of the new one.
pub(super) struct Beside<'b, 'o> {
    pub(super) old: &'b Slash16s<'o>,
    pub(super) walk: &'b mut V4Walk<'o>,
    /// Each value has the same id in both.
    pub(super) ids: NewIds<'b>,
    /// How many more runs each value has in the old image.
    pub(super) tally: &'b mut Tally,
    /// The run counts of the units of the new image's /16.
    pub(super) units: &'b mut Vec<RunCounts>,
    pub(super) found: Found,
}

/// What is known of the old /16s so far.
#[derive(Default)]
pub(super) struct Found {
    run_counts: Vec<RunCounts>,
    /// What begins before each unit.
    begun: Vec<[u16; 2]>,
    differences: Vec<Difference<u32>>,
}

/// The run counts of both up to a place.
#[derive(Clone, Copy, Default)]
struct SoFar {
    old: Option<RunCounts>,
    new: Option<RunCounts>,
}

impl Beside<'_, '_> {
    /// Counts the old /16 beside the new one, of which these are the runs.
    pub(super) fn count(&mut self, new: &Slash16s<'_>, runs: &[Run<u32>], block: u16) {
        self.tally.look_at_starts(self.old, block);
        let (was, is) = (self.old.block(block), new.block(block));
        let mut so_far = SoFar::default();
        // Whether what is just before is in both.
        let mut goes_on = true;
        for (old_units, new_units) in aligned(was, is) {
            let same = is_same(&was, &is, (&old_units, &new_units), self.ids);
            let before = so_far;
            let first = match same {
                true => {
                    let counts = self.unit_of_new(new_units.start);
                    self.found.push_unit(counts, &mut so_far.old);
                    so_far.new = Some(counts);
                    (counts, counts)
                }
                false => self.unequal(block, &was, (old_units, new_units), runs, &mut so_far),
            };
            if !(same && goes_on) {
                self.tally.join(before.old, first.0, -1);
                self.tally.join(before.new, first.1, 1);
            }
            goes_on = same;
        }
        let all = so_far.old.unwrap_or(RunCounts::FREE);
        self.found.run_counts.push(all);
    }

    /// Units which are not the same in both: of the old ones the runs are read, and compared with those of
    /// the new ones. Gives the run counts of the first unit of both.
    fn unequal(
        &mut self,
        block: u16,
        was: &Slash16<'_>,
        (old_units, new_units): (Range<usize>, Range<usize>),
        runs: &[Run<u32>],
        so_far: &mut SoFar,
    ) -> (RunCounts, RunCounts) {
        let ends = ends_of(block, was, &old_units);
        let new_runs = runs_in(runs, ends);
        let old_runs = self.walk.runs_of(block, old_units.clone());
        self.tally.add_runs(old_runs, 1);
        self.tally.add_runs(new_runs, -1);
        let found = &mut self.found.differences;
        differences_between(old_runs, new_runs, ends, |it| it.push_to(found));
        let mut firsts = None;
        for unit in old_units {
            let ends = ends_of(block, was, &(unit..unit + 1));
            let counts = RunCounts::of(runs_in(old_runs, ends), ends);
            firsts.get_or_insert(counts);
            self.found.push_unit(counts, &mut so_far.old);
        }
        let first = self.unit_of_new(new_units.start);
        so_far.new = new_units.last().map(|last| self.unit_of_new(last));
        (firsts.unwrap_or(RunCounts::FREE), first)
    }

    fn unit_of_new(&self, unit: usize) -> RunCounts {
        let counts = self.units.get(unit);
        counts.copied().unwrap_or(RunCounts::FREE)
    }
}

impl Found {
    /// Adds an old unit with these run counts behind those so far.
    fn push_unit(&mut self, counts: RunCounts, so_far: &mut Option<RunCounts>) {
        self.begun.push(so_far.map_or([0, 0], begun_before));
        *so_far = Some(so_far.map_or(counts, |so_far| so_far.then(counts)));
    }

    /// All that was counted, and where the images differ.
    pub(super) fn into_parts(mut self) -> (Counted, Vec<Difference<u32>>) {
        self.begun.shrink_to_fit();
        let counted = Counted {
            run_counts: self.run_counts,
            begun: Some(self.begun),
            hashed: Vec::new(),
        };
        (counted, self.differences)
    }
}

/// The runs of which something is between two addresses.
fn runs_in(runs: &[Run<u32>], (first, last): (u32, u32)) -> &[Run<u32>] {
    let from = runs.partition_point(|run| run.end < first);
    let rest = runs.get(from..).unwrap_or_default();
    let count = rest.partition_point(|run| run.start <= last);
    rest.get(..count).unwrap_or_default()
}
