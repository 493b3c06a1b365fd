//! Puts an image and what goes with it in place, in an order that is safe if the process is killed at
//! any point.

use rblmap::{Image, StatusPage};
use rblmap_content::ZoneName;

use crate::access::Access;
use crate::error::Error;
use crate::folder::{image_name, log_name, previous_name, status_name};
use crate::state::State;
use crate::status_page;

use super::running::whole;
use super::unfold::Unplaced;
use super::{Run, Update};

/// What changes with a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settled<'a> {
    /// The image that runs now.
    pub(super) running: Option<&'a Image>,
    /// Whether it is another one than before.
    pub(super) swapped: bool,
}

/// Keeps the old image under its other name, puts the new one in place, then writes state, page
/// and log. Killed in between, the next run finds the image and does the rest.
pub(super) fn install(
    run: &Run<'_>,
    zone: &ZoneName,
    state: &mut State,
    old: Option<&Image>,
    new: Unplaced<'_>,
    update: &Update,
) -> Result<(), Error> {
    let name = image_name(zone);
    // One that is damaged is nothing to go back to.
    if old.is_some() {
        run.dir.second_name(&name, &previous_name(zone))?;
    }
    let access = run.dir.access(&name).unwrap_or_else(Access::public);
    new.file.place(run.dir, &name, &access)?;
    state.whole = run.dir.stat(&name).map(|stat| whole(&stat, run.now));
    let settled = Settled {
        running: Some(&new.image),
        swapped: true,
    };
    settle(run, zone, state, settled)?;
    log(run, zone, update)
}

/// Writes state and page.
pub(super) fn settle(
    run: &Run<'_>,
    zone: &ZoneName,
    state: &mut State,
    settled: Settled<'_>,
) -> Result<(), Error> {
    state.failure = None;
    state.left_index = false;
    let page = page(run, zone, state, settled)?;
    state.generation = page.generation;
    state.write(run.dir, zone)?;
    status_page::write(run.dir, &status_name(zone), &page)
}

/// Writes the page alone: nothing is new but that all is well.
pub(super) fn mark(
    run: &Run<'_>,
    zone: &ZoneName,
    state: &mut State,
    running: Option<&Image>,
) -> Result<(), Error> {
    let settled = Settled {
        running,
        swapped: false,
    };
    state.failure = None;
    state.left_index = false;
    let page = page(run, zone, state, settled)?;
    state.generation = page.generation;
    status_page::write(run.dir, &status_name(zone), &page)
}

/// The page as it shall be. One that was wiped is made again, with a generation that readers have
/// not seen.
fn page(
    run: &Run<'_>,
    zone: &ZoneName,
    state: &State,
    settled: Settled<'_>,
) -> Result<StatusPage, Error> {
    let before = status_page::read(run.dir, &status_name(zone))?;
    let serial = settled.running.map_or(0, Image::serial);
    // A run that was killed may have left the page behind the image.
    let moved = settled.swapped || before.is_none_or(|before| before.serial != serial);
    let generation = before.map_or(0, |before| before.generation);
    let generation = generation.max(state.generation);
    let seen = state.seen.as_ref();
    let stale_from = seen.map_or(0, |seen| seen.expires);
    Ok(StatusPage {
        retired: seen.is_some_and(|seen| seen.retired.is_some()),
        held: state.held.is_some(),
        generation: generation.saturating_add(u64::from(moved)),
        stale_from,
        expired_from: stale_from.saturating_add(run.settings.grace),
        serial,
        checked: run.now,
    })
}

fn log(run: &Run<'_>, zone: &ZoneName, update: &Update) -> Result<(), Error> {
    let mut line = serde_json::json!({ "time": run.now, "zone": zone.as_str() });
    let fields = serde_json::to_value(update).unwrap_or_default();
    if let (Some(line), Some(fields)) = (line.as_object_mut(), fields.as_object()) {
        line.extend(fields.clone());
    }
    run.dir.append(&log_name(zone), &format!("{line}\n"))
}
