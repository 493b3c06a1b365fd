//! Applies snapshots and deltas: from their decisions to the image of the result.
//!
//! ```text
//!   base image ──edited──► content, runs left in the image ──┐
//!                                                            ├─► edits kept by /16 ──encode──► new image
//!   deltas: header, frame ──► head, decisions ──edit coder───┘    (lines without edits are copied)
//! ```
//!
//! A large IPv4 list is never decoded as a whole. For each /16 we know how many runs and gaps it has,
//! what it begins and ends with, and how many runs each value has (`rblmap_image::Blocks`). That is all that
//! the ranks and references of a delta need: a rank leads to its /16, the counts of the lines there lead
//! to the line, and that line alone is read.
//!
//! The edits of a chain of deltas are laid over each other, and no intermediate image is made. At the
//! end a /16 without edits has the lines that it had, with the ids that its values have by then. In a /16
//! with edits, lines that end well before an edit are copied. After an edit, lines are made anew until
//! one starts where an old line started; from there on they are copied again. So that no damage is
//! copied with them, the digests of the base are compared first.
//!
//! Nothing is believed before it is checked: the checksum, zone and base in each delta's header, then
//! each count against the limits, each decision for being possible, and at the end the root of the
//! image against the one that the last delta names.

use std::io;
use std::ops::Range;

use rblmap::{Image, NameKey};
use rblmap_content::{Content, ContentId, Draft, DraftZone, Edit, Facts, edit_runs};
use rblmap_format::Address;
use rblmap_format::varint::take_uv;
use rblmap_image::{EditedContent, Layout, V4Image, V4Lines, V4Source, encode_named, encode_to};

use crate::codec::range_coder::Decoder;
use crate::codec::text_model::{MODEL_MAX, TextRoom};
use crate::codec::value_refs::Table;
use crate::container::frame;
use crate::container::header::{self, Header, Kind};
use crate::container::ids::{IdPrefix, ImageRoot};
use crate::container::limits::Limits;
use crate::container::payload_head::{Head, Part};
use crate::edit::addresses::{self, Stream};
use crate::edit::base::Base;
use crate::edit::names::NameCounts;
use crate::edit::{names, values};
use crate::error::Error;
use crate::streams::{self, Parts};

/// The bytes of the image that a snapshot was packed from, checked.
///
/// ```
/// # use rblmap_delta::{Session, Limits, pack, unpack};
/// let image = rblmap::Image::read("testdata/three.rbl")?;
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
    unpacked(snapshot, limits, |header, content| {
        let (id, layout) = (header.result, Layout::default());
        let bytes = encode_named(content, id, header.stamp(), layout)?;
        let root = ImageRoot::in_header(&bytes);
        Ok((bytes, root))
    })
}

/// As [`unpack`], to wherever `put` brings the bytes, as [`rblmap_image::encode_to`] gives them. That takes
/// the memory of one image, [`unpack`] that of two. They are checked when all are there: if this fails, what
/// `put` was given is of no use.
///
/// ```
/// # use rblmap_delta::{Session, Limits, pack, unpack_to};
/// # use rblmap_image::NewFile;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("three.rbl");
/// let image = rblmap::Image::read("testdata/three.rbl")?;
/// let snapshot = pack(&image, Session(0))?;
/// let new = NewFile::beside(&path)?;
/// unpack_to(&snapshot, &Limits::default(), |offset, part| new.put(offset, part))?;
/// new.place()?;
/// assert_eq!(std::fs::read(&path)?, image.as_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As for [`unpack`], and what `put` says.
pub fn unpack_to(
    snapshot: &[u8],
    limits: &Limits,
    put: impl Fn(u64, &[u8]) -> io::Result<()> + Sync,
) -> Result<(), Error> {
    unpacked(snapshot, limits, |header, content| {
        let (id, layout) = (header.result, Layout::default());
        let root = encode_to(content, id, header.stamp(), layout, &put)?;
        Ok(((), ImageRoot::from_root(&root)))
    })
}

