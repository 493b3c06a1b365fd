//! Looks IPv4 addresses up in lines, and walks the runs that the lines hold.
//!
//! Every access is checked or clamped: damaged bytes give a wrong answer at worst.

use crate::layout::bytes::{id_at, u16_at, u32_at};
use crate::layout::line::{BLOCK, DIRECT, DIRECT2, LINE, LIST, RAW, Shape};
use crate::layout::{V4_BITS_LEN, V4_TOP_LEN};

/// The sections of one zone's IPv4 lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines<'a> {
    top: &'a [u8; V4_TOP_LEN],
    mid: &'a [[u8; 2]],
    big: &'a [u8],
    bits: Option<&'a [u8; V4_BITS_LEN]>,
    lines: &'a [[u8; LINE]],
    shape: Shape,
}

impl<'a> Lines<'a> {
    /// `None` if the sections do not fit together.
    pub(crate) fn new(
        top: &'a [u8],
        mid: &'a [u8],
        big: &'a [u8],
        bits: Option<&'a [u8]>,
        lines: &'a [u8],
        width: usize,
    ) -> Option<Lines<'a>> {
        let (mid, odd) = mid.as_chunks::<2>();
        let (lines, rest) = lines.as_chunks::<LINE>();
        if !odd.is_empty() || !rest.is_empty() || mid.len() < lines.len() {
            return None;
        }
        let bits = match bits {
            Some(bits) => Some(bits.try_into().ok()?),
            None => None,
        };
        Some(Lines {
            top: top.try_into().ok()?,
            mid,
            big,
            bits,
            lines,
            shape: Shape::new(width),
        })
    }

    /// The id of the value of an address, 0 for none.
    #[inline]
    pub(crate) fn lookup(&self, address: u32) -> u32 {
        let line_24 = address >> 8;
        if let Some(bits) = self.bits {
            let byte = bits.get((line_24 >> 3) as usize).copied().unwrap_or(0);
            if byte >> (line_24 & 7) & 1 == 0 {
                return 0;
            }
        }
        let block = address >> 16;
        let entry = u32_at(self.top, block as usize * 4);
        let (count, first) = (entry & 0xff, (entry >> 8) as usize);
        if count == 0 {
            return entry >> 8;
        }
        let low = address & 0xffff;
        let count = if count == 0xff {
            self.big_count(block)
        } else {
            count as usize
        };
        // Starts of all units but the first, which starts at 0.
        let Some(starts) = self
            .mid
            .get(first..first.saturating_add(count.saturating_sub(1)))
        else {
            return 0;
        };
        let unit = starts.partition_point(|start| u32::from(u16::from_le_bytes(*start)) <= low);
        match self.lines.get(first + unit) {
            Some(line) => lookup_line(line, low, &self.shape),
            None => 0,
        }
    }

    /// Tells `see` where each stretch of equal value of a /16 begins, in order; of two with one
    /// start the later holds. Lines lie in the order of their /16: `first` is the number of lines
    /// before this one. The number of lines passed; `None` if the lines are not in order, which
    /// keeps a walk over damaged bytes linear.
    pub(crate) fn walk_block(
        &self,
        block: u32,
        first: usize,
        see: &mut impl FnMut(u32, u32),
    ) -> Option<usize> {
        let entry = u32_at(self.top, block as usize * 4);
        let count = match entry & 0xff {
            0 => {
                see(0, entry >> 8);
                return Some(0);
            }
            0xff => self.big_count(block),
            count => count as usize,
        };
        if (entry >> 8) as usize != first {
            return None;
        }
        let lines = self.lines.get(first..first.checked_add(count)?)?;
        let starts = self.mid.get(first..first + count)?;
        let starts = starts
            .iter()
            .map(|start| u32::from(u16::from_le_bytes(*start)));
        let ends = starts.take(count.checked_sub(1)?).chain([BLOCK]);
        let mut start = 0;
        for (line, end) in lines.iter().zip(ends) {
            walk_line(line, start, end, &self.shape, see);
            start = end;
        }
        Some(count)
    }

    /// The number of units of a /16 that has too many for its top entry.
    fn big_count(&self, block: u32) -> usize {
        let (records, _) = self.big.as_chunks::<8>();
        let found = records.binary_search_by_key(&block, |record| u32_at(record, 0));
        found
            .ok()
            .and_then(|at| records.get(at))
            .map_or(0, |record| u32_at(record, 4) as usize)
    }
}

