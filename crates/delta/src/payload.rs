//! Payloads: the change from one content to another, all key kinds.

use rblmap::{NameKey, Run, Slot, ValueId};
use rblmap_content::edit_runs;
use rblmap_content::{Content, DraftZone, Facts, NameTable, V4Runs, ZoneContent};
use rblmap_image::V4Image;

use crate::coder::{Coder, Decoder, Encoder};
use crate::error::Error;
use crate::head::{Head, Part};
use crate::header::{push_uv, take_uv};
use crate::limits::Limits;
use crate::paint::{self, Edit};
use crate::table::Table;
use crate::{names, paint_code, values};
use rblmap_format::Address;

/// The shortest of the ways to write the change: paints joined over intervals or not, texts for
/// zstd or under a model.
pub(crate) fn write(old: &Content, new: &Content) -> Result<Vec<u8>, Error> {
    let (change, table) = rayon::join(|| Change::find(old, new), || Table::new(old));
    let (mut best, text) = change.write(old, &table, false)?;
    let modelled = (1..=MODEL_MAX).contains(&text);
    if modelled {
        best = change.write(old, &table, true)?.0;
    }
    if let Some(joined) = change.joined() {
        let joined = joined.write(old, &table, modelled)?.0;
        if joined.len() < best.len() {
            best = joined;
        }
    }
    Ok(best)
}

/// Up to this many bytes of text are told under a model, which reads a megabyte in a few seconds.
const MODEL_MAX: usize = 1 << 20;

/// The content that a payload makes of `old`.
///
/// # Errors
/// Bytes that nobody wrote, as far as that shows: the caller compares the content's id.
pub(crate) fn read<V4: Paintable>(
    old: Content<V4>,
    payload: &[u8],
    limits: &Limits,
) -> Result<Content<V4>, Error> {
    let mut rest = payload;
    let head = Head::read(&mut rest)?;
    check_limits(&head, limits)?;
    let bad = || Error::Malformed {
        what: "length of the decisions",
    };
    let len = take_uv(&mut rest)
        .and_then(|len| usize::try_from(len).ok())
        .ok_or_else(bad)?;
    let (decisions, text) = rest.split_at_checked(len).ok_or_else(bad)?;
    let mut decoder = Decoder::new(decisions, text);
    let added = u32::try_from(head.values).map_err(|_| Error::Malformed {
        what: "count of values",
    })?;
    let added = values::code(
        &mut decoder,
        old.values(),
        added,
        &[],
        (limits.payload, head.modelled),
    )?;
    let mut table = Table::new(&old).with_added(u32::try_from(added.len()).unwrap_or(u32::MAX));
    let old_zones = old.zones().iter().map(|zone| *zone.name());
    let zones = head.zones.clone().unwrap_or_else(|| old_zones.collect());
    if zones.len() != head.parts.len() {
        return Err(Error::Malformed {
            what: "count of zones",
        });
    }
    // What the old content says stays, but where the payload says otherwise.
    let mut draft = old.into_draft();
    // Behind those of the old content, so that ids are those of the payload.
    let values = added.iter().map(|bytes| rblmap::Value::new(bytes));
    if !draft.values.append(values) {
        return Err(Error::Malformed {
            what: "added value",
        });
    }
    draft.retain_zones(&zones);
    for (name, part) in zones.iter().zip(&head.parts) {
        let mut reader = ZoneReader {
            coder: &mut decoder,
            table: &mut table,
            limits,
            modelled: head.modelled,
        };
        reader.zone(part, draft.zone_mut(name))?;
    }
    if !decoder.is_at_end() {
        return Err(Error::Malformed { what: "length" });
    }
    Ok(draft.finish()?)
}

/// IPv4 runs that paints can be read and laid over.
pub(crate) trait Paintable: V4Runs {
    /// Reads paints and lays them over.
    ///
    /// # Errors
    /// Bytes that nobody wrote, as far as that shows.
    fn paint(
        self,
        coder: &mut Decoder<'_>,
        counts: paint_code::Counts,
        table: &mut Table,
    ) -> Result<Self, Error>;
}

impl Paintable for Vec<Run<u32>> {
    fn paint(
        self,
        coder: &mut Decoder<'_>,
        counts: paint_code::Counts,
        table: &mut Table,
    ) -> Result<Self, Error> {
        painted(&self, coder, counts, table)
    }
}