/// What `encode` makes of the content of a snapshot, checked by the root that it gives.
fn unpacked<T: Send>(
    snapshot: &[u8],
    limits: &Limits,
    encode: impl FnOnce(&Header, &EditedContent<'_>) -> Result<(T, ImageRoot), Error> + Send,
) -> Result<T, Error> {
    let (header, body) = header::split(snapshot)?;
    if header.kind != Kind::Snapshot {
        let (found, expected) = ("a delta", "a snapshot");
        return Err(Error::Kind { found, expected });
    }
    let empty = Draft::empty(header.zone.clone()).finish()?;
    let body = Body::open(body, (empty.zones().len(), 0), limits)?;
    let lines = body.lines(&empty)?;
    let content = body.read(empty, &lines, limits)?;
    // Nobody has looked at the content before, and it costs next to nothing beside the rest.
    let (checked, made) = rayon::join(
        || check_result(&header, &content),
        || encode(&header, &content),
    );
    checked?;
    let (made, root) = made?;
    check_root(&header, Layout::default(), root)?;
    Ok(made)
}

/// The bytes of the image that deltas lead to from `old`, one after the other, checked: they have the
/// root that the last delta names, or, where that is of an image in another format or layout, the
/// content id. (Whoever makes a delta on purpose can name the root of an image that calls a list by
/// the content id of another: trust in who made it is what the signature of a feed is for.) No image
/// is made in between. If `old` has no order of names, the new one has none.
///
/// ```
/// # use rblmap_delta::{Session, Limits, apply, diff};
/// let image = rblmap::Image::read("testdata/three.rbl")?;
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
    applied(old, deltas, limits, |header, content, layout| {
        let bytes = encode_named(content, header.result, header.stamp(), layout)?;
        let root = ImageRoot::in_header(&bytes);
        Ok((bytes, root))
    })
}

/// As [`apply`], to wherever `put` brings the bytes, as [`rblmap_image::encode_to`] gives them: no image is
/// held. They are checked when all are there: if this fails, what `put` was given is of no use.
///
/// ```
/// # use rblmap_delta::{Session, Limits, apply_to, diff};
/// # use rblmap_image::NewFile;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("three.rbl");
/// let image = rblmap::Image::read("testdata/three.rbl")?;
/// let nothing = diff(&image, &image, Session(0))?;
/// let new = NewFile::beside(&path)?;
/// apply_to(&image, &[&nothing], &Limits::default(), |offset, part| new.put(offset, part))?;
/// new.place()?;
/// assert_eq!(std::fs::read(&path)?, image.as_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As for [`apply`], and what `put` says.
pub fn apply_to(
    old: &Image,
    deltas: &[&[u8]],
    limits: &Limits,
    put: impl Fn(u64, &[u8]) -> io::Result<()> + Sync,
) -> Result<(), Error> {
    applied(old, deltas, limits, |header, content, layout| {
        let root = encode_to(content, header.result, header.stamp(), layout, &put)?;
        Ok(((), ImageRoot::from_root(&root)))
    })
}

/// What `encode` makes of the content at the end of deltas, checked by the root that it gives.
fn applied<T>(
    old: &Image,
    deltas: &[&[u8]],
    limits: &Limits,
    encode: impl FnOnce(&Header, &EditedContent<'_>, Layout) -> Result<(T, ImageRoot), Error>,
) -> Result<T, Error> {
    let followed = || {
        let base = rblmap_image::edited(old).map_err(Error::OldImage)?;
        follow(base, old, deltas, limits)
    };
    // Lines of the old image are copied to the new one, where nobody would see that they are damaged.
    let (whole, followed) = rayon::join(|| old.verify(), followed);
    whole.map_err(|error| Error::OldImage(error.into()))?;
    let (last, content) = followed?;
    let layout = Layout::of(old);
    // Equal contents make equal bytes: an image that has the root has the content, too.
    if named_root(&last, layout).is_none() {
        check_result(&last, &content).map_err(|error| error.of_last(deltas))?;
    }
    let (made, root) = encode(&last, &content, layout)?;
    check_root(&last, layout, root).map_err(|error| error.of_last(deltas))?;
    Ok(made)
}

/// The content at the end of a chain of deltas, and the header of the last.
pub(crate) fn follow<'a>(
    base: EditedContent<'a>,
    image: &Image,
    deltas: &[&[u8]],
    limits: &Limits,
) -> Result<(Header, EditedContent<'a>), Error> {
    let mut at = ContentId::from_bytes(image.content_id());
    // The whole chain is looked at before any of it costs anything.
    let mut chain = Vec::with_capacity(deltas.len());
    for (index, delta) in deltas.iter().enumerate() {
        let (header, body) = split_delta(delta, &base, &at).map_err(|error| error.of(index))?;
        at = header.result;
        chain.push((header, body));
    }
    let mut content = base;
    let mut last = None;
    for (index, (header, body)) in chain.into_iter().enumerate() {
        let known = (content.zones().len(), content.values().len());
        let read = Body::open(body, known, limits).and_then(|body| body.read(content, &[], limits));
        content = read.map_err(|error| error.of(index))?;
        last = Some(header);
    }
    Ok((last.ok_or(Error::NoDelta)?, content))
}

