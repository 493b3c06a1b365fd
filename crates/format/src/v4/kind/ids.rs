//! An id for each entry: what RAW and DIRECT lines say.
//!
//! The ids lie one after the other, of one width. Bit 4 of a RAW line's head says that every entry
//! is of its own address only; otherwise each holds from its key to the next.

use super::Kind;
use super::singles::SingleKeys;
use crate::v4::lookup::Lines;
use crate::v4::run_counts::RunCounts;
use crate::v4::shape::LINE;
use crate::v4::values::Values;

/// The ids of a line, for a walk.
pub(in crate::v4) struct Ids<'l, 'a> {
    lines: &'l Lines<'a>,
    line: &'l [u8; LINE],
    at: usize,
    are_single: bool,
}

impl<'l, 'a> Ids<'l, 'a> {
    #[inline(always)]
    pub(in crate::v4) fn new(
        lines: &'l Lines<'a>,
        line: &'l [u8; LINE],
        kind: &Kind,
    ) -> Ids<'l, 'a> {
        Ids {
            lines,
            line,
            at: kind.at.into(),
            are_single: line[0] >> 4 & 1 != 0,
        }
    }
}

impl Values for Ids<'_, '_> {
    #[inline(always)]
    fn are_single(&self) -> bool {
        self.are_single
    }

    #[inline(always)]
    fn next(&mut self, index: usize) -> (u32, bool) {
        let width = usize::from(self.lines.width);
        let id = self.lines.read_id(self.line, self.at + index * width);
        (id, self.are_single)
    }
}

/// Counts a line of single addresses with these keys.
#[inline(always)]
pub(in crate::v4) fn count(
    lines: &Lines<'_>,
    line: &[u8; LINE],
    kind: &Kind,
    keys: &SingleKeys,
    ends: (u32, u32),
    see: &mut impl FnMut(u32, i64),
) -> Option<RunCounts> {
    let (at, width) = (usize::from(kind.at), usize::from(lines.width));
    let id = |entry: u32| lines.read_id(line, at + entry as usize * width);
    let is_single = line[0] >> 4 & 1 != 0 || keys.count == 0;
    if !is_single || (0..keys.count).any(|entry| id(entry) == 0) {
        return None;
    }
    let run_counts = keys.run_counts(line, ends, id, see)?;
    (0..keys.count).for_each(|entry| see(id(entry), 1));
    Some(run_counts)
}