#[inline]
fn lookup_line(line: &[u8; LINE], low: u32, shape: &Shape) -> u32 {
    let head = line[0];
    let [low, high, ..] = low.to_le_bytes();
    let x = u16::from_le_bytes([low, high]).wrapping_sub(u16_at(line, 2));
    let default = || id_at_byte(line, shape.default_at, shape.width, 0);
    match head & 7 {
        RAW => {
            let (at, equal) = last_key(line, shape.head, shape.raw, x);
            let only = head & 0x10 != 0;
            match at {
                Some(at) if equal || !only => {
                    id_at_byte(line, shape.head + 2 * shape.raw, shape.width, at)
                }
                _ => default(),
            }
        }
        LIST => {
            let (at, equal) = last_key(line, shape.palette_end, shape.list, x);
            let Some(at) = at else { return default() };
            let slot = two_bits(line, shape.palette_end + 2 * shape.list, at);
            let only = head >> (4 + slot) & 1 != 0;
            if only && !equal {
                return default();
            }
            id_at_byte(line, shape.palette_at, shape.width, slot)
        }
        DIRECT2 if usize::from(x) < shape.direct2 => {
            let slot = two_bits(line, shape.palette_end, x.into());
            id_at_byte(line, shape.palette_at, shape.width, slot)
        }
        DIRECT if usize::from(x) < shape.direct => {
            id_at_byte(line, shape.head, shape.width, x.into())
        }
        _ => default(),
    }
}

/// The place of the last key up to `x` among `count` rising keys, and whether it is `x`.
#[inline]
fn last_key(line: &[u8; LINE], at: usize, count: usize, x: u16) -> (Option<usize>, bool) {
    let keys = line.get(at..at + 2 * count).unwrap_or_default();
    let (keys, _) = keys.as_chunks::<2>();
    let mut below = 0usize;
    let mut equal = false;
    for key in keys {
        let key = u16::from_le_bytes(*key);
        below += usize::from(key <= x);
        equal |= key == x;
    }
    (below.checked_sub(1), equal)
}

#[inline]
fn two_bits(line: &[u8; LINE], at: usize, index: usize) -> usize {
    let byte = line.get(at + index / 4).copied().unwrap_or(0);
    usize::from(byte >> (2 * (index % 4)) & 3)
}

#[inline]
fn id_at_byte(line: &[u8; LINE], at: usize, width: usize, index: usize) -> u32 {
    id_at(line.get(at..).unwrap_or_default(), width, index)
}

/// Tells `see` where each stretch of equal value between `start` and `end` begins, in order.
fn walk_line(
    line: &[u8; LINE],
    start: u32,
    end: u32,
    shape: &Shape,
    see: &mut impl FnMut(u32, u32),
) {
    let base = u32::from(u16_at(line, 2));
    let default = id_at_byte(line, shape.default_at, shape.width, 0);
    let kind = line[0] & 7;
    if kind == DIRECT || kind == DIRECT2 {
        let held = if kind == DIRECT {
            shape.direct
        } else {
            shape.direct2
        };
        let last = end.min(start.saturating_add(u32::try_from(held).unwrap_or(0)));
        (start..last).for_each(|low| see(low, lookup_line(line, low, shape)));
        see(last, default);
        return;
    }
    see(start, default);
    let (keys_at, count) = match kind {
        RAW => (shape.head, shape.raw),
        LIST => (shape.palette_end, shape.list),
        _ => return,
    };
    let mut last = None;
    for index in 0..count {
        let low = base + u32::from(u16_at(line, keys_at + 2 * index));
        if last.is_some_and(|last| low <= last) || low < start || low >= end {
            continue;
        }
        last = Some(low);
        let slot = two_bits(line, keys_at + 2 * count, index);
        let (id, flag) = if kind == RAW {
            (id_at_byte(line, keys_at + 2 * count, shape.width, index), 4)
        } else {
            (
                id_at_byte(line, shape.palette_at, shape.width, slot),
                4 + slot,
            )
        };
        see(low, id);
        if line[0] >> flag & 1 != 0 && low + 1 < end {
            see(low + 1, default);
        }
    }
}
