//! Looks an IPv4 address up in lines.
//!
//! # The idea
//!
//! A lookup in a list of millions spends almost all of its time waiting for memory. So the layout is
//! arranged so that an answer needs about one line of memory beyond what the caches hold, and every
//! step asks for the memory of the next step as early as it can. Three tables lead to that line:
//!
//! ```text
//!  address   192.0.2.17  =  c0 00 02 11
//!                           ──┬── ──┬──
//!                        /16 ─┘     └─ low half
//!
//!  V4_BITS   one bit for each /24                        clear: not listed. Most misses end here
//!     │ set
//!     ▼
//!  V4_TOP    one entry for each /16:
//!            ┌────────┬──────────────────────┐
//!            │ count  │ first line (25 bits) │           count 0: the 25 bits are the id of the
//!            └───┬────┴──────────┬───────────┘           value of the whole /16. 127: see V4_COUNTS
//!                ▼               ▼
//!  V4_STARTS      ... │ 0100 │ 02c0 │ 8000 │ 0000 │ ...  where each unit of the /16 but the first
//!                                                        starts, and a 0 that is not counted:
//!                                                        count the starts up to the low half
//!                       │ first line + that count
//!                       ▼
//!  V4_LINES  ┌────────────────────────────────────────────────────────────┐
//!            │ kind │ default │ base │ keys or places ...        values   │  64 bytes
//!            └────────────────────────────────────────────────────────────┘
//! ```
//!
//! A *unit* is the part of a /16 that one line answers for. The units of a /16 lie one behind the
//! other and cover all of it, so exactly one line answers for an address.
//!
//! # The three steps
//!
//! 1. **The /16** (`Lines::block`): test the bit of the /24, read the top entry.
//! 2. **The line** (`Lines::unit`): count the starts up to the low half. Up to 64 starts are
//!    compared at once, without a branch; a /16 with more is narrowed down to 64 first.
//! 3. **The value** (`Lines::id`): decode the line. One piece of code reads all kinds, without a
//!    branch on the kind (see `decode.rs`); only lookups of many addresses branch on it.
//!
//! The steps are separate functions so that many addresses can take each step together
//! (`many.rs`): while one waits for memory, the others are worked on.
//!
//! # Hiding the wait
//!
//! - The top entry and the table of kinds are asked for before the bit is tested: on cold caches
//!   the loads overlap. After a miss they are unused, which costs nothing.
//! - While the starts are compared, the line is guessed (`Lines::prefetch_guess`): if all units
//!   had one length it would be number `low half × count / 65,536`. The page of the line is then
//!   already being looked for, and often the line itself is there.
//! - The code is compiled once for AVX2 and once for any machine. The choice is made when a zone is
//!   opened; a lookup branches on it once.
//!
//! # Safety from damage
//!
//! Every access is checked or clamped: damaged bytes give a wrong answer at worst.

use std::hint::select_unpredictable;

use super::kind::{DIRECT, DIRECT2, Form, Kind, LIST, MIXED, RAW, SHORT, TURNS, form_of, small};
use crate::bytes::u32_at;
use crate::run::ValueId;
use crate::sections::{V4_BITS_LEN, V4_STARTS_PAD, V4_TOP_LEN};
use crate::simd::compare::{Compare, Task};
use crate::simd::{Level, prefetch};
use crate::v4::shape::{LINE, Shape};
use crate::v4::top;

/// The sections of one zone's IPv4 lines. The fields lie in the order in which a lookup needs them, so
/// that a cold one reads two cache lines of this.
///
/// See the example of [`Sixteens`](crate::v4::write::Sixteens).
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Lines<'a> {
    bits: Option<&'a [u8; V4_BITS_LEN]>,
    top: &'a [u8; V4_TOP_LEN],
    starts: &'a [[u8; 2]],
    lines: &'a [[u8; LINE]],
    /// The bits before an id in the four bytes that end with it.
    pub(super) id_shift: u32,
    pub(super) level: Level,
    /// Bytes of an id.
    pub(super) width: u8,
    pub(super) default_at: u8,
    pub(super) palette_at: u8,
    pub(super) kinds: [Kind; 8],
    counts: &'a [u8],
}

/// What a /16 says of an address.
#[derive(Debug, Clone, Copy)]
enum Block {
    /// The whole /16 has this value's id.
    Known(u32),
    /// The top entry: how many units, and the first line.
    Units(u32),
}

