//! The IPv4 runs of an image by /16: those that nothing has changed stay in the image.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use rblmap::{Run, V4Block, V4Blocks, V4Walk, ValueId, Zone};

use crate::idle::Idle;
use crate::normal;
use crate::v4::renumbered;

/// The number of /16s.
pub(crate) const BLOCKS: usize = 65_536;

/// The IPv4 runs of a zone of an image, of which some /16s have been changed. Takes about 3 MB, and
/// 12 bytes for each run of those.
#[derive(Debug, Clone)]
pub struct Blocks<'a> {
    image: V4Blocks<'a>,
    /// How many values the image has.
    image_values: usize,
    /// The ids of the image's values by rank, if they are no longer those of the image.
    ids: Option<Vec<Option<ValueId>>>,
    /// The /16s that have changed.
    changed: Vec<Option<Changed>>,
    outlines: Vec<Outline>,
    /// How many runs and gaps begin in each /8.
    tops: Vec<(u64, u64)>,
    /// How many runs have each value, by rank.
    uses: Vec<u64>,
}

/// What a /16 is made of, all that another one needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// How many runs there are, cut at the ends of the /16.
    pub runs: u32,
    /// How many gaps there are before, between and behind them.
    pub gaps: u32,
    /// What the first address has.
    pub first: Option<ValueId>,
    /// What the last address has.
    pub last: Option<ValueId>,
}

impl Outline {
    fn of(runs: &[Run<u32>]) -> Outline {
        let mut gaps = 0;
        // Within the /16, as then nothing overflows.
        let mut next = 0;
        for run in runs {
            gaps += u32::from(run.start & 0xffff != next);
            next = (run.end & 0xffff) + 1;
        }
        let at_start = runs.first().filter(|run| run.start & 0xffff == 0);
        let at_end = runs.last().filter(|run| run.end & 0xffff == 0xffff);
        Outline {
            // At most 65,536.
            runs: u32::try_from(runs.len()).unwrap_or(u32::MAX),
            gaps: gaps + u32::from(at_end.is_none()),
            first: at_start.map(|run| run.value),
            last: at_end.map(|run| run.value),
        }
    }

    /// Whether one run or gap is all of the /16.
    pub fn is_uniform(&self) -> bool {
        self.runs + self.gaps == 1
    }

    /// How many runs and gaps begin here, when the /16 before ends with that.
    pub fn starts(&self, before: Option<Outline>) -> (u32, u32) {
        match before {
            Some(before) if before.last == self.first => match self.first {
                Some(_) => (self.runs.saturating_sub(1), self.gaps),
                None => (self.runs, self.gaps.saturating_sub(1)),
            },
            _ => (self.runs, self.gaps),
        }
    }
}

