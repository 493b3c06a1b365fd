//! One zone of a feed: its next content, or its next heartbeat.

use std::path::{Path, PathBuf};

use rblmap::Image;
use rblmap_content::{ContentId, ZoneName};
use rblmap_delta::{Limits, Session};
use rblmap_image::{Stamp, encode};

use crate::counts::Counts;
use crate::digest::FileHash;
use crate::error::Error;
use crate::folder::map_image;
use crate::key::SigningKey;
use crate::manifest::{
    FORMAT, Id, Ladder, LadderFile, MANIFEST_LIMIT, Manifest, Retired, Snapshot, Texts, Zone,
};
use crate::names::FeedPath;
use crate::pointer::{Pointer, Publisher};

use super::shelf::{Memory, Shelf};
use super::tree::{Tree, referenced};
use super::{PublishOptions, Published, next_issue, prune, steps};

/// How often mirrors look if nothing else is said, seconds.
const POLL: u64 = 300;
/// A snapshot older than this is made anew with the next content, seconds.
const SNAPSHOT_AGE: u64 = 24 * 3600;

/// Content that goes out: the image as it will be everywhere.
struct Issue {
    manifest: Manifest,
    image: Image,
    before: Option<Counts>,
    /// The image that the delta is made from.
    old: Option<Image>,
    new_content: bool,
}

/// Publishes an image.
pub(super) fn publish(
    tree: &Tree,
    path: &Path,
    key: &SigningKey,
    options: &PublishOptions,
    now: u64,
) -> Result<Published, Error> {
    let issue = prepare(tree, path, key, options, now)?;
    let zone = issue.manifest.zone.0.clone();
    let shelf = Shelf::new(tree.root(), &zone);
    let mut memory = recall(tree, &shelf, &issue)?;
    let mut manifest = issue.manifest;
    let mut published = Published {
        zone: zone.clone(),
        issue: manifest.issue,
        serial: manifest.serial,
        new_content: issue.new_content,
        counts: manifest.counts,
        before: issue.before,
        delta: None,
        snapshot: None,
    };
    if issue.new_content {
        shelf.keep(manifest.epoch, &issue.image)?;
        if let Some(old) = &issue.old {
            let made = steps::advance(tree, &shelf, &mut memory, &manifest, old, &issue.image)?;
            published.delta = Some(made);
        } else {
            memory.images.insert(memory.steps, manifest.serial);
        }
        if wants_snapshot(&manifest, &memory, issue.old.is_some(), now) {
            manifest.snapshot = snapshot(tree, &manifest, &issue.image)?;
            memory.snapshot_made = now;
            published.snapshot = Some(manifest.snapshot.bytes);
        }
        steps::drop_dear(&mut memory, manifest.serial, manifest.snapshot.bytes);
        // The way from the snapshot must stay, whatever it costs.
        ensure_way(tree, &mut manifest, &memory, &issue.image)?;
        offer(tree, &mut manifest, &memory)?;
    }
    if options.with_image {
        tree.put(&FeedPath::image(&zone), issue.image.as_bytes())?;
    }
    finish(tree, &shelf, &mut memory, manifest, key, now)?;
    Ok(published)
}

/// Signs the pointer of a zone afresh.
pub(super) fn refresh(
    tree: &Tree,
    zone: &ZoneName,
    key: &SigningKey,
    options: &PublishOptions,
    now: u64,
) -> Result<Published, Error> {
    let before = tree.manifest(zone)?.ok_or_else(|| Error::NotPossible {
        zone: zone.clone(),
        what: "has no manifest".to_owned(),
    })?;
    let counts = before.counts;
    let manifest = renewed(before, options, now);
    let published = Published {
        zone: zone.clone(),
        issue: manifest.issue,
        serial: manifest.serial,
        new_content: false,
        counts,
        before: Some(counts),
        delta: None,
        snapshot: None,
    };
    reissue(tree, manifest, key, options, now)?;
    Ok(published)
}

