//! After the swaps: whether the content of a new image is what the image calls itself.
//!
//! An image that deltas lead to is checked against the hash that the last delta names, which is as
//! good as the publisher's word. A hostile signer can name an image whose
//! content id does not match its content. Only a walk over all of it finds that; it takes as long as
//! the update, so it runs when the image is already in use.

use rblmap::Image;
use rblmap_content::{ContentId, ZoneName};

use crate::error::Error;
use crate::folder::{image_name, map_image, previous_name};
use crate::state::State;

use super::install::{self, Settled};
use super::{Outcome, Report, Run};

impl Run<'_> {
    /// Walks the content of the images that were put in place by deltas. One that is not what it
    /// calls itself is taken back.
    pub(super) fn audit(&self, reports: &mut [Report]) {
        for report in reports {
            let by_deltas = match &report.result {
                Ok(Outcome::Updated(update)) => update.deltas > 0,
                _ => false,
            };
            let Some(zone) = report.zone.clone().filter(|_| by_deltas) else {
                continue;
            };
            if let Err(error) = self.audit_zone(&zone) {
                report.result = Err(error);
            }
        }
    }

    fn audit_zone(&self, zone: &ZoneName) -> Result<(), Error> {
        let path = self.dir.path().join(image_name(zone));
        let image = map_image(&path).map_err(|error| Error::of_image(&path, error))?;
        let found = content_of(&image).map_err(|error| Error::of_image(&path, error))?;
        let claimed = ContentId::from_bytes(image.content_id());
        if found == claimed {
            return Ok(());
        }
        self.take_back(zone, &image)?;
        Err(false_content(zone, &found, &claimed))
    }

    /// Puts the image before in place again, and remembers which one not to take.
    fn take_back(&self, zone: &ZoneName, false_image: &Image) -> Result<(), Error> {
        let Some(mut state) = State::read(self.dir, zone)? else {
            return Ok(());
        };
        state.false_root = Some(hash_of(false_image));
        state.sizes.pop();
        let (name, previous) = (image_name(zone), previous_name(zone));
        let before = map_image(&self.dir.path().join(&previous));
        let before = before.and_then(|image| image.verify().map(|()| image)).ok();
        match &before {
            Some(_) => self.dir.rename(&previous, self.dir, &name),
            None => self.dir.remove(&name),
        }
        .map_err(crate::error::writing(self.dir.path().join(&name)))?;
        let synced = self.dir.sync();
        synced.map_err(crate::error::writing(self.dir.path()))?;
        state.whole = None;
        state.event = None;
        // What was seen of a publisher who says such things is no floor for the next.
        state.seen = None;
        let settled = Settled {
            running: before.as_ref(),
            swapped: true,
        };
        install::settle(self, zone, &mut state, settled)
    }
}

/// The id of what an image says, whatever it calls itself.
pub(super) fn content_of(image: &Image) -> Result<ContentId, rblmap_image::Error> {
    Ok(rblmap_image::decode(image)?.id())
}

/// The hash of a whole image.
pub(super) fn hash_of(image: &Image) -> String {
    blake3::hash(image.as_bytes()).to_hex().to_string()
}

pub(super) fn false_content(zone: &ZoneName, found: &ContentId, claimed: &ContentId) -> Error {
    Error::Result {
        zone: zone.clone(),
        what: format!("the content is {found}, and calls itself {claimed}"),
    }
}
