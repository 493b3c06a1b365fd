//! What a mirror's and a publisher's updates change, kept in a history.

use rblmap_content::ZoneName;
use rblmap_history::{Appended, Log, Retention};

use crate::access::{PUBLIC, set_mode};
use crate::disk::Dir;
use crate::error::{Error, chain, writing};
use crate::folder::{Folder, map_image, map_image_if_there};
use crate::mirror::{Outcome, Report, Settings};

/// Records the images that a run brought. Where a run was killed between an image and its history,
/// the next one finds the image before it under its other name, and makes up for it.
pub(crate) fn record_all(dir: &Dir, settings: &Settings, reports: &mut [Report], now: u64) {
    if !settings.history.is_on() {
        return;
    }
    for report in reports {
        let (Some(zone), Ok(Outcome::Updated(_) | Outcome::Current { .. })) =
            (&report.zone, &report.result)
        else {
            continue;
        };
        match record(dir, zone, &settings.history, now) {
            Ok(appended) => report.trouble.extend(told(zone, &appended)),
            Err(error) => report.trouble.push(error),
        }
    }
}

/// Records the image of a zone, if the history does not know it: one look at names of files if it
/// does.
fn record(dir: &Dir, zone: &ZoneName, retention: &Retention, now: u64) -> Result<Appended, Error> {
    let folder = Folder::new(dir.path());
    // By its number: a link that somebody puts in its place meanwhile leads nowhere.
    let home = dir.make_public_child(&format!("{zone}.history"));
    let home = home.map_err(|error| failed(zone, &error))?;
    let at = home.inherited_path();
    let log = Log::new(&at);
    let failed = |error: rblmap_history::Error| {
        let (number, name) = (at.display().to_string(), home.path().display().to_string());
        Error::History {
            zone: zone.clone(),
            what: chain(&error).replace(&number, &name),
        }
    };
    let running = map_image(&folder.image(zone)).map_err(|error| failed(error.into()))?;
    if log.last_serial() == Some(running.serial()) {
        return Ok(Appended::default());
    }
    let previous = map_image_if_there(&folder.previous(zone));
    let previous = previous.map_err(|error| failed(error.into()))?;
    let appended = log.append(previous.as_ref(), &running, now, retention);
    let appended = appended.map_err(failed)?;
    open_up(&home)?;
    Ok(appended)
}

/// Lets everybody read the segments, whatever the umask of the run.
fn open_up(home: &Dir) -> Result<(), Error> {
    for name in home.names()? {
        let is_closed = |stat: rustix::fs::Stat| stat.st_mode & 0o444 != 0o444;
        if home.stat(&name).is_some_and(is_closed) {
            let opened = home.open_read(&name);
            let opened = opened.and_then(|file| set_mode(&file, PUBLIC));
            opened.map_err(writing(home.path().join(&name)))?;
        }
    }
    Ok(())
}

/// The history was not written.
pub(crate) fn failed(zone: &ZoneName, error: &dyn std::error::Error) -> Error {
    Error::History {
        zone: zone.clone(),
        what: chain(error),
    }
}

/// What a person should know.
pub(crate) fn told(zone: &ZoneName, appended: &Appended) -> Option<Error> {
    let what = match (appended.failed.first(), appended.began_anew) {
        (Some(failed), _) => failed.clone(),
        (None, true) => "the serial did not rise, so the history begins anew".to_owned(),
        (None, false) => return None,
    };
    let zone = zone.clone();
    Some(Error::HistoryLost { zone, what })
}
