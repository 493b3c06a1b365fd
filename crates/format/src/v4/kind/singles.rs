//! The keys of a line whose entries are all of their own address only, as counting needs them.

use crate::bytes::u16_at;
use crate::run::ValueId;
use crate::v4::run_counts::RunCounts;
use crate::v4::shape::LINE;

/// The keys of a line, all of their own address only.
pub(in crate::v4) struct SingleKeys {
    pub(in crate::v4) count: u32,
    /// The first and the last, as distances from the base.
    pub(in crate::v4) first: u32,
    pub(in crate::v4) last: u32,
    /// A bit for each entry whose next one is the next address.
    pub(in crate::v4) beside: u64,
}

impl SingleKeys {
    /// A line without entries.
    pub(in crate::v4) const NONE: SingleKeys = SingleKeys {
        count: 0,
        first: 0,
        last: 0,
        beside: 0,
    };

    /// The run counts of the line's unit, which lies between `ends`. `id` gives the id of each entry.
    /// Tells `see` of each entry that continues the run of the entry before: one run less.
    #[inline(always)]
    pub(in crate::v4) fn run_counts(
        &self,
        line: &[u8; LINE],
        (start, end): (u32, u32),
        id: impl Fn(u32) -> u32,
        see: &mut impl FnMut(u32, i64),
    ) -> Option<RunCounts> {
        if self.count == 0 {
            return (start < end).then_some(RunCounts::FREE);
        }
        let base = u32::from(u16_at(line, 2));
        let (first, last) = (base + self.first, base + self.last);
        if first < start || last >= end || first > last {
            return None;
        }
        let last_entry = self.count - 1;
        let at_ends = (first == start, last + 1 == end);
        let groups = self.count - self.beside.count_ones();
        let mut runs = self.count;
        let mut rest = self.beside;
        while rest != 0 {
            let entry = rest.trailing_zeros();
            rest &= rest - 1;
            let value = id(entry);
            if value == id(entry + 1) {
                runs -= 1;
                see(value, -1);
            }
        }
        let value = |entry| ValueId::new(id(entry));
        Some(RunCounts {
            runs,
            gaps: groups + 1 - u32::from(at_ends.0) - u32::from(at_ends.1),
            first: if at_ends.0 { value(0) } else { None },
            last: if at_ends.1 { value(last_entry) } else { None },
        })
    }
}