impl<'a> Blocks<'a> {
    /// The blocks of a zone of an image of so many values; `None` if it is small, or damaged: its
    /// lines out of order, or values that it does not have. Reads
    /// all runs once, on all cores.
    pub(crate) fn of(zone: &Zone<'a>, values: usize) -> Option<Blocks<'a>> {
        let image = V4Blocks::of(zone)?;
        let uses = Idle::new();
        let none_used = || vec![0; values];
        let is_damaged = AtomicBool::new(false);
        let outlines: Vec<Vec<Outline>> = blocks_by_top()
            .map_init(
                || image.walk(),
                |walk, blocks| {
                    uses.with(none_used, |uses| {
                        let outline = |block| {
                            let runs = walk.runs(block);
                            for run in runs {
                                if !add(uses, run.value, 1) {
                                    is_damaged.store(true, Ordering::Relaxed);
                                }
                            }
                            Outline::of(runs)
                        };
                        blocks.map(outline).collect()
                    })
                },
            )
            .collect();
        if is_damaged.into_inner() {
            return None;
        }
        let mut blocks = Blocks {
            image,
            image_values: values,
            ids: None,
            changed: vec![None; BLOCKS],
            outlines: outlines.concat(),
            tops: vec![(0, 0); 256],
            uses: vec![0; values],
        };
        blocks.add_uses(uses.into_all());
        for block in 1..=u16::MAX {
            blocks.count_border(block, -1);
        }
        (0..=u8::MAX).for_each(|top| blocks.count_top(top));
        Some(blocks)
    }

    /// What a /16 is made of.
    pub fn outline(&self, block: u16) -> Outline {
        let outline = self.outlines.get(usize::from(block));
        outline.copied().unwrap_or(Outline::of(&[]))
    }

    /// That of the /16 before.
    pub fn outline_before(&self, block: u16) -> Option<Outline> {
        Some(self.outline(block.checked_sub(1)?))
    }

    /// How many runs there are, and how many gaps before, between and behind them.
    pub fn counts(&self) -> (u64, u64) {
        let sum = |sum: (u64, u64), more: &(u64, u64)| (sum.0 + more.0, sum.1 + more.1);
        self.tops.iter().fold((0, 0), sum)
    }

    /// How many of them begin in a /8.
    pub fn counts_of(&self, top: u8) -> (u64, u64) {
        self.tops.get(usize::from(top)).copied().unwrap_or_default()
    }

    /// Reads the runs of one /16 after the other.
    pub fn reader(&self) -> BlockReader<'_, 'a> {
        BlockReader {
            blocks: self,
            walk: self.image.walk(),
            runs: Vec::new(),
        }
    }

    /// Makes new runs of those of some /16s, on all cores; `edit` gets those there are, and puts
    /// the new ones into an empty list.
    ///
    /// # Errors
    /// The number of a /16 for which `edit` gave runs that do not rise, lie outside, or could be
    /// joined.
    pub fn change(
        &mut self,
        blocks: &[u16],
        edit: impl Fn(u16, &[Run<u32>], &mut Vec<Run<u32>>) + Sync,
    ) -> Result<(), u16> {
        let values = self.uses.len();
        let uses = Idle::new();
        let none_used = || vec![0; values];
        let changed: Vec<Vec<(u16, Outline, Changed)>> = blocks
            .par_chunks(TOGETHER)
            .map_init(
                || self.reader(),
                |reader, blocks| {
                    uses.with(none_used, |uses| change_some(reader, uses, blocks, &edit))
                },
            )
            .collect::<Result<_, u16>>()?;
        // What goes over the end of a /16 is one run. Each end once, though both sides may change.
        let mut ends: Vec<u16> = blocks
            .iter()
            .flat_map(|&b| [b, b.saturating_add(1)])
            .collect();
        ends.sort_unstable();
        ends.dedup();
        ends.iter().for_each(|&block| self.count_border(block, 1));
        self.add_uses(uses.into_all());
        for (block, outline, changed) in changed.into_iter().flatten() {
            let place = usize::from(block);
            if let Some(slot) = self.outlines.get_mut(place) {
                *slot = outline;
            }
            if let Some(slot) = self.changed.get_mut(place) {
                *slot = Some(changed);
            }
        }
        ends.iter().for_each(|&block| self.count_border(block, -1));
        let mut tops: Vec<u8> = ends.iter().map(|block| top_of(*block)).collect();
        tops.dedup();
        tops.iter().for_each(|&top| self.count_top(top));
        Ok(())
    }

    fn add_uses(&mut self, uses: Vec<Vec<i64>>) {
        for part in uses {
            self.uses.resize(self.uses.len().max(part.len()), 0);
            let sums = self.uses.iter_mut().zip(part);
            sums.for_each(|(sum, more)| *sum = sum.saturating_add_signed(more));
        }
    }

    /// Counts a run that goes on from the /16 before so many times more.
    fn count_border(&mut self, block: u16, more: i64) {
        let first = self.outline(block).first;
        let before = self.outline_before(block).and_then(|before| before.last);
        if let Some(id) = first.filter(|_| first == before)
            && let Some(count) = self.uses.get_mut(id.rank() as usize)
        {
            *count = count.saturating_add_signed(more);
        }
    }

    /// Counts again what begins in a /8.
    fn count_top(&mut self, top: u8) {
        let first = u16::from(top) << 8;
        let sum = (first..=first | 0xff).fold((0, 0), |(runs, gaps), block| {
            let more = self.outline(block).starts(self.outline_before(block));
            (runs + u64::from(more.0), gaps + u64::from(more.1))
        });
        if let Some(slot) = self.tops.get_mut(usize::from(top)) {
            *slot = sum;
        }
    }

    /// Adds to a count for each value, by rank, how many runs have it.
    pub(crate) fn count_uses(&self, counts: &mut [u64]) {
        let sums = counts.iter_mut().zip(&self.uses);
        sums.for_each(|(sum, uses)| *sum += uses);
    }

    /// The values in use.
    pub(crate) fn used(&self) -> impl Iterator<Item = ValueId> {
        let ranks = (0u32..).zip(&self.uses).filter(|(_, uses)| **uses > 0);
        ranks.filter_map(|(rank, _)| ValueId::from_rank(rank))
    }

    /// Gives the values new ids, found by the rank of the old.
    pub(crate) fn renumber(&mut self, ids: &[Option<ValueId>]) {
        let new = |old: ValueId| renumbered(ids, old);
        self.changed.par_iter_mut().flatten().for_each(|changed| {
            let runs = changed.runs().iter().map(|run| Run {
                value: new(run.value),
                ..*run
            });
            *changed = Changed::all_of(runs.collect());
        });
        for outline in &mut self.outlines {
            outline.first = outline.first.map(new);
            outline.last = outline.last.map(new);
        }
        let count = ids.iter().flatten().map(|id| id.rank() as usize + 1).max();
        let mut uses = vec![0; count.unwrap_or(0)];
        for (new, old) in ids.iter().zip(&self.uses) {
            if let Some(slot) = new.and_then(|id| uses.get_mut(id.rank() as usize)) {
                *slot += old;
            }
        }
        self.uses = uses;
        let now = match self.ids.take() {
            Some(known) => known
                .into_iter()
                .map(|id| ids.get(id?.rank() as usize).copied().flatten())
                .collect(),
            None => ids
                .iter()
                .copied()
                .take(self.image_values)
                .collect::<Vec<_>>(),
        };
        // A value that is gone is in no line that is copied.
        let is_same = |(rank, id): (u32, &Option<ValueId>)| {
            id.is_none_or(|id| ValueId::from_rank(rank) == Some(id))
        };
        let same = (0u32..).zip(&now).all(is_same);
        self.ids = (!same).then_some(now);
    }

    /// What there is of a /16 in the image, as it can be copied: it has not changed, and its values
    /// have the ids that they have in the image.
    pub(crate) fn unchanged(&self, block: u16) -> Option<V4Block<'a>> {
        let changed = self.changed.get(usize::from(block))?;
        (changed.is_none() && self.ids.is_none()).then(|| self.image.block(block))
    }

