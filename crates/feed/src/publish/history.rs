//! Since when a publisher's zones list what they list, kept in `.state/ZONE.history`, which nobody
//! serves.

use std::path::{Path, PathBuf};

use rblmap::Image;
use rblmap_content::ZoneName;
use rblmap_history::{Appended, Log, Retention};

use crate::disk::make_folders;
use crate::error::Error;
use crate::history::{failed, told};

use super::content::Prepared;
use super::kept::Kept;
use super::tree::Tree;
use super::{Issuer, STATE};

/// Where the history of a zone lies in a feed.
pub(crate) fn folder(feed: &Path, zone: &ZoneName) -> PathBuf {
    feed.join(STATE).join(format!("{zone}.history"))
}

/// The last serial that the history of a zone knows: the next change is counted from its image.
pub(super) fn last_serial(feed: &Path, zone: &ZoneName) -> Option<u64> {
    Log::new(folder(feed, zone)).last_serial()
}

/// The image of the newest content, if it is kept.
pub(crate) fn newest_image(feed: &Path, zone: &ZoneName) -> Option<PathBuf> {
    let manifest = Tree::new(feed).manifest(zone).ok().flatten()?;
    let path = Kept::new(feed, zone).image_path(manifest.session, manifest.serial);
    path.exists().then_some(path)
}

/// Records what was published, once its pointer has moved: an event is on its way before it is
/// written down. What fails does not undo the publication, and is told.
pub(super) fn record(issuer: &Issuer<'_>, prepared: &Prepared) -> Vec<Error> {
    let retention = issuer.options.config.history.unwrap_or_default();
    if !retention.is_on() {
        return Vec::new();
    }
    let zone = prepared.zone();
    let folder = folder(issuer.tree.root(), zone);
    if let Err(error) = make_folders(&folder) {
        return vec![failed(zone, &error)];
    }
    let log = Log::new(folder);
    let appended = append(&log, issuer, prepared, &retention);
    match appended {
        Ok(appended) => appended
            .iter()
            .filter_map(|appended| told(zone, appended))
            .collect(),
        Err(error) => vec![failed(zone, &error)],
    }
}

/// Appends the new content, and first the one before it, where a run was killed between its pointer
/// and its history.
fn append(
    log: &Log,
    issuer: &Issuer<'_>,
    prepared: &Prepared,
    retention: &Retention,
) -> Result<Vec<Appended>, rblmap_history::Error> {
    let (manifest, new) = (&prepared.manifest, &prepared.image);
    let last = log.last_serial();
    if last == Some(new.serial()) && !prepared.new_content {
        return Ok(Vec::new());
    }
    let kept = Kept::new(issuer.tree.root(), prepared.zone());
    let kept = |serial: Option<u64>| match serial {
        Some(serial) => kept.image_if_there(manifest.session, serial),
        None => Ok(None),
    };
    let mut appended = Vec::new();
    if !prepared.new_content {
        // A run was killed between the pointer of this content and its history.
        let before = kept(last.filter(|&last| last < new.serial()))?;
        appended.push(log.append(before.as_ref(), new, issuer.now, retention)?);
        return Ok(appended);
    }
    let old = prepared.old.as_ref();
    let is_missed = |old: &&Image| last.is_some_and(|last| last < old.serial());
    if let Some(missed) = old.filter(is_missed) {
        let before = kept(last)?;
        appended.push(log.append(before.as_ref(), missed, issuer.now, retention)?);
    }
    appended.push(log.append(old, new, issuer.now, retention)?);
    Ok(appended)
}
