//! Writes IPv6 lines: the /32s in a hashed table, the /64s of each in lines, what lies inside a
//! /64 in lines of their own.
//!
//! A line is chosen greedily: of two default values the one with which it reaches farther, the
//! first of equals. So equal runs make equal bytes.

#![expect(
    clippy::cast_possible_truncation,
    reason = "parts of addresses and places in a line are meant"
)]

use super::groups::{Groups, Mark};
use super::parts::{Part, Parts};
use super::shape::{
    BUCKET_LOAD, COUNT_AT, FIRST_AT, FROM, INSIDE, KEYS_AT, LINE, ONLY_48, ONLY_64, RANGE_FROM,
    STARTS_PAD, Shape6, USED_AT, WENT_ON_AT, bucket_of,
};

use crate::bytes::{put_bytes, put_id};
use crate::error::{TooLarge, u32_of};
use crate::run::Run;

/// The sections of one zone's lines.
///
/// See the example of [`write`](fn@write).
#[derive(Debug, Default)]
pub struct V6Sections {
    /// V6_TOP.
    pub top: Vec<u8>,
    /// V6_RANGES; may be empty.
    pub ranges: Vec<u8>,
    /// V6_STARTS.
    pub starts: Vec<u8>,
    /// V6_LINES.
    pub lines: Vec<u8>,
    /// V6_INSIDE_64; may be empty.
    pub inside: Vec<u8>,
}

/// Default values are looked for among so many parts.
const LOOK_AHEAD: usize = 24;

/// Writes the runs of a zone, whose ids have `width` bytes.
///
/// # Errors
/// More than 2^32 lines.
///
/// ```
/// use rblmap_format::v6::write::write;
/// use rblmap_format::v6::{Lines6, V6};
/// use rblmap_format::{Run, ValueId};
///
/// let value = ValueId::from_rank(0).unwrap();
/// let start = 0x2001_0db8_u128 << 96;
/// let run = Run { start, end: start | u128::from(u64::MAX), value }; // 2001:db8::/64
/// let sections = write(&[run], 1)?;
/// let (top, ranges, starts) = (&sections.top, &sections.ranges, &sections.starts);
/// let lines = Lines6::new(top, ranges, starts, &sections.lines, &sections.inside, 1)
///     .ok_or("do not fit together")?;
/// assert_eq!((lines.lookup(start), lines.lookup(start - 1)), (value.get(), 0));
/// assert!(V6::Lines(lines).runs().eq([run]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write(runs: &[Run<u128>], width: usize) -> Result<V6Sections, TooLarge> {
    let mut writer = Writer {
        shape: Shape6::new(width),
        out: V6Sections::default(),
        groups: Groups::new(Shape6::new(width)),
        nets: Vec::new(),
    };
    let mut parts = Parts::default();
    // The part of the last run's /32, if it is not all of it, and those before it.
    let mut net = 0;
    for run in runs {
        let (first, last) = ((run.start >> 96) as u32, (run.end >> 96) as u32);
        let starts_whole = run.start & LOW == 0;
        let ends_whole = run.end & LOW == LOW;
        if first != net {
            writer.flush(net, &mut parts)?;
            net = first;
        }
        if first == last && !(starts_whole && ends_whole) {
            parts.push(run.start & LOW, run.end & LOW, run.value.get());
            continue;
        }
        let mut whole = u64::from(first)..u64::from(last) + 1;
        if !starts_whole {
            parts.push(run.start & LOW, LOW, run.value.get());
            whole.start += 1;
        }
        writer.flush(net, &mut parts)?;
        if !ends_whole {
            whole.end -= 1;
        }
        writer.whole(whole, run.value.get());
        if !ends_whole {
            net = last;
            parts.push(0, run.end & LOW, run.value.get());
        }
    }
    writer.flush(net, &mut parts)?;
    writer.finish()
}

/// The bits of an address inside its /32.
const LOW: u128 = u128::MAX >> 32;

struct Writer {
    shape: Shape6,
    out: V6Sections,
    groups: Groups,
    /// Number, first line or id, number of lines; rising.
    nets: Vec<(u32, u32, u32)>,
}

/// A line before it is written.
struct Plan {
    default: u32,
    entries: Vec<(u32, u8, u32)>,
    /// The groups as they would be.
    groups: Mark,
    /// The first part that is not in the line.
    end: usize,
}

impl Writer {
    /// Whole /32s of one value.
    fn whole(&mut self, nets: std::ops::Range<u64>, id: u32) {
        let Some(last) = nets.end.checked_sub(1).filter(|last| *last >= nets.start) else {
            return;
        };
        if nets.end - nets.start > RANGE_FROM.into() {
            for part in [nets.start as u32, last as u32, id] {
                self.out.ranges.extend(part.to_le_bytes());
            }
        } else {
            self.nets.extend(nets.map(|net| (net as u32, id, 0)));
        }
    }