impl Paintable for V4Image<'_> {
    fn paint(
        self,
        coder: &mut Decoder<'_>,
        counts: paint_code::Counts,
        table: &mut Table,
    ) -> Result<Self, Error> {
        match self {
            V4Image::List(runs) => Ok(V4Image::List(runs.paint(coder, counts, table)?)),
            V4Image::Blocks(mut blocks) => {
                let paints = paint_code::decode(coder, &&*blocks, counts, table)?;
                let laid = blocks.edit(&paints);
                laid.map_err(|_| Error::Malformed { what: "paints" })?;
                Ok(V4Image::Blocks(blocks))
            }
        }
    }
}

fn painted<A: Address>(
    old: &[Run<A>],
    coder: &mut Decoder<'_>,
    counts: paint_code::Counts,
    table: &mut Table,
) -> Result<Vec<Run<A>>, Error> {
    let paints = paint_code::decode(coder, &old, counts, table)?;
    Ok(edit_runs(old, &paints))
}

/// The change between two contents, in the ids of the old one's values and the added ones.
struct Change<'a> {
    added: Vec<Vec<u8>>,
    zones: Option<Vec<NameKey>>,
    parts: Vec<ZoneChange<'a>>,
}

struct ZoneChange<'a> {
    old: Option<&'a ZoneContent>,
    v4: Vec<Edit<u32>>,
    v6: Vec<Edit<u128>>,
    names: NameTable,
    expires: Option<u64>,
    facts: Option<Vec<u8>>,
}

impl<'a> Change<'a> {
    fn find(old: &'a Content, new: &Content) -> Change<'a> {
        let (ids, added) = number(old, new);
        let names = |content: &Content| content.zones().iter().map(|zone| *zone.name()).collect();
        let (old_zones, new_zones): (Vec<NameKey>, Vec<NameKey>) = (names(old), names(new));
        let parts = new
            .zones()
            .iter()
            .map(|zone| zone_change(old, zone, &ids))
            .collect();
        Change {
            added,
            zones: (old_zones != new_zones).then_some(new_zones),
            parts,
        }
    }

    /// The same with joined paints, if any can be.
    fn joined(&self) -> Option<Change<'a>> {
        let mut shorter = false;
        let parts = self.parts.iter().map(|part| {
            let (v4, v6) = (paint::join(&part.v4), paint::join(&part.v6));
            shorter |= v4.len() < part.v4.len() || v6.len() < part.v6.len();
            ZoneChange {
                old: part.old,
                v4,
                v6,
                names: part.names.clone(),
                expires: part.expires,
                facts: part.facts.clone(),
            }
        });
        let parts = parts.collect();
        shorter.then(|| Change {
            added: self.added.clone(),
            zones: self.zones.clone(),
            parts,
        })
    }

    /// The payload, and how many bytes of it are text.
    fn write(
        &self,
        old: &Content,
        table: &Table,
        modelled: bool,
    ) -> Result<(Vec<u8>, usize), Error> {
        let mut encoder = Encoder::new();
        let added = u32::try_from(self.added.len()).map_err(|_| Error::Malformed {
            what: "count of values",
        })?;
        values::code(
            &mut encoder,
            old.values(),
            added,
            &self.added,
            (u64::MAX, modelled),
        )?;
        let mut table = table.clone().with_added(added);
        let mut head = Head {
            zones: self.zones.clone(),
            values: added.into(),
            modelled,
            parts: Vec::with_capacity(self.parts.len()),
        };
        for part in &self.parts {
            head.parts
                .push(part.write(&mut encoder, (&mut table, modelled))?);
        }
        let (decisions, text) = encoder.finish();
        let mut out = Vec::with_capacity(decisions.len() + text.len() + 64);
        head.write(&mut out);
        push_uv(&mut out, decisions.len() as u64);
        out.extend(decisions);
        out.extend(&text);
        Ok((out, text.len()))
    }
}

impl ZoneChange<'_> {
    fn write<C: Coder>(
        &self,
        coder: &mut C,
        (table, modelled): (&mut Table, bool),
    ) -> Result<Part, Error> {
        let empty = NameTable::new();
        let old_names = self.old.map_or(&empty, ZoneContent::names);
        let edit = names::find(old_names, &self.names);
        let (old4, old6) = (runs4(self.old), runs6(self.old));
        let part = Part {
            v4: paint_code::count(old4, &self.v4),
            v6: paint_code::count(old6, &self.v6),
            names: edit.counts(),
            expires: self.expires,
            facts: self.facts.clone(),
        };
        paint_code::encode(coder, old4, part.v4, &self.v4, table)?;
        paint_code::encode(coder, old6, part.v6, &self.v6, table)?;
        if part.names != names::Counts::default() {
            names::code(
                coder,
                old_names,
                part.names,
                Some(&edit),
                (table, modelled),
                u64::MAX,
            )?;
        }
        Ok(part)
    }
}