/// The lines of a /16.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BlockLines<'a> {
    /// There are none: all of it says the same.
    Uniform(Option<ValueId>),
    /// Lines, at least one.
    Lines {
        /// How many lines lie before.
        first: usize,
        lines: &'a [[u8; LINE]],
        /// Where each line but the first starts, then a place that says nothing.
        starts: &'a [[u8; 2]],
    },
    /// They would lie outside.
    Damaged,
}

/// Most starts that are compared at once.
const AT_ONCE: usize = V4_STARTS_PAD;

impl<'a> Lines<'a> {
    /// `None` if the sections do not fit together.
    pub fn new(
        top: &'a [u8],
        starts: &'a [u8],
        counts: &'a [u8],
        bits: Option<&'a [u8]>,
        lines: &'a [u8],
        width: usize,
    ) -> Option<Lines<'a>> {
        let (starts, odd) = starts.as_chunks::<2>();
        let (lines, rest) = lines.as_chunks::<LINE>();
        if !odd.is_empty() || !rest.is_empty() || starts.len() != lines.len() + V4_STARTS_PAD {
            return None;
        }
        let bits = match bits {
            Some(bits) => Some(bits.try_into().ok()?),
            None => None,
        };
        let shape = Shape::new(width);
        Some(Lines {
            bits,
            top: top.try_into().ok()?,
            starts,
            lines,
            counts,
            level: Level::best(),
            id_shift: u32::from(small(32 - 8 * width)),
            width: small(width),
            default_at: small(shape.default_at),
            palette_at: small(shape.palette_at),
            kinds: std::array::from_fn(|kind| Kind::new(small(kind), &shape)),
        })
    }

    pub(crate) fn bits(&self) -> Option<&'a [u8]> {
        self.bits.map(<[u8; V4_BITS_LEN]>::as_slice)
    }

    /// The same lines, read with what any machine can do.
    pub fn portable(self) -> Lines<'a> {
        Lines {
            level: Level::Scalar,
            ..self
        }
    }

    /// The id of the value of an address, 0 for none.
    #[inline]
    pub fn lookup(&self, address: u32) -> u32 {
        // Prefetched here, before the call that depends on the processor: on a cold cache these loads
        // then overlap. A miss returns without the call.
        self.prefetch_top(address);
        self.prefetch_kinds();
        if !self.may_list(address) {
            return 0;
        }
        let lines = self;
        self.level.run(LookupOne { lines, address })
    }

    /// Whether the /24 of an address has a value, as far as one bit knows.
    #[inline(always)]
    fn may_list(&self, address: u32) -> bool {
        self.bits.is_none_or(|bits| {
            let byte = bits.get((address >> 11) as usize).copied().unwrap_or(0);
            byte >> (address >> 8 & 7) & 1 != 0
        })
    }

    /// Prefetches what the first step of a lookup reads: the bit of the /24, and the top entry.
    #[inline(always)]
    pub fn prefetch_block(&self, address: u32) {
        if let Some(bits) = self.bits {
            prefetch(bits.as_ptr().wrapping_add((address >> 11) as usize));
        }
        self.prefetch_top(address);
    }

    #[inline(always)]
    fn prefetch_top(&self, address: u32) {
        prefetch(self.top.as_ptr().wrapping_add((address >> 16) as usize * 4));
    }

    /// Prefetches the table of kinds. Which kind applies is known only once the line is loaded, so this
    /// saves one cache miss.
    #[inline(always)]
    fn prefetch_kinds(&self) {
        let first = self.kinds.as_ptr().cast::<[u8; LINE]>();
        // The kinds take two lines of memory, which need not begin where one does.
        prefetch(first);
        prefetch(first.wrapping_add(1));
        prefetch(self.kinds.as_ptr_range().end.wrapping_sub(1));
    }

    /// First step, where [`Lines::may_list`] says so: what the /16 says.
    #[inline(always)]
    fn block(&self, address: u32) -> Block {
        let entry = u32_at(self.top, (address >> 16) as usize * 4);
        match top::units(entry) {
            0 => Block::Known(entry),
            _ => Block::Units(entry),
        }
    }

    /// First step without a branch: the id that the /16 says, and its entry if there are units, 0 if
    /// there are none.
    #[inline(always)]
    pub(crate) fn block_or_units(&self, address: u32) -> (u32, u32) {
        let any = u32::from(self.may_list(address)).wrapping_neg();
        let entry = u32_at(self.top, (address >> 16) as usize * 4) & any;
        let has_units = top::units(entry) != 0;
        (
            select_unpredictable(has_units, 0, entry),
            select_unpredictable(has_units, entry, 0),
        )
    }

    /// Asks for what `Lines::unit` reads.
    #[inline(always)]
    pub(crate) fn prefetch_unit(&self, entry: u32) {
        let starts = self
            .starts
            .as_ptr()
            .wrapping_add(top::first(entry) as usize);
        prefetch(starts);
        // The first and the last seldom lie in one line of memory.
        prefetch(starts.wrapping_add(top::units(entry) as usize % AT_ONCE));
    }

    /// Prefetches the line where the address would be if all units had one length, and the lines beside
    /// it. While the starts are compared, the page of the line is then being looked for, and often the
    /// line is there by then. In a clustered list 92 of 100 hits are in these five lines, 79 in the
    /// middle three.
    #[inline(always)]
    pub(crate) fn prefetch_guess(&self, entry: u32, address: u32) {
        let unit = ((address & 0xffff) * top::units(entry)) >> 16;
        let line = top::first(entry) + unit;
        // The likeliest first.
        for beside in [0, 1, u32::MAX, 2, u32::MAX - 1] {
            self.prefetch_line(line.wrapping_add(beside));
        }
    }

    /// Second step: the number of the line that speaks for the address. Any number may come out of
    /// damaged bytes.
    #[inline(always)]
    pub(crate) fn unit(&self, entry: u32, address: u32, compare: impl Compare) -> u32 {
        let [low, high, ..] = address.to_le_bytes();
        let low = u16::from_le_bytes([low, high]);
        // The first unit starts at 0: its start is not stored.
        let (mut at, mut starts) = (top::first(entry), top::units(entry).wrapping_sub(1));
        if starts as usize > AT_ONCE {
            (at, starts) = narrow(self.starts, self.counts, entry, address);
        }
        let from = at as usize;
        let window = self.starts.get(from..from.saturating_add(AT_ONCE));
        match window.and_then(<[_]>::first_chunk) {
            Some(window) => at.wrapping_add(compare.starts(window, starts, low)),
            None => u32::MAX,
        }
    }

    /// Asks for what `Lines::id` reads.
    #[inline(always)]
    pub(crate) fn prefetch_line(&self, line: u32) {
        prefetch(self.lines.as_ptr().wrapping_add(line as usize));
    }

    /// Third step: the id that a line says of an address.
    #[inline(always)]
    pub(crate) fn id(&self, line: u32, address: u32, compare: impl Compare) -> u32 {
        match self.lines.get(line as usize) {
            Some(line) => self.read_line(line, address, compare),
            None => 0,
        }
    }

    /// The kind of a line; of a line that is not there any.
    #[inline(always)]
    pub(crate) fn kind(&self, line: u32) -> u8 {
        self.lines.get(line as usize).map_or(0, |line| line[0] & 7)
    }

    /// Third step for many addresses whose lines are of one kind. `each` gets a function that reads the
    /// id. It is compiled once for each kind, which saves a little less than half of the work.
    #[inline(always)]
    pub(crate) fn ids_of_kind<C: Compare>(&self, number: u8, compare: C, each: impl Each) {
        let (lines, Some(&kind)) = (*self, self.kinds.get(usize::from(number))) else {
            return;
        };
        let of = |number| OneKind {
            lines,
            kind,
            form: form_of(number),
            compare,
        };
        match number {
            LIST => each.run(of(LIST)),
            DIRECT2 => each.run(of(DIRECT2)),
            DIRECT => each.run(of(DIRECT)),
            SHORT => each.run(of(SHORT)),
            TURNS => each.run(of(TURNS)),
            MIXED => each.run(of(MIXED)),
            _ => each.run(of(RAW)),
        }
    }

    /// What a /16 says, and where its lines lie.
    pub(crate) fn lines_of(&self, block: u16) -> BlockLines<'a> {
        let entry = u32_at(self.top, usize::from(block) * 4);
        let count = match top::units(entry) {
            0 => return BlockLines::Uniform(ValueId::new(entry)),
            top::MANY => big_count(self.counts, block.into()),
            count => count as usize,
        };
        let first = top::first(entry) as usize;
        let part = first..first + count;
        match (self.lines.get(part.clone()), self.starts.get(part)) {
            (Some(lines), Some(starts)) if count > 0 => BlockLines::Lines {
                first,
                lines,
                starts,
            },
            _ => BlockLines::Damaged,
        }
    }
}

