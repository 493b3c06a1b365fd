//! One zone of a feed: its next content, or its next heartbeat.

use rblmap::Image;
use rblmap_content::ZoneName;
use rblmap_delta::{Limits, Session};

use crate::delta_file::DeltaFile;
use crate::digest::FileHash;
use crate::error::Error;
use crate::manifest::{DeltaIndex, DeltaIndexFile, FORMAT, MANIFEST_LIMIT, Manifest, Snapshot};
use crate::path::FeedPath;
use crate::pointer::Pointer;
use crate::time::DAY;

use super::compared::Compared;
use super::content::{Prepared, lost};
use super::kept::{Kept, Memory};
use super::tree::{Tree, referenced};
use super::{Issuer, Published, deltas, history, prune};

/// A snapshot older than this is made anew with the next content, seconds: a mirror for which a
/// delta is missing has a way that does not lead over all since.
const SNAPSHOT_AGE: u64 = 2 * DAY;

/// Publishes new content, or, where it is the same, a heartbeat.
pub(super) fn publish(issuer: &Issuer<'_>, prepared: &Prepared) -> Result<Published, Error> {
    let Prepared {
        manifest,
        image,
        before,
        old,
        new_content,
    } = prepared;
    let (mut manifest, new_content) = (manifest.clone(), *new_content);
    let tree = issuer.tree;
    let zone = manifest.zone.0.clone();
    let mut published = Published {
        zone: zone.clone(),
        issue: manifest.issue,
        serial: manifest.serial,
        new_content,
        counts: manifest.counts,
        before: *before,
        delta: None,
        snapshot: None,
        mended: false,
        lookalikes: Vec::new(),
    };
    if issuer.options.dry_run {
        return Ok(published);
    }
    let kept = Kept::new(tree.root(), &zone);
    if new_content {
        let mut memory = recall(tree, &kept, &manifest, old.as_ref())?;
        kept.keep(manifest.session, image)?;
        if let Some(old) = old {
            let made = deltas::advance(tree, &kept, &mut memory, &manifest, old, image)?;
            published.delta = Some(made);
        } else {
            memory.images.insert(memory.steps, manifest.serial);
        }
        if wants_snapshot(tree, &manifest, &memory, old.is_some(), issuer.now) {
            manifest.snapshot = snapshot(tree, &manifest, image)?;
            memory.snapshot_made = issuer.now;
            published.snapshot = Some(manifest.snapshot.bytes);
        }
        deltas::drop_dear(&mut memory, manifest.serial, manifest.snapshot.bytes);
        // The way from the snapshot must stay, whatever it costs.
        ensure_way(tree, &mut manifest, &memory, image)?;
        offer(tree, &mut manifest, &memory)?;
        if issuer.options.with_image {
            tree.put(&FeedPath::image(&zone), image.as_bytes())?;
        }
        finish(issuer, &kept, &mut memory, manifest)?;
    } else {
        if issuer.options.with_image {
            tree.put(&FeedPath::image(&zone), image.as_bytes())?;
        }
        published.mended = reissue(issuer, manifest)?;
    }
    Ok(published)
}

/// Signs the pointer of a zone afresh.
pub(super) fn refresh(issuer: &Issuer<'_>, zone: &ZoneName) -> Result<Published, Error> {
    let before = issuer.tree.manifest(zone);
    let before = before.map_err(|error| lost(zone, error))?;
    let before = before.ok_or_else(|| Error::NotPossible {
        zone: zone.clone(),
        what: "has no manifest".to_owned(),
    })?;
    let counts = before.counts;
    let manifest = issuer.renewed(before);
    let mut published = Published {
        zone: zone.clone(),
        issue: manifest.issue,
        serial: manifest.serial,
        new_content: false,
        counts,
        before: Some(counts),
        delta: None,
        snapshot: None,
        mended: false,
        lookalikes: Vec::new(),
    };
    if !issuer.options.dry_run {
        published.mended = reissue(issuer, manifest)?;
    }
    Ok(published)
}

/// Publishes a manifest without new content. Files that are missing or damaged are made again or
/// left out; gives whether there were any.
fn reissue(issuer: &Issuer<'_>, mut manifest: Manifest) -> Result<bool, Error> {
    let tree = issuer.tree;
    let kept = Kept::new(tree.root(), &manifest.zone.0);
    let mut memory = kept.memory()?.unwrap_or_default();
    let whole = tree.verify(&manifest).is_ok();
    if !whole {
        mend(tree, &kept, &mut manifest, &mut memory)?;
    }
    finish(issuer, &kept, &mut memory, manifest)?;
    Ok(!whole)
}

/// Leaves out deltas that are missing or damaged, and makes a new snapshot where there is none that
/// leads on.
fn mend(
    tree: &Tree,
    kept: &Kept,
    manifest: &mut Manifest,
    memory: &mut Memory,
) -> Result<(), Error> {
    let zone = manifest.zone.0.clone();
    let known = tree.delta_index(manifest).unwrap_or_default();
    let mut all: Vec<DeltaFile> = [&manifest.deltas[..], &manifest.merged[..], &known].concat();
    if memory.session == manifest.session {
        all.extend(
            memory
                .deltas
                .iter()
                .filter(|delta| delta.to <= manifest.serial),
        );
    }
    all.sort_by_key(|delta| (delta.from, delta.to));
    all.dedup_by_key(|delta| (delta.from, delta.to));
    all.retain(|delta| tree.has(&zone, delta));
    memory.session = manifest.session;
    memory.deltas = all;
    let last = &manifest.snapshot;
    let whole = tree.checked(&last.path(&zone), last.bytes, last.hash);
    let leads = crate::chain::cheapest(last.serial, manifest.serial, &memory.deltas);
    if whole.is_err() || leads.is_none() {
        let image = kept.current_kept(manifest).ok_or_else(|| Error::NotPossible {
            zone: zone.clone(),
            what: format!(
                "its snapshot is missing or damaged ({}), and no image is kept to make it from: \
                 publish its image with --new-session",
                whole.err().map_or(String::new(), |error| crate::error::chain(&error))
            ),
        })?;
        manifest.snapshot = snapshot(tree, manifest, &image)?;
    }
    offer(tree, manifest, memory)
}