/// Header and body of a delta for the content `at` of the zone of `base`.
fn split_delta<'d>(
    delta: &'d [u8],
    base: &EditedContent<'_>,
    at: &ContentId,
) -> Result<(Header, &'d [u8]), Error> {
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
    if !expected.matches(at) {
        return Err(Error::Base {
            expected,
            found: IdPrefix::of(at),
        });
    }
    Ok((header, body))
}

/// The root that the result shall have, if the header names that of an image of this layout.
fn named_root(header: &Header, layout: Layout) -> Option<ImageRoot> {
    header.image.filter(|_| layout == Layout::default())
}

/// An image is the one that the header names, where it names one.
fn check_root(header: &Header, layout: Layout, found: ImageRoot) -> Result<(), Error> {
    match named_root(header, layout).filter(|expected| *expected != found) {
        Some(expected) => Err(Error::ResultImage { expected, found }),
        None => Ok(()),
    }
}

pub(crate) fn check_result<V4: V4Source>(
    header: &Header,
    content: &Content<V4>,
) -> Result<(), Error> {
    let (found, expected) = (content.id(), header.result);
    if found == expected {
        return Ok(());
    }
    Err(Error::Result { expected, found })
}

/// What stands behind a header: a frame, and the streams behind it.
struct Body<'b> {
    head: Head,
    payload: Vec<u8>,
    /// Where in the payload decisions and text are.
    decisions: Range<usize>,
    /// For each zone that changes.
    streams: Vec<BodyStreams<'b>>,
}

/// The streams of a zone that has several; none where there is one.
struct BodyStreams<'b> {
    v4: Parts<'b, u32>,
    v6: Parts<'b, u128>,
}

impl<'b> Body<'b> {
    /// Reads all that tells how large the rest is. `zones` and `values` are how many the base has.
    fn open(
        bytes: &'b [u8],
        (zones, values): (usize, usize),
        limits: &Limits,
    ) -> Result<Body<'b>, Error> {
        let (payload, mut behind) = frame::open(bytes, limits)?;
        let mut rest = payload.as_slice();
        let head = Head::read(&mut rest, Some(zones), &limits.of_file(bytes.len()))?;
        check_modelled(&head)?;
        let bad = || Error::Malformed {
            what: "length of the decisions",
        };
        let len = take_uv(&mut rest).and_then(|len| usize::try_from(len).ok());
        let len = len.filter(|len| *len <= rest.len()).ok_or_else(bad)?;
        let from = payload.len() - rest.len();
        let values = values.saturating_add(head.added()? as usize);
        let mut streams = Vec::with_capacity(head.parts.len());
        for (_, part) in &head.parts {
            streams.push(BodyStreams {
                v4: streams::split(&part.v4, values, &mut behind)?,
                v6: streams::split(&part.v6, values, &mut behind)?,
            });
        }
        if !behind.is_empty() {
            return Err(Error::Frame);
        }
        Ok(Body {
            head,
            decisions: from..from + len,
            payload,
            streams,
        })
    }

    /// The addresses of zones that the base does not have, where they are told in streams: as lines, one
    /// zone after the other in the order of the payload. They are large, and never held as a list.
    fn lines(&self, old: &EditedContent<'_>) -> Result<Vec<Option<V4Lines>>, Error> {
        let table = Table::new(old).with_added(self.head.added()?);
        let lines = |streams: &BodyStreams<'_>| match streams.v4.is_empty() {
            true => Ok(None),
            false => streams::read_lines(&streams.v4, &table).map(Some),
        };
        self.streams.iter().map(lines).collect()
    }

    /// The content that this makes of `old`; `lines` are those of [`Body::lines`], or none.
    ///
    /// # Errors
    /// Bytes that nobody wrote, as far as that shows: the caller compares root or content id.
    fn read<'a>(
        &self,
        old: EditedContent<'a>,
        lines: &'a [Option<V4Lines>],
        limits: &Limits,
    ) -> Result<EditedContent<'a>, Error> {
        let head = &self.head;
        let decisions = self.payload.get(self.decisions.clone());
        let text = self.payload.get(self.decisions.end..);
        let mut decoder = Decoder::new(decisions.unwrap_or_default(), text.unwrap_or_default());
        let mut room = TextRoom::new(limits.payload, head.modelled);
        let count = head.added()?;
        let (added, table) = rayon::join(
            || values::code(&mut decoder, old.values(), count, &[], &mut room),
            || Table::new(&old),
        );
        let (added, table) = (added?, table.with_added(count));
        let is_streamed = |zone: &BodyStreams<'_>| !(zone.v4.is_empty() && zone.v6.is_empty());
        let mut reader = ZoneReader {
            decoder,
            fresh: self.streams.iter().any(is_streamed).then(|| table.clone()),
            table,
            room,
        };
        let old_zones = old.zones().iter().map(|zone| *zone.name());
        let zones: Vec<NameKey> = head.zones.clone().unwrap_or_else(|| old_zones.collect());
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
        for zone in &zones {
            draft.zone_mut(zone);
        }
        for (nth, ((place, part), streams)) in head.parts.iter().zip(&self.streams).enumerate() {
            let name = zones.get(*place).ok_or(Error::Malformed {
                what: "number of a zone",
            })?;
            let lines = lines.get(nth).and_then(Option::as_ref);
            reader.zone(part, streams, lines, draft.zone_mut(name))?;
        }
        if !reader.decoder.is_at_end() {
            return Err(Error::Malformed { what: "length" });
        }
        Ok(draft.finish()?)
    }
}

