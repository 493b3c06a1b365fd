//! What a hook is told: each change of a zone's outcome, once.

use rblmap_content::ZoneName;

use crate::disk::{Dir, Hold, LOCK};
use crate::error::Error;
use crate::folder::Folder;
use crate::state::{Event, State};

use super::{Outcome, Pending, Settings, Update};

/// How long to wait for the lock to record that a hook succeeded; after that it is not recorded.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// The event of an update.
pub(super) fn updated(update: &Update, content: &str) -> Event {
    event("updated", update.to, content)
}

/// Takes note of what became of a zone.
pub(super) fn note(state: &mut State, zone: &ZoneName, result: &Result<Outcome, Error>) {
    let next = match result {
        Err(Error::Refused { .. } | Error::RetirementRefused { .. }) => {
            let refused = state.refused.as_ref();
            refused.map(|refused| event("refused", refused.serial, &refused.id))
        }
        Ok(Outcome::Retired { url }) => {
            let seen = state.seen.as_ref();
            let at = seen
                .and_then(|seen| seen.retired.as_ref())
                .map_or(0, |r| r.at);
            let serial = seen.map_or(0, |seen| seen.serial);
            Some(event("retired", serial, &format!("{zone} {at} {url}")))
        }
        // An update was noted together with its image.
        _ => None,
    };
    if let Some(next) = next
        && state
            .event
            .as_ref()
            .is_none_or(|event| event.key != next.key)
    {
        state.event = Some(next);
    }
}

fn event(outcome: &str, serial: u64, what: &str) -> Event {
    Event {
        outcome: outcome.to_owned(),
        serial,
        key: format!("{outcome} {serial} {what}"),
        told: false,
        error: None,
    }
}

/// The events of zones that a hook is still to be told of.
///
/// See the example of [`Hook`](crate::Hook).
///
/// # Errors
/// A folder that cannot be read.
pub fn pending_events(folder: &Folder, settings: &Settings) -> Result<Vec<Pending>, Error> {
    let dir = Dir::open(folder.path())?;
    let mut pending = Vec::new();
    for zone in crate::folder::zones_in(&dir)? {
        let ours = settings.zones.is_empty() || settings.zones.contains(&zone);
        // A state that is damaged is told by the run itself.
        let Ok(Some(state)) = State::read(&dir, &zone) else {
            continue;
        };
        let event = state.event.filter(|event| ours && !event.told);
        pending.extend(event.map(|event| Pending { zone, event }));
    }
    Ok(pending)
}

/// Takes note of what became of a hook: told once, or tried again in the next run.
///
/// See the example of [`Hook`](crate::Hook).
///
/// # Errors
/// A folder that cannot be written, or that another run does not let go of.
pub fn hook_told(folder: &Folder, pending: &Pending, error: Option<String>) -> Result<(), Error> {
    let dir = Dir::open(folder.path())?;
    let _lock = dir.lock(LOCK, Hold::Alone, PATIENCE)?;
    let Some(mut state) = State::read(&dir, &pending.zone)? else {
        return Ok(());
    };
    let same = |event: &&mut Event| event.key == pending.event.key;
    let Some(event) = state.event.as_mut().filter(same) else {
        return Ok(());
    };
    let before = event.clone();
    event.told = error.is_none();
    event.error = error;
    match *event == before {
        true => Ok(()),
        false => state.write(&dir, &pending.zone),
    }
}
