//! What people decide about a zone on their own machine: back to the image before, or on with an
//! update that a guard refused.

use std::fs::{self, File};

use rblmap::StatusPage;
use rblmap_content::{ContentId, ZoneName};

use crate::error::{Error, writing};
use crate::folder::{Folder, map_image};
use crate::manifest::Id;
use crate::state::{self, Held, State};
use crate::status_page;

/// The fewest digits by which a content id may be given.
const DIGITS: usize = 12;

/// Puts the image before in place of the one that runs, and holds it there: the mirror goes on
/// looking, but does not change it until it is released. Gives the serial of the image.
///
/// # Errors
/// No image before; a folder that cannot be written or is locked by another run.
pub fn rollback(folder: &Folder, zone: &ZoneName, now: u64) -> Result<u64, Error> {
    let _lock = folder.lock()?;
    let mut state = known(folder, zone)?;
    let (path, previous) = (folder.image(zone), folder.previous(zone));
    let running = map_image(&path)
        .ok()
        .map(|image| ContentId::from_bytes(image.content_id()));
    let before = map_image(&previous).and_then(|image| image.verify().map(|()| image));
    let before = before.map_err(|error| not_possible(zone, format!("no image before: {error}")))?;
    let seen = state.seen.as_ref().map(|seen| seen.content);
    let from = running.map(Id).or(seen);
    let from = from.ok_or_else(|| not_possible(zone, "no image runs".to_owned()))?;
    if from.0 == ContentId::from_bytes(before.content_id()) {
        return Err(not_possible(
            zone,
            "the image before is the one that runs".to_owned(),
        ));
    }
    state.held = Some(Held { since: now, from });
    state.accepted = None;
    // Held before moved: killed in between, the newer image is held and the next try succeeds.
    state::write(&folder.state(zone), &state)?;
    fs::rename(&previous, &path).map_err(writing(&path))?;
    let synced = File::open(folder.path()).and_then(|folder| folder.sync_all());
    synced.map_err(writing(folder.path()))?;
    mark(folder, zone, |page| {
        page.held = true;
        page.serial = before.serial();
        page.generation += 1;
    })?;
    Ok(before.serial())
}

/// Lets the mirror go on from the image that a rollback holds, with its next run.
///
/// # Errors
/// An image that is not held; a folder that cannot be written or is locked by another run.
pub fn release(folder: &Folder, zone: &ZoneName) -> Result<(), Error> {
    let _lock = folder.lock()?;
    let mut state = known(folder, zone)?;
    if state.held.take().is_none() {
        return Err(not_possible(zone, "not held by a rollback".to_owned()));
    }
    state::write(&folder.state(zone), &state)?;
    mark(folder, zone, |page| page.held = false)
}

/// Takes one content as it is, whatever the guards say, with the next run. `id` is its content id
/// or at least the first 12 digits of it, which the refusal names. Ends a hold, too.
///
/// # Errors
/// An id that is none; a folder that cannot be written or is locked by another run.
pub fn accept(folder: &Folder, zone: &ZoneName, id: &str) -> Result<(), Error> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if !(DIGITS..=64).contains(&id.len()) || !id.bytes().all(hex) {
        let what = format!("{id:?} is not {DIGITS} or more digits of a content id");
        return Err(not_possible(zone, what));
    }
    let _lock = folder.lock()?;
    let mut state = known(folder, zone)?;
    state.accepted = Some(id.to_owned());
    state::write(&folder.state(zone), &state)
}

fn known(folder: &Folder, zone: &ZoneName) -> Result<State, Error> {
    let state = state::read(&folder.state(zone))?;
    state.ok_or_else(|| not_possible(zone, "not mirrored here".to_owned()))
}

fn mark(
    folder: &Folder,
    zone: &ZoneName,
    change: impl FnOnce(&mut StatusPage),
) -> Result<(), Error> {
    let path = folder.status(zone);
    let mut page = status_page::read(&path)?.unwrap_or_default();
    change(&mut page);
    status_page::write(&path, &page)
}

fn not_possible(zone: &ZoneName, what: String) -> Error {
    let zone = zone.clone();
    Error::NotPossible { zone, what }
}
