//! Walks what IPv6 lines say, in address order.

use crate::bytes::u32_at;
use crate::v6::lookup::Lines6;
use crate::v6::shape::{BIG, BUCKET, COUNT_AT, FIRST_AT, FROM, INSIDE, LINE, ONLY_48, USED_AT};

/// The ranges of one value of lines, read one line at a time. Visits no line twice, so damaged bytes do not
/// make the walk longer than the sections are.
pub(crate) struct LineRuns6<'a> {
    lines: Lines6<'a>,
    nets: std::vec::IntoIter<Net>,
    /// The /32 being walked, and its lines that are left.
    net: u32,
    left: std::ops::Range<usize>,
    /// Lines and lines inside a /64 that may still be read.
    budget: (usize, usize),
    /// First address and id, rising; each holds up to the next, the last to the end of the line.
    starts: Vec<(u128, u32)>,
    index: usize,
    end: u128,
}

/// What the tables say of some /32s.
#[derive(Clone, Copy)]
struct Net {
    first: u32,
    last: u32,
    /// First line, or id.
    what: u32,
    /// Number of lines, 0 for none.
    count: u32,
}

impl<'a> LineRuns6<'a> {
    pub(crate) fn new(lines: Lines6<'a>) -> LineRuns6<'a> {
        LineRuns6::of(lines, nets(lines))
    }

    /// As [`LineRuns6::new`], from the /32 of an address on.
    pub(crate) fn from(lines: Lines6<'a>, address: u128) -> LineRuns6<'a> {
        let mut nets = nets(lines);
        nets.retain(|net| u128::from(net.last) >= address >> 96);
        LineRuns6::of(lines, nets)
    }

    /// The ranges of the /32s that are listed together with that of an address, and the first
    /// and last address of these; or the ends of a range of /32s of which nothing is said.
    pub(crate) fn of_32(
        lines: Lines6<'a>,
        address: u128,
    ) -> Result<((u128, u128), LineRuns6<'a>), (u128, u128)> {
        let first = |net: u32| u128::from(net) << 96;
        let last = |net: u32| u128::from(net) << 96 | u128::MAX >> 32;
        let (mut start, mut end) = (0, u128::MAX);
        for net in nets(lines) {
            if address < first(net.first) {
                end = end.min(first(net.first) - 1);
            } else if address > last(net.last) {
                start = start.max(last(net.last) + 1);
            } else {
                let own = if net.count == 0 {
                    joined(lines, net)
                } else {
                    net
                };
                let ends = (first(own.first), last(own.last));
                return Ok((ends, LineRuns6::of(lines, vec![own])));
            }
        }
        Err((start, end))
    }

    fn of(lines: Lines6<'a>, mut nets: Vec<Net>) -> LineRuns6<'a> {
        nets.sort_by_key(|net| net.first);
        LineRuns6 {
            lines,
            nets: nets.into_iter(),
            net: 0,
            left: 0..0,
            budget: (lines.lines.len(), lines.inside_64.len()),
            starts: Vec::new(),
            index: 0,
            end: 0,
        }
    }

    /// Reads the next line of the /32; whether there was one.
    fn read_line(&mut self) -> bool {
        let Some(at) = self.left.next().filter(|_| self.budget.0 > 0) else {
            return false;
        };
        let Some(line) = self.lines.lines.get(at) else {
            self.left = 0..0;
            return false;
        };
        self.budget.0 -= 1;
        let start = |at: usize| {
            self.lines
                .starts
                .get(at)
                .map(|start| u32::from_le_bytes(*start))
        };
        let first = start(at).unwrap_or(0);
        let next = start(at + 1).filter(|_| !self.left.is_empty());
        let default = self.lines.default_of(line);
        self.starts.clear();
        self.index = 0;
        self.end = match next {
            Some(next) => self.address(next, 0).saturating_sub(1),
            None => self.address(u32::MAX, u64::MAX),
        };
        self.starts.push((self.address(first, 0), default));
        let mut before = None;
        for place in 0..self.lines.shape.entries {
            let entry = self.lines.entry(line, place);
            if before.replace(entry.key) == Some(entry.key) {
                break; // unused places repeat the last entry
            }
            let start = self.address(entry.key, 0);
            let last = match entry.kind {
                FROM => {
                    self.starts.push((start, entry.id));
                    continue;
                }
                ONLY_48 => entry.key | 0xffff,
                _ => entry.key,
            };
            if entry.kind == INSIDE {
                self.starts.push((start, default));
                self.read_group(line, entry.key, entry.id, default);
            } else {
                self.starts.push((start, entry.id));
            }
            if let Some(after) = self.address(last, u64::MAX).checked_add(1) {
                self.starts.push((after, default));
            }
        }
        true
    }

    fn read_group(&mut self, line: &[u8; LINE], x: u32, place: u32, default: u32) {
        let (at, slot) = self.lines.group_of(line, place);
        let slots = self.lines.shape.slots;
        let Some(head) = self.lines.inside_64.get(at) else {
            return;
        };
        if slot != BIG {
            let starts = head.first().copied().unwrap_or(0);
            for place in slot as usize..slots {
                if place > slot as usize && starts >> place & 1 != 0 {
                    break;
                }
                let key = self.lines.slot_key(head, place);
                self.push_slot(x, key, true, self.lines.slot_id(head, place), default);
            }
            return;
        }
        let count = (u32_at(head, 0) as usize).min(self.budget.1);
        self.budget.1 -= count;
        let mut before = None;
        for line in self.lines.inside_64.iter().skip(at + 1).take(count) {
            for place in 0..slots {
                let key = self.lines.slot_key(line, place);
                if before.replace(key) == Some(key) {
                    break;
                }
                let only = line.first().is_some_and(|flags| flags >> place & 1 != 0);
                self.push_slot(x, key, only, self.lines.slot_id(line, place), default);
            }
        }
    }

    fn push_slot(&mut self, x: u32, low: u64, only: bool, id: u32, default: u32) {
        self.starts.push((self.address(x, low), id));
        if let Some(after) = low.checked_add(1).filter(|_| only) {
            self.starts.push((self.address(x, after), default));
        }
    }

    fn address(&self, x: u32, low: u64) -> u128 {
        u128::from(self.net) << 96 | u128::from(x) << 64 | u128::from(low)
    }
}

impl Iterator for LineRuns6<'_> {
    type Item = (u128, u128, u32);

    fn next(&mut self) -> Option<(u128, u128, u32)> {
        loop {
            while let Some(&(start, id)) = self.starts.get(self.index) {
                self.index += 1;
                // Where two have one start the later one holds.
                let next = self.starts.get(self.index);
                let end = next.map_or(Some(self.end), |(next, _)| next.checked_sub(1));
                if let Some(end) = end.filter(|end| *end >= start) {
                    return Some((start, end.min(self.end), id));
                }
            }
            if self.read_line() {
                continue;
            }
            let net = self.nets.next()?;
            self.net = net.first;
            self.starts.clear();
            self.index = 0;
            if net.count == 0 {
                self.net = net.last;
                self.end = self.address(u32::MAX, u64::MAX);
                self.starts.push((u128::from(net.first) << 96, net.what));
            } else {
                let first = net.what as usize;
                self.left = first..first.saturating_add(net.count as usize);
            }
        }
    }
}

/// Some /32s that say one thing, with those beside them that say the same.
fn joined(lines: Lines6<'_>, own: Net) -> Net {
    let mut same = nets(lines);
    same.retain(|net| net.count == 0 && net.what == own.what);
    same.sort_by_key(|net| net.first);
    let at = same.partition_point(|net| net.first < own.first);
    let (before, behind) = same.split_at_checked(at).unwrap_or_default();
    let mut joined = own;
    for net in behind.iter().skip(1) {
        if joined.last.checked_add(1) != Some(net.first) {
            break;
        }
        joined.last = net.last;
    }
    for net in before.iter().rev() {
        if net.last.checked_add(1) != Some(joined.first) {
            break;
        }
        joined.first = net.first;
    }
    joined
}

/// What the tables say, in no order.
fn nets(lines: Lines6<'_>) -> Vec<Net> {
    let wide = lines.ranges.iter().map(|row| Net {
        first: u32_at(row, 0),
        last: u32_at(row, 4),
        what: u32_at(row, 8),
        count: 0,
    });
    let single = lines.top.iter().flat_map(|bucket| {
        let used = bucket.get(USED_AT).copied().map_or(0, usize::from);
        (0..used.min(BUCKET)).map(|place| {
            let net = u32_at(bucket, place * 4);
            Net {
                first: net,
                last: net,
                what: u32_at(bucket, FIRST_AT + place * 4),
                count: u32_at(bucket, COUNT_AT + place * 4),
            }
        })
    });
    wide.chain(single).collect()
}
