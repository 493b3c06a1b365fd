//! Reads snapshots and deltas: what comes of a payload, and the image of the result.

use rblmap::{Image, Run};
use rblmap_content::{Content, ContentId, Draft, DraftZone, Facts, V4Runs, edit_runs};
use rblmap_format::Address;
use rblmap_image::{Layout, V4Image, V4Source, encode_named};

use crate::MODEL_MAX;
use crate::codec::range_coder::Decoder;
use crate::codec::value_refs::Table;
use crate::container::frame;
use crate::container::header::{self, Header, Kind};
use crate::container::ids::{IdPrefix, ImageRoot};
use crate::container::limits::Limits;
use crate::container::payload_head::{Head, Part};
use crate::container::varint::take_uv;
use crate::edit::{addresses, names, values};
use crate::error::Error;

/// The bytes of the image that a snapshot was packed from, checked.
///
/// ```
/// # use rblmap_delta::{Session, Limits, pack, unpack};
/// let image = rblmap::Image::read("../../testdata/golden/three.rbl")?;
/// let mut snapshot = pack(&image, Session(0))?;
/// assert_eq!(unpack(&snapshot, &Limits::default())?, image.as_bytes());
/// snapshot[40] ^= 1;
/// assert!(unpack(&snapshot, &Limits::default()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Bytes that are no snapshot, are damaged, ask for more than the limits, or make another content
/// than they name.
pub fn unpack(snapshot: &[u8], limits: &Limits) -> Result<Vec<u8>, Error> {
    let (header, body) = header::split(snapshot)?;
    if header.kind != Kind::Snapshot {
        let (found, expected) = ("a delta", "a snapshot");
        return Err(Error::Kind { found, expected });
    }
    let empty = Draft::new(header.zone.clone()).finish()?;
    let content = read(empty, &frame::open(body, limits)?, limits)?;
    // Next to the rest it costs nothing, and nobody has looked at the content before.
    check_result(&header, &content)?;
    checked_image(&header, &content, Layout::default())
}

/// The bytes of the image that deltas lead to from `old`, one after the other, checked: they have the
/// root that the last delta names, or, where that is of an image in another format or layout, the
/// content id. (Whoever makes a delta on purpose can name the root of an image that calls a list by
/// the content id of another: trust in who made it is what the signature of a feed is for.) No image
/// is made in between. If `old` has no order of names, the new one has none.
///
/// ```
/// # use rblmap_delta::{Session, Limits, apply, diff};
/// let image = rblmap::Image::read("../../testdata/golden/three.rbl")?;
/// let nothing = diff(&image, &image, Session(0))?;
/// let again = apply(&image, &[&nothing, &nothing], &Limits::default())?;
/// assert_eq!(again, image.as_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// No delta; bytes that are none, are damaged or ask for more than the limits; a delta for another
/// zone or content than the one it meets; a result that is not the content which the last one
/// names.
pub fn apply(old: &Image, deltas: &[&[u8]], limits: &Limits) -> Result<Vec<u8>, Error> {
    let base = rblmap_image::edited(old)?;
    // Lines of the old image are copied to the new one, where nobody would see that they are damaged.
    let (whole, followed) = rayon::join(|| old.verify(), || follow(base, old, deltas, limits));
    whole.map_err(rblmap_image::Error::from)?;
    let (last, content) = followed?;
    let layout = Layout::of(old);
    // Equal contents make equal bytes: an image that has the root has the content, too.
    if named_root(&last, layout).is_none() {
        check_result(&last, &content)?;
    }
    checked_image(&last, &content, layout)
}

/// The content at the end of a chain of deltas, and the header of the last.
pub(crate) fn follow<V4: EditRuns>(
    base: Content<V4>,
    image: &Image,
    deltas: &[&[u8]],
    limits: &Limits,
) -> Result<(Header, Content<V4>), Error> {
    let mut at = ContentId::from_bytes(image.content_id());
    // The whole chain is looked at before any of it costs anything.
    let mut chain = Vec::with_capacity(deltas.len());
    for delta in deltas {
        let (header, body) = header::split(delta)?;
        let Kind::Delta { base: expected, .. } = header.kind else {
            let (found, expected) = ("a snapshot", "a delta");
            return Err(Error::Kind { found, expected });
        };
        if &header.zone != base.name() {
            return Err(Error::Zone {
                expected: base.name().to_string(),
                found: header.zone.to_string(),
            });
        }
        if !expected.matches(&at) {
            return Err(Error::Base {
                expected,
                found: IdPrefix::of(&at),
            });
        }
        at = header.result;
        chain.push((header, body));
    }
    let mut content = base;
    let mut last = None;
    for (header, body) in chain {
        content = read(content, &frame::open(body, limits)?, limits)?;
        last = Some(header);
    }
    Ok((last.ok_or(Error::NoDelta)?, content))
}

