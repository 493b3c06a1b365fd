//! IPv4 runs as an image and edits over it, by /16.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use rayon::prelude::*;
use rblmap::{ValueId, Zone};
use rblmap_format::v4::renumber::NewIds;
use rblmap_format::{RunCounts, Slash16, Slash16s};

use rblmap_content::{Edit, LeafHasher, Pool, renumbered};

use super::aligned::{aligned, ends_of, is_same};
use super::begun::Begun;
use super::counted::{Counted, Hashed};
use super::edits::block_of;
use super::hashed;
use super::tally::Tally;
use super::uses::Uses;

/// The number of /16s.
pub(crate) const BLOCKS: usize = 65_536;
/// The number of /12s.
const SLASH12S: u16 = 4096;

/// The IPv4 runs of a zone of an image, with edits over them. They take about 4 MB, and 12 bytes for
/// each edit.
///
/// A /16 is made of *units*: the addresses that one line of the image answers for, or all of the /16 if
/// it has no lines.
///
/// ```
/// use rblmap_content::{Draft, Edit, Record, ValueBuf};
/// use rblmap_format::{NameKey, Run};
/// use rblmap_image::{Stamp, V4Image, block_of, edited, encode};
///
/// let mut draft = Draft::new("ops.example".parse()?);
/// let value = ValueBuf::new([Record { a: Some([127, 0, 0, 2].into()), text: None }]);
/// let value = draft.values.intern(&value).expect("not empty");
/// let every_other = (0..140_000).map(|n| Run { start: 2 * n, end: 2 * n, value });
/// draft.zone_mut(&NameKey::ROOT).v4 = every_other.collect();
/// let image = rblmap::Image::from_vec(encode(&draft.finish()?, Stamp::default())?)?;
///
/// let mut draft = edited(&image)?.into_draft();
/// let V4Image::Blocks(blocks) = &mut draft.zone_mut(&NameKey::ROOT).v4 else {
///     panic!("the zone is large, so its runs stay in the image");
/// };
/// assert_eq!(blocks.counts(), (140_000, 140_000));
/// assert_eq!(blocks.ranks(&[0, 1, 4]), [(true, 0), (false, 0), (true, 2)]);
/// blocks.edit(&[Edit { start: 4, end: 4, value: None }]).expect("it rises");
/// assert_eq!(blocks.counts().0, 139_999);
/// assert_eq!(blocks.reader().runs(block_of(4))[2].start, 6);
///
/// // What follows the first run: a gap, and so on to the end of the address space.
/// blocks.each_started(&[0], &[], |_, first, mut behind| {
///     assert_eq!((first.end, behind.next().map(|gap| gap.end)), (0, Some(1)));
///     Ok::<(), rblmap_image::Error>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Blocks<'a> {
    pub(super) image: Slash16s<'a>,
    /// How many values the image has.
    image_values: usize,
    /// The ids of the image's values by rank, if they are no longer those of the image.
    pub(super) ids: Option<Arc<Vec<Option<ValueId>>>>,
    /// Whether lines of the image may be copied.
    may_copy: bool,
    /// The edits of each /16: rising, disjoint.
    pub(super) edits: Vec<Vec<Edit<u32>>>,
    pub(super) run_counts: Vec<RunCounts>,
    /// How many runs and gaps begin before each unit of the image; none where units are counted as far as someone
    /// asks: an image says how many each /16 has, and few of them are edited.
    pub(super) begun: Option<Begun>,
    /// How many runs and gaps begin in each /12: a rank and an edit need look at few /16s, and at all /12s.
    by_12: Vec<(u64, u64)>,
    /// How many runs have each value.
    pub(super) uses: Uses,
    /// Hashes of leaves, as long as there are no edits.
    pub(super) hashed: Vec<Hashed>,
}

