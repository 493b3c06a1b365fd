//! Looks IPv6 addresses up in lines: a hashed table over the first 32 bits, the line of the /64
//! among those of the /32, and a second line for what lies inside a /64.
//!
//! Every access is checked or clamped: damaged bytes give a wrong answer at worst.

use crate::bytes::{id_at, u32_at, u64_at};
use crate::simd::compare::{Compare, Task};
use crate::simd::{Level, prefetch};
use crate::v6::shape::{
    BIG, BIG_KEYS, BUCKET, COUNT_AT, FIRST_AT, FROM, KEYS_AT, LINE, ONLY_48, ONLY_64, RANGE_LEN,
    SLOT_BITS, SLOT_IDS_AT, STARTS_PAD, Shape6, USED_AT, WENT_ON_AT, bucket_of,
};

/// The sections of one zone's IPv6 lines.
///
/// See the example of [`write`](fn@crate::v6::write::write).
#[derive(Debug, Clone, Copy)]
pub struct Lines6<'a> {
    pub(crate) top: &'a [[u8; LINE]],
    pub(crate) ranges: &'a [[u8; RANGE_LEN]],
    pub(crate) starts: &'a [[u8; 4]],
    pub(crate) lines: &'a [[u8; LINE]],
    pub(crate) inside_64: &'a [[u8; LINE]],
    pub(crate) shape: Shape6,
    bits: u32,
    level: Level,
}

/// An entry of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry6 {
    /// Number of the /64 in its /32.
    pub(crate) key: u32,
    /// Which addresses it holds for: one of the constants of [`crate::v6::shape`].
    pub(crate) kind: u8,
    /// Its value, or the place of its group.
    pub(crate) id: u32,
}