/// The root that the result shall have, if the header names that of an image of this layout.
fn named_root(header: &Header, layout: Layout) -> Option<ImageRoot> {
    header.image.filter(|_| layout == Layout::default())
}

/// The image of a content, if it is the one that the header names, where it names one.
fn checked_image<V4: V4Source>(
    header: &Header,
    content: &Content<V4>,
    layout: Layout,
) -> Result<Vec<u8>, Error> {
    let bytes = encode_named(content, header.result, header.stamp(), layout)?;
    let found = ImageRoot::in_header(&bytes);
    match named_root(header, layout).filter(|expected| *expected != found) {
        Some(expected) => Err(Error::ResultImage { expected, found }),
        None => Ok(bytes),
    }
}

pub(crate) fn check_result<V4: V4Runs>(
    header: &Header,
    content: &Content<V4>,
) -> Result<(), Error> {
    let (found, expected) = (content.id(), header.result);
    if found == expected {
        return Ok(());
    }
    Err(Error::Result { expected, found })
}
/// The content that a payload makes of `old`.
///
/// # Errors
/// Bytes that nobody wrote, as far as that shows: the caller compares the content's id.
pub(crate) fn read<V4: EditRuns>(
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

/// IPv4 runs that edits can be read and laid over.
pub(crate) trait EditRuns: V4Runs {
    /// Reads edits and lays them over.
    ///
    /// # Errors
    /// Bytes that nobody wrote, as far as that shows.
    fn edit(
        self,
        coder: &mut Decoder<'_>,
        counts: addresses::Counts,
        table: &mut Table,
    ) -> Result<Self, Error>;
}

impl EditRuns for Vec<Run<u32>> {
    fn edit(
        self,
        coder: &mut Decoder<'_>,
        counts: addresses::Counts,
        table: &mut Table,
    ) -> Result<Self, Error> {
        edited(&self, coder, counts, table)
    }
}

impl EditRuns for V4Image<'_> {
    fn edit(
        self,
        coder: &mut Decoder<'_>,
        counts: addresses::Counts,
        table: &mut Table,
    ) -> Result<Self, Error> {
        match self {
            V4Image::List(runs) => Ok(V4Image::List(runs.edit(coder, counts, table)?)),
            V4Image::Blocks(mut blocks) => {
                let edits = addresses::decode(coder, &&*blocks, counts, table)?;
                let laid = blocks.edit(&edits);
                laid.map_err(|_| Error::Malformed { what: "edits" })?;
                Ok(V4Image::Blocks(blocks))
            }
        }
    }
}

fn edited<A: Address>(
    old: &[Run<A>],
    coder: &mut Decoder<'_>,
    counts: addresses::Counts,
    table: &mut Table,
) -> Result<Vec<Run<A>>, Error> {
    let edits = addresses::decode(coder, &old, counts, table)?;
    Ok(edit_runs(old, &edits))
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
    fn zone<V4: EditRuns>(&mut self, part: &Part, zone: &mut DraftZone<V4>) -> Result<(), Error> {
        if part.expires.is_some() {
            zone.expires = part.expires.filter(|&expires| expires != 0);
        }
        if let Some(bytes) = &part.facts {
            zone.facts = Facts::decode(bytes).ok_or(Error::Malformed { what: "zone facts" })?;
        }
        if part.v4.edits > 0 {
            let runs = std::mem::take(&mut zone.v4);
            zone.v4 = runs.edit(self.coder, part.v4, self.table)?;
        }
        if part.v6.edits > 0 {
            zone.v6 = edited(&zone.v6, self.coder, part.v6, self.table)?;
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

fn check_limits(head: &Head, limits: &Limits) -> Result<(), Error> {
    let mut size = head.values;
    for part in &head.parts {
        if head.modelled && part.names.added > MODEL_MAX as u64 {
            return Err(Error::Malformed {
                what: "count of names under a model",
            });
        }
        for count in [
            part.v4.edits,
            part.v6.edits,
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