/// Reads the parts of one zone after the other.
struct ZoneReader<'b> {
    decoder: Decoder<'b>,
    table: Table,
    /// As it is before anything is read, where there are streams: they are told whatever else is told.
    fresh: Option<Table>,
    room: TextRoom,
}

impl ZoneReader<'_> {
    /// Makes the old zone the new one.
    fn zone<'a>(
        &mut self,
        part: &Part,
        streams: &BodyStreams<'_>,
        lines: Option<&'a V4Lines>,
        zone: &mut DraftZone<V4Image<'a>>,
    ) -> Result<(), Error> {
        if part.expires.is_some() {
            zone.expires = part.expires.filter(|&expires| expires != 0);
        }
        if let Some(bytes) = &part.facts {
            zone.facts = Facts::decode(bytes).ok_or(Error::Malformed { what: "zone facts" })?;
        }
        let bad = || Error::Malformed { what: "edits" };
        match (&mut zone.v4, lines) {
            (v4, Some(lines)) => *v4 = lines.runs().ok_or_else(bad)?,
            _ if part.v4.is_empty() => {}
            (V4Image::List(runs), None) => {
                let edits = self.edits(&runs.as_slice(), &part.v4, &streams.v4)?;
                *runs = edit_runs(runs, &edits);
            }
            (V4Image::Blocks(blocks), None) => {
                let edits = self.edits(&&**blocks, &part.v4, &streams.v4)?;
                blocks.edit(&edits).map_err(|_| bad())?;
            }
        }
        if !part.v6.is_empty() {
            let edits = self.edits(&zone.v6.as_slice(), &part.v6, &streams.v6)?;
            zone.v6 = edit_runs(&zone.v6, &edits);
        }
        if part.names != NameCounts::default() {
            let (table, room) = (&mut self.table, &mut self.room);
            let counts = part.names;
            zone.names = names::code(&mut self.decoder, &zone.names, counts, None, table, room)?;
        }
        Ok(())
    }

    /// Reads edits: one stream of them among the other decisions, several on all cores.
    fn edits<A: Address, B: Base<A> + Sync>(
        &mut self,
        base: &B,
        told: &[Stream<A>],
        parts: &[(Stream<A>, &[u8])],
    ) -> Result<Vec<Edit<A>>, Error> {
        if let [stream] = told {
            return addresses::decode(&mut self.decoder, base, stream, &mut self.table);
        }
        let fresh = self.fresh.as_ref().ok_or(Error::Frame)?;
        let mut edits = Vec::new();
        streams::read(base, parts, fresh, |read| {
            read.into_iter().for_each(|part| edits.extend(part));
            Ok(())
        })?;
        Ok(edits)
    }
}

/// A model is asked for each byte of text, and learns from names around each added one.
fn check_modelled(head: &Head) -> Result<(), Error> {
    let added = head.parts.iter().map(|(_, part)| part.names.added);
    let added = added.fold(head.values, u64::saturating_add);
    match head.modelled && added > MODEL_MAX {
        true => Err(Error::Malformed {
            what: "count of names and values under a model",
        }),
        false => Ok(()),
    }
}
