//! Where the history of a zone lies: beside a mirror's images, or in what a publisher keeps.

use std::path::{Path, PathBuf};

use rblmap_content::ZoneName;
use rblmap_history::{Log, Version};

use crate::folder::Folder;
use crate::publish::{STATE, history_folder, newest_image};

/// The history of a zone in a mirror's folder or in a publisher's feed.
///
/// ```
/// use rblmap_feed::HistoryPlace;
/// let place = HistoryPlace::of("/var/lib/rblmap".as_ref(), &"ops.example".parse()?);
/// assert_eq!(place.log.folder().to_str(), Some("/var/lib/rblmap/ops.example.history"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct HistoryPlace {
    /// The history, which need not be there.
    pub log: Log,
    /// The image that its last update led to, if it is there.
    pub image: Option<PathBuf>,
}

impl HistoryPlace {
    /// Finds the place in a folder of either kind. Reads a feed's pointer and manifest, nothing else.
    pub fn of(dir: &Path, zone: &ZoneName) -> HistoryPlace {
        let of_mirror = Log::new(dir.join(format!("{zone}.history")));
        if dir.join(STATE).is_dir() && !of_mirror.exists() {
            return HistoryPlace {
                log: Log::new(history_folder(dir, zone)),
                image: newest_image(dir, zone),
            };
        }
        let image = Folder::new(dir).image(zone);
        HistoryPlace {
            log: of_mirror,
            image: image.exists().then_some(image),
        }
    }

    /// Where the history begins: what was listed then has been for at least as long.
    pub fn since(&self) -> Option<Version> {
        self.log.first()
    }
}
