//! The counts of runs that an image holds: made for one that is written, and taken from one that is edited, of
//! which then no line is read that no edit needs.

use rayon::prelude::*;
use rblmap::{Run, Zone};
use rblmap_content::{Pool, count_runs};
use rblmap_format::v4::StoredCounts;
use rblmap_format::v4::write::behind_16;
use rblmap_format::{RunCounts, Slash16, Slash16s};

use super::by16::{BLOCKS, Blocks};
use super::tally::{Tally, starts_rise};

/// Counts the runs of a list, /16 by /16 on several threads.
pub(crate) struct ListCounter {
    values: usize,
    /// None if there are too many values to count them for each thread.
    tallies: Option<Pool<Tally>>,
}

/// Counts of more values take too much memory to have them for each thread.
const MOST_VALUES: usize = 1 << 20;

impl ListCounter {
    /// Of runs that have so many values.
    pub(crate) fn new(values: usize) -> ListCounter {
        ListCounter {
            values,
            tallies: (values <= MOST_VALUES).then(Pool::new),
        }
    }

    /// Lends `work` what counts values, if there are few enough.
    pub(crate) fn with<R>(&self, work: impl FnOnce(Option<&mut Tally>) -> R) -> R {
        match &self.tallies {
            Some(tallies) => tallies.with(|| Tally::new(self.values), |tally| work(Some(tally))),
            None => work(None),
        }
    }

    /// How many of all runs have each value, by rank.
    pub(crate) fn uses(self, runs: &[Run<u32>]) -> Vec<u32> {
        let Some(tallies) = self.tallies else {
            let mut uses = vec![0; self.values];
            count_runs(runs, &mut uses);
            return uses;
        };
        let uses = Tally::sum(tallies.into_all(), self.values);
        let uses = uses.expect("runs of a content have values of it");
        uses.into_iter().map(i32::cast_unsigned).collect()
    }
}

/// Counts the runs of a /16, of runs of which none ends before it: those that begin in it are counted by their
/// values. Gives what the /16 is made of, and the runs that do not end in it.
pub(crate) fn count_list<'r>(
    runs: &'r [Run<u32>],
    block: u16,
    tally: Option<&mut Tally>,
) -> (RunCounts, &'r [Run<u32>]) {
    let first = u32::from(block) << 16;
    let last = first | 0xffff;
    let count = runs.iter().take_while(|run| run.start <= last).count();
    let here = runs.get(..count).unwrap_or_default();
    let begun_before = here.first().is_some_and(|run| run.start < first);
    if let Some(tally) = tally {
        tally.add_runs(here.get(usize::from(begun_before)..).unwrap_or_default(), 1);
    }
    // The last one may go on.
    let rest = runs.get(count.saturating_sub(1)..).unwrap_or_default();
    (RunCounts::of(here, (first, last)), behind_16(rest, block))
}

impl<'a> Blocks<'a> {
    /// How many runs have each of so many values, by rank.
    pub(crate) fn uses(&self, values: usize) -> Vec<u32> {
        let mut uses = vec![0; values];
        self.uses.count(&mut uses);
        uses
    }

    /// As [`Blocks::of`], by the counts that the image holds. `None` also if these cannot be right. Whether they
    /// are is not looked at: an image whose digests hold has those that it was written with.
    pub(crate) fn stored(zone: &Zone<'a>, values: usize) -> Option<Blocks<'a>> {
        let image = zone.v4().blocks()?;
        let is_in_lines = |block: &u16| matches!(image.block(*block), Slash16::Lines { .. });
        let in_lines: Vec<u16> = (0..=u16::MAX).filter(is_in_lines).collect();
        let StoredCounts { of_16s, uses } =
            StoredCounts::read(zone.v4_run_counts(), in_lines.len(), values)?;
        let mut counts = vec![None; BLOCKS];
        for (block, of) in in_lines.into_iter().zip(of_16s) {
            *counts.get_mut(usize::from(block))? = Some(of);
        }
        let run_counts: Option<Vec<RunCounts>> = (0..=u16::MAX)
            .into_par_iter()
            .zip(counts)
            .with_min_len(BLOCKS / 256)
            .map(|(block, counts)| run_counts_of(&image, block, counts))
            .map(|counts| counts.filter(|it| has_values(it, values)))
            .collect();
        let blocks = Blocks::with_counts(image, values, run_counts?, uses);
        let in_all: u64 = blocks.uses.sum();
        (in_all == blocks.counts().0).then_some(blocks)
    }
}

/// Whether there are values of what a /16 begins and ends with, of so many.
fn has_values(run_counts: &RunCounts, values: usize) -> bool {
    let ends = [run_counts.first, run_counts.last];
    ends.iter()
        .flatten()
        .all(|id| (id.rank() as usize) < values)
}

/// The run counts of a /16 with so many runs and gaps; none if its lines are out of order.
fn run_counts_of(
    image: &Slash16s<'_>,
    block: u16,
    counts: Option<(u32, u32)>,
) -> Option<RunCounts> {
    let of = image.block(block);
    if let Slash16::Uniform(value) = of {
        return Some(RunCounts::uniform(value));
    }
    let (runs, gaps) = counts.filter(|_| starts_rise(&of))?;
    let first = u32::from(block) << 16;
    Some(RunCounts {
        runs,
        gaps,
        first: image.value(first),
        last: image.value(first | 0xffff),
    })
}