impl<'a> Blocks<'a> {
    /// The runs of a zone of an image of so many values, without edits. They are counted once, on all
    /// cores. `None` if the zone is small, or damaged: lines that are out of order, or ids that no value
    /// has. With a hasher of these values they are hashed, too.
    pub(crate) fn of(
        zone: &Zone<'a>,
        values: usize,
        hasher: Option<&LeafHasher<'_>>,
    ) -> Option<Blocks<'a>> {
        Blocks::of_16s(zone.v4().blocks()?, values, hasher)
    }

    /// As [`Blocks::of`], of the lines of a zone.
    pub(crate) fn of_16s(
        image: Slash16s<'a>,
        values: usize,
        hasher: Option<&LeafHasher<'_>>,
    ) -> Option<Blocks<'a>> {
        let tallies = Pool::new();
        let new_tally = || Tally::new(values);
        let tops: Vec<Counted> = blocks_by_top()
            .map_init(
                || (image.walk(), Vec::new()),
                |(walk, held), blocks| {
                    tallies.with(new_tally, |tally| match hasher {
                        None => Counted::of(blocks, |block, begun| {
                            tally.count(&image, walk, block, begun)
                        }),
                        Some(hasher) => {
                            hashed::count(&image, walk, blocks, (tally, hasher), held, None)
                        }
                    })
                },
            )
            .collect();
        let uses = Tally::sum(tallies.into_all(), values)?;
        Some(Blocks::counted(image, values, tops, uses))
    }

    /// Of what was counted: `tops` of each /8, and `uses` for each value.
    pub(super) fn counted(
        image: Slash16s<'a>,
        values: usize,
        tops: Vec<Counted>,
        uses: Vec<i32>,
    ) -> Blocks<'a> {
        let uses = uses.into_iter().map(i32::cast_unsigned);
        let mut run_counts = Vec::with_capacity(BLOCKS);
        let mut begun = Vec::with_capacity(tops.len());
        let mut hashed = Vec::new();
        for top in tops {
            run_counts.extend(top.run_counts);
            begun.push(top.begun);
            hashed.extend(top.hashed);
        }
        let begun: Option<Vec<Vec<[u16; 2]>>> = begun.into_iter().collect();
        let mut blocks = Blocks::with_counts(image, values, run_counts, uses.collect());
        blocks.hashed = hashed;
        blocks.begun = begun.map(|begun| Begun::new(&image, begun));
        for block in 1..=u16::MAX {
            blocks.count_border(block, -1);
        }
        blocks
    }

    /// With so many runs in each /16, and of each value.
    pub(super) fn with_counts(
        image: Slash16s<'a>,
        values: usize,
        run_counts: Vec<RunCounts>,
        uses: Vec<u32>,
    ) -> Blocks<'a> {
        let mut blocks = Blocks {
            image,
            image_values: values,
            ids: None,
            may_copy: true,
            edits: vec![Vec::new(); BLOCKS],
            run_counts,
            hashed: Vec::new(),
            begun: None,
            by_12: vec![(0, 0); SLASH12S.into()],
            uses: Uses::new(uses),
        };
        (0..SLASH12S).for_each(|slash12| blocks.count_12(slash12));
        blocks
    }

    /// What a /16 is made of.
    pub fn run_counts(&self, block: u16) -> RunCounts {
        let run_counts = self.run_counts.get(usize::from(block));
        run_counts.copied().unwrap_or(RunCounts::FREE)
    }

    /// What the /16 before is made of; none before the first.
    pub fn run_counts_before(&self, block: u16) -> Option<RunCounts> {
        Some(self.run_counts(block.checked_sub(1)?))
    }

    /// How many runs there are, and how many gaps before, between and behind them.
    pub fn counts(&self) -> (u64, u64) {
        self.by_12.iter().copied().fold((0, 0), add)
    }

    /// How many runs and gaps begin in a /16.
    pub(super) fn begin_in(&self, block: u16) -> (u64, u64) {
        let (runs, gaps) = self.run_counts(block).starts(self.run_counts_before(block));
        (runs.into(), gaps.into())
    }

    /// How many runs and gaps begin in each /12.
    pub(super) fn counts_by_12(&self) -> &[(u64, u64)] {
        &self.by_12
    }

    /// For each /16, and for the end of the space, how many runs and gaps begin before it.
    pub fn counts_before(&self) -> Vec<(u64, u64)> {
        let mut sum = (0, 0);
        let mut before = Vec::with_capacity(BLOCKS + 1);
        before.push(sum);
        for block in 0..=u16::MAX {
            sum = add(sum, self.begin_in(block));
            before.push(sum);
        }
        before
    }

    /// Whether a /16 begins with the rest of a run, and whether with the rest of a gap.
    pub fn goes_on(&self, block: u16) -> (bool, bool) {
        let first = self.run_counts(block).first;
        let goes_on = self
            .run_counts_before(block)
            .is_some_and(|before| before.last == first);
        (goes_on && first.is_some(), goes_on && first.is_none())
    }

    /// Where the runs of a /16 may differ from those of another image: units of this image and units of
    /// the other that answer for the same addresses, in address order. All units where there are edits.
    ///
    /// Units between them are the same bytes in both images, once ids of the other one are replaced, and
    /// answer for the same addresses: so they have the same runs.
    pub fn unequal_units(
        &self,
        other: &Blocks<'_>,
        block: u16,
        ids: NewIds<'_>,
    ) -> Vec<(Range<usize>, Range<usize>)> {
        let is_edited = |of: &Blocks<'_>| of.ids.is_some() || !of.edits(block).is_empty();
        let (one, two) = (self.image.block(block), other.image.block(block));
        if is_edited(self) || is_edited(other) {
            return vec![(0..one.units(), 0..two.units())];
        }
        let mut unequal: Vec<(Range<usize>, Range<usize>)> = Vec::new();
        for (units, other_units) in aligned(one, two) {
            if is_same(&one, &two, (&units, &other_units), ids) {
                continue;
            }
            match unequal.last_mut() {
                Some(last) if last.0.end == units.start => {
                    (last.0.end, last.1.end) = (units.end, other_units.end);
                }
                _ => unequal.push((units, other_units)),
            }
        }
        unequal
    }

    /// How many units a /16 has.
    pub fn units(&self, block: u16) -> usize {
        self.image.block(block).units()
    }

    /// The /16 of an address, and the unit that the address lies in.
    pub fn unit_of(&self, address: u32) -> (u16, usize) {
        let block = block_of(address);
        (block, self.image.block(block).unit_of(address))
    }

    /// The first and the last address of a unit of a /16.
    pub fn ends(&self, block: u16, unit: usize) -> (u32, u32) {
        self.ends_of(block, &(unit..unit + 1))
    }

    /// The first and the last address of some units. In a damaged image the last one may be before the
    /// first.
    pub fn ends_of(&self, block: u16, units: &Range<usize>) -> (u32, u32) {
        ends_of(block, &self.image.block(block), units)
    }

    /// If a run goes on from the /16 before, counts it `more` times more: once too many are counted.
    pub(super) fn count_border(&mut self, block: u16, more: i64) {
        let first = self.run_counts(block).first;
        let before = self.run_counts_before(block).and_then(|before| before.last);
        let same = first.filter(|_| first == before);
        self.uses.add(same.into_iter().map(|id| (id, more)));
    }

    /// Sums up what begins in a /12.
    pub(super) fn count_12(&mut self, slash12: u16) {
        let begin = blocks_of_12(slash12).map(|block| self.begin_in(block));
        let sum = begin.fold((0, 0), add);
        if let Some(slot) = self.by_12.get_mut(usize::from(slash12)) {
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

    /// Gives the values new ids, found by the rank of the old.
    pub(crate) fn renumber(&mut self, ids: &Arc<Vec<Option<ValueId>>>) {
        let new = |old: ValueId| renumbered(ids, old);
        for edit in self.edits.iter_mut().flatten() {
            edit.value = edit.value.map(new);
        }
        for run_counts in &mut self.run_counts {
            run_counts.first = run_counts.first.map(new);
            run_counts.last = run_counts.last.map(new);
        }
        self.uses.renumber(ids);
        let now = match self.ids.take() {
            Some(known) => {
                let new = |id: &Option<ValueId>| *ids.get((*id)?.rank() as usize)?;
                Arc::new(known.iter().map(new).collect())
            }
            None => Arc::clone(ids),
        };
        // A value that is gone is in no line that is copied.
        let is_same = |(rank, id): (u32, &Option<ValueId>)| {
            id.is_none_or(|id| ValueId::from_rank(rank) == Some(id))
        };
        // Behind those of the image are the added ones.
        let same = (0u32..)
            .zip(now.iter().take(self.image_values))
            .all(is_same);
        self.ids = (!same).then_some(now);
    }

    /// Lets no line of the image be copied any more.
    pub(crate) fn forbid_copies(&mut self) {
        self.may_copy = false;
    }

    /// What there is of a /16 in the image, as it can be copied, with the new ids, where there are no
    /// edits; none if nothing may be copied.
    pub(crate) fn in_image(&self, block: u16) -> Option<Slash16<'a>> {
        self.may_copy.then(|| self.image.block(block))
    }

    /// The id that a value of the image has by now.
    pub(super) fn id_now(&self, id: ValueId) -> ValueId {
        match &self.ids {
            Some(ids) => renumbered(ids, id),
            None => id,
        }
    }

    /// The ids of the image's values by rank, if they are no longer those of the image.
    pub(crate) fn new_ids(&self) -> Option<&[Option<ValueId>]> {
        self.ids.as_ref().map(|ids| ids.as_slice())
    }

    /// The bits of its /24s in the image.
    pub(crate) fn bits_in_image(&self, block: u16) -> Option<&'a [u8]> {
        self.image.bits(block).filter(|_| self.may_copy)
    }

    /// The edits of a /16.
    pub(crate) fn edits(&self, block: u16) -> &[Edit<u32>] {
        let edits = self.edits.get(usize::from(block));
        edits.map(Vec::as_slice).unwrap_or_default()
    }

    /// How many values the image has, of which the lines hold the ids.
    pub fn image_values(&self) -> usize {
        self.image_values
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

/// How many runs and gaps there are in two ranges.
pub(super) fn add(one: (u64, u64), other: (u64, u64)) -> (u64, u64) {
    (one.0 + other.0, one.1 + other.1)
}

/// The /12 of a /16.
pub(super) fn slash12_of(block: u16) -> u16 {
    block >> 4
}

/// The /16s of a /12.
pub(super) fn blocks_of_12(slash12: u16) -> RangeInclusive<u16> {
    let first = slash12 << 4;
    first..=first | 0xf
}

/// The /16s of each /8.
pub(crate) fn blocks_by_top() -> impl IndexedParallelIterator<Item = RangeInclusive<u16>> {
    (0u16..256)
        .into_par_iter()
        .map(|top| top << 8..=top << 8 | 0xff)
}
