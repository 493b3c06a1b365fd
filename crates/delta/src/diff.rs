//! Makes snapshots and deltas: finds the change between two contents and writes it.
//!
//! ```text
//!   old ─┐
//!        ├─► Change::find ──► Change::write ──► head ────────┐
//!   new ─┘   values, edits,    (with texts plain,  decisions ─┼─► zstd frame ─┐
//!            names, facts       under the model)   text ──────┘                ├─► file
//!                                                  streams of edits, if many ──┘
//! ```

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;
use rblmap::{Image, NameKey, NameRule, Run, ValueId};
use rblmap_content::{
    Content, ContentId, Difference, Draft, Edit, Lender, NameTable, V4Runs, Values, ZoneContent,
};
use rblmap_format::Address;
use rblmap_format::varint::push_uv;
use rblmap_image::{Blocks, EditedContent, V4Image, V4Source, V4View};

use crate::codec::range_coder::Encoder;
use crate::codec::text_model::{MODEL_MAX, TextRoom};
use crate::codec::value_refs::Table;
use crate::container::frame;
use crate::container::header::{Header, Kind};
use crate::container::ids::{IdPrefix, ImageRoot, Session};
use crate::container::payload_head::{Head, Part, may_have_streams};
use crate::edit::addresses::Stream;
use crate::edit::base::Base;
use crate::edit::{addresses, find, names, values};
use crate::error::Error;
use crate::streams::{Edits, Told, ZoneStreams};

/// Packs the content of an image: a snapshot (`.rbs`), from which [`crate::unpack`] makes the same image.
///
/// ```
/// # use rblmap_delta::{Session, pack};
/// let image = rblmap::Image::read("testdata/three.rbl")?;
/// assert!(pack(&image, Session(0))?.len() < image.as_bytes().len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// An image that is damaged, or that holds no content in normal form.
pub fn pack(image: &Image, session: Session) -> Result<Vec<u8>, Error> {
    let (whole, content) = rayon::join(|| image.verify(), || rblmap_image::edited_with_id(image));
    whole.map_err(rblmap_image::Error::from)?;
    let content = content?;
    let empty = Draft::empty(content.name().clone()).finish()?;
    let (result, written) = rayon::join(|| content.id(), || write(&empty, &content, &Known::new()));
    let header = Header {
        kind: Kind::Snapshot,
        zone: content.name().clone(),
        session,
        to_serial: image.serial(),
        created: image.created(),
        image: ImageRoot::of(image, &result),
        result,
    };
    Ok(header.seal(&written?))
}

/// The change from one image of a zone to another: a delta (`.rbd`).
///
/// ```
/// # use rblmap_delta::{Session, Header, diff};
/// let image = rblmap::Image::read("testdata/three.rbl")?;
/// let header = Header::read(&diff(&image, &image, Session(0))?)?;
/// assert_eq!(header.from_serial(), header.to_serial);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Images of different zones, that are damaged, or that hold no content in normal form.
pub fn diff(old: &Image, new: &Image, session: Session) -> Result<Vec<u8>, Error> {
    let (whole, both) = rayon::join(
        || rayon::join(|| old.verify(), || new.verify()),
        || rblmap_image::edited_both(old, new),
    );
    let from = whole.0.map_err(rblmap_image::Error::from).and(both.old);
    let from = from.map_err(Error::OldImage)?;
    let to = whole.1.map_err(rblmap_image::Error::from).and(both.new);
    let to = to.map_err(Error::NewImage)?;
    if from.name() != to.name() {
        return Err(Error::Zone {
            expected: from.name().to_string(),
            found: to.name().to_string(),
        });
    }
    let (result, written) = rayon::join(|| to.id(), || write(&from, &to, &both.differences));
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
    Ok(header.seal(&written?))
}

/// Where the IPv4 runs of zones differ, if that is known; each value has one id in both contents.
pub(crate) type Known = BTreeMap<NameKey, Vec<Difference<u32>>>;

