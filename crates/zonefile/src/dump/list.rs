//! One zone that is being written as a list: what its runs and names say to a program that knows keys
//! alone.

use std::io::Write;
use std::net::Ipv4Addr;

use rblmap::{NameKey, NameRule, Run, Value, ValueId};
use rblmap_content::{Content, ZoneContent};
use rblmap_format::RawRecord;

use super::loss::{Loss, Omitted};
use super::names::printed;
use crate::address6::unmapped;
use crate::key::{self, Key, KeyRules, networks};
use rblmap_content::NameScope;

/// A zone that is being written.
pub(super) struct List<'a, W> {
    pub(super) content: &'a Content,
    pub(super) zone: &'a ZoneContent,
    pub(super) out: &'a mut W,
    pub(super) omitted: &'a mut Omitted,
}

/// What a point says in one of its two tables.
pub(super) struct NameEntry<'a> {
    pub(super) name: NameKey,
    pub(super) scope: NameScope,
    /// None: hidden.
    pub(super) value: Option<Value<'a>>,
}

impl NameEntry<'_> {
    /// The name in the escapes of zone files, behind what says which names are meant.
    pub(super) fn shown(&self) -> String {
        let name = match self.name.label_count() {
            0 => String::new(),
            _ => printed(&self.name),
        };
        match self.scope {
            NameScope::Exact => name,
            NameScope::Below => format!("*.{name}"),
            NameScope::Both => format!(".{name}"),
        }
    }

    /// The name as lists write it; none if they would read something else, or nothing.
    pub(super) fn plain(&self, labels: usize) -> Option<String> {
        let shown = self.shown();
        let rules = KeyRules {
            names: NameScope::Exact,
            host_bits: false,
            padded: false,
            labels,
        };
        let read = key::parse(shown.as_bytes(), &rules);
        let same = matches!(read, Ok((Key::Name(name, scope), _)) if *name == self.name && scope == self.scope);
        same.then_some(shown)
    }
}

impl<'a, W: Write> List<'a, W> {
    /// The value of an id.
    pub(super) fn value(&self, id: ValueId) -> Value<'a> {
        self.content.values().get(id)
    }

    /// What the points of the zone say, in order; where a point says the same in both tables, it
    /// is one entry.
    pub(super) fn names(&self) -> impl Iterator<Item = NameEntry<'a>> + 'a {
        let content = self.content;
        self.zone.names().iter().flat_map(move |point| {
            let scopes = if point.exact == point.below {
                [
                    (NameScope::Both, point.exact),
                    (NameScope::Below, NameRule::Inherit),
                ]
            } else {
                [
                    (NameScope::Exact, point.exact),
                    (NameScope::Below, point.below),
                ]
            };
            // Content holds names only.
            let name = NameKey::from_key(point.key).unwrap_or(NameKey::ROOT);
            scopes.into_iter().filter_map(move |(scope, slot)| {
                let value = match slot {
                    NameRule::Inherit => return None,
                    NameRule::Nothing => None,
                    NameRule::Value(id) => Some(content.values().get(id)),
                };
                Some(NameEntry { name, scope, value })
            })
        })
    }

    /// Counts what is lost of a value where none can be given; whether it lists its key.
    pub(super) fn is_listed(&mut self, value: Value<'_>) -> bool {
        let mut records = value.records();
        let is_default = |record: &RawRecord<'_>| {
            record.a == Some(Ipv4Addr::new(127, 0, 0, 2)) && record.template.is_none()
        };
        let simple =
            records.next().is_some_and(|first| is_default(&first)) && records.next().is_none();
        let loss = match (value.is_listed(), simple) {
            (false, _) => Some(Loss::Unlisted),
            (true, false) => Some(Loss::Values),
            (true, true) => None,
        };
        loss.into_iter().for_each(|loss| self.omitted.add(loss));
        value.is_listed()
    }

    /// Counts the names, for a format that has none.
    pub(super) fn leave_names(&mut self) {
        let count = self.names().filter(|entry| entry.value.is_some()).count();
        self.omitted.add_all(Loss::Names, count as u64);
    }

    /// Counts the runs of addresses, for a format that has none.
    pub(super) fn leave_addresses(&mut self) {
        let count = self.zone.v4().len() + self.zone.v6().len();
        self.omitted.add_all(Loss::Addresses, count as u64);
    }

    /// The listed IPv4 runs, neighbours as one.
    pub(super) fn v4(&mut self) -> Vec<(u128, u128)> {
        let runs: Vec<Run<u32>> = self.zone.v4().to_vec();
        let runs = runs
            .into_iter()
            .filter(|run| self.is_listed(self.content.values().get(run.value)));
        joined(runs.map(|run| (run.start.into(), run.end.into())))
    }

    /// The listed IPv6 runs, neighbours as one, without those that are read back as IPv4.
    pub(super) fn v6(&mut self) -> Vec<(u128, u128)> {
        let mut kept = Vec::new();
        for run in self.zone.v6() {
            for (start, end) in networks(run.start, run.end, 128) {
                if unmapped(start, end).is_some() {
                    self.omitted.add(Loss::Mapped);
                } else if self.is_listed(self.content.values().get(run.value)) {
                    kept.push((start, end));
                }
            }
        }
        joined(kept.into_iter())
    }
}

/// Neighbours as one, whatever their values.
fn joined(runs: impl Iterator<Item = (u128, u128)>) -> Vec<(u128, u128)> {
    let mut out: Vec<(u128, u128)> = Vec::new();
    for (start, end) in runs {
        match out.last_mut() {
            Some(last) if last.1.checked_add(1) == Some(start) => last.1 = end,
            _ => out.push((start, end)),
        }
    }
    out
}
