//! What is to be published of a zone: an image that was given, with serial and time as it will have
//! them everywhere. Nothing is written yet.

use std::io;
use std::path::Path;

use rblmap::Image;
use rblmap_content::{ContentId, ZoneName};
use rblmap_image::{Stamp, restamp};

use crate::counts::Counts;
use crate::digest::FileHash;
use crate::error::Error;
use crate::folder::map_image;
use crate::ids::{Id, Zone};
use crate::manifest::{FORMAT, Manifest, Snapshot, Texts};
use crate::path::{self, FeedPath};
use crate::pointer::Pointer;

use super::Issuer;
use super::kept::Kept;

/// How often mirrors look if nothing else is said, seconds.
const POLL: u64 = 300;

/// Content that goes out: the image as it will be everywhere.
pub(super) struct Prepared {
    pub(super) manifest: Manifest,
    pub(super) image: Image,
    pub(super) before: Option<Counts>,
    /// The image that the delta is made from.
    pub(super) old: Option<Image>,
    pub(super) new_content: bool,
}

impl Prepared {
    pub(super) fn zone(&self) -> &ZoneName {
        &self.manifest.zone.0
    }
}

/// An image that was given.
struct Given<'a> {
    image: Image,
    path: &'a Path,
    zone: ZoneName,
    counts: Counts,
}

/// The manifest and the image as they will be, nothing written yet. An error says of which zone, if
/// that is known.
pub(super) fn prepare(
    issuer: &Issuer<'_>,
    path: &Path,
) -> Result<Prepared, (Option<ZoneName>, Error)> {
    let given = Given::open(path).map_err(|error| (None, error))?;
    let zone = given.zone.clone();
    given.prepare(issuer).map_err(|error| (Some(zone), error))
}

