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
//! end a /16 without edits has the lines that it had, as long as its values keep their ids. In a /16
//! with edits, lines that end well before an edit are copied. After an edit, lines are made anew until
//! one starts where an old line started; from there on they are copied again. So that no damage is
//! copied with them, the digests of the base are compared first.
//!
//! Nothing is believed before it is checked: the checksum, zone and base in each delta's header, then
//! each count against the limits, each decision for being possible, and at the end the root of the
//! image against the one that the last delta names.

use rayon::prelude::*;
use rblmap::{Image, NameKey, Run};
use rblmap_content::{Content, ContentId, Draft, DraftZone, Edit, Facts, edit_runs};
use rblmap_format::Address;
use rblmap_image::{EditedContent, Layout, V4Image, V4Source, encode_named};

use crate::codec::range_coder::Decoder;
use crate::codec::text_model::{MODEL_MAX, TextRoom};
use crate::codec::value_refs::Table;
use crate::container::frame;
use crate::container::header::{self, Header, Kind};
use crate::container::ids::{IdPrefix, ImageRoot};
use crate::container::limits::Limits;
use crate::container::payload_head::{Head, Part, may_have_streams};
use crate::container::varint::take_uv;
use crate::edit::addresses::{self, Stream};
use crate::edit::base::Base;
use crate::edit::names::NameCounts;
use crate::edit::{names, values};
use crate::error::Error;

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
    let (header, body) = header::split(snapshot)?;
    if header.kind != Kind::Snapshot {
        let (found, expected) = ("a delta", "a snapshot");
        return Err(Error::Kind { found, expected });
    }
    let empty = Draft::empty(header.zone.clone()).finish()?;
    let content = read(empty, body, limits)?;
    let layout = Layout::default();
    // Nobody has looked at the content before, and it costs next to nothing beside the rest.
    let (checked, image) = rayon::join(
        || check_result(&header, &content),
        || checked_image(&header, &content, layout),
    );
    checked.and(image)
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
pub(crate) fn follow<'a>(
    base: EditedContent<'a>,
    image: &Image,
    deltas: &[&[u8]],
    limits: &Limits,
) -> Result<(Header, EditedContent<'a>), Error> {
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
        content = read(content, body, limits)?;
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
/// The content that the frame of a payload, and the streams behind it, make of `old`.
///
/// # Errors
/// Bytes that nobody wrote, as far as that shows: the caller compares root or content id.
fn read<'a>(
    old: EditedContent<'a>,
    body: &[u8],
    limits: &Limits,
) -> Result<EditedContent<'a>, Error> {
    let (payload, streams) = frame::open(body, limits)?;
    let mut rest = payload.as_slice();
    let head = Head::read(&mut rest, Some(old.zones().len()), limits)?;
    check_modelled(&head)?;
    let bad = || Error::Malformed {
        what: "length of the decisions",
    };
    let len = take_uv(&mut rest).and_then(|len| usize::try_from(len).ok());
    let (decisions, text) = len
        .and_then(|len| rest.split_at_checked(len))
        .ok_or_else(bad)?;
    let mut decoder = Decoder::new(decisions, text);
    let added = u32::try_from(head.values).map_err(|_| Error::Malformed {
        what: "count of values",
    })?;
    let mut room = TextRoom::new(limits.payload, head.modelled);
    let added = values::code(&mut decoder, old.values(), added, &[], &mut room)?;
    let count = u32::try_from(added.len()).unwrap_or(u32::MAX); // as many as `head.values`
    let mut reader = ZoneReader {
        decoder,
        streams,
        table: Table::new(&old).with_added(count),
        room,
    };
    let old_zones = old.zones().iter().map(|zone| *zone.name());
    let zones: Vec<NameKey> = head.zones.unwrap_or_else(|| old_zones.collect());
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
    for (place, part) in &head.parts {
        let name = zones.get(*place).ok_or(Error::Malformed {
            what: "number of a zone",
        })?;
        reader.zone(part, draft.zone_mut(name))?;
    }
    if !reader.streams.is_empty() {
        return Err(Error::Frame);
    }
    if !reader.decoder.is_at_end() {
        return Err(Error::Malformed { what: "length" });
    }
    Ok(draft.finish()?)
}