/// The frame of a payload, and the streams of edits behind it: the shortest of the ways to write the
/// change. Edits are joined over several runs and gaps or not; texts are left to zstd or told under a
/// model.
pub(crate) fn write<'i>(
    old: &EditedContent<'i>,
    new: &EditedContent<'i>,
    known: &Known,
) -> Result<Vec<u8>, Error> {
    let (change, table) = rayon::join(|| Change::find(old, new, known), || Table::new(old));
    let table = table.with_added(change.added_count()?);
    let single = || change.way(old, &table, Edits::Single, false);
    let joined = |is_modelled| {
        let can_be = change.can_be_joined();
        let way = || change.way(old, &table, Edits::Joined, is_modelled);
        can_be.then(way).transpose()
    };
    let (single, joined) = if change.has_text() {
        let mut single = single()?;
        let is_modelled = (1..=MODEL_MAX).contains(&(single.written.text as u64));
        if is_modelled {
            single.written = change.write(old, &table, &single.streams, true)?;
        }
        (single, joined(is_modelled)?)
    } else {
        let (single, joined) = rayon::join(single, || joined(false));
        (single?, joined?)
    };
    let best = match joined {
        Some(joined) if joined.len() < single.len() => joined,
        _ => single,
    };
    let mut out = frame::close(&best.written.payload)?;
    drop(best.written);
    let decisions = best.streams.iter().flat_map(ZoneStreams::decisions);
    decisions.for_each(|decisions| out.extend(decisions));
    Ok(out)
}

/// A change, written in one of the ways that there are.
struct Way<'c> {
    streams: Vec<ZoneStreams<'c>>,
    written: Written,
}

impl Way<'_> {
    /// How many bytes it takes, before zstd.
    fn len(&self) -> usize {
        let decisions = self.streams.iter().flat_map(ZoneStreams::decisions);
        self.written.payload.len() + decisions.map(<[u8]>::len).sum::<usize>()
    }
}

/// The payload of a change, without the streams of edits that stand behind it.
struct Written {
    payload: Vec<u8>,
    /// How many bytes of it are text.
    text: usize,
}

/// The change between two contents, in the ids of the old one's values and of the added ones.
struct Change<'a> {
    added: Vec<Vec<u8>>,
    zones: Option<Vec<NameKey>>,
    /// For each zone of the new content.
    parts: Vec<ZoneChange<'a>>,
}

struct ZoneChange<'a> {
    old: Option<&'a ZoneContent<V4Image<'a>>>,
    v4: Edits4<'a>,
    v6: Vec<Edit<u128>>,
    names: NameTable,
    expires: Option<u64>,
    facts: Option<Vec<u8>>,
}

/// The edits of IPv4 addresses.
enum Edits4<'a> {
    List(Vec<Edit<u32>>),
    /// The base says nothing, and values keep their ids: each run is an edit. They stay in the image
    /// until they are written.
    All(&'a Blocks<'a>),
}

impl ZoneChange<'_> {
    /// The edits, those of a large change written.
    fn streams(&self, table: &Table, how: Edits) -> Result<ZoneStreams<'_>, Error> {
        let v4 = match (&self.v4, self.old.map(|zone| zone.v4_runs().view())) {
            (Edits4::All(blocks), _) => Told::all(blocks, table)?,
            (Edits4::List(edits), Some(V4View::Blocks(old))) => Told::of(&old, edits, how, table)?,
            (Edits4::List(edits), Some(V4View::List(old))) => Told::of(&old, edits, how, table)?,
            (Edits4::List(edits), None) => Told::of(&&[][..], edits, how, table)?,
        };
        let v6 = Told::of(&runs6(self.old), &self.v6, how, table)?;
        Ok(ZoneStreams { v4, v6 })
    }
}

