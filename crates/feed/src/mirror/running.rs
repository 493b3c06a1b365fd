//! The image in use: found and verified.

use rblmap::Image;
use rblmap_content::{ContentId, ZoneName};
use rustix::fs::Stat;
use rustix::io::Errno;

use crate::error::Error;
use crate::folder::{image_name, map_image, status_name};
use crate::ids::Id;
use crate::state::{Held, State, Whole};
use crate::status_page;
use crate::time::DAY;

use super::Run;

/// The image that runs, if there is one that can be opened, is of the zone and is whole. A damaged
/// one is replaced from a snapshot.
///
/// # Errors
/// No descriptor or no memory to open it with: that says nothing of the image, and to replace it
/// would take the history away.
pub(super) fn running(
    run: &Run<'_>,
    zone: &ZoneName,
    state: &mut State,
    trouble: &mut Vec<Error>,
) -> Result<Option<Image>, Error> {
    let name = image_name(zone);
    let Some(stat) = run.dir.stat(&name) else {
        return Ok(None);
    };
    let path = run.dir.path().join(&name);
    let found = found_whole(&stat, state.whole.as_ref(), run.now);
    let opened = map_image(&path).and_then(|image| match found {
        true => Ok(image),
        false => image.verify().map(|()| image),
    });
    let damage = match opened {
        Ok(image) if image.name() == zone.as_str() => {
            if !found {
                state.whole = Some(whole(&stat, run.now));
            }
            return Ok(Some(image));
        }
        Ok(_) => return Ok(None),
        Err(error) if error.io().is_some_and(is_shortage) => {
            return Err(Error::of_image(&path, error));
        }
        Err(error) => error,
    };
    // This is reported once: the note that the image was whole is dropped here.
    if state.whole.take().is_some() {
        state.totals.damaged += 1;
        trouble.push(Error::of_image(&path, damage));
    }
    Ok(None)
}

/// Whether it is a lack of descriptors or memory.
fn is_shortage(error: &std::io::Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|error| shortages.contains(&error))
}

/// The file as it is now that it was verified.
pub(super) fn whole(stat: &Stat, now: u64) -> Whole {
    Whole {
        inode: stat.st_ino,
        bytes: u64::try_from(stat.st_size).unwrap_or(0),
        changed: i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec),
        at: now,
    }
}

/// Whether the file is the one that was verified, not long ago: what a disk does to bytes shows in
/// no time stamp.
fn found_whole(stat: &Stat, known: Option<&Whole>, now: u64) -> bool {
    known.is_some_and(|known| {
        let same = Whole {
            at: known.at,
            ..whole(stat, now)
        };
        same == *known && known.at <= now && now - known.at < DAY
    })
}

impl Run<'_> {
    /// What is remembered where the memory was lost: a rollback shows in the status page.
    pub(super) fn state_by_image(&self, zone: &ZoneName) -> State {
        let page = status_page::read(self.dir, &status_name(zone));
        let page = page.ok().flatten().unwrap_or_default();
        let image = map_image(&self.dir.path().join(image_name(zone)));
        let content = image.map(|image| Id(ContentId::from_bytes(image.content_id())));
        let held = content.ok().filter(|_| page.held);
        State {
            generation: page.generation,
            held: held.map(|from| Held {
                since: self.now,
                from,
            }),
            ..State::default()
        }
    }
}
