//! Makes snapshots and deltas: finds the change between two contents and writes it.

use rblmap::{Image, NameKey, Run, Slot, ValueId};
use rblmap_content::{Content, ContentId, Draft, Edit, NameTable, ZoneContent};
use rblmap_format::Address;

use crate::MODEL_MAX;
use crate::codec::range_coder::{Coder, Encoder};
use crate::codec::value_refs::Table;
use crate::container::frame;
use crate::container::header::{Header, Kind};
use crate::container::ids::{IdPrefix, ImageRoot, Session};
use crate::container::payload_head::{Head, Part};
use crate::container::varint::push_uv;
use crate::edit::{addresses, find, names, values};
use crate::error::Error;

/// Packs the content of an image: a snapshot (`.rbs`), from which [`unpack`] makes the same image.
///
/// ```
/// # use rblmap_delta::{Session, pack};
/// let image = rblmap::Image::read("../../testdata/golden/three.rbl")?;
/// assert!(pack(&image, Session(0))?.len() < image.as_bytes().len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// An image that is damaged, or that holds no content in normal form.
pub fn pack(image: &Image, session: Session) -> Result<Vec<u8>, Error> {
    image.verify().map_err(rblmap_image::Error::from)?;
    let content = rblmap_image::decode(image)?;
    let empty = Draft::new(content.name().clone()).finish()?;
    let result = content.id();
    let header = Header {
        kind: Kind::Snapshot,
        zone: content.name().clone(),
        session,
        to_serial: image.serial(),
        created: image.created(),
        image: ImageRoot::of(image, &result),
        result,
    };
    Ok(header.seal(&frame::close(&write(&empty, &content)?)?))
}

/// The change from one image of a zone to another: a delta (`.rbd`).
///
/// ```
/// # use rblmap_delta::{Session, Header, diff};
/// let image = rblmap::Image::read("../../testdata/golden/three.rbl")?;
/// let header = Header::read(&diff(&image, &image, Session(0))?)?;
/// assert_eq!(header.from_serial(), header.to_serial);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Images of different zones, that are damaged, or that hold no content in normal form.
pub fn diff(old: &Image, new: &Image, session: Session) -> Result<Vec<u8>, Error> {
    let verified = |which, image: &Image| {
        let whole = image.verify().map_err(rblmap_image::Error::from);
        let content = whole.and_then(|()| rblmap_image::decode(image));
        content.map_err(|source| Error::Side { which, source })
    };
    let (from, to) = rayon::join(|| verified("old", old), || verified("new", new));
    let (from, to) = (from?, to?);
    if from.name() != to.name() {
        return Err(Error::Zone {
            expected: from.name().to_string(),
            found: to.name().to_string(),
        });
    }
    let (result, payload) = rayon::join(|| to.id(), || write(&from, &to));
    let header = Header {
        kind: Kind::Delta {
            // As the old image calls itself, and as it is looked for when the delta is applied.
            base: IdPrefix::of(&ContentId::from_bytes(old.content_id())),
            from_serial: old.serial(),
        },
        zone: to.name().clone(),
        session,
        to_serial: new.serial(),
        created: new.created(),
        image: ImageRoot::of(new, &result),
        result,
    };
    Ok(header.seal(&frame::close(&payload?)?))
}

/// The shortest of the ways to write the change: edits joined over intervals or not, texts for
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

    /// The same with joined edits, if any can be.
    fn joined(&self) -> Option<Change<'a>> {
        let mut shorter = false;
        let parts = self.parts.iter().map(|part| {
            let (v4, v6) = (find::joined(&part.v4), find::joined(&part.v6));
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
            v4: addresses::count(old4, &self.v4),
            v6: addresses::count(old6, &self.v6),
            names: edit.counts(),
            expires: self.expires,
            facts: self.facts.clone(),
        };
        addresses::encode(coder, old4, part.v4, &self.v4, table)?;
        addresses::encode(coder, old6, part.v6, &self.v6, table)?;
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
        v4: find::edits_between(runs4(zone), &renumbered(new.v4(), map)),
        v6: find::edits_between(runs6(zone), &renumbered(new.v6(), map)),
        names,
        expires: (zone.and_then(ZoneContent::expires).unwrap_or(0) != expires).then_some(expires),
        facts: (zone.map(|zone| zone.facts().encode()).unwrap_or_default() != facts)
            .then_some(facts),
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
