//! The head of a payload: how many of what follow, zone by zone, in plain bytes.
//!
//! Everything that a reader would ask memory for is counted here, so everything here is compared with
//! the limits before it is believed.

use rblmap::NameKey;
use rblmap_format::Address;
use rblmap_format::varint::{push_uv, take_uv};

use crate::container::limits::Limits;
use crate::edit::addresses::{Counts, Stream};
use crate::edit::names::NameCounts;
use crate::error::Error;

/// Flags of a head.
const ZONES: u8 = 1;
const VALUES: u8 = 2;
const MODELLED: u8 = 4;
const SEVERAL: u8 = 8;
/// Flags of a zone.
const V4: u8 = 1;
const V6: u8 = 2;
const NAMES: u8 = 4;
const EXPIRES: u8 = 8;
const FACTS: u8 = 16;
const STREAMS4: u8 = 32;
const STREAMS6: u8 = 64;

/// Every stream of edits but the last one of a zone has so many.
pub(crate) const STREAM_EDITS: u64 = 1 << 18;
/// The same, to count items in memory.
pub(crate) const STREAM_ITEMS: usize = 1 << 18;

/// Streams tell values apart each for itself, so there are several only where there are few values:
/// learning these anew costs next to nothing.
const STREAM_VALUES: usize = 256;

/// Whether so many edits are told in streams of their own, where there are so many values in all. That
/// depends on the change alone, so the bytes are the same on every machine.
pub(crate) fn may_have_streams(edits: u64, values: usize) -> bool {
    edits > STREAM_EDITS && values <= STREAM_VALUES
}

/// What a payload holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Head {
    /// The zones of the result, if they are others than those of the base.
    pub(crate) zones: Option<Vec<NameKey>>,
    /// How many values are added.
    pub(crate) values: u64,
    /// Whether the bytes of names and values are told under a model.
    pub(crate) modelled: bool,
    /// The zones that change, by their place among the zones of the result; rising.
    pub(crate) parts: Vec<(usize, Part)>,
}

/// What changes in a zone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Part {
    /// The streams of edits of IPv4 addresses, in address order.
    pub(crate) v4: Vec<Stream<u32>>,
    /// Those of IPv6 addresses.
    pub(crate) v6: Vec<Stream<u128>>,
    pub(crate) names: NameCounts,
    /// The expiry, if it is another; 0 for none.
    pub(crate) expires: Option<u64>,
    /// The facts as bytes, if they are others.
    pub(crate) facts: Option<Vec<u8>>,
}

impl Part {
    /// Whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Part::default()
    }

    /// How many edits, changed and added names there are.
    pub(crate) fn entries(&self) -> u64 {
        let edits = |sum: u64, edits: u64| sum.saturating_add(edits);
        let v4 = self.v4.iter().map(|stream| stream.counts.edits);
        let v6 = self.v6.iter().map(|stream| stream.counts.edits);
        let names = [self.names.changed, self.names.added];
        v4.chain(v6).chain(names).fold(0, edits)
    }
}

