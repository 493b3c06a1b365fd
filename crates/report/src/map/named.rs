//! Listed addresses by the label of their network.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rblmap::Run;

use crate::labels::{self, Labels};
use crate::map::TableRow;

/// The most classes that have colours of their own; the last is that of all others.
pub(super) const CLASSES: usize = 10;

/// Listed addresses, those that came, and those that went.
pub(super) type Sums = [u64; 3];

/// What the parts of the address space are called, and how much is listed of each label.
#[derive(Debug)]
pub(super) struct Named {
    /// Disjoint, in order.
    parts: Vec<Part>,
    names: Vec<String>,
    sums: Vec<Sums>,
    /// The class of each label, once they have any.
    classes: Vec<u8>,
}

/// Addresses of one label; of IPv6, /32s.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Its number among the labels; 0 is that of addresses without one.
    pub(super) label: usize,
}

impl Named {
    /// Reads all labels: linear in their networks.
    pub(super) fn of(labels: Labels<'_>, v6: bool) -> Named {
        let mut named = Named {
            parts: Vec::new(),
            names: vec![labels::NONE.to_owned()],
            sums: Vec::new(),
            classes: Vec::new(),
        };
        let mut known = HashMap::new();
        let mut add = |start, end, address: IpAddr| {
            let Some(label) = labels.of(address) else {
                return;
            };
            let names = &mut named.names;
            let label = *known.entry(label).or_insert_with_key(|label| {
                names.push(label.clone());
                names.len() - 1
            });
            named.parts.push(Part { start, end, label });
        };
        if v6 {
            let mut next = 0;
            for run in labels.zone().v6_runs() {
                let address = Ipv6Addr::from_bits(run.start).into();
                if let Some((start, end)) = slash32s(&run, &mut next) {
                    add(start, end, address);
                }
            }
        } else {
            for run in labels.zone().v4_runs() {
                add(run.start, run.end, Ipv4Addr::from_bits(run.start).into());
            }
        }
        named.sums = vec![[0; 3]; named.names.len()];
        named
    }

    /// Cuts a range into parts of one label each. Logarithmic in labelled networks, linear in
    /// parts.
    pub(super) fn split(&self, start: u32, end: u32, mut see: impl FnMut(Part)) {
        let first = self.parts.partition_point(|part| part.end < start);
        let mut next = Some(start);
        for part in self.parts.iter().skip(first) {
            let Some(from) = next.filter(|from| *from <= end && part.start <= end) else {
                break;
            };
            if from < part.start {
                see(Part {
                    start: from,
                    end: part.start - 1,
                    label: 0,
                });
            }
            let to = part.end.min(end);
            see(Part {
                start: part.start.max(from),
                end: to,
                label: part.label,
            });
            next = to.checked_add(1);
        }
        if let Some(start) = next.filter(|from| *from <= end) {
            see(Part {
                start,
                end,
                label: 0,
            });
        }
    }

    /// Counts addresses that are listed (0), came (1) or went (2).
    pub(super) fn add(&mut self, what: usize, start: u32, end: u32) {
        let mut sums = std::mem::take(&mut self.sums);
        self.split(start, end, |part| {
            if let Some(sum) = sums.get_mut(part.label).and_then(|sums| sums.get_mut(what)) {
                *sum += u64::from(part.end - part.start) + 1;
            }
        });
        self.sums = sums;
    }

    /// Gives the labels with most listed addresses a class each and all others the last one, and
    /// counts from nothing again. Gives the names of the classes, whose addresses are not counted.
    pub(super) fn classes(&mut self) -> Vec<(String, u64)> {
        let listed: Vec<u64> = self.sums.iter().map(|sums| sums[0]).collect();
        let mut order: Vec<usize> = (0..self.names.len())
            .filter(|label| listed.get(*label).is_some_and(|sum| *sum > 0))
            .collect();
        order.sort_by_key(|label| std::cmp::Reverse(listed.get(*label).copied()));
        self.classes = vec![0; self.names.len()];
        let mut classes = Vec::new();
        for (place, &label) in order.iter().enumerate() {
            let is_own = place + 1 < CLASSES || order.len() == CLASSES;
            if is_own || classes.len() < CLASSES {
                let name = if is_own { self.names.get(label) } else { None };
                classes.push((name.map_or("others", |name| name).to_owned(), 0));
            }
            if let Some(class) = self.classes.get_mut(label) {
                *class = u8::try_from(classes.len()).unwrap_or(u8::MAX);
            }
        }
        self.sums.fill([0; 3]);
        classes
    }

    /// The class of a label, from 1.
    pub(super) fn class(&self, label: usize) -> u8 {
        self.classes.get(label).copied().unwrap_or(0)
    }

    /// A row for each label with anything to tell, those with most first.
    pub(super) fn rows(&self) -> Vec<TableRow> {
        let mut rows: Vec<TableRow> = self
            .names
            .iter()
            .zip(&self.sums)
            .filter(|(_, sums)| **sums != [0; 3])
            .map(|(name, &[listed, added, removed])| TableRow {
                name: name.clone(),
                listed,
                added,
                removed,
            })
            .collect();
        rows.sort_by(|one, other| {
            let size = |row: &TableRow| row.listed + row.added + row.removed;
            (size(other), &one.name).cmp(&(size(one), &other.name))
        });
        rows
    }
}

/// The /32s of a run that begin at or after `next`, which then is the one after them.
pub(super) fn slash32s(run: &Run<u128>, next: &mut u64) -> Option<(u32, u32)> {
    let number = |address: u128| u32::try_from(address >> 96).unwrap_or(u32::MAX);
    let end = number(run.end);
    let start = u64::from(number(run.start)).max(*next);
    if start > end.into() {
        return None;
    }
    *next = u64::from(end) + 1;
    Some((u32::try_from(start).unwrap_or(end), end))
}
