//! The entries of a line, read all at once.
//!
//! A walk over a hundred million addresses has to read as many entries, so nothing here branches on what
//! a single one holds: keys are added to the first addresses of their windows eight at a time, and the id
//! of an entry is found by counting the entries before it that have an id of their own.

use super::run_counts::RunCounts;
use crate::run::ValueId;
use crate::simd::compare::Compare;
use crate::v4::shape::LINE;

/// The entries of a line. What lists hold behind the last one says nothing.
pub(super) struct Unfolded {
    /// Their addresses, as offsets in the /16.
    pub(super) lows: [u16; LINE],
    /// A bit for each that has an id of its own, the first one lowest: all of them, or those that have
    /// another than the one before.
    pub(super) turns: u64,
    /// The ids of those.
    pub(super) ids: [u32; LINE],
    /// A bit for each that is of its own address only, the first one lowest.
    pub(super) only: u64,
    /// A bit for each whose next address has an entry, once they are cut.
    pub(super) beside: u64,
    /// How many there are, below 64. In lines with long keys unused places count, and repeat the last
    /// key.
    pub(super) count: usize,
}

/// More entries than any line has, and a multiple of what a vector holds.
const MOST: usize = 48;

impl Unfolded {
    pub(super) const NONE: Unfolded = Unfolded {
        lows: [0; LINE],
        turns: u64::MAX,
        ids: [0; LINE],
        only: 0,
        beside: 0,
        count: 0,
    };

    /// Cuts them to those from `start` to before `end` that rise: unused places repeat the last key, and
    /// damaged bytes hold any.
    #[inline(always)]
    pub(super) fn cut(&mut self, (start, end): (u32, u32), compare: impl Compare) {
        let mut steps = [0u8; LINE];
        let pairs = self.lows.iter().zip(self.lows.iter().skip(1)).take(MOST);
        for (step, (low, next)) in steps.iter_mut().zip(pairs) {
            *step = u8::try_from(next.saturating_sub(*low).min(2)).unwrap_or(2);
        }
        let rising = !compare.equal(&steps, 0);
        self.count = self.count.min(rising.trailing_ones() as usize + 1);
        if u32::from(self.lows[0]) < start {
            self.count = 0;
        }
        let is_beyond = |low: &u16| u32::from(*low) >= end;
        while let Some(last) = self.count.checked_sub(1)
            && self.lows.get(last).is_none_or(is_beyond)
        {
            self.count = last;
        }
        self.beside = compare.equal(&steps, 1) & !self.behind(self.count.saturating_sub(1));
    }

    /// The address of an entry, as an offset in the /16.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the array")]
    pub(super) fn low(&self, entry: u32) -> u32 {
        self.lows[entry as usize % LINE].into()
    }

    /// The id of an entry.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the array")]
    pub(super) fn id(&self, entry: u32) -> u32 {
        // None before the first is only in damaged lines, and says nothing.
        let own = (self.turns << (63 - entry % 64)).count_ones() as usize;
        self.ids[own.wrapping_sub(1) % LINE]
    }

    /// If each entry has a value and is of its own address only: a bit for each whose next address has the
    /// same value.
    #[inline(always)]
    pub(super) fn same_in_singles(&self, compare: impl Compare) -> Option<u64> {
        let own = (self.turns & self.all()).count_ones() as usize;
        let have_values = self.turns & 1 != 0 && self.without(compare) & !self.behind(own) == 0;
        let are_single = self.only | self.behind(self.count) == u64::MAX;
        (have_values && are_single).then(|| self.same_ids(compare) & self.beside)
    }

    /// The run counts of a line from `start` to before `end` of which each entry has a value and is of its own
    /// address only, with no value between them. There is at least one, and `same` has a bit for each whose
    /// next address has the same value.
    #[inline(always)]
    pub(super) fn counts_of_singles(&self, same: u64, (start, end): (u32, u32)) -> RunCounts {
        let all = self.all();
        let last = 63 - all.leading_zeros();
        let at_ends = (self.low(0) == start, self.low(last) + 1 == end);
        let groups = (all & !self.beside).count_ones();
        let value = |entry: u32| ValueId::new(self.id(entry));
        RunCounts {
            runs: (all & !same).count_ones(),
            gaps: groups + 1 - u32::from(at_ends.0) - u32::from(at_ends.1),
            first: value(0).filter(|_| at_ends.0),
            last: value(last).filter(|_| at_ends.1),
        }
    }

    /// A bit for each id that stands for no value, and for others behind them.
    #[inline(always)]
    fn without(&self, compare: impl Compare) -> u64 {
        let mut none = [0u8; LINE];
        for (none, id) in none.iter_mut().zip(&self.ids).take(MOST) {
            *none = u8::from(*id == 0);
        }
        compare.equal(&none, 1)
    }

    /// A bit for each that has the id of the next one.
    #[inline(always)]
    pub(super) fn same_ids(&self, compare: impl Compare) -> u64 {
        let same = if self.turns == u64::MAX {
            let mut same = [0u8; LINE];
            let pairs = self.ids.iter().zip(self.ids.iter().skip(1)).take(MOST);
            for (same, (id, next)) in same.iter_mut().zip(pairs) {
                *same = u8::from(id == next);
            }
            compare.equal(&same, 1)
        } else {
            !(self.turns >> 1)
        };
        same & !self.behind(self.count.saturating_sub(1))
    }

    /// A bit for each.
    #[inline(always)]
    pub(super) fn all(&self) -> u64 {
        !self.behind(self.count)
    }

    /// A bit for each place behind the first so many.
    #[inline(always)]
    fn behind(&self, count: usize) -> u64 {
        u64::MAX << (count % LINE)
    }
}

/// Adds keys to addresses, as far as there are both.
#[inline(always)]
pub(super) fn add_keys<const N: usize>(
    lows: &mut [u16; LINE],
    keys: &[u8],
    count: usize,
    key: impl Fn([u8; N]) -> u16,
) {
    let (keys, _) = keys.as_chunks::<N>();
    // Eight at a time, in parts of a fixed length: so the compiler uses vectors, and knows how many.
    let (keys, last_keys) = keys.as_chunks::<8>();
    let (lows, last_lows) = lows.split_at_mut(8 * keys.len());
    let (lows, _) = lows.as_chunks_mut::<8>();
    for (lows, keys) in lows.iter_mut().zip(keys) {
        for (low, of) in lows.iter_mut().zip(keys) {
            *low = low.wrapping_add(key(*of));
        }
    }
    let left = count.saturating_sub(8 * keys.len());
    for (low, of) in last_lows.iter_mut().zip(last_keys).take(left) {
        *low = low.wrapping_add(key(*of));
    }
}