    /// The bits of its /24s in the image, of a /16 that has not changed.
    pub(crate) fn unchanged_bits(&self, block: u16) -> Option<&'a [u8]> {
        let changed = self.changed.get(usize::from(block))?;
        self.image.bits(block).filter(|_| changed.is_none())
    }

    /// How many values the image has, of which the lines hold the ids.
    pub(crate) fn image_values(&self) -> usize {
        self.image_values
    }

    /// All runs.
    pub(crate) fn to_list(&self) -> Vec<Run<u32>> {
        let mut runs = Vec::new();
        self.reader().push_runs(0..BLOCKS, &mut runs);
        runs
    }
}

/// How many /16s are changed together, so that memory is not asked for each of them.
const TOGETHER: usize = 16;

/// The runs of a /16 that has changed, in a list with those of others.
#[derive(Debug, Clone)]
struct Changed {
    list: Arc<Vec<Run<u32>>>,
    range: Range<usize>,
}

impl Changed {
    fn all_of(list: Vec<Run<u32>>) -> Changed {
        Changed {
            range: 0..list.len(),
            list: Arc::new(list),
        }
    }

    fn runs(&self) -> &[Run<u32>] {
        self.list.get(self.range.clone()).unwrap_or_default()
    }
}

/// Changes some /16s; adds to the counts by how many runs more or fewer there are of each value.
fn change_some(
    reader: &mut BlockReader<'_, '_>,
    uses: &mut Vec<i64>,
    blocks: &[u16],
    edit: impl Fn(u16, &[Run<u32>], &mut Vec<Run<u32>>),
) -> Result<Vec<(u16, Outline, Changed)>, u16> {
    let mut list = Vec::new();
    let mut new = Vec::new();
    let mut ranges = Vec::with_capacity(blocks.len());
    for &block in blocks {
        let old = reader.runs(block);
        new.clear();
        edit(block, old, &mut new);
        let top = u32::from(block);
        let is_in =
            |run: &Run<u32>| run.start <= run.end && run.start >> 16 == top && run.end >> 16 == top;
        if !new.iter().all(is_in) || !new.is_sorted_by(normal::are_apart) {
            return Err(block);
        }
        count_change(uses, old, &new);
        let from = list.len();
        list.extend_from_slice(&new);
        ranges.push((block, Outline::of(&new), from..list.len()));
    }
    let list = Arc::new(list);
    let changed = ranges.into_iter().map(|(block, outline, range)| {
        let list = Arc::clone(&list);
        (block, outline, Changed { list, range })
    });
    Ok(changed.collect())
}