/// What is remembered of the session, as it was when the pointer last moved.
fn recall(
    tree: &Tree,
    kept: &Kept,
    manifest: &Manifest,
    old: Option<&Image>,
) -> Result<Memory, Error> {
    let mut memory = kept.memory()?.unwrap_or_default();
    let Some(old) = old else {
        if memory.session != manifest.session {
            memory = Memory::new(manifest.session, memory.unreferenced);
        }
        return Ok(memory);
    };
    if memory.session != manifest.session {
        // The memory was lost; the deltas are in the feed.
        memory = Memory::new(manifest.session, memory.unreferenced);
        let index = tree.delta_index(manifest).unwrap_or_default();
        memory.deltas = [&index[..], &manifest.deltas, &manifest.merged].concat();
    }
    memory.go_back_to(old.serial());
    let zone = &manifest.zone.0;
    memory.deltas.retain(|delta| tree.has(zone, delta));
    if kept.image(manifest.session, old.serial()).is_none() {
        kept.keep(manifest.session, old)?;
    }
    Ok(memory)
}

/// A new snapshot: the first of all, one in place of what is damaged, or when the way from the last
/// costs half of it or leads over days.
fn wants_snapshot(
    tree: &Tree,
    manifest: &Manifest,
    memory: &Memory,
    has_old: bool,
    now: u64,
) -> bool {
    let last = &manifest.snapshot;
    if !has_old || last.bytes == 0 {
        return true;
    }
    let path = last.path(&manifest.zone.0);
    if tree.checked(&path, last.bytes, last.hash).is_err() {
        return true;
    }
    let way = crate::chain::cheapest(last.serial, manifest.serial, &memory.deltas);
    let cost = way.map(|way| way.iter().map(|delta| delta.bytes).sum::<u64>());
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
    let bytes = rblmap_delta::pack(image, Session(manifest.session)).map_err(failed)?;
    // Within what a mirror allows.
    let limits = Limits::for_image(image.as_bytes().len() as u64);
    let again = Compared::with(image.as_bytes());
    let put = |offset, part: &[u8]| again.put(offset, part);
    rblmap_delta::unpack_to(&bytes, &limits, put).map_err(failed)?;
    if again.differs() {
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
    if crate::chain::cheapest(from, manifest.serial, &memory.deltas).is_none() {
        manifest.snapshot = snapshot(tree, manifest, image)?;
    }
    Ok(())
}

/// Puts the deltas into manifest and delta index, as many into the manifest as its size allows.
fn offer(tree: &Tree, manifest: &mut Manifest, memory: &Memory) -> Result<(), Error> {
    for near in deltas::NEAR {
        let offer = deltas::offer(memory, manifest.serial, near);
        manifest.deltas = offer.deltas;
        manifest.merged = offer.merged;
        let delta_index = DeltaIndex {
            format: FORMAT,
            zone: manifest.zone.clone(),
            session: manifest.session,
            deltas: offer.delta_index,
        };
        let bytes = delta_index.to_bytes();
        manifest.delta_index = delta_index.deltas.first().map(|oldest| DeltaIndexFile {
            issue: manifest.issue,
            from: oldest.from,
            bytes: bytes.len() as u64,
            hash: FileHash::of(&bytes),
        });
        if manifest.to_bytes().len() as u64 > MANIFEST_LIMIT {
            continue;
        }
        if let Some(file) = manifest.delta_index {
            tree.put_once(&file.path(&manifest.zone.0), &bytes)?;
        }
        break;
    }
    Ok(())
}

/// Writes the manifest, looks at all that it names, moves the pointer, then tidies up.
fn finish(
    issuer: &Issuer<'_>,
    kept: &Kept,
    memory: &mut Memory,
    manifest: Manifest,
) -> Result<(), Error> {
    let tree = issuer.tree;
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
    let pointer = Pointer::sign(&comment, &bytes, issuer.key)?;
    let path = FeedPath::pointer(&zone);
    tree.put(&comment.target(), &bytes)?;
    tree.verify(&manifest)?;
    let again = Pointer::read(&path, pointer.as_bytes())?;
    again.verify(&bytes, [issuer.key.public()])?;
    Manifest::read(&comment.target(), &bytes, again.comment())?;
    // Memory first: a pointer that moved without it would be the base of a wrong delta.
    kept.remember(memory)?;
    let mut referenced_before = referenced(tree, &manifest)?;
    referenced_before.insert(comment.target());
    tree.open_up(&referenced_before)?;
    tree.put(&path, pointer.as_bytes())?;
    let referenced = referenced(tree, &manifest)?;
    prune(
        tree,
        &zone,
        &referenced,
        &mut memory.unreferenced,
        manifest.poll,
        issuer.now,
    )?;
    kept.remember(memory)?;
    let recorded = history::last_serial(tree.root(), &zone);
    kept.forget(memory, manifest.serial, recorded)
}