impl Head {
    /// How many values are added, as ids number them.
    ///
    /// # Errors
    /// More than there are ids.
    pub(crate) fn added(&self) -> Result<u32, Error> {
        u32::try_from(self.values).map_err(|_| Error::Malformed {
            what: "count of values",
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let is_base = matches!(self.parts.as_slice(), [(0, _)]);
        out.push(
            flag(self.zones.is_some(), ZONES)
                | flag(self.values > 0, VALUES)
                | flag(self.modelled, MODELLED)
                | flag(!is_base, SEVERAL),
        );
        if let Some(zones) = &self.zones {
            push_uv(out, zones.len() as u64);
            zones
                .iter()
                .for_each(|zone| push_bytes(out, zone.as_bytes()));
        }
        if !is_base {
            push_uv(out, self.parts.len() as u64);
        }
        if self.values > 0 {
            push_uv(out, self.values);
        }
        let mut next = 0;
        for (place, part) in &self.parts {
            if !is_base {
                push_uv(out, (place - next) as u64);
            }
            next = place + 1;
            part.write(out);
        }
    }

    /// Reads a head. `base_zones` is how many zones the base has, if that is known.
    ///
    /// # Errors
    /// Bytes that nobody wrote; more zones or entries than the limits allow.
    pub(crate) fn read(
        rest: &mut &[u8],
        base_zones: Option<usize>,
        limits: &Limits,
    ) -> Result<Head, Error> {
        let bad = || Error::Malformed { what: "head" };
        let known = ZONES | VALUES | MODELLED | SEVERAL;
        let flags = take_byte(rest).filter(|flags| flags & !known == 0);
        let flags = flags.ok_or_else(bad)?;
        let mut head = Head {
            modelled: flags & MODELLED != 0,
            ..Head::default()
        };
        let mut zones = base_zones.map_or(limits.zones, |zones| zones as u64);
        if flags & ZONES != 0 {
            let listed = take_zones(rest, limits)?;
            zones = listed.len() as u64;
            head.zones = Some(listed);
        }
        let mut count = 1;
        if flags & SEVERAL != 0 {
            count = take_uv(rest).ok_or_else(bad)?;
            if count > zones {
                return Err(Error::Malformed {
                    what: "count of zones",
                });
            }
        }
        if flags & VALUES != 0 {
            let values = take_uv(rest).filter(|&values| values > 0);
            head.values = values.ok_or_else(bad)?;
        }
        let mut entries = head.values;
        let mut next = 0u64;
        for _ in 0..count {
            if flags & SEVERAL != 0 {
                let skipped = take_uv(rest).ok_or_else(bad)?;
                next = next.checked_add(skipped).ok_or_else(bad)?;
            }
            let place = usize::try_from(next).map_err(|_| bad())?;
            if next >= zones {
                return Err(Error::Malformed {
                    what: "number of a zone",
                });
            }
            next += 1;
            let part = Part::read(rest).ok_or_else(bad)?;
            entries = entries.saturating_add(part.entries());
            limits.check("changes", entries, limits.entries)?;
            head.parts.push((place, part));
        }
        limits.check("changes", entries, limits.entries)?;
        Ok(head)
    }
}

impl Part {
    fn write(&self, out: &mut Vec<u8>) {
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let has_names = self.names != NameCounts::default();
        out.push(
            flag(!self.v4.is_empty(), V4)
                | flag(!self.v6.is_empty(), V6)
                | flag(has_names, NAMES)
                | flag(self.expires.is_some(), EXPIRES)
                | flag(self.facts.is_some(), FACTS)
                | flag(self.v4.len() > 1, STREAMS4)
                | flag(self.v6.len() > 1, STREAMS6),
        );
        write_streams(out, &self.v4);
        write_streams(out, &self.v6);
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
        let flags = take_byte(rest).filter(|flags| flags & 0x80 == 0 && *flags != 0)?;
        let has = |flag: u8| flags & flag != 0;
        let mut part = Part {
            v4: read_streams(rest, has(V4), has(STREAMS4))?,
            v6: read_streams(rest, has(V6), has(STREAMS6))?,
            ..Part::default()
        };
        if has(NAMES) {
            part.names = NameCounts {
                removed: take_uv(rest)?,
                changed: take_uv(rest)?,
                added: take_uv(rest)?,
            };
            if part.names == NameCounts::default() {
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

/// One stream has its counts alone. Of several, each has the length of its decisions too, and each but
/// the first the address that it begins at.
fn write_streams<A: Address>(out: &mut Vec<u8>, streams: &[Stream<A>]) {
    if streams.len() > 1 {
        push_uv(out, streams.len() as u64);
    }
    for (at, stream) in streams.iter().enumerate() {
        let Counts {
            in_runs,
            in_gaps,
            edits,
            spans,
        } = stream.counts;
        push_uv(out, in_runs);
        push_uv(out, in_gaps);
        // Every run or gap in which edits start has one at least.
        push_uv(out, (edits - in_runs - in_gaps) << 1 | u64::from(spans));
        if streams.len() > 1 {
            push_uv(out, stream.len);
        }
        if at > 0 {
            stream.from.write(out);
        }
    }
}

fn read_streams<A: Address>(rest: &mut &[u8], has: bool, several: bool) -> Option<Vec<Stream<A>>> {
    let count = match (has, several) {
        (true, true) => take_uv(rest).filter(|count| *count > 1)?,
        (true, false) => 1,
        (false, true) => return None,
        (false, false) => 0,
    };
    let mut streams: Vec<Stream<A>> = Vec::new();
    for at in 0..count {
        let in_runs = take_uv(rest)?;
        let in_gaps = take_uv(rest)?;
        let started = in_runs.checked_add(in_gaps).filter(|&count| count > 0)?;
        let further = take_uv(rest)?;
        let edits = started.checked_add(further >> 1)?;
        let counts = Counts {
            in_runs,
            in_gaps,
            edits,
            spans: further & 1 == 1,
        };
        // A stream is large: a file has no room for many that say nothing.
        if at + 1 < count && edits != STREAM_EDITS {
            return None;
        }
        let len = if count > 1 { take_uv(rest)? } else { 0 };
        let mut from = A::FIRST;
        if at > 0 {
            from = A::read(rest, 0)?;
            *rest = rest.get(A::LEN..)?;
        }
        if streams.last().is_some_and(|last| last.from >= from) {
            return None;
        }
        streams.push(Stream { counts, from, len });
    }
    Some(streams)
}

fn take_zones(rest: &mut &[u8], limits: &Limits) -> Result<Vec<NameKey>, Error> {
    let bad = || Error::Malformed {
        what: "list of zones",
    };
    let count = take_uv(rest).ok_or_else(bad)?;
    limits.check("zones", count, limits.zones)?;
    let mut zones: Vec<NameKey> = Vec::new();
    for _ in 0..count {
        let zone = take_bytes(rest).and_then(|bytes| NameKey::from_key(bytes).ok());
        let zone = zone.ok_or_else(bad)?;
        if zones.last().is_some_and(|last| *last >= zone) {
            return Err(bad());
        }
        zones.push(zone);
    }
    // The base is the first, and always there.
    match zones.first() == Some(&NameKey::ROOT) {
        true => Ok(zones),
        false => Err(bad()),
    }
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