/// Publishes a manifest without new content.
pub(super) fn reissue(
    tree: &Tree,
    mut manifest: Manifest,
    key: &SigningKey,
    options: &PublishOptions,
    now: u64,
) -> Result<(), Error> {
    let zone = manifest.zone.0.clone();
    let last = tree.manifest(&zone)?.map(|manifest| manifest.issue);
    manifest.issue = next_issue(last, now);
    manifest.generated = now;
    manifest.expires = now.saturating_add(options.expires);
    let shelf = Shelf::new(tree.root(), &zone);
    let mut memory = shelf.memory()?.unwrap_or_default();
    finish(tree, &shelf, &mut memory, manifest, key, now)
}

/// What would be published.
pub(super) fn dry_run(
    feed: &Path,
    images: &[PathBuf],
    key: &SigningKey,
    options: &PublishOptions,
    now: u64,
) -> Result<Vec<Published>, Error> {
    let tree = Tree::new(feed);
    let would = images.iter().map(|path| {
        let issue = prepare(&tree, path, key, options, now)?;
        Ok(Published {
            zone: issue.manifest.zone.0,
            issue: issue.manifest.issue,
            serial: issue.manifest.serial,
            new_content: issue.new_content,
            counts: issue.manifest.counts,
            before: issue.before,
            delta: None,
            snapshot: None,
        })
    });
    would.collect()
}

/// The manifest and the image as they will be, nothing written yet.
fn prepare(
    tree: &Tree,
    path: &Path,
    key: &SigningKey,
    options: &PublishOptions,
    now: u64,
) -> Result<Issue, Error> {
    let broken = |source: rblmap_image::Error| Error::Image {
        path: path.to_owned(),
        source,
    };
    let given = map_image(path).map_err(|error| broken(error.into()))?;
    given.verify().map_err(|error| broken(error.into()))?;
    let zone: ZoneName = given.name().parse().map_err(|error| Error::Config {
        path: path.to_owned(),
        what: format!("{error}"),
    })?;
    let counts = Counts::of(&given).map_err(|error| broken(error.into()))?;
    let last = tree.manifest(&zone)?;
    let before = last.as_ref().map(|last| last.counts);
    if !options.force {
        likely(&zone, before.as_ref(), &counts)?;
    }
    if let Some(last) = last.filter(|_| !options.new_epoch) {
        let shelf = Shelf::new(tree.root(), &zone);
        let old = shelf.current(tree.root(), &last)?;
        if given.content_id() == old.content_id() && same_facts(&given, &old) {
            let manifest = renewed(last, options, now);
            return Ok(Issue {
                manifest,
                image: old,
                before,
                old: None,
                new_content: false,
            });
        }
        let image = stamped(&given, Some(&last), now, &zone, &broken)?;
        let mut manifest = renewed(last, options, now);
        renew_content(&mut manifest, &image).map_err(|error| broken(error.into()))?;
        return Ok(Issue {
            manifest,
            image,
            before,
            old: Some(old),
            new_content: true,
        });
    }
    let image = stamped(&given, None, now, &zone, &broken)?;
    let last = tree.manifest(&zone)?;
    let mut manifest = first(&zone, last.as_ref(), key, options, now);
    renew_content(&mut manifest, &image).map_err(|error| broken(error.into()))?;
    Ok(Issue {
        manifest,
        image,
        before,
        old: None,
        new_content: true,
    })
}

/// The first manifest of an epoch; issues go on from the last one, if there is one.
fn first(
    zone: &ZoneName,
    last: Option<&Manifest>,
    key: &SigningKey,
    options: &PublishOptions,
    now: u64,
) -> Manifest {
    let publisher = last.map(|last| last.publisher.clone());
    let publisher = publisher.unwrap_or_else(|| Publisher::of_key(key.public()));
    let blank = Manifest {
        format: FORMAT,
        zone: Zone(zone.clone()),
        publisher,
        epoch: now.max(last.map_or(1, |last| last.epoch.saturating_add(1))),
        issue: last.map_or(0, |last| last.issue),
        serial: 0,
        created: 0,
        generated: now,
        expires: 0,
        poll: last.map_or(POLL, |last| last.poll),
        content: Id(ContentId::from_bytes([0; 32])),
        counts: Counts::default(),
        snapshot: Snapshot {
            serial: 0,
            bytes: 0,
            hash: FileHash::of(b""),
        },
        steps: Vec::new(),
        squashes: Vec::new(),
        ladder: None,
        next_key: last.and_then(|last| last.next_key.clone()),
        statement: last.and_then(|last| last.statement.clone()),
        texts: last.map_or(Texts::default(), |last| last.texts.clone()),
        retired: None,
    };
    renewed(blank, options, now)
}