impl<'a> Given<'a> {
    fn open(path: &'a Path) -> Result<Given<'a>, Error> {
        let broken = |error: rblmap::Error| Error::of_image(path, error);
        let image = map_image(path).map_err(broken)?;
        image.verify().map_err(broken)?;
        let zone: ZoneName = image.name().parse().map_err(|error| Error::Config {
            path: path.to_owned(),
            what: format!("{error}"),
        })?;
        path::allowed(&zone)?;
        let counts = Counts::of(&image).map_err(broken)?;
        Ok(Given {
            image,
            path,
            zone,
            counts,
        })
    }

    fn prepare(self, issuer: &Issuer<'_>) -> Result<Prepared, Error> {
        let (tree, options) = (issuer.tree, issuer.options);
        let last = match tree.manifest(&self.zone) {
            Err(_) if options.new_session => return self.first(issuer, None),
            found => found.map_err(|error| lost(&self.zone, error))?,
        };
        let before = last.as_ref().map(|last| last.counts);
        if !options.force {
            likely(&self.zone, before.as_ref(), &self.counts)?;
        }
        let Some(last) = last else {
            return self.first(issuer, None);
        };
        if options.new_session {
            return self.first(issuer, Some(last));
        }
        let kept = Kept::new(tree.root(), &self.zone);
        let old = kept.current(tree.root(), &last).map_err(|error| {
            let what = format!(
                "the current content cannot be read any more ({}); --new-session begins anew from \
                 this image",
                crate::error::chain(&error)
            );
            let zone = self.zone.clone();
            Error::NotPossible { zone, what }
        })?;
        if self.image.content_id() == old.content_id() && same_facts(&self.image, &old) {
            return Ok(Prepared {
                manifest: issuer.renewed(last),
                image: old,
                before,
                old: None,
                new_content: false,
            });
        }
        let image = self.stamped(last.serial, issuer.now)?;
        let mut manifest = issuer.renewed(last);
        renew_content(&mut manifest, &image, self.counts);
        Ok(Prepared {
            manifest,
            image,
            before,
            old: Some(old),
            new_content: true,
        })
    }

    /// The first content of a session; issues go on from the last one, if there is one.
    fn first(self, issuer: &Issuer<'_>, last: Option<Manifest>) -> Result<Prepared, Error> {
        let image = self.stamped(0, issuer.now)?;
        let before = last.as_ref().map(|last| last.counts);
        let mut manifest = issuer.renewed(first_manifest(&self.zone, last, issuer));
        renew_content(&mut manifest, &image, self.counts);
        Ok(Prepared {
            manifest,
            image,
            before,
            old: None,
            new_content: true,
        })
    }

    /// The image with its serial and time: its own if it has them, else the next and now.
    fn stamped(&self, known: u64, now: u64) -> Result<Image, Error> {
        let serial = match self.image.serial() {
            0 => known.saturating_add(1),
            serial => serial,
        };
        if serial <= known {
            return Err(Error::SerialBack {
                path: FeedPath::pointer(&self.zone).to_string(),
                found: serial,
                known,
            });
        }
        let created = match self.image.created() {
            0 => now,
            created => created,
        };
        let bytes = restamp(&self.image, Stamp { serial, created })
            .map_err(|error| Error::of_image(self.path, error))?;
        Image::from_vec(bytes).map_err(|error| Error::of_image(self.path, error))
    }
}

/// The manifest that the first of a session is made from.
fn first_manifest(zone: &ZoneName, last: Option<Manifest>, issuer: &Issuer<'_>) -> Manifest {
    // Where the manifest is lost, its pointer still says after which issue and session to go on.
    let pointer = issuer.tree.pointer(&FeedPath::pointer(zone));
    let pointer = pointer.ok().flatten();
    let comment = pointer.as_ref().map(Pointer::comment);
    let line = comment.and_then(|comment| comment.zone.as_ref());
    let session = last.as_ref().map(|last| last.session);
    let session = session.max(line.map(|line| line.session));
    let after = session.map_or(1, |session| session.saturating_add(1));
    let issue = last.as_ref().map(|last| last.issue);
    let issue = issue.max(comment.map(|comment| comment.issue));
    Manifest {
        format: FORMAT,
        zone: Zone(zone.clone()),
        publisher: issuer.facts.publisher.clone(),
        session: issuer.now.max(after),
        issue: issue.unwrap_or(0),
        serial: 0,
        created: 0,
        generated: last.as_ref().map_or(0, |last| last.generated),
        expires: last.as_ref().map_or(0, |last| last.expires),
        poll: last.as_ref().map_or(POLL, |last| last.poll),
        content: Id(ContentId::from_bytes([0; 32])),
        counts: Counts::default(),
        snapshot: Snapshot {
            serial: 0,
            bytes: 0,
            hash: FileHash::of(b""),
        },
        deltas: Vec::new(),
        merged: Vec::new(),
        delta_index: None,
        next_key: None,
        statement: None,
        texts: last.map_or(Texts::default(), |last| last.texts),
        retired: None,
    }
}

/// The manifest of a zone cannot be read: what to do about it.
pub(super) fn lost(zone: &ZoneName, error: Error) -> Error {
    match error {
        Error::Read { ref source, .. } if source.kind() != io::ErrorKind::NotFound => error,
        error => Error::NotPossible {
            zone: zone.clone(),
            what: format!(
                "its manifest is missing or damaged ({}): publish its image with --new-session",
                crate::error::chain(&error)
            ),
        },
    }
}

fn renew_content(manifest: &mut Manifest, image: &Image, counts: Counts) {
    manifest.serial = image.serial();
    manifest.created = image.created();
    manifest.content = Id(ContentId::from_bytes(image.content_id()));
    manifest.counts = Counts {
        image: image.as_bytes().len() as u64,
        ..counts
    };
    // New content brings a zone that was given up back.
    manifest.retired = None;
}

/// Refuses what is more likely a broken build than news.
fn likely(zone: &ZoneName, before: Option<&Counts>, counts: &Counts) -> Result<(), Error> {
    let unlikely = |what| {
        let zone = zone.clone();
        Err(Error::UnlikelyContent { zone, what })
    };
    if counts.stated() == 0 {
        return unlikely("nothing is listed".to_owned());
    }
    match before.filter(|before| counts.stated() < before.stated() / 2) {
        Some(before) => unlikely(format!(
            "less than half is left: {} runs and names of {}",
            counts.stated(),
            before.stated()
        )),
        None => Ok(()),
    }
}

fn same_facts(one: &Image, other: &Image) -> bool {
    let facts = |image: &Image| -> Vec<Vec<u8>> {
        let zones = image.zones().filter_map(Result::ok);
        zones.map(|zone| zone.facts().to_vec()).collect()
    };
    facts(one) == facts(other)
}
