//! An id where the value changes: what TURNS and MIXED lines say.
//!
//! One bit for each entry is set where its value differs from the value of the entry before (a
//! *turn*; the first entry is one). The ids of the turns lie from the end of the line down, so that
//! keys and ids share the room as each line needs it. A MIXED line has a second bit for each entry:
//! set if the entry is of its own address only.

use std::hint::select_unpredictable;

use super::Kind;
use super::singles::SingleKeys;
use crate::bytes::{put_bytes, put_id, u64_at};
use crate::v4::entries::Entry;
use crate::v4::lookup::Lines;
use crate::v4::run_counts::RunCounts;
use crate::v4::shape::{ENTRY_BITS, LINE, Shape};
use crate::v4::values::Values;

/// The ids of a line, for a walk; `EITHER` for a MIXED line.
pub(in crate::v4) struct TurnIds<'l, 'a, const EITHER: bool> {
    lines: &'l Lines<'a>,
    line: &'l [u8; LINE],
    /// Where the id of the last turn lies.
    at: usize,
    /// The turn bits of the entries that are left, and their "this address only" bits.
    turns: u64,
    only: u64,
    are_single: bool,
}

impl<'l, 'a, const EITHER: bool> TurnIds<'l, 'a, EITHER> {
    #[inline(always)]
    pub(in crate::v4) fn new(
        lines: &'l Lines<'a>,
        line: &'l [u8; LINE],
        kind: &Kind,
    ) -> TurnIds<'l, 'a, EITHER> {
        let only = if EITHER {
            !lines.onward_bits(line, kind)
        } else {
            0
        };
        TurnIds {
            lines,
            line,
            at: LINE,
            turns: u64_at(line, kind.turns_at()),
            only,
            are_single: !EITHER && line[0] >> 4 & 1 != 0,
        }
    }
}

impl<const EITHER: bool> Values for TurnIds<'_, '_, EITHER> {
    const GO_ON: bool = EITHER;

    #[inline(always)]
    fn are_single(&self) -> bool {
        self.are_single
    }

    #[inline(always)]
    fn next(&mut self, _: usize) -> (u32, bool) {
        let width = usize::from(self.lines.width);
        let turns = self.turns & 1 != 0;
        self.turns >>= 1;
        self.at = self.at.wrapping_sub(select_unpredictable(turns, width, 0));
        let only = self.are_single | (self.only & 1 != 0);
        self.only >>= 1;
        (self.lines.read_id(self.line, self.at), only)
    }
}

/// Writes turn bits at `at`, and the ids of the turns.
pub(in crate::v4) fn write(line: &mut [u8; LINE], at: usize, shape: &Shape, entries: &[Entry]) {
    let (mut place, mut last) = (LINE, None);
    let turns = entries.iter().map(|entry| {
        let turns = last.replace(entry.id) != Some(entry.id);
        if turns {
            place -= shape.width;
            put_id(line, place, shape.width, entry.id);
        }
        turns
    });
    let bits = entry_bits(turns);
    put_bytes(line, at, &bits);
}

/// Writes the second bit of each entry of a MIXED line.
pub(in crate::v4) fn write_only(line: &mut [u8; LINE], at: usize, entries: &[Entry]) {
    let only = entry_bits(entries.iter().map(|entry| entry.only));
    put_bytes(line, at, &only);
}

/// A bit for each entry, the first one lowest.
fn entry_bits(of: impl Iterator<Item = bool>) -> [u8; ENTRY_BITS] {
    let bits = (0..u64::BITS).zip(of);
    let bits = bits.fold(0u64, |bits, (number, bit)| bits | u64::from(bit) << number);
    *bits.to_le_bytes().first_chunk().expect("5 of 8 bytes")
}

/// Counts a TURNS line of single addresses with these keys.
#[inline(always)]
pub(in crate::v4) fn count(
    lines: &Lines<'_>,
    line: &[u8; LINE],
    kind: &Kind,
    keys: &SingleKeys,
    ends: (u32, u32),
    see: &mut impl FnMut(u32, i64),
) -> Option<RunCounts> {
    let turns = u64_at(line, kind.turns_at()) & ((1 << keys.count) - 1);
    let is_single = line[0] >> 4 & 1 != 0 || keys.count == 0;
    if !is_single || (turns & 1 == 0 && keys.count > 0) {
        return None;
    }
    let width = usize::from(lines.width);
    // The id of a turn, counted from 1.
    let nth = |turn: u32| lines.read_id(line, LINE.wrapping_sub(turn as usize * width));
    // No entry of an undamaged line has id 0.
    if (1..=turns.count_ones()).any(|turn| nth(turn) == 0) {
        return None;
    }
    let id = |entry: u32| nth((turns << (63 - entry % 64)).count_ones());
    let run_counts = keys.run_counts(line, ends, id, see)?;
    let mut rest = turns;
    let mut turn = 0;
    while rest != 0 {
        let from = rest.trailing_zeros();
        rest &= rest - 1;
        let to = if rest == 0 {
            keys.count
        } else {
            rest.trailing_zeros()
        };
        turn += 1;
        see(nth(turn), (to - from).into());
    }
    Some(run_counts)
}
