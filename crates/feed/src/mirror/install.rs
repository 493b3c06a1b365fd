//! Puts an image in place, and what goes with it, in the order in which a kill does no harm.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use rblmap::{Image, StatusPage};
use rblmap_content::ZoneName;
use rblmap_image::{TEMP_PREFIX, place};

use crate::error::{Error, writing};
use crate::folder::{Folder, map_image};
use crate::state::{self, State};
use crate::status_page;

use super::{Run, Update};

/// The image that runs, if there is one that can be opened and is of the zone. A damaged one is
/// replaced from a snapshot.
pub(super) fn running(folder: &Folder, zone: &ZoneName) -> Option<Image> {
    let image = map_image(&folder.image(zone)).ok()?;
    (image.name() == zone.as_str()).then_some(image)
}

/// Keeps the old image under its other name, puts the new one in place, then writes state, page
/// and log. Killed in between, the next run finds the image and does the rest.
pub(super) fn install(
    run: &Run<'_>,
    zone: &ZoneName,
    state: &State,
    image: &Image,
    update: &Update,
) -> Result<(), Error> {
    let path = run.folder.image(zone);
    keep(&path, &run.folder.previous(zone))?;
    place(&path, image.as_bytes()).map_err(writing(&path))?;
    settle(run, zone, state, Some(image), true)?;
    log(run, zone, update)
}

/// Writes state and page without a new image.
pub(super) fn settle(
    run: &Run<'_>,
    zone: &ZoneName,
    state: &State,
    running: Option<&Image>,
    swapped: bool,
) -> Result<(), Error> {
    state::write(&run.folder.state(zone), state)?;
    mark(run, zone, state, running, swapped)
}

/// Writes the page.
pub(super) fn mark(
    run: &Run<'_>,
    zone: &ZoneName,
    state: &State,
    running: Option<&Image>,
    swapped: bool,
) -> Result<(), Error> {
    let path = run.folder.status(zone);
    let before = status_page::read(&path)?;
    let serial = running.map_or(0, Image::serial);
    // A run that was killed may have left the page behind the image.
    let moved = swapped || before.is_none_or(|before| before.serial != serial);
    let generation = before.map_or(0, |before| before.generation);
    let seen = state.seen.as_ref();
    let stale_from = seen.map_or(0, |seen| seen.expires);
    let page = StatusPage {
        retired: seen.is_some_and(|seen| seen.retired.is_some()),
        held: state.held.is_some(),
        generation: generation + u64::from(moved),
        stale_from,
        expired_from: stale_from.saturating_add(run.settings.grace),
        serial,
        checked: run.now,
    };
    status_page::write(&path, &page)
}

/// Gives the running image a second name, by which `rollback` finds it.
fn keep(path: &Path, previous: &Path) -> Result<(), Error> {
    if !path.exists() {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let link = folder.join(format!("{TEMP_PREFIX}previous"));
    let linked = fs::hard_link(path, &link).and_then(|()| fs::rename(&link, previous));
    // Renaming one name of a file over another of the same does nothing, and leaves both.
    let _ = fs::remove_file(&link);
    linked.map_err(writing(previous))
}

fn log(run: &Run<'_>, zone: &ZoneName, update: &Update) -> Result<(), Error> {
    let path = run.folder.log(zone);
    let mut line = serde_json::json!({ "time": run.now, "zone": zone.as_str() });
    let fields = serde_json::to_value(update).unwrap_or_default();
    if let (Some(line), Some(fields)) = (line.as_object_mut(), fields.as_object()) {
        line.extend(fields.clone());
    }
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    written.map_err(writing(path))
}