fn count_change(uses: &mut Vec<i64>, old: &[Run<u32>], new: &[Run<u32>]) {
    // Most runs are in both lists, one after the other: what begins and ends alike does not count.
    let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let old = old.get(same..).unwrap_or_default();
    let new = new.get(same..).unwrap_or_default();
    let pairs = old.iter().rev().zip(new.iter().rev());
    let same = pairs.take_while(|(a, b)| a == b).count();
    for (runs, more) in [(old, -1), (new, 1)] {
        for run in runs.iter().take(runs.len() - same) {
            let rank = run.value.rank() as usize;
            if uses.len() <= rank {
                uses.resize(rank + 1, 0);
            }
            add(uses, run.value, more);
        }
    }
}

/// Reads the runs of [`Blocks`].
pub struct BlockReader<'b, 'a> {
    blocks: &'b Blocks<'a>,
    walk: V4Walk<'a>,
    runs: Vec<Run<u32>>,
}

impl<'b, 'a> BlockReader<'b, 'a> {
    /// What is read.
    pub fn blocks(&self) -> &'b Blocks<'a> {
        self.blocks
    }

    /// The runs of a /16 in address order, cut at its ends.
    pub fn runs(&mut self, block: u16) -> &[Run<u32>] {
        if let Some(Some(changed)) = self.blocks.changed.get(usize::from(block)) {
            return changed.runs();
        }
        let runs = self.walk.runs(block);
        let Some(ids) = &self.blocks.ids else {
            return runs;
        };
        self.runs.clear();
        self.runs.extend(runs.iter().map(|run| Run {
            value: renumbered(ids, run.value),
            ..*run
        }));
        &self.runs
    }

    /// Adds the runs that begin in some /16s, whole.
    pub(crate) fn push_runs(&mut self, range: Range<usize>, out: &mut Vec<Run<u32>>) {
        let from = out.len();
        let blocks = range.clone().filter_map(|block| u16::try_from(block).ok());
        for block in blocks {
            let before = self.blocks.outline_before(block);
            let goes_on = before.is_some_and(|before| {
                before.last.is_some() && before.last == self.blocks.outline(block).first
            });
            let mut runs = self.runs(block);
            if goes_on && let Some(first) = runs.split_off_first() {
                // If it began in another range it is in the list of that.
                if let Some(last) = out.get_mut(from..).and_then(<[_]>::last_mut) {
                    last.end = first.end;
                }
            }
            out.extend_from_slice(runs);
        }
        if let Some(last) = out.get_mut(from..).and_then(<[_]>::last_mut) {
            self.extend(range.end, last);
        }
    }

    /// Lets a run that reaches a /16 go on as far as it does.
    pub fn extend(&mut self, block: usize, run: &mut Run<u32>) {
        let mut next = block;
        while let Ok(block) = u16::try_from(next)
            && run.end.checked_add(1) == Some(u32::from(block) << 16)
            && self.blocks.outline(block).first == Some(run.value)
        {
            run.end = self.runs(block).first().map_or(run.end, |first| first.end);
            next += 1;
        }
    }
}

/// The /8 of a /16.
fn top_of(block: u16) -> u8 {
    u8::try_from(block >> 8).unwrap_or(u8::MAX) // 8 bits are left
}

/// The /16s of each /8.
pub(crate) fn blocks_by_top() -> impl IndexedParallelIterator<Item = std::ops::RangeInclusive<u16>>
{
    (0u16..256)
        .into_par_iter()
        .map(|top| top << 8..=top << 8 | 0xff)
}

/// Adds to the count of a value, if there is such a one.
fn add(counts: &mut [i64], id: ValueId, more: i64) -> bool {
    let count = counts.get_mut(id.rank() as usize);
    count.map(|count| *count += more).is_some()
}
