//! IPv4 runs as an image and edits over it, by /16.

use std::ops::{Range, RangeInclusive};
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use rblmap::{Run, ValueId, Zone};
use rblmap_format::{Outline, V4Block, V4Blocks};

use rblmap_content::{Edit, Pool, edit_runs_into, renumbered};

use super::reader::BlockReader;

/// The number of /16s.
pub(crate) const BLOCKS: usize = 65_536;

/// The IPv4 runs of a zone of an image, with edits laid over. Takes about 4 MB, and 12 bytes for each
/// edit.
///
/// A /16 has *units*: what a line of the image speaks for, or all of it if it has none.
#[derive(Debug, Clone)]
pub struct Blocks<'a> {
    pub(super) image: V4Blocks<'a>,
    /// How many values the image has.
    image_values: usize,
    /// The ids of the image's values by rank, if they are no longer those of the image.
    pub(super) ids: Option<Vec<Option<ValueId>>>,
    /// What has been laid over each /16: rising, disjoint.
    pub(super) edits: Vec<Vec<Edit<u32>>>,
    outlines: Vec<Outline>,
    /// How many runs and gaps begin in each /8.
    tops: Vec<(u64, u64)>,
    /// How many runs have each value, by rank.
    uses: Vec<u64>,
}

impl<'a> Blocks<'a> {
    /// The blocks of a zone of an image of so many values; `None` if it is small, or damaged: its
    /// lines out of order, or values that it does not have. Counts
    /// all runs once, on all cores.
    pub(crate) fn of(zone: &Zone<'a>, values: usize) -> Option<Blocks<'a>> {
        let image = zone.v4().blocks()?;
        let uses = Pool::new();
        let none_used = || vec![0; values];
        let is_damaged = AtomicBool::new(false);
        let outlines: Vec<Vec<Outline>> = blocks_by_top()
            .map_init(
                || image.walk(),
                |walk, blocks| {
                    uses.with(none_used, |uses| {
                        let mut see = |value, more| {
                            if !add(uses, value, more) {
                                is_damaged.store(true, Ordering::Relaxed);
                            }
                        };
                        let outline = |block| {
                            let of = image.block(block);
                            let units = 1..of.units();
                            let starts = (0..=of.units()).map(|unit| of.start_of(unit));
                            if !starts.is_sorted_by(|a, b| a < b) {
                                is_damaged.store(true, Ordering::Relaxed);
                            }
                            let first = walk.outline(block, 0, &mut see);
                            units.fold(first, |before, unit| {
                                let next = walk.outline(block, unit, &mut see);
                                // What goes on in the next line is one run.
                                if let Some(value) =
                                    before.last.filter(|_| before.last == next.first)
                                {
                                    see(value, -1);
                                }
                                before.then(next)
                            })
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
            edits: vec![Vec::new(); BLOCKS],
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
        outline.copied().unwrap_or(Outline::FREE)
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

    /// For each /16, and for the end of the space, how many runs and gaps begin before it.
    pub fn counts_before(&self) -> Vec<(u64, u64)> {
        let mut sum = (0, 0);
        let mut before = Vec::with_capacity(BLOCKS + 1);
        before.push(sum);
        for block in 0..=u16::MAX {
            let (runs, gaps) = self.outline(block).starts(self.outline_before(block));
            sum = (sum.0 + u64::from(runs), sum.1 + u64::from(gaps));
            before.push(sum);
        }
        before
    }

    /// Whether a /16 begins with the rest of a run, and whether with the rest of a gap.
    pub fn goes_on(&self, block: u16) -> (bool, bool) {
        let first = self.outline(block).first;
        let goes_on = self
            .outline_before(block)
            .is_some_and(|before| before.last == first);
        (goes_on && first.is_some(), goes_on && first.is_none())
    }

    /// Whether a /16 of both is the same bytes of their images: then they say the same, if the values
    /// have the same ids. False also where that is not known.
    pub fn is_same(&self, other: &Blocks<'_>, block: u16) -> bool {
        let is_edited = |of: &Blocks<'_>| of.ids.is_some() || !of.edits(block).is_empty();
        if is_edited(self) || is_edited(other) {
            return false;
        }
        match (self.image.block(block), other.image.block(block)) {
            (V4Block::Uniform(one), V4Block::Uniform(two)) => one == two,
            (
                V4Block::Lines { lines, starts },
                V4Block::Lines {
                    lines: other_lines,
                    starts: other_starts,
                },
            ) => {
                // Behind the starts are two bytes that say nothing.
                let told = lines.len().saturating_sub(1);
                lines == other_lines && starts.get(..told) == other_starts.get(..told)
            }
            _ => false,
        }
    }

    /// How many units a /16 has.
    pub fn units(&self, block: u16) -> usize {
        self.image.block(block).units()
    }

    /// The /16 of an address, and the unit of it that speaks for the address.
    pub fn unit_of(&self, address: u32) -> (u16, usize) {
        let block = block_of(address);
        (block, self.image.block(block).unit_of(address))
    }

    /// The first and the last address of a unit of a /16.
    pub fn ends(&self, block: u16, unit: usize) -> (u32, u32) {
        self.ends_of(block, &(unit..unit + 1))
    }

    /// Those of some units. An image that is damaged may have a last one before the first.
    pub(super) fn ends_of(&self, block: u16, units: &Range<usize>) -> (u32, u32) {
        let top = u32::from(block) << 16;
        let of = self.image.block(block);
        let end = of.start_of(units.end);
        (
            top | of.start_of(units.start) & 0xffff,
            top | end.saturating_sub(1),
        )
    }

    /// Reads the runs of one /16 or unit after the other.
    pub fn reader(&self) -> BlockReader<'_, 'a> {
        BlockReader::new(self)
    }

    /// Adds rising, disjoint edits, on all cores. Reads only the units that they touch.
    ///
    /// # Errors
    /// The index of the first edit that does not rise.
    pub fn edit(&mut self, edits: &[Edit<u32>]) -> Result<(), usize> {
        let mut from = Some(0);
        for (index, edit) in edits.iter().enumerate() {
            if edit.start > edit.end || from.is_none_or(|from| edit.start < from) {
                return Err(index);
            }
            from = edit.end.checked_add(1);
        }
        let touched = by_block(edits);
        let values = self.uses.len();
        let uses = Pool::new();
        let none_used = || vec![0; values];
        let changed: Vec<(u16, Outline, Vec<Edit<u32>>)> = touched
            .into_par_iter()
            .map_init(
                || (self.reader(), Vec::new()),
                |(reader, new), (block, range)| {
                    let top = u32::from(block) << 16;
                    let edits = edits.get(range).unwrap_or_default();
                    let edits: Vec<Edit<u32>> = cut(edits, (top, top | 0xffff)).collect();
                    let see =
                        |uses: &mut Vec<i64>| self.outline_with(block, &edits, reader, new, uses);
                    let outline = uses.with(none_used, see);
                    (block, outline, joined(self.edits(block), &edits))
                },
            )
            .collect();
        // What goes over the end of a /16 is one run. Each end once, though both sides may change.
        let mut ends: Vec<u16> = changed
            .iter()
            .flat_map(|(block, ..)| [*block, block.saturating_add(1)])
            .collect();
        ends.dedup();
        ends.iter().for_each(|&block| self.count_border(block, 1));
        self.add_uses(uses.into_all());
        for (block, outline, edits) in changed {
            let place = usize::from(block);
            if let Some(slot) = self.outlines.get_mut(place) {
                *slot = outline;
            }
            if let Some(slot) = self.edits.get_mut(place) {
                *slot = edits;
            }
        }
        ends.iter().for_each(|&block| self.count_border(block, -1));
        let mut tops: Vec<u8> = ends.iter().map(|block| top_of(*block)).collect();
        tops.dedup();
        tops.iter().for_each(|&top| self.count_top(top));
        Ok(())
    }

    /// The outline of a /16 with more edits, its first; adds to the counts by how many runs more or
    /// fewer, cut at the ends of the /16, there are of each value.
    fn outline_with(
        &self,
        block: u16,
        edits: &[Edit<u32>],
        reader: &mut BlockReader<'_, '_>,
        new: &mut Vec<Run<u32>>,
        uses: &mut Vec<i64>,
    ) -> Outline {
        let mut outline = self.outline(block);
        let mut rest = edits;
        while let Some(first) = rest.first() {
            let (units, count) = self.units_around(block, first, rest);
            let (here, after) = rest.split_at(count);
            rest = after;
            let old = reader.runs_of(block, units.clone());
            new.clear();
            edit_runs_into(old, here.iter().copied(), new);
            count_change(uses, old, new);
            // The units begin and end with addresses that do not change, or where the /16 does.
            let ends = self.ends_of(block, &units);
            let (was, is) = (Outline::of(old, ends), Outline::of(new, ends));
            outline.runs = (outline.runs + is.runs).saturating_sub(was.runs);
            outline.gaps = (outline.gaps + is.gaps).saturating_sub(was.gaps);
            if units.start == 0 {
                outline.first = is.first;
            }
            if units.end == self.units(block) {
                outline.last = is.last;
            }
        }
        outline
    }

    /// The units of a /16 that a edit and those around it lie in, with the addresses beside them, and
    /// how many of the edits, of which it is the first, lie in the same.
    fn units_around(
        &self,
        block: u16,
        first: &Edit<u32>,
        edits: &[Edit<u32>],
    ) -> (Range<usize>, usize) {
        let top = u32::from(block) << 16;
        let of = self.image.block(block);
        let unit = |address| of.unit_of(address);
        let from = unit(first.start.saturating_sub(1).max(top));
        let mut to = from;
        let mut count = 0;
        for edit in edits {
            if count > 0 && unit(edit.start.saturating_sub(1).max(top)) > to {
                break;
            }
            to = to.max(unit(edit.end.saturating_add(1).min(top | 0xffff)));
            count += 1;
        }
        (from..to + 1, count)
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

    /// The fewest aligned ranges of /16s in which at most `most` runs start, or one /16; without those
    /// in which none does.
    pub fn ranges_of(&self, most: usize) -> Vec<Range<usize>> {
        let before: Vec<u64> = self.counts_before().iter().map(|counts| counts.0).collect();
        let mut ranges = Vec::new();
        split_ranges(&before, most as u64, 0, 16, &mut ranges);
        ranges
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
        for edit in self.edits.iter_mut().flatten() {
            edit.value = edit.value.map(new);
        }
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

    /// What there is of a /16 in the image, as it can be copied where nothing is laid over it; none if
    /// the values no longer have the ids that they have in the image.
    pub(crate) fn in_image(&self, block: u16) -> Option<V4Block<'a>> {
        self.ids.is_none().then(|| self.image.block(block))
    }

    /// The bits of its /24s in the image.
    pub(crate) fn bits_in_image(&self, block: u16) -> Option<&'a [u8]> {
        self.image.bits(block)
    }

    /// What is laid over a /16.
    pub(crate) fn edits(&self, block: u16) -> &[Edit<u32>] {
        let edits = self.edits.get(usize::from(block));
        edits.map(Vec::as_slice).unwrap_or_default()
    }

    /// How many values the image has, of which the lines hold the ids.
    pub fn image_values(&self) -> usize {
        self.image_values
    }

    /// All runs.
    pub(crate) fn to_list(&self) -> Vec<Run<u32>> {
        let mut runs = Vec::new();
        self.reader().push_runs(0..BLOCKS, &mut runs);
        runs
    }
}

/// Cuts all /16s into the fewest aligned ranges in which at most `most` runs start, or one /16; leaves
/// out those in which none does. `before` has for each /16 how many start before it.
fn split_ranges(before: &[u64], most: u64, first: usize, bits: u32, out: &mut Vec<Range<usize>>) {
    let end = first + (1 << bits);
    let at = |block: usize| before.get(block).copied().unwrap_or(0);
    match at(end) - at(first) {
        0 => {}
        count if count <= most || bits == 0 => out.push(first..end),
        _ => {
            let half = first + (1 << (bits - 1));
            split_ranges(before, most, first, bits - 1, out);
            split_ranges(before, most, half, bits - 1, out);
        }
    }
}

/// Each /16 that edits touch, and which do.
fn by_block(edits: &[Edit<u32>]) -> Vec<(u16, Range<usize>)> {
    let mut touched: Vec<(u16, Range<usize>)> = Vec::new();
    for (index, edit) in edits.iter().enumerate() {
        for block in block_of(edit.start)..=block_of(edit.end) {
            match touched.last_mut() {
                Some((last, range)) if *last == block => range.end = index + 1,
                _ => touched.push((block, index..index + 1)),
            }
        }
    }
    touched
}

/// The edits that touch the addresses from `first` to `last`, cut at these.
pub(super) fn cut(
    edits: &[Edit<u32>],
    (first, last): (u32, u32),
) -> impl Iterator<Item = Edit<u32>> {
    let from = edits.partition_point(|edit| edit.end < first);
    let edits = edits.get(from..).unwrap_or_default().iter();
    let edits = edits.take_while(move |edit| edit.start <= last);
    edits.map(move |edit| Edit {
        start: edit.start.max(first),
        end: edit.end.min(last),
        ..*edit
    })
}

/// Paints with others laid over them.
fn joined(under: &[Edit<u32>], over: &[Edit<u32>]) -> Vec<Edit<u32>> {
    if under.is_empty() {
        return over.to_vec();
    }
    let mut all: Vec<Edit<u32>> = Vec::with_capacity(under.len() + over.len());
    let mut push = |edit: Edit<u32>| match all.last_mut() {
        Some(last) if last.value == edit.value && last.end + 1 == edit.start => {
            last.end = edit.end;
        }
        _ => all.push(edit),
    };
    let mut under = under.iter().copied().peekable();
    for over in over {
        while let Some(before) = under.next_if(|edit| edit.end < over.start) {
            push(before);
        }
        // What lies on both sides of the new one, or is under it.
        while let Some(edit) = under.peek_mut().filter(|edit| edit.start <= over.end) {
            if edit.start < over.start {
                push(Edit {
                    end: over.start - 1,
                    ..*edit
                });
            }
            if edit.end > over.end {
                edit.start = over.end + 1;
                break;
            }
            under.next();
        }
        push(*over);
    }
    under.for_each(push);
    all
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

/// The /16 of an address, by its first 16 bits.
pub fn block_of(address: u32) -> u16 {
    u16::try_from(address >> 16).unwrap_or(u16::MAX) // 16 bits are left
}

/// The /8 of a /16.
fn top_of(block: u16) -> u8 {
    u8::try_from(block >> 8).unwrap_or(u8::MAX) // 8 bits are left
}

/// The /16s of each /8.
pub(crate) fn blocks_by_top() -> impl IndexedParallelIterator<Item = RangeInclusive<u16>> {
    (0u16..256)
        .into_par_iter()
        .map(|top| top << 8..=top << 8 | 0xff)
}

/// Adds to the count of a value, if there is such a one.
fn add(counts: &mut [i64], id: ValueId, more: i64) -> bool {
    let count = counts.get_mut(id.rank() as usize);
    count.map(|count| *count += more).is_some()
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;
    use rblmap_content::edit_runs;

    fn edits(rng: &mut Rng) -> Vec<Edit<u32>> {
        let mut at = 0;
        let mut edits = Vec::new();
        while at < 60 {
            let start = at + rng.u32(0..6);
            let end = start + rng.u32(0..5);
            let value = ValueId::new(rng.u32(0..3));
            edits.push(Edit { start, end, value });
            at = end + 1;
        }
        edits
    }

    #[test]
    fn edits_over_edits_are_edits() {
        for seed in 0..2000 {
            let mut rng = Rng::with_seed(seed);
            let (old, under, over) = (edits(&mut rng), edits(&mut rng), edits(&mut rng));
            let old = edit_runs(&[], &old);
            let both = joined(&under, &over);
            assert!(both.is_sorted_by(|a, b| a.end < b.start), "seed {seed}");
            let expected = edit_runs(&edit_runs(&old, &under), &over);
            assert_eq!(edit_runs(&old, &both), expected, "seed {seed}");
        }
    }
}
