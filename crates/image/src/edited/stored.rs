//! The counts of runs that an image holds: made for one that is written, and taken from one that is edited, of
//! which then no line is read that no edit needs.

use rayon::prelude::*;
use rblmap::{Run, Zone};
use rblmap_content::Pool;
use rblmap_format::v4::StoredCounts;
use rblmap_format::{RunCounts, Slash16, Slash16s};

use super::by16::{BLOCKS, Blocks};
use super::tally::Tally;

/// Counts the runs of a list, /16 by /16 on several threads.
pub(crate) struct ListCounter {
    values: usize,
    tallies: Pool<Tally>,
}

impl ListCounter {
    /// Of runs that have so many values.
    pub(crate) fn new(values: usize) -> ListCounter {
        ListCounter {
            values,
            tallies: Pool::new(),
        }
    }

    /// Lends `work` what counts one /16 after the other.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Tally) -> R) -> R {
        self.tallies.with(|| Tally::new(self.values), work)
    }

    /// How many runs have each value, by rank.
    pub(crate) fn uses(self) -> Vec<u32> {
        let uses = Tally::sum(self.tallies.into_all(), self.values);
        let uses = uses.expect("runs of a content have values of it");
        uses.into_iter().map(i32::cast_unsigned).collect()
    }
}

impl Tally {
    /// Counts the runs that begin in a /16, of runs of which none ends before it. Gives what it is made of, and
    /// the runs that do not end in it.
    pub(crate) fn count_list<'r>(
        &mut self,
        runs: &'r [Run<u32>],
        block: u16,
    ) -> (RunCounts, &'r [Run<u32>]) {
        let first = u32::from(block) << 16;
        let last = first | 0xffff;
        let count = runs.iter().take_while(|run| run.start <= last).count();
        let (here, behind) = runs.split_at(count);
        let begun_before = here.first().is_some_and(|run| run.start < first);
        self.add_runs(here.get(usize::from(begun_before)..).unwrap_or_default(), 1);
        let goes_on = here.last().is_some_and(|run| run.end > last);
        let behind = match goes_on {
            true => runs.get(count - 1..).unwrap_or_default(),
            false => behind,
        };
        (RunCounts::of(here, (first, last)), behind)
    }
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
        let lines = |block| matches!(image.block(block), Slash16::Lines { .. });
        let count = (0..=u16::MAX).filter(|block| lines(*block)).count();
        let StoredCounts { of_16s, uses } =
            StoredCounts::read(zone.v4_run_counts(), count, values)?;
        let mut of_16s = of_16s.into_iter();
        let counts = |block| lines(block).then(|| of_16s.next()).flatten();
        let counts: Vec<Option<(u32, u32)>> = (0..=u16::MAX).map(counts).collect();
        let run_counts: Option<Vec<RunCounts>> = counts
            .into_par_iter()
            .enumerate()
            .with_min_len(BLOCKS / 256)
            .map(|(block, counts)| run_counts_of(&image, u16::try_from(block).ok()?, counts))
            .collect();
        let blocks = Blocks::with_counts(image, values, run_counts?, uses);
        let in_all: u64 = blocks.uses.sum();
        (in_all == blocks.counts().0).then_some(blocks)
    }
}

/// The run counts of a /16 with so many runs and gaps; none if its lines are out of order.
fn run_counts_of(
    image: &Slash16s<'_>,
    block: u16,
    counts: Option<(u32, u32)>,
) -> Option<RunCounts> {
    let of = image.block(block);
    let Some((runs, gaps)) = counts else {
        return match of {
            Slash16::Uniform(value) => Some(RunCounts::uniform(value)),
            Slash16::Lines { .. } => None,
        };
    };
    let starts = (0..=of.units()).map(|unit| of.start_of(unit));
    let first = u32::from(block) << 16;
    starts.is_sorted_by(|a, b| a < b).then(|| RunCounts {
        runs,
        gaps,
        first: image.value(first),
        last: image.value(first | 0xffff),
    })
}