    /// Writes the lines of a /32.
    fn flush(&mut self, net: u32, parts: &mut Parts) -> Result<(), TooLarge> {
        if parts.is_empty() {
            return Ok(());
        }
        parts.close();
        let first = self.out.lines.len() / LINE;
        let mut at = 0;
        while let Some(part) = parts.get(at) {
            let start = part.first();
            let plan = self.plan(parts, at);
            at = plan.end;
            self.write(start, plan, parts);
        }
        let count = self.out.lines.len() / LINE - first;
        self.nets.push((
            net,
            u32_of("lines of IPv6", first)?,
            u32_of("lines of IPv6", count)?,
        ));
        parts.clear();
        Ok(())
    }

    /// The line that reaches farthest from a part on.
    fn plan(&self, parts: &Parts, from: usize) -> Plan {
        let plain = self.plan_with(parts, from, 0);
        let longest = parts
            .ahead(from, LOOK_AHEAD)
            .filter_map(|part| match part {
                Part::Nets { first, last, id } => Some((last - first, id)),
                Part::Inside { .. } => None,
            })
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        match longest.filter(|(_, id)| *id != 0) {
            Some((_, id)) => {
                let other = self.plan_with(parts, from, id);
                if other.end > plain.end { other } else { plain }
            }
            None => plain,
        }
    }

    fn plan_with(&self, parts: &Parts, from: usize, default: u32) -> Plan {
        let mut plan = Plan {
            default,
            entries: Vec::with_capacity(self.shape.entries),
            groups: self.groups.mark(),
            end: from,
        };
        // Whether the last entry speaks of what follows, too.
        let mut goes_on = false;
        while let Some(part) = parts.get(plan.end) {
            let room = self.shape.entries > plan.entries.len();
            let entry = match part {
                Part::Nets { id, .. } if id == default && !goes_on => {
                    plan.end += 1;
                    continue;
                }
                Part::Nets { first, last, id } => {
                    let kind = match last - first {
                        _ if id == default => FROM,
                        0 => ONLY_64,
                        0xffff if first & 0xffff == 0 => ONLY_48,
                        _ => FROM,
                    };
                    Some((first, kind, id))
                }
                Part::Inside { x, .. } if room => {
                    let inside = parts.inside(part);
                    let place = self.groups.place(&mut plan.groups, inside, default);
                    place.map(|place| (x, INSIDE, place))
                }
                Part::Inside { .. } => None,
            };
            let Some(entry) = entry.filter(|_| room) else {
                break;
            };
            goes_on = entry.1 == FROM && entry.2 != default;
            plan.entries.push(entry);
            plan.end += 1;
        }
        plan
    }

    fn write(&mut self, start: u32, plan: Plan, parts: &Parts) {
        let shape = self.shape;
        // The first line of a /32 starts with it.
        self.out.starts.extend(start.to_le_bytes());
        let mut line = [0u8; LINE];
        put_bytes(&mut line, 0, &plan.groups.first.to_le_bytes());
        put_id(&mut line, shape.default_at, shape.width, plan.default);
        let none = (u32::MAX, FROM, plan.default);
        let last = plan.entries.last().copied().unwrap_or(none);
        let entries = plan.entries.iter().copied().chain(std::iter::repeat(last));
        for (at, (key, kind, id)) in entries.take(shape.entries).enumerate() {
            put_bytes(&mut line, KEYS_AT + at * 4, &key.to_le_bytes());
            put_id(&mut line, shape.ids_at + at * shape.width, shape.width, id);
            let types = line.get_mut(shape.types_at + at / 4);
            *types.expect("two bits for each entry") |= kind << (at % 4 * 2);
        }
        self.out.lines.extend(line);
        let insides = plan.entries.iter().filter(|entry| entry.1 == INSIDE);
        for (x, _, place) in insides {
            let inside = parts.inside_of(*x);
            self.groups
                .write(plan.groups.first, *place, inside, plan.default);
        }
    }

    fn finish(mut self) -> Result<V6Sections, TooLarge> {
        let pad = [0xff; STARTS_PAD * 4];
        self.out.starts.extend(pad);
        self.out.top = table(&self.nets);
        self.out.inside = self.groups.finish();
        u32_of("lines inside a /64", self.out.inside.len() / LINE)?;
        Ok(self.out)
    }
}

/// The hashed table of the /32s, each in the first bucket with room from its own on.
fn table(nets: &[(u32, u32, u32)]) -> Vec<u8> {
    let buckets = nets.len().div_ceil(BUCKET_LOAD).next_power_of_two();
    let mut top = vec![[0u8; LINE]; buckets];
    for (net, first, count) in nets {
        let mut at = bucket_of(*net, buckets.ilog2());
        while let Some(bucket) = top.get_mut(at) {
            let used = bucket.get(USED_AT).copied().unwrap_or(0);
            let place = usize::from(used) * 4;
            if place < FIRST_AT {
                put_bytes(bucket, place, &net.to_le_bytes());
                put_bytes(bucket, FIRST_AT + place, &first.to_le_bytes());
                put_bytes(bucket, COUNT_AT + place, &count.to_le_bytes());
                put_bytes(bucket, USED_AT, &[used + 1]);
                break;
            }
            put_bytes(bucket, WENT_ON_AT, &[1]);
            at = (at + 1) & (buckets - 1);
        }
    }
    top.concat()
}