impl<'a> Change<'a> {
    fn find<'i>(
        old: &'a EditedContent<'i>,
        new: &'a EditedContent<'i>,
        known: &Known,
    ) -> Change<'a> {
        let (ids, added) = number(old, new);
        let ids = find::Ids::new(old, new, ids);
        let names =
            |content: &EditedContent<'_>| content.zones().iter().map(|zone| *zone.name()).collect();
        let (old_zones, new_zones): (Vec<NameKey>, Vec<NameKey>) = (names(old), names(new));
        let zones = new.zones().iter();
        Change {
            added,
            parts: zones
                .map(|zone| zone_change(old, zone, &ids, known.get(zone.name())))
                .collect(),
            zones: (old_zones != new_zones).then_some(new_zones),
        }
    }

    fn added_count(&self) -> Result<u32, Error> {
        let count = u32::try_from(self.added.len());
        count.map_err(|_| Error::Malformed {
            what: "count of values",
        })
    }

    /// Whether neighbouring edits can be one.
    fn can_be_joined(&self) -> bool {
        self.parts.iter().any(|part| {
            let v4 = match &part.v4 {
                Edits4::List(edits) => find::can_be_joined(edits),
                // Runs that touch have different values.
                Edits4::All(_) => false,
            };
            v4 || find::can_be_joined(&part.v6)
        })
    }

    /// Whether there is a text or name to be told.
    fn has_text(&self) -> bool {
        !self.added.is_empty() || self.parts.iter().any(|part| !part.names.is_empty())
    }

    /// The change with its edits told in this way.
    fn way(
        &self,
        old: &EditedContent<'_>,
        table: &Table,
        edits: Edits,
        is_modelled: bool,
    ) -> Result<Way<'_>, Error> {
        let streams = self.streams(table, edits)?;
        let written = self.write(old, table, &streams, is_modelled)?;
        Ok(Way { streams, written })
    }

    /// The edits of each zone, those of large changes written.
    fn streams(&self, table: &Table, edits: Edits) -> Result<Vec<ZoneStreams<'_>>, Error> {
        let parts = self.parts.iter();
        parts.map(|part| part.streams(table, edits)).collect()
    }

    fn write(
        &self,
        old: &EditedContent<'_>,
        table: &Table,
        streams: &[ZoneStreams<'_>],
        is_modelled: bool,
    ) -> Result<Written, Error> {
        let mut encoder = Encoder::new();
        let added = self.added_count()?;
        let mut room = TextRoom::new(u64::MAX, is_modelled);
        values::code(&mut encoder, old.values(), added, &self.added, &mut room)?;
        let mut writer = ZoneWriter {
            encoder,
            table: table.clone(),
            room,
        };
        let mut head = Head {
            zones: self.zones.clone(),
            values: added.into(),
            modelled: is_modelled,
            parts: Vec::new(),
        };
        for (place, (part, streams)) in self.parts.iter().zip(streams).enumerate() {
            let part = writer.zone(part, streams)?;
            if !part.is_empty() {
                head.parts.push((place, part));
            }
        }
        let (decisions, text) = writer.encoder.finish();
        let mut payload = Vec::with_capacity(decisions.len() + text.len() + 64);
        head.write(&mut payload);
        push_uv(&mut payload, decisions.len() as u64);
        payload.extend(decisions);
        payload.extend(&text);
        Ok(Written {
            payload,
            text: text.len(),
        })
    }
}

/// Writes one zone after the other.
struct ZoneWriter {
    encoder: Encoder,
    table: Table,
    room: TextRoom,
}

impl ZoneWriter {
    fn zone(&mut self, zone: &ZoneChange<'_>, streams: &ZoneStreams<'_>) -> Result<Part, Error> {
        let empty = NameTable::new();
        let old_names = zone.old.map_or(&empty, ZoneContent::names);
        let names = names::find(old_names, &zone.names);
        let v4 = match zone.old.map(|zone| zone.v4_runs().view()) {
            Some(V4View::Blocks(blocks)) => self.edits(&blocks, &streams.v4)?,
            Some(V4View::List(runs)) => self.edits(&runs, &streams.v4)?,
            None => self.edits(&&[][..], &streams.v4)?,
        };
        let part = Part {
            v4,
            v6: self.edits(&runs6(zone.old), &streams.v6)?,
            names: names.counts(),
            expires: zone.expires,
            facts: zone.facts.clone(),
        };
        if !names.is_empty() {
            let counts = names.counts();
            let (table, room) = (&mut self.table, &mut self.room);
            names::code(
                &mut self.encoder,
                old_names,
                counts,
                Some(&names),
                table,
                room,
            )?;
        }
        Ok(part)
    }

    /// Writes edits that have no streams of their own among the other decisions.
    fn edits<A: Address>(
        &mut self,
        base: &impl Base<A>,
        told: &Told<'_, A>,
    ) -> Result<Vec<Stream<A>>, Error> {
        let (edits, spans) = match told {
            Told::Here { edits, spans } => (edits, *spans),
            Told::Apart(streams) => return Ok(streams.iter().map(|it| it.0).collect()),
        };
        if edits.is_empty() {
            return Ok(Vec::new());
        }
        let (encoder, table) = (&mut self.encoder, &mut self.table);
        let stream = addresses::encode(encoder, base, edits, spans, A::FIRST, table)?;
        Ok(vec![stream])
    }
}