/// The next issue of a manifest, with what the configuration says now.
fn renewed(mut manifest: Manifest, options: &PublishOptions, now: u64) -> Manifest {
    let config = &options.config;
    manifest.issue = next_issue(Some(manifest.issue), now);
    manifest.generated = now;
    manifest.expires = now.saturating_add(options.expires);
    if let Some(publisher) = &config.publisher {
        manifest.publisher = publisher.clone();
    }
    manifest.poll = config.poll.unwrap_or(manifest.poll);
    if let Some(texts) = config.zone.get(manifest.zone.0.as_str()) {
        manifest.texts = texts.clone();
    }
    if let Some(url) = &options.retire {
        let (at, url) = (now, url.clone());
        manifest.retired = Some(Retired { at, url });
    }
    manifest
}

fn renew_content(manifest: &mut Manifest, image: &Image) -> Result<(), rblmap::Error> {
    manifest.serial = image.serial();
    manifest.created = image.created();
    manifest.content = Id(ContentId::from_bytes(image.content_id()));
    manifest.counts = Counts::of(image)?;
    // New content brings a zone that was given up back.
    manifest.retired = None;
    Ok(())
}

/// The image with its serial and time: its own if it has them, else the next and now.
fn stamped(
    given: &Image,
    last: Option<&Manifest>,
    now: u64,
    zone: &ZoneName,
    broken: &impl Fn(rblmap_image::Error) -> Error,
) -> Result<Image, Error> {
    let known = last.map_or(0, |last| last.serial);
    let serial = match given.serial() {
        0 => known.saturating_add(1),
        serial => serial,
    };
    if serial <= known {
        return Err(Error::SerialBack {
            path: FeedPath::pointer(zone).to_string(),
            found: serial,
            known,
        });
    }
    let created = match given.created() {
        0 => now,
        created => created,
    };
    let content = rblmap_image::decode(given).map_err(broken)?;
    let bytes = encode(&content, Stamp { serial, created }).map_err(broken)?;
    Image::from_vec(bytes).map_err(|error| broken(error.into()))
}

