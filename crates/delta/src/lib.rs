//! Snapshots and deltas: content in compact form for the wire, and the change from one content to
//! another.
//!
//! ```
//! use rblmap::Image;
//! use rblmap_delta::{Epoch, Limits, apply, diff, pack, unpack};
//! # use rblmap_content::Draft;
//! # use rblmap_image::{Stamp, encode};
//! # let content = Draft::new("ops.example".parse()?).finish()?;
//! # let old = Image::from_vec(encode(&content, Stamp { serial: 1, created: 1 })?)?;
//! # let new = Image::read("../../testdata/golden/three.rbl")?;
//!
//! let snapshot = pack(&new, Epoch(1))?;
//! assert_eq!(unpack(&snapshot, &Limits::default())?, new.as_bytes());
//!
//! let delta = diff(&old, &new, Epoch(1))?;
//! assert_eq!(apply(&old, &[&delta], &Limits::default())?, new.as_bytes());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What comes out is checked against the image that the file names by the root of its digests, or
//! against the content id, so damage ends as an [`Error`], never as another list. Who made the file
//! is not this crate's question: the manifest of a feed is signed. `docs/delta.md` describes every
//! byte.

mod changes;
mod coder;
#[cfg(test)]
mod dice;
mod error;
mod extent;
mod frame;
mod head;
mod header;
mod keys;
mod limits;
mod names;
mod numbers;
mod old;
mod old_blocks;
mod paint;
mod paint_code;
mod payload;
mod summary;
mod table;
mod texts;
mod values;

use rblmap::Image;
use rblmap_content::{Content, ContentId, Draft, V4Runs};
use rblmap_image::{Layout, V4Source, encode_named};

pub use changes::{Change, Changed, Says, Scope, changes};
pub use error::Error;
pub use header::{Epoch, Header, IdPrefix, ImageRoot, Kind};
pub use limits::Limits;
use payload::Paintable;
pub use summary::{Summary, ZoneSummary};

/// Packs the content of an image: a snapshot (`.rbs`), from which [`unpack`] makes the same image.
///
/// ```
/// # use rblmap_delta::{Epoch, pack};
/// let image = rblmap::Image::read("../../testdata/golden/three.rbl")?;
/// assert!(pack(&image, Epoch(0))?.len() < image.as_bytes().len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// An image that is damaged, or that holds no content in normal form.
pub fn pack(image: &Image, epoch: Epoch) -> Result<Vec<u8>, Error> {
    image.verify().map_err(rblmap_image::Error::from)?;
    let content = rblmap_image::decode(image)?;
    let empty = Draft::new(content.name().clone()).finish()?;
    let result = content.id();
    let header = Header {
        kind: Kind::Snapshot,
        zone: content.name().clone(),
        epoch,
        to_serial: image.serial(),
        created: image.created(),
        image: ImageRoot::of(image, &result),
        result,
    };
    Ok(header.seal(&frame::close(&payload::write(&empty, &content)?)?))
}

/// The bytes of the image that a snapshot was packed from, checked.
///
/// ```
/// # use rblmap_delta::{Epoch, Limits, pack, unpack};
/// let image = rblmap::Image::read("../../testdata/golden/three.rbl")?;
/// let mut snapshot = pack(&image, Epoch(0))?;
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
    let content = payload::read(empty, &frame::open(body, limits)?, limits)?;
    // Next to the rest it costs nothing, and nobody has looked at the content before.
    check_result(&header, &content)?;
    checked_image(&header, &content, Layout::default())
}

/// The change from one image of a zone to another: a delta (`.rbd`).
///
/// ```
/// # use rblmap_delta::{Epoch, Header, diff};
/// let image = rblmap::Image::read("../../testdata/golden/three.rbl")?;
/// let header = Header::read(&diff(&image, &image, Epoch(0))?)?;
/// assert_eq!(header.from_serial(), header.to_serial);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Images of different zones, that are damaged, or that hold no content in normal form.
pub fn diff(old: &Image, new: &Image, epoch: Epoch) -> Result<Vec<u8>, Error> {
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
    let (result, payload) = rayon::join(|| to.id(), || payload::write(&from, &to));
    let header = Header {
        kind: Kind::Delta {
            // As the old image calls itself, and as it is looked for when the delta is applied.
            base: IdPrefix::of(&ContentId::from_bytes(old.content_id())),
            from_serial: old.serial(),
        },
        zone: to.name().clone(),
        epoch,
        to_serial: new.serial(),
        created: new.created(),
        image: ImageRoot::of(new, &result),
        result,
    };
    Ok(header.seal(&frame::close(&payload?)?))
}

/// The bytes of the image that deltas lead to from `old`, one after the other, checked: they have the
/// root that the last delta names, or, where that is of an image in another format or layout, the
/// content id. (Whoever makes a delta on purpose can name the root of an image that calls a list by
/// the content id of another: trust in who made it is what the signature of a feed is for.) No image
/// is made in between. If `old` has no order of names, the new one has none.
///
/// ```
/// # use rblmap_delta::{Epoch, Limits, apply, diff};
/// let image = rblmap::Image::read("../../testdata/golden/three.rbl")?;
/// let nothing = diff(&image, &image, Epoch(0))?;
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

/// One delta that does what `deltas` do one after the other from `base`. Values that come and go
/// in between leave nothing behind.
///
/// ```
/// # use rblmap_delta::{Epoch, Limits, diff, squash};
/// let image = rblmap::Image::read("../../testdata/golden/three.rbl")?;
/// let nothing = diff(&image, &image, Epoch(0))?;
/// assert_eq!(squash(&image, &[&nothing, &nothing], &Limits::default())?, nothing);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As for [`apply`].
pub fn squash(base: &Image, deltas: &[&[u8]], limits: &Limits) -> Result<Vec<u8>, Error> {
    base.verify().map_err(rblmap_image::Error::from)?;
    let from = rblmap_image::decode(base)?;
    let (last, to) = follow(from.clone(), base, deltas, limits)?;
    check_result(&last, &to)?;
    let header = Header {
        kind: Kind::Delta {
            base: IdPrefix::of(&ContentId::from_bytes(base.content_id())),
            from_serial: base.serial(),
        },
        ..last
    };
    Ok(header.seal(&frame::close(&payload::write(&from, &to)?)?))
}

/// The content at the end of a chain of deltas, and the header of the last.
fn follow<V4: Paintable>(
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
        content = payload::read(content, &frame::open(body, limits)?, limits)?;
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

fn check_result<V4: V4Runs>(header: &Header, content: &Content<V4>) -> Result<(), Error> {
    let (found, expected) = (content.id(), header.result);
    if found == expected {
        return Ok(());
    }
    Err(Error::Result { expected, found })
}
