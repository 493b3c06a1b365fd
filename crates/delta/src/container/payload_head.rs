//! The plain part of a payload: how many of what follow, zone by zone.

use rblmap::NameKey;

use crate::container::varint::{push_uv, take_uv};
use crate::edit::{addresses, names};
use crate::error::Error;

const ZONES: u8 = 1;
const VALUES: u8 = 2;
const MODELLED: u8 = 4;
const SEVERAL: u8 = 8;
const V4: u8 = 1;
const V6: u8 = 2;
const NAMES: u8 = 4;
const EXPIRES: u8 = 8;
const FACTS: u8 = 16;
const SPANS4: u8 = 32;
const SPANS6: u8 = 64;

/// What a payload holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Head {
    /// The zones of the result, if they are others than those of the base.
    pub(crate) zones: Option<Vec<NameKey>>,
    /// How many values are added.
    pub(crate) values: u64,
    /// Whether the bytes of names and values are told under a model.
    pub(crate) modelled: bool,
    /// For each zone of the result.
    pub(crate) parts: Vec<Part>,
}

/// What changes in a zone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Part {
    pub(crate) v4: addresses::Counts,
    pub(crate) v6: addresses::Counts,
    pub(crate) names: names::Counts,
    /// The expiry, if it is another; 0 for none.
    pub(crate) expires: Option<u64>,
    /// The facts as bytes, if they are others.
    pub(crate) facts: Option<Vec<u8>>,
}

impl Head {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let several = self.zones.is_none() && self.parts.len() != 1;
        out.push(
            flag(self.zones.is_some(), ZONES)
                | flag(self.values > 0, VALUES)
                | flag(self.modelled, MODELLED)
                | flag(several, SEVERAL),
        );
        if let Some(zones) = &self.zones {
            push_uv(out, zones.len() as u64);
            zones
                .iter()
                .for_each(|zone| push_bytes(out, zone.as_bytes()));
        } else if several {
            push_uv(out, self.parts.len() as u64);
        }
        if self.values > 0 {
            push_uv(out, self.values);
        }
        self.parts.iter().for_each(|part| part.write(out));
    }

    pub(crate) fn read(rest: &mut &[u8]) -> Result<Head, Error> {
        let bad = || Error::Malformed { what: "head" };
        let known = ZONES | VALUES | MODELLED | SEVERAL;
        let flags = take_byte(rest).filter(|flags| flags & !known == 0);
        let flags = flags.ok_or_else(bad)?;
        let mut head = Head {
            modelled: flags & MODELLED != 0,
            ..Head::default()
        };
        let mut count = 1;
        if flags & ZONES != 0 {
            let listed = take_zones(rest).ok_or(Error::Malformed {
                what: "list of zones",
            })?;
            count = listed.len() as u64;
            head.zones = Some(listed);
        }
        if flags & SEVERAL != 0 {
            let several = take_uv(rest).filter(|&count| count > 1 && flags & ZONES == 0);
            count = several.ok_or_else(bad)?;
        }
        if flags & VALUES != 0 {
            let values = take_uv(rest).filter(|&values| values > 0);
            head.values = values.ok_or_else(bad)?;
        }
        for _ in 0..count {
            head.parts.push(Part::read(rest).ok_or_else(bad)?);
        }
        Ok(head)
    }
}

impl Part {
    fn write(&self, out: &mut Vec<u8>) {
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let has_names = self.names != names::Counts::default();
        out.push(
            flag(self.v4.edits > 0, V4)
                | flag(self.v6.edits > 0, V6)
                | flag(has_names, NAMES)
                | flag(self.expires.is_some(), EXPIRES)
                | flag(self.facts.is_some(), FACTS)
                | flag(self.v4.spans, SPANS4)
                | flag(self.v6.spans, SPANS6),
        );
        for counts in [self.v4, self.v6] {
            if counts.edits > 0 {
                push_uv(out, counts.in_runs);
                push_uv(out, counts.in_gaps);
                // Every started interval has a edit at least.
                push_uv(out, counts.edits - counts.in_runs - counts.in_gaps);
            }
        }
        if has_names {
            push_uv(out, self.names.removed);
            push_uv(out, self.names.changed);
            push_uv(out, self.names.added);
        }
        if let Some(expires) = self.expires {
            push_uv(out, expires);
        }
        if let Some(facts) = &self.facts {
            push_bytes(out, facts);
        }
    }

    fn read(rest: &mut &[u8]) -> Option<Part> {
        let flags = take_byte(rest).filter(|flags| flags & 0x80 == 0)?;
        let has = |flag: u8| flags & flag != 0;
        let mut part = Part {
            v4: read_edits(rest, has(V4), has(SPANS4))?,
            v6: read_edits(rest, has(V6), has(SPANS6))?,
            ..Part::default()
        };
        if has(NAMES) {
            part.names = names::Counts {
                removed: take_uv(rest)?,
                changed: take_uv(rest)?,
                added: take_uv(rest)?,
            };
            if part.names == names::Counts::default() {
                return None;
            }
        }
        if has(EXPIRES) {
            part.expires = Some(take_uv(rest)?);
        }
        if has(FACTS) {
            part.facts = Some(take_bytes(rest)?.to_vec());
        }
        Some(part)
    }
}

fn read_edits(rest: &mut &[u8], has: bool, spans: bool) -> Option<addresses::Counts> {
    let mut counts = addresses::Counts::default();
    if has {
        counts.in_runs = take_uv(rest)?;
        counts.in_gaps = take_uv(rest)?;
        let started = counts
            .in_runs
            .checked_add(counts.in_gaps)
            .filter(|&started| started > 0)?;
        counts.edits = started.checked_add(take_uv(rest)?)?;
        counts.spans = spans;
    }
    (has || !spans).then_some(counts)
}

fn take_zones(rest: &mut &[u8]) -> Option<Vec<NameKey>> {
    let count = take_uv(rest)?;
    let mut zones: Vec<NameKey> = Vec::new();
    for _ in 0..count {
        let zone = NameKey::from_key(take_bytes(rest)?).ok()?;
        if zones.last().is_some_and(|last| *last >= zone) {
            return None;
        }
        zones.push(zone);
    }
    // The base is the first, and always there.
    (zones.first() == Some(&NameKey::ROOT)).then_some(zones)
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (&byte, after) = rest.split_first()?;
    *rest = after;
    Some(byte)
}

fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_uv(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take_uv(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(bytes)
}