/// The number of units of a /16 that has too many for its top entry.
fn big_count(counts: &[u8], block: u32) -> usize {
    let (records, _) = counts.as_chunks::<8>();
    let number = |record: &[u8; 8]| u32_at(record, 0);
    // In the largest lists nearly all /16s have a record: then it lies where they all would.
    let own = block as usize;
    let found = match records.get(own) {
        Some(record) if number(record) == block => Ok(own),
        _ => records.binary_search_by_key(&block, number),
    };
    found
        .ok()
        .and_then(|at| records.get(at))
        .map_or(0, |record| u32_at(record, 4) as usize)
}

/// Narrows the starts of a /16 that has too many to compare at once. Returns where those that are left
/// lie, and how many they are: at most [`AT_ONCE`]. Takes only what it needs: a pointer to all of
/// [`Lines`] would keep the compiler from holding its fields in registers.
#[cold]
#[inline(never)]
fn narrow(starts: &[[u8; 2]], counts: &[u8], entry: u32, address: u32) -> (u32, u32) {
    let low = address & 0xffff;
    let count = match top::units(entry) {
        top::MANY => big_count(counts, address >> 16).saturating_sub(1),
        count => (count as usize).saturating_sub(1),
    };
    let (mut at, mut count) = (top::first(entry) as usize, count.min(starts.len()));
    while count > AT_ONCE {
        let half = count / 2;
        match starts.get(at + half) {
            Some(start) if u32::from(u16::from_le_bytes(*start)) <= low => {
                at += half + 1;
                count -= half + 1;
            }
            _ => count = half,
        }
    }
    let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
    (number(at), number(count))
}

