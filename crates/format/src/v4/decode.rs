//! Third step of an IPv4 lookup: the id that a line holds for an address.
//!
//! One piece of code reads all kinds of line, without a branch on the kind: which kind a line has
//! cannot be predicted, and a wrong guess costs more than all parts of the decoding together.
//!
//! ```text
//!   x = address - base
//!   below, equal = how many keys are up to x, and whether one is x       (long or short keys)
//!   index = below - 1            the entry that may answer               (with a place for each: x)
//!   index = the last entry up to it that goes on, if it is of its key only      (MIXED)
//!   at    = palette place | turn from the end | index-th id              (all three are worked out)
//!   answer: the id at `at`; the default if there is no such entry, or if it is of its key only and
//!           its key is another
//! ```
//!
//! Every access is clamped to the line, so damaged bytes give a wrong answer at worst.

use std::hint::select_unpredictable;

use super::kind::{Form, Kind, short_keys};
use super::lookup::Lines;
use crate::bytes::{u16_at, u32_at, u64_at};
use crate::simd::compare::Compare;
use crate::v4::shape::{ENTRY_BITS, LINE};

impl Lines<'_> {
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the array")]
    pub(super) fn read_line(&self, line: &[u8; LINE], address: u32, compare: impl Compare) -> u32 {
        let kind = &self.kinds[usize::from(line[0] & 7)];
        self.read_as(line, kind, kind.form, address, compare)
    }

    /// Reads a line of a kind, of which `form` is the form: said again, since it may be constant.
    #[inline(always)]
    pub(super) fn read_as(
        &self,
        line: &[u8; LINE],
        kind: &Kind,
        form: Form,
        address: u32,
        compare: impl Compare,
    ) -> u32 {
        let head = line[0];
        let [low, high, ..] = address.to_le_bytes();
        let x = u16::from_le_bytes([low, high]).wrapping_sub(u16_at(line, 2));
        let window = short_keys::window(line, kind, form, x);
        let (below, equal) = compare.either(line, &kind.keys, x, &window, form.windows);
        // Without a key up to x this is beyond every capacity.
        let index = select_unpredictable(form.each, u32::from(x), below.wrapping_sub(1));
        let held = index < u32::from(kind.keys.count());
        let index = select_unpredictable(held, index as usize, 0);
        // Where no entry is of the key itself, the last one before that goes on.
        let onward = self.onward_bits(line, kind) << (63 - index % 64);
        let either = form.either & !equal;
        let held = held & (!either | (onward != 0));
        let back = select_unpredictable(either, onward.leading_zeros() as usize % 64, 0);
        // The highest of those bits is at most that of the entry itself.
        let index = index - back;
        let (at, flag) = self.place(line, kind, form, index);
        let only = head >> flag & 1 != 0;
        let listed = held & (equal | !only);
        select_unpredictable(listed, self.read_id(line, at), self.read_default(line))
    }

    /// Of a line in which some entries are of their key only, a bit for each that is not.
    #[inline(always)]
    pub(super) fn onward_bits(&self, line: &[u8; LINE], kind: &Kind) -> u64 {
        !u64_at(line, (kind.turns_at() + ENTRY_BITS).min(LINE - 8))
    }

    /// Where the id of an entry lies, and the number of the bit of the line's head that says whether
    /// it is of its key only.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the array")]
    pub(super) fn place(
        &self,
        line: &[u8; LINE],
        kind: &Kind,
        form: Form,
        index: usize,
    ) -> (usize, usize) {
        let (at, width) = (usize::from(kind.at), usize::from(self.width));
        let byte = line[(at + index / 4) % LINE];
        let of_four = usize::from(byte >> (2 * (index % 4)) & 3);
        let turns = u64_at(line, kind.turns_at());
        // The first entry is a turn.
        let turn = (turns << (63 - index % 64)).count_ones() as usize;
        // All three are worked out: which one it is cannot be predicted.
        let Form { four, windows, .. } = form;
        // The ids of turns lie from the end down.
        let down = LINE.wrapping_sub(turn * width);
        let of_four_at = usize::from(self.palette_at) + of_four * width;
        let at = select_unpredictable(windows, down, at + index * width);
        (
            select_unpredictable(four, of_four_at, at),
            select_unpredictable(four, 4 + of_four, 4),
        )
    }

    /// The id of an entry at a byte of a line: the last bytes of the four that end where it ends.
    /// They lie in the line, since no entry's id lies in its first four.
    #[inline(always)]
    pub(super) fn read_id(&self, line: &[u8; LINE], at: usize) -> u32 {
        let from = at.wrapping_add(usize::from(self.width)).wrapping_sub(4);
        u32_at(line, from.min(LINE - 4)) >> (self.id_shift & 31)
    }

    /// The default id of a line, which lies in its first eight bytes.
    #[inline(always)]
    pub(super) fn read_default(&self, line: &[u8; LINE]) -> u32 {
        let from = usize::from(self.default_at).min(LINE - 4);
        u32_at(line, from) & u32::MAX >> (self.id_shift & 31)
    }
}