/// Reads the parts of one zone after the other.
struct ZoneReader<'b> {
    decoder: Decoder<'b>,
    /// Streams of edits that were not read yet.
    streams: &'b [u8],
    table: Table,
    room: TextRoom,
}

impl ZoneReader<'_> {
    /// Makes the old zone the new one.
    fn zone(&mut self, part: &Part, zone: &mut DraftZone<V4Image<'_>>) -> Result<(), Error> {
        if part.expires.is_some() {
            zone.expires = part.expires.filter(|&expires| expires != 0);
        }
        if let Some(bytes) = &part.facts {
            zone.facts = Facts::decode(bytes).ok_or(Error::Malformed { what: "zone facts" })?;
        }
        if !part.v4.is_empty() {
            match &mut zone.v4 {
                V4Image::List(runs) => {
                    let edits = self.edits(&runs.as_slice(), &part.v4)?;
                    *runs = match runs.is_empty() {
                        true => runs_of(edits),
                        false => edit_runs(runs, &edits),
                    };
                }
                V4Image::Blocks(blocks) => {
                    let edits = self.edits(&&**blocks, &part.v4)?;
                    let done = blocks.edit(&edits);
                    done.map_err(|_| Error::Malformed { what: "edits" })?;
                }
            }
        }
        if !part.v6.is_empty() {
            let edits = self.edits(&zone.v6.as_slice(), &part.v6)?;
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
        streams: &[Stream<A>],
    ) -> Result<Vec<Edit<A>>, Error> {
        if let [stream] = streams {
            return addresses::decode(&mut self.decoder, base, stream, &mut self.table);
        }
        let count = streams.iter().map(|stream| stream.counts.edits).sum();
        if !may_have_streams(count, self.table.len()) {
            return Err(Error::Malformed {
                what: "count of streams",
            });
        }
        let mut parts = Vec::with_capacity(streams.len());
        for stream in streams {
            let len = usize::try_from(stream.len).ok();
            let split = len.and_then(|len| self.streams.split_at_checked(len));
            let (decisions, rest) = split.ok_or(Error::Malformed {
                what: "length of a stream",
            })?;
            self.streams = rest;
            parts.push((stream, decisions));
        }
        let table = &self.table;
        let read = |(stream, decisions): &(&Stream<A>, &[u8])| {
            let (mut decoder, mut table) = (Decoder::new(decisions, &[]), table.clone());
            let edits = addresses::decode(&mut decoder, base, stream, &mut table)?;
            match decoder.is_at_end() {
                true => Ok(edits),
                false => Err(Error::Malformed { what: "length" }),
            }
        };
        // Some at a time, so that edits are not held twice.
        let mut edits = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
        for parts in parts.chunks(2 * rayon::current_num_threads()) {
            let read: Result<Vec<Vec<Edit<A>>>, Error> = parts.par_iter().map(read).collect();
            read?.into_iter().for_each(|part| edits.extend(part));
        }
        // Each stream rises; each begins behind the end of the one before.
        let rises = |pair: &[Edit<A>]| matches!(pair, [a, b] if a.end < b.start);
        match edits.par_windows(2).all(rises) {
            true => Ok(edits),
            false => Err(Error::Malformed {
                what: "order of streams",
            }),
        }
    }
}

/// Edits of a base that says nothing, as the runs that they make: in the memory that they have.
fn runs_of(edits: Vec<Edit<u32>>) -> Vec<Run<u32>> {
    let run = |edit: Edit<u32>| {
        let (start, end, value) = (edit.start, edit.end, edit.value?);
        Some(Run { start, end, value })
    };
    edits.into_iter().filter_map(run).collect()
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