/// Reads lines of one kind.
#[derive(Clone, Copy)]
pub(crate) struct OneKind<'a, C> {
    /// Copies: what does not change is then worked out once, before the loop.
    lines: Lines<'a>,
    kind: Kind,
    /// That of the kind, as a constant.
    form: Form,
    compare: C,
}

impl<C: Compare> OneKind<'_, C> {
    /// As `Lines::id`.
    #[inline(always)]
    pub(crate) fn id(&self, line: u32, address: u32) -> u32 {
        match self.lines.lines.get(line as usize) {
            Some(line) => self
                .lines
                .read_as(line, &self.kind, self.form, address, self.compare),
            None => 0,
        }
    }
}

/// What is done with all addresses whose lines are of one kind. A trait and not a closure, so that it
/// is compiled for each form: `run` has to be `#[inline(always)]`.
pub(crate) trait Each {
    fn run(self, lines: OneKind<'_, impl Compare>);
}

/// One address in a /24 that may have a value.
struct LookupOne<'l, 'a> {
    lines: &'l Lines<'a>,
    address: u32,
}

impl Task for LookupOne<'_, '_> {
    type Output = u32;

    #[inline(always)]
    fn run(self, compare: impl Compare) -> u32 {
        let LookupOne { lines, address } = self;
        match lines.block(address) {
            Block::Known(id) => id,
            Block::Units(entry) => {
                lines.prefetch_guess(entry, address);
                lines.id(lines.unit(entry, address, compare), address, compare)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_crowded_16s_are_found_wherever_they_lie() {
        for crowded in [
            &[][..],
            &[0],
            &[3],
            &[0, 1, 2, 3],
            &[0, 1, 2, 5, 9],
            &[1, 2, 3],
        ] {
            let record = |block: &u32| [block.to_le_bytes(), (500 + block).to_le_bytes()];
            let counts = crowded.iter().flat_map(record).collect::<Vec<_>>();
            for block in 0..12 {
                let count = if crowded.contains(&block) {
                    500 + block
                } else {
                    0
                };
                let found = big_count(counts.as_flattened(), block);
                assert_eq!(found, count as usize, "{block} of {crowded:?}");
            }
        }
    }
}
