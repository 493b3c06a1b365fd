//! What a mirror's and a publisher's updates change, kept in a history.

use rblmap_content::ZoneName;
use rblmap_history::{Appended, Log, Retention};

use crate::error::Error;
use crate::folder::{Folder, map_image};
use crate::mirror::{Outcome, Report, Settings};

/// Records the images that a run brought. Where a run was killed between an image and its history,
/// the next one finds the image before it under its other name, and makes up for it.
pub(crate) fn record_all(folder: &Folder, settings: &Settings, reports: &mut [Report], now: u64) {
    if !settings.history.is_on() {
        return;
    }
    for report in reports {
        let (Some(zone), Ok(Outcome::Updated(_) | Outcome::Current { .. })) =
            (&report.zone, &report.result)
        else {
            continue;
        };
        match record(folder, zone, &settings.history, now) {
            Ok(appended) => report.trouble.extend(told(zone, &appended)),
            Err(error) => report.trouble.push(error),
        }
    }
}

/// Records the image of a zone, if the history does not know it: one look at names of files if it
/// does.
fn record(
    folder: &Folder,
    zone: &ZoneName,
    retention: &Retention,
    now: u64,
) -> Result<Appended, Error> {
    let log = Log::new(folder.path().join(format!("{zone}.history")));
    let failed = |source: rblmap_history::Error| Error::History {
        zone: zone.clone(),
        source,
    };
    let running = map_image(&folder.image(zone)).map_err(|error| failed(error.into()))?;
    if log.last_serial() == Some(running.serial()) {
        return Ok(Appended::default());
    }
    let previous = map_image(&folder.previous(zone)).ok();
    let appended = log.append(previous.as_ref(), &running, now, retention);
    appended.map_err(failed)
}

/// What a person should know.
fn told(zone: &ZoneName, appended: &Appended) -> Option<Error> {
    let what = match (appended.failed.first(), appended.began_anew) {
        (Some(failed), _) => failed.clone(),
        (None, true) => "the serial did not rise, so the history begins anew".to_owned(),
        (None, false) => return None,
    };
    let zone = zone.clone();
    Some(Error::HistoryLost { zone, what })
}