impl<'a> Lines6<'a> {
    /// `None` if the sections do not fit together.
    pub fn new(
        top: &'a [u8],
        ranges: &'a [u8],
        starts: &'a [u8],
        lines: &'a [u8],
        inside_64: &'a [u8],
        width: usize,
    ) -> Option<Lines6<'a>> {
        let (top, no_more) = top.as_chunks();
        let (ranges, no_ranges) = ranges.as_chunks();
        let (starts, no_starts) = starts.as_chunks();
        let (lines, no_lines) = lines.as_chunks();
        let (inside_64, no_inside) = inside_64.as_chunks();
        let rest = [no_more, no_ranges, no_starts, no_lines, no_inside];
        if rest.iter().any(|rest| !rest.is_empty())
            || !top.len().is_power_of_two()
            || top.len().ilog2() > 32
            || starts.len() != lines.len() + STARTS_PAD
        {
            return None;
        }
        Some(Lines6 {
            top,
            ranges,
            starts,
            lines,
            inside_64,
            shape: Shape6::new(width),
            bits: top.len().ilog2(),
            level: Level::best(),
        })
    }

    /// The same lines, read with what any machine can do.
    pub fn portable(self) -> Lines6<'a> {
        Lines6 {
            level: Level::Scalar,
            ..self
        }
    }

    /// The id of the value of an address, 0 for none.
    #[inline]
    pub fn lookup(&self, address: u128) -> u32 {
        let lines = self;
        self.level.run(LookupOne6 { lines, address })
    }

    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "parts of the address are meant"
    )]
    fn lookup_with(&self, address: u128, compare: impl Compare) -> u32 {
        let (net, x, low) = (
            (address >> 96) as u32,
            (address >> 64) as u32,
            address as u64,
        );
        let Some((first, count)) = self.net(net, compare) else {
            return self.wide_id(net);
        };
        if count == 0 {
            return first;
        }
        // Where /64s are spread evenly, and where there are few lines, this is the line.
        let guess = ((u64::from(x) * u64::from(count)) >> 32) as usize;
        let guess = (first as usize).wrapping_add(guess);
        prefetch(self.lines.as_ptr().wrapping_add(guess));
        let Some(line) = self.lines.get(self.line_of(first, count, x, compare)) else {
            return 0;
        };
        let Some(at) = self.keys_up_to(line, x, compare).checked_sub(1) else {
            return self.default_of(line);
        };
        let entry = self.entry(line, at);
        let mask = match entry.kind {
            FROM => 0,
            ONLY_48 => 0xffff_0000,
            _ => u32::MAX,
        };
        if (x ^ entry.key) & mask != 0 {
            return self.default_of(line);
        }
        if matches!(entry.kind, FROM | ONLY_64 | ONLY_48) {
            return entry.id;
        }
        self.inside(line, entry.id, low, compare)
            .unwrap_or_else(|| self.default_of(line))
    }

    /// What V6_TOP holds for a /32: its first line and the number of its lines; or its id, and 0.
    #[inline(always)]
    fn net(&self, net: u32, compare: impl Compare) -> Option<(u32, u32)> {
        let start = bucket_of(net, self.bits);
        for step in 0..self.top.len() {
            let bucket = self.top.get((start + step) & (self.top.len() - 1))?;
            let used = bucket.get(USED_AT).copied().map_or(0, usize::from);
            let found = compare.equal_32(bucket, net) & low_bits(used.min(BUCKET));
            if found != 0 {
                let place = found.trailing_zeros() as usize * 4;
                return Some((
                    u32_at(bucket, FIRST_AT + place),
                    u32_at(bucket, COUNT_AT + place),
                ));
            }
            if bucket.get(WENT_ON_AT).copied() != Some(1) {
                return None;
            }
        }
        None
    }

    /// The id of a /32 that lies in a range of whole /32s of one value, 0 for none.
    #[inline(never)]
    fn wide_id(&self, net: u32) -> u32 {
        let after = self.ranges.partition_point(|row| u32_at(row, 0) <= net);
        let row = after.checked_sub(1).and_then(|at| self.ranges.get(at));
        row.filter(|row| net <= u32_at(*row, 4))
            .map_or(0, |row| u32_at(row, 8))
    }

    /// The last of the lines of a /32 that starts up to `x`.
    #[inline(always)]
    fn line_of(&self, first: u32, count: u32, x: u32, compare: impl Compare) -> usize {
        let start = |at: usize| {
            self.starts
                .get(at)
                .map_or(u32::MAX, |start| u32::from_le_bytes(*start))
        };
        let (mut base, mut len) = (first as usize, count as usize);
        while len > STARTS_PAD {
            let half = len / 2;
            base = if start(base.saturating_add(half)) <= x {
                base + half
            } else {
                base
            };
            len -= half;
        }
        let window = self.starts.get(base..).unwrap_or_default().as_flattened();
        let Some(window) = window.first_chunk::<{ 4 * STARTS_PAD }>() else {
            return usize::MAX;
        };
        let below = compare.up_to_32(window, x) & low_bits(len);
        base + (below.count_ones() as usize).saturating_sub(1)
    }

    /// How many keys of a line are up to `x`.
    #[inline(always)]
    fn keys_up_to(&self, line: &[u8; LINE], x: u32, compare: impl Compare) -> usize {
        let below = compare.up_to_32(line, x) >> (KEYS_AT / 4);
        (below & low_bits(self.shape.entries)).count_ones() as usize
    }

    /// The `at`-th entry of a line.
    #[inline]
    pub(crate) fn entry(&self, line: &[u8; LINE], at: usize) -> Entry6 {
        let types = line.get(self.shape.types_at + at / 4).copied().unwrap_or(0);
        Entry6 {
            key: u32_at(line, KEYS_AT + at * 4),
            kind: types >> (at % 4 * 2) & 3,
            id: self.id(line, self.shape.ids_at, at),
        }
    }

    /// The id of the default value of a line.
    #[inline]
    pub(crate) fn default_of(&self, line: &[u8; LINE]) -> u32 {
        self.id(line, self.shape.default_at, 0)
    }

    /// Where the group of a place lies: its first line, and its slot.
    #[inline]
    pub(crate) fn group_of(&self, line: &[u8; LINE], place: u32) -> (usize, u32) {
        let first = u32_at(line, 0) as usize;
        let reach = (place >> SLOT_BITS) as usize & 31;
        (first.saturating_add(reach), place & BIG)
    }

    /// The value of an address inside a /64; `None` if the default holds.
    #[inline(always)]
    fn inside(
        &self,
        line: &[u8; LINE],
        place: u32,
        low: u64,
        compare: impl Compare,
    ) -> Option<u32> {
        let (at, slot) = self.group_of(line, place);
        if slot == BIG {
            return self.inside_big(at, low);
        }
        let sub = self.inside_64.get(at)?;
        let slots = self.shape.slots;
        // They end where the line does.
        let equal = compare.equal_64(sub, low) >> (LINE / 8).saturating_sub(slots);
        let from = u32::MAX << slot;
        let starts = u32::from(*sub.first()?) & from << 1;
        let until = if starts == 0 {
            0
        } else {
            starts & starts.wrapping_neg()
        };
        let found = equal & from & until.wrapping_sub(1);
        (found != 0).then(|| self.id(sub, SLOT_IDS_AT, found.trailing_zeros() as usize))
    }

    /// As [`Lines6::inside`], in a group with lines of its own.
    #[inline(never)]
    fn inside_big(&self, at: usize, low: u64) -> Option<u32> {
        // The first two lines are all that most groups have.
        let first = self.inside_64.as_ptr().wrapping_add(at);
        prefetch(first.wrapping_add(1));
        prefetch(first.wrapping_add(2));
        let head = self.inside_64.get(at)?;
        let count = u32_at(head, 0) as usize;
        let lines = self.inside_64.get(at + 1..)?;
        let lines = lines.get(..count.min(lines.len()))?;
        let step = count.div_ceil(BIG_KEYS).max(1);
        let key = |place: usize| u64_at(head, 8 + place * 8);
        let below: usize = (0..BIG_KEYS)
            .map(|place| usize::from(key(place) <= low))
            .sum();
        // The keys behind the last line are the highest there is.
        let segment = below.min(count.div_ceil(step)).checked_sub(1)?;
        let from = segment * step;
        let to = (from + step).min(lines.len());
        let next = if segment + 1 < BIG_KEYS {
            key(segment + 1)
        } else {
            u64::MAX
        };
        let line = self.search(lines, from..to, (key(segment), next), low);
        let line = lines.get(line)?;
        let slots = self.shape.slots;
        let below: usize = (0..slots)
            .map(|slot| usize::from(self.slot_key(line, slot) <= low))
            .sum();
        let slot = below.checked_sub(1)?;
        if line.first()? >> slot & 1 != 0 && self.slot_key(line, slot) != low {
            return None;
        }
        Some(self.id(line, SLOT_IDS_AT, slot))
    }

    /// The last of the lines in a range that starts up to `low`; keys spread evenly are met at once.
    fn search(
        &self,
        lines: &[[u8; LINE]],
        range: std::ops::Range<usize>,
        ends: (u64, u64),
        low: u64,
    ) -> usize {
        let (mut from, mut to) = (range.start, range.end);
        let starts = |at: usize| {
            lines
                .get(at)
                .is_some_and(|line| self.slot_key(line, 0) <= low)
        };
        if to.saturating_sub(from) > 1 {
            let span = ends.1.saturating_sub(ends.0).max(1);
            let shift = 32u32.saturating_sub(span.leading_zeros());
            let part = (low.saturating_sub(ends.0) >> shift) * (to - from) as u64;
            let guess = from + usize::try_from(part / (span >> shift).max(1)).unwrap_or(0);
            let guess = guess.max(from).min(to - 1);
            if starts(guess) {
                from = guess;
                if guess + 1 < to && !starts(guess + 1) {
                    to = guess + 1;
                }
            } else {
                to = guess;
                if guess > from && starts(guess - 1) {
                    from = guess - 1;
                }
            }
        }
        while to.saturating_sub(from) > 1 {
            let middle = from.midpoint(to);
            if starts(middle) {
                from = middle;
            } else {
                to = middle;
            }
        }
        from
    }

    /// The lower half of an address in a line inside a /64.
    #[inline]
    pub(crate) fn slot_key(&self, line: &[u8; LINE], slot: usize) -> u64 {
        u64_at(line, self.shape.slot_keys_at + slot * 8)
    }

    /// The id of a slot.
    pub(crate) fn slot_id(&self, line: &[u8; LINE], slot: usize) -> u32 {
        self.id(line, SLOT_IDS_AT, slot)
    }

    #[inline(always)]
    fn id(&self, line: &[u8; LINE], at: usize, index: usize) -> u32 {
        match line.get(at..) {
            Some(ids) => id_at(ids, self.shape.width, index),
            None => 0,
        }
    }
}

/// So many bits, at most 31.
#[inline(always)]
fn low_bits(count: usize) -> u32 {
    (1 << (count & 31)) - 1
}

/// One address in lines.
struct LookupOne6<'l, 'a> {
    lines: &'l Lines6<'a>,
    address: u128,
}

impl Task for LookupOne6<'_, '_> {
    type Output = u32;

    #[inline(always)]
    fn run(self, compare: impl Compare) -> u32 {
        self.lines.lookup_with(self.address, compare)
    }
}
