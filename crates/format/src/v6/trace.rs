//! What a lookup of an IPv6 address reads, in words.

use std::net::Ipv6Addr;

use super::lookup::Lines6;
use super::shape::{
    BUCKET, COUNT_AT, FIRST_AT, FROM, INSIDE, KEYS_AT, LINE, ONLY_48, ONLY_64, RANGE_LEN, USED_AT,
    WENT_ON_AT, bucket_of,
};
use crate::bytes::u32_at;
use crate::sections::kind::{V6_INSIDE_64, V6_LINES, V6_RANGES, V6_STARTS, V6_TOP};
use crate::trace::{Step, value};

impl Lines6<'_> {
    /// The bytes that decide about an address, in the order in which a lookup reads them.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "parts of the address are meant"
    )]
    pub fn trace(&self, address: u128) -> Vec<Step> {
        let mut steps = Vec::new();
        let (net, x) = ((address >> 96) as u32, (address >> 64) as u32);
        let prefix = Ipv6Addr::from_bits(u128::from(net) << 96);
        let start = bucket_of(net, self.top.len().ilog2());
        for step in 0..self.top.len() {
            let number = (start + step) & (self.top.len() - 1);
            let Some(bucket) = self.top.get(number) else {
                break;
            };
            let used = usize::from(bucket[USED_AT]).min(BUCKET);
            let at = number * LINE;
            let place = (0..used).find(|place| u32_at(bucket, place * 4) == net);
            if let Some(place) = place {
                let first = u32_at(bucket, FIRST_AT + place * 4);
                let count = u32_at(bucket, COUNT_AT + place * 4);
                let what = match count {
                    0 => format!("/32 {prefix}: all of it has {}", value(first)),
                    _ => format!("/32 {prefix}: {count} lines from line {first} on"),
                };
                steps.push(Step::new(V6_TOP, at + place * 4..at + place * 4 + 4, what));
                if count > 0 {
                    self.trace_lines(address, (first as usize, count as usize), x, &mut steps);
                }
                return steps;
            }
            let went_on = bucket[WENT_ON_AT] == 1;
            let next = if went_on { "; look in the next" } else { "" };
            let what = format!("bucket {number}: /32 {prefix} is not among its {used}{next}");
            steps.push(Step::new(V6_TOP, at..at + LINE, what));
            if !went_on {
                break;
            }
        }
        let after = self.ranges.partition_point(|row| u32_at(row, 0) <= net);
        if let Some(at) = after.checked_sub(1)
            && let Some(row) = self.ranges.get(at)
        {
            let of = |at| Ipv6Addr::from_bits(u128::from(u32_at(row, at)) << 96);
            let (from, to) = (of(0), of(4));
            let what = format!("/32s {from} to {to}: {}", value(u32_at(row, 8)));
            let at = at * RANGE_LEN;
            steps.push(Step::new(V6_RANGES, at..at + RANGE_LEN, what));
        }
        steps
    }

    fn trace_lines(
        &self,
        address: u128,
        (first, count): (usize, usize),
        x: u32,
        steps: &mut Vec<Step>,
    ) {
        let start = |at: usize| {
            self.starts
                .get(at)
                .map_or(u32::MAX, |x| u32::from_le_bytes(*x))
        };
        let upto = (first..first + count).take_while(|line| start(*line) <= x);
        let number = upto.last().unwrap_or(first);
        let what = format!("line {number}: from /64 number {:#x} on", start(number));
        steps.push(Step::new(V6_STARTS, number * 4..number * 4 + 4, what));
        let Some(line) = self.lines.get(number) else {
            return;
        };
        let at = number * LINE;
        let default = value(self.default_of(line));
        let shape = self.shape;
        let what = format!("default: {default}");
        let from = at + shape.default_at;
        steps.push(Step::new(V6_LINES, from..from + shape.width, what));
        let mut before = None;
        for place in 0..shape.entries {
            let entry = self.entry(line, place);
            // Unused places repeat the last entry.
            if before.replace(entry.key) == Some(entry.key) {
                break;
            }
            let holds = match entry.kind {
                FROM => format!("and on: {}", value(entry.id)),
                ONLY_64 => format!("the /64: {}", value(entry.id)),
                ONLY_48 => format!("the /48: {}", value(entry.id)),
                _ => format!("inside the /64: group at place {}", entry.id),
            };
            let from = at + KEYS_AT + place * 4;
            let what = format!("entry {place}: /64 number {:#x} {holds}", entry.key);
            steps.push(Step::new(V6_LINES, from..from + 4, what));
            if entry.kind == INSIDE && entry.key == x {
                let (group, slot) = self.group_of(line, entry.id);
                let what = format!("group of the /64: line {group}, slot {slot}");
                let from = group * LINE;
                steps.push(Step::new(V6_INSIDE_64, from..from + LINE, what));
            }
        }
        let id = value(self.lookup(address));
        let what = format!(
            "line {number} says of {}: {id}",
            Ipv6Addr::from_bits(address)
        );
        steps.push(Step::new(V6_LINES, at..at + LINE, what));
    }
}