fn zone_change<'a>(
    old: &'a EditedContent<'_>,
    new: &'a ZoneContent<V4Image<'a>>,
    ids: &find::Ids,
    known: Option<&Vec<Difference<u32>>>,
) -> ZoneChange<'a> {
    let zone = old.zone(new.name());
    let expires = new.expires().unwrap_or(0);
    let facts = new.facts().encode();
    let map = |id: ValueId| ids.of(id);
    let slot = |slot: NameRule| slot.value().map_or(slot, |id| NameRule::Value(map(id)));
    let mut names = NameTable::new();
    for point in new.names().iter() {
        names.push(point.key, slot(point.exact), slot(point.below));
    }
    let nothing = V4View::List(&[]);
    let was = zone.map_or(nothing, |zone| zone.v4_runs().view());
    let is = new.v4_runs().view();
    let all = was.is_empty() && ids.keep() && may_have_streams(is.len() as u64, ids.count());
    ZoneChange {
        old: zone,
        v4: match is {
            V4View::Blocks(blocks) if all => Edits4::All(blocks),
            _ => Edits4::List(match known {
                Some(known) => find::edits_of(known),
                None => find::edits4(was, is, ids),
            }),
        },
        v6: find::edits_between(
            runs6(zone),
            &find::with_ids(new.v6(), map).collect::<Vec<_>>(),
        ),
        names,
        expires: (zone.and_then(ZoneContent::expires).unwrap_or(0) != expires).then_some(expires),
        facts: (zone.map(|zone| zone.facts().encode()).unwrap_or_default() != facts)
            .then_some(facts),
    }
}

pub(crate) fn runs6<V4: V4Runs>(zone: Option<&ZoneContent<V4>>) -> &[Run<u128>] {
    zone.map_or(&[], ZoneContent::v6)
}

/// The id of each new value: its rank in the old list, or behind that its place among the added.
pub(crate) fn number<V4: V4Runs>(
    old: &Content<V4>,
    new: &Content<V4>,
) -> (Vec<ValueId>, Vec<Vec<u8>>) {
    let parts = (0..new.values().len().div_ceil(NUMBERED)).into_par_iter();
    let parts: Vec<Vec<Option<ValueId>>> = parts
        .map(|part| {
            let ranks = part * NUMBERED..new.values().len().min((part + 1) * NUMBERED);
            ids_in(old.values(), new.values(), ranks)
        })
        .collect();
    let mut ids = Vec::with_capacity(new.values().len());
    let mut added: Vec<Vec<u8>> = Vec::new();
    let first_added = u32::try_from(old.values().len()).unwrap_or(u32::MAX);
    for (rank, id) in parts.into_iter().flatten().enumerate() {
        let id = id.or_else(|| {
            let behind = u32::try_from(added.len()).unwrap_or(u32::MAX);
            added.push(new.values().bytes_of(rank).to_vec());
            ValueId::from_rank(first_added.saturating_add(behind))
        });
        ids.extend(id);
    }
    (ids, added)
}

/// How many values one thread looks for at once.
const NUMBERED: usize = 1 << 14;

/// The ids that values of some ranks have in another list; none for those that it does not have.
fn ids_in<L: Lender>(
    list: &Values<L>,
    of: &Values<L>,
    ranks: Range<usize>,
) -> Vec<Option<ValueId>> {
    let mut values = ranks.map(|rank| of.bytes_of(rank)).peekable();
    let first = values.peek().copied().unwrap_or_default();
    let mut rank = values::rank_of(list, first);
    let id = |value: &[u8]| loop {
        let id = u32::try_from(rank).ok().and_then(ValueId::from_rank);
        let id = id.filter(|_| rank < list.len() as u64)?;
        match list.get(id).as_bytes().cmp(value) {
            Ordering::Less => rank += 1,
            Ordering::Equal => return Some(id),
            Ordering::Greater => return None,
        }
    };
    values.map(id).collect()
}
