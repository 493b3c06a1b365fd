//! The counts of runs that an image holds: made for one that is written, and taken from one that is edited, of
//! which then no line is read that no edit needs.

use std::ops::RangeInclusive;

use rayon::prelude::*;
use rblmap::{Run, Zone};
use rblmap_content::Pool;
use rblmap_format::v4::StoredCounts;
use rblmap_format::{RunCounts, Slash16, Slash16s};

use super::V4View;
use super::by16::{BLOCKS, Blocks, blocks_by_top};
use super::tally::Tally;

impl V4View<'_> {
    /// The counts of these runs, of so many values. `has_lines` says of a /16 whether lines are written for it.
    pub(crate) fn stored_counts(
        self,
        values: usize,
        has_lines: impl Fn(u16) -> bool,
    ) -> StoredCounts {
        let (run_counts, uses) = match self {
            V4View::List(runs) => of_list(runs, values),
            V4View::Blocks(blocks) => {
                let mut uses = vec![0; values];
                blocks.uses.count(&mut uses);
                (blocks.run_counts.clone(), uses)
            }
        };
        let of_16s = (0..=u16::MAX).zip(run_counts);
        let of_16s = of_16s.filter(|(block, _)| has_lines(*block));
        StoredCounts {
            of_16s: of_16s.map(|(_, it)| (it.runs, it.gaps)).collect(),
            uses,
        }
    }
}

/// The run counts of each /16 of a list of runs, and how many have each value, by rank.
fn of_list(runs: &[Run<u32>], values: usize) -> (Vec<RunCounts>, Vec<u32>) {
    let tallies = Pool::new();
    let new_tally = || Tally::new(values);
    let run_counts: Vec<Vec<RunCounts>> = blocks_by_top()
        .map(|blocks| tallies.with(new_tally, |tally| of_top(runs, blocks, tally)))
        .collect();
    let uses = Tally::sum(tallies.into_all(), values);
    let uses = uses.expect("runs of a content have values of it");
    let uses = uses.into_iter().map(i32::cast_unsigned);
    (run_counts.concat(), uses.collect())
}

/// Of the /16s of a /8.
fn of_top(runs: &[Run<u32>], blocks: RangeInclusive<u16>, tally: &mut Tally) -> Vec<RunCounts> {
    let start = u32::from(*blocks.start()) << 16;
    let from = runs.partition_point(|run| run.end < start);
    let mut rest = runs.get(from..).unwrap_or_default();
    let mut of_16s = Vec::with_capacity(blocks.len());
    for block in blocks {
        let first = u32::from(block) << 16;
        let last = first | 0xffff;
        let count = rest.partition_point(|run| run.start <= last);
        let (here, behind) = rest.split_at(count);
        of_16s.push(RunCounts::of(here, (first, last)));
        // Each run counts where it begins.
        let goes_on = here.first().is_some_and(|run| run.start < first);
        tally.add_runs(here.get(usize::from(goes_on)..).unwrap_or_default(), 1);
        rest = match here.last() {
            Some(run) if run.end > last => rest.get(count - 1..).unwrap_or_default(),
            _ => behind,
        };
    }
    of_16s
}

impl<'a> Blocks<'a> {
    /// As [`Blocks::of`], by the counts that the image holds. `None` also if these are not counts of such lines;
    /// that they are those of its lines, [`Image::verify`](rblmap::Image::verify) says.
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
