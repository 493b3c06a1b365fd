//! The folder that a mirror keeps: what is where.

use std::path::{Path, PathBuf};

use rblmap::Image;
use rblmap_content::ZoneName;

use crate::disk::Dir;
use crate::error::Error;

/// A mirror's folder.
///
/// See the example of [the crate](crate).
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// Maps an image of a mirror's folder or of a publisher.
pub(crate) fn map_image(path: &Path) -> Result<Image, rblmap::Error> {
    #[expect(unsafe_code, reason = "mapping is a promise about the file")]
    // SAFETY: publisher and mirror replace images by rename only, and say so of the images that
    // they are given (docs/feed.md).
    unsafe {
        Image::map(path)
    }
}

/// As [`map_image`], of a file that may be missing or damaged. A disk that cannot be read now is
/// neither: the next run may read it.
pub(crate) fn map_image_if_there(path: &Path) -> Result<Option<Image>, rblmap::Error> {
    let passes = |cause: &std::io::Error| cause.kind() != std::io::ErrorKind::NotFound;
    match map_image(path) {
        Ok(image) => Ok(Some(image)),
        Err(error) if error.io().is_some_and(passes) => Err(error),
        Err(_) => Ok(None),
    }
}

const STATE_END: &str = ".state.json";

impl Folder {
    /// The folder at `path`, which need not be there.
    pub fn new(path: impl Into<PathBuf>) -> Folder {
        Folder { path: path.into() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The image that runs.
    pub fn image(&self, zone: &ZoneName) -> PathBuf {
        self.path.join(image_name(zone))
    }

    /// The image before it.
    pub fn previous(&self, zone: &ZoneName) -> PathBuf {
        self.path.join(previous_name(zone))
    }

    /// What the mirror remembers of a zone.
    pub fn state(&self, zone: &ZoneName) -> PathBuf {
        self.path.join(format!("{zone}{STATE_END}"))
    }

    /// The page that readers look at.
    pub fn status(&self, zone: &ZoneName) -> PathBuf {
        self.path.join(status_name(zone))
    }

    /// The log of updates, one JSON object a line.
    pub fn log(&self, zone: &ZoneName) -> PathBuf {
        self.path.join(log_name(zone))
    }
}

pub(crate) fn image_name(zone: &ZoneName) -> String {
    format!("{zone}.rbl")
}

pub(crate) fn previous_name(zone: &ZoneName) -> String {
    format!("{zone}.prev.rbl")
}

pub(crate) fn status_name(zone: &ZoneName) -> String {
    format!("{zone}.status")
}

pub(crate) fn log_name(zone: &ZoneName) -> String {
    format!("{zone}.log")
}

/// The zones that a folder holds a state of, by name.
pub(crate) fn zones_in(dir: &Dir) -> Result<Vec<ZoneName>, Error> {
    let names = dir.names()?;
    let zone = |name: &String| name.strip_suffix(STATE_END)?.parse().ok();
    let mut zones: Vec<ZoneName> = names.iter().filter_map(zone).collect();
    zones.sort();
    Ok(zones)
}