fn zone_change<'a>(old: &'a Content, new: &ZoneContent, ids: &[ValueId]) -> ZoneChange<'a> {
    let zone = old.zone(new.name());
    let expires = new.expires().unwrap_or(0);
    let facts = new.facts().encode();
    let map = |id: ValueId| ids.get(id.rank() as usize).copied().unwrap_or(id);
    let slot = |slot: Slot| slot.value().map_or(slot, |id| Slot::Value(map(id)));
    let mut names = NameTable::new();
    for point in new.names().iter() {
        names.push(point.key, slot(point.exact), slot(point.below));
    }
    ZoneChange {
        old: zone,
        v4: paint::find(runs4(zone), &renumbered(new.v4(), map)),
        v6: paint::find(runs6(zone), &renumbered(new.v6(), map)),
        names,
        expires: (zone.and_then(ZoneContent::expires).unwrap_or(0) != expires).then_some(expires),
        facts: (zone.map(|zone| zone.facts().encode()).unwrap_or_default() != facts)
            .then_some(facts),
    }
}

/// Reads the parts of one zone.
struct ZoneReader<'r, 'b> {
    coder: &'r mut Decoder<'b>,
    table: &'r mut Table,
    limits: &'r Limits,
    modelled: bool,
}

impl ZoneReader<'_, '_> {
    /// Makes the old zone the new one.
    fn zone<V4: Paintable>(&mut self, part: &Part, zone: &mut DraftZone<V4>) -> Result<(), Error> {
        if part.expires.is_some() {
            zone.expires = part.expires.filter(|&expires| expires != 0);
        }
        if let Some(bytes) = &part.facts {
            zone.facts = Facts::decode(bytes).ok_or(Error::Malformed { what: "zone facts" })?;
        }
        if part.v4.paints > 0 {
            let runs = std::mem::take(&mut zone.v4);
            zone.v4 = runs.paint(self.coder, part.v4, self.table)?;
        }
        if part.v6.paints > 0 {
            zone.v6 = painted(&zone.v6, self.coder, part.v6, self.table)?;
        }
        if part.names != names::Counts::default() {
            zone.names = names::code(
                self.coder,
                &zone.names,
                part.names,
                None,
                (self.table, self.modelled),
                self.limits.payload,
            )?;
        }
        Ok(())
    }
}

pub(crate) fn runs4(zone: Option<&ZoneContent>) -> &[Run<u32>] {
    zone.map_or(&[], ZoneContent::v4)
}

pub(crate) fn runs6(zone: Option<&ZoneContent>) -> &[Run<u128>] {
    zone.map_or(&[], ZoneContent::v6)
}

pub(crate) fn renumbered<A: Address>(
    runs: &[Run<A>],
    map: impl Fn(ValueId) -> ValueId,
) -> Vec<Run<A>> {
    runs.iter()
        .map(|run| Run {
            value: map(run.value),
            ..*run
        })
        .collect()
}

/// The id of each new value: its rank in the old list, or behind that its place among the added.
pub(crate) fn number(old: &Content, new: &Content) -> (Vec<ValueId>, Vec<Vec<u8>>) {
    let mut ids = Vec::with_capacity(new.values().len());
    let mut added: Vec<Vec<u8>> = Vec::new();
    let mut old_values = (0u32..).zip(old.values().iter()).peekable();
    let first_added = u32::try_from(old.values().len()).unwrap_or(u32::MAX);
    for value in new.values().iter() {
        while old_values
            .next_if(|(_, old)| old.as_bytes() < value.as_bytes())
            .is_some()
        {}
        let rank = match old_values.peek() {
            Some((rank, old)) if old.as_bytes() == value.as_bytes() => *rank,
            _ => {
                added.push(value.as_bytes().to_vec());
                first_added.saturating_add(u32::try_from(added.len() - 1).unwrap_or(u32::MAX))
            }
        };
        ids.extend(ValueId::from_rank(rank));
    }
    (ids, added)
}

fn check_limits(head: &Head, limits: &Limits) -> Result<(), Error> {
    let mut size = head.values;
    for part in &head.parts {
        if head.modelled && part.names.added > MODEL_MAX as u64 {
            return Err(Error::Malformed {
                what: "count of names under a model",
            });
        }
        for count in [
            part.v4.paints,
            part.v6.paints,
            part.names.changed,
            part.names.added,
        ] {
            size = size.saturating_add(count);
        }
    }
    if size > limits.entries {
        let limit = limits.entries;
        return Err(Error::Limit {
            what: "changes",
            size,
            limit,
        });
    }
    Ok(())
}