/// Refuses what is more likely a broken build than news.
fn likely(zone: &ZoneName, before: Option<&Counts>, counts: &Counts) -> Result<(), Error> {
    let unlikely = |what| {
        let zone = zone.clone();
        Err(Error::Unlikely { zone, what })
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

/// What is remembered of the epoch, as it was when the pointer last moved.
fn recall(tree: &Tree, shelf: &Shelf, issue: &Issue) -> Result<Memory, Error> {
    let manifest = &issue.manifest;
    let mut memory = shelf.memory()?.unwrap_or_default();
    let Some(old) = &issue.old else {
        if memory.epoch != manifest.epoch {
            memory = Memory::new(manifest.epoch, memory.unreferenced);
        }
        return Ok(memory);
    };
    if memory.epoch != manifest.epoch {
        // The memory was lost; the edges are in the feed.
        memory = Memory::new(manifest.epoch, memory.unreferenced);
        let ladder = tree.ladder(manifest)?;
        memory.edges = [&ladder[..], &manifest.steps, &manifest.squashes].concat();
    }
    memory.go_back_to(old.serial());
    if shelf.image(manifest.epoch, old.serial()).is_none() {
        shelf.keep(manifest.epoch, old)?;
    }
    Ok(memory)
}

/// A new snapshot: the first of all, each day, or when the way from the last costs half of it.
fn wants_snapshot(manifest: &Manifest, memory: &Memory, has_old: bool, now: u64) -> bool {
    let last = &manifest.snapshot;
    if !has_old || last.bytes == 0 {
        return true;
    }
    let way = crate::route::cheapest(last.serial, manifest.serial, &memory.edges);
    let cost = way.map(|way| way.iter().map(|edge| edge.bytes).sum::<u64>());
    let old = now.saturating_sub(memory.snapshot_made) > SNAPSHOT_AGE;
    old || cost.is_none_or(|cost| cost > last.bytes / 2)
}

fn snapshot(tree: &Tree, manifest: &Manifest, image: &Image) -> Result<Snapshot, Error> {
    let zone = &manifest.zone.0;
    let serial = image.serial();
    let failed = |source| Error::Delta {
        path: format!("{zone}: snapshot {serial}"),
        source,
    };
    let bytes = rblmap_delta::pack(image, Session(manifest.epoch)).map_err(failed)?;
    let again = rblmap_delta::unpack(&bytes, &Limits::default()).map_err(failed)?;
    if again != image.as_bytes() {
        return Err(Error::Result {
            zone: zone.clone(),
            what: format!("snapshot {serial} makes another image"),
        });
    }
    let hash = FileHash::of(&bytes);
    tree.put_once(&FeedPath::snapshot(zone, serial, hash), &bytes)?;
    Ok(Snapshot {
        serial,
        bytes: bytes.len() as u64,
        hash,
    })
}

/// A snapshot from which no delta leads on is of no use: a new one takes its place.
fn ensure_way(
    tree: &Tree,
    manifest: &mut Manifest,
    memory: &Memory,
    image: &Image,
) -> Result<(), Error> {
    let from = manifest.snapshot.serial;
    if crate::route::cheapest(from, manifest.serial, &memory.edges).is_none() {
        manifest.snapshot = snapshot(tree, manifest, image)?;
    }
    Ok(())
}

/// Puts the edges into manifest and ladder, as many into the manifest as its size allows.
fn offer(tree: &Tree, manifest: &mut Manifest, memory: &Memory) -> Result<(), Error> {
    for near in steps::NEAR {
        let offer = steps::offer(memory, manifest.serial, near);
        manifest.steps = offer.steps;
        manifest.squashes = offer.squashes;
        let ladder = Ladder {
            format: FORMAT,
            zone: manifest.zone.clone(),
            epoch: manifest.epoch,
            edges: offer.ladder,
        };
        let bytes = ladder.to_bytes();
        manifest.ladder = ladder.edges.first().map(|oldest| LadderFile {
            issue: manifest.issue,
            from: oldest.from,
            bytes: bytes.len() as u64,
            hash: FileHash::of(&bytes),
        });
        if manifest.to_bytes().len() as u64 > MANIFEST_LIMIT {
            continue;
        }
        if let Some(file) = manifest.ladder {
            tree.put_once(&file.path(&manifest.zone.0), &bytes)?;
        }
        break;
    }
    Ok(())
}

/// Writes the manifest, looks at all that it names, moves the pointer, then tidies up.
fn finish(
    tree: &Tree,
    shelf: &Shelf,
    memory: &mut Memory,
    manifest: Manifest,
    key: &SigningKey,
    now: u64,
) -> Result<(), Error> {
    let zone = manifest.zone.0.clone();
    let bytes = manifest.to_bytes();
    if bytes.len() as u64 > MANIFEST_LIMIT {
        return Err(Error::NotPossible {
            zone,
            what: format!(
                "manifest of {} bytes, at most {MANIFEST_LIMIT}",
                bytes.len()
            ),
        });
    }
    let comment = manifest.comment(&bytes);
    let pointer = Pointer::sign(&comment, &bytes, key)?;
    let path = FeedPath::pointer(&zone);
    tree.put(&comment.target(), &bytes)?;
    tree.verify(&manifest)?;
    let again = Pointer::read(&path, pointer.as_bytes())?;
    again.verify(&bytes, [key.public()])?;
    Manifest::read(&comment.target(), &bytes, again.comment())?;
    // Memory first: a pointer that moved without it would be the base of a wrong step.
    shelf.remember(memory)?;
    tree.put(&path, pointer.as_bytes())?;
    let referenced = referenced(tree, &manifest)?;
    prune(
        tree,
        &zone,
        &referenced,
        &mut memory.unreferenced,
        manifest.poll,
        now,
    )?;
    shelf.remember(memory)?;
    shelf.forget(memory, manifest.serial)
}
