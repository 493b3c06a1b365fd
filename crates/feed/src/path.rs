//! The names of files in a feed, and of zones that may be in one. They are made from numbers and hashes, never taken from a peer, so
//! none can point elsewhere.

use std::fmt;

use rblmap_content::ZoneName;

use crate::digest::FileHash;
use crate::error::Error;

/// A file of a feed, relative to its root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FeedPath(String);

/// The pointer to the list of zones.
pub(crate) const INDEX_POINTER: &str = "index.minisig";

/// Last labels of zone names with which a zone's files would have the names of another's.
const OURS: [&str; 7] = ["prev", "state", "status", "history", "log", "rbl", "tmp"];

/// Whether a zone may have this name: `ops.example.prev` would have its image where the image
/// before that of `ops.example` lies.
///
/// # Errors
/// A name that ends in a label of our own.
pub(crate) fn allowed(zone: &ZoneName) -> Result<(), Error> {
    let last = zone.as_str().rsplit('.').next().unwrap_or_default();
    match OURS.contains(&last) {
        false => Ok(()),
        true => Err(Error::NotPossible {
            zone: zone.clone(),
            what: format!("a zone's name may not end in .{last}: files of a mirror are called so"),
        }),
    }
}

impl FeedPath {
    /// `index.minisig`.
    pub(crate) fn index_pointer() -> FeedPath {
        FeedPath(INDEX_POINTER.to_owned())
    }

    /// `i/<issue>-<hash>.json`.
    pub(crate) fn index(issue: u64, hash: FileHash) -> FeedPath {
        FeedPath(format!("i/{issue}-{hash}.json"))
    }

    /// `ZONE/current.minisig`.
    pub(crate) fn pointer(zone: &ZoneName) -> FeedPath {
        FeedPath(format!("{zone}/current.minisig"))
    }

    /// `ZONE/m/<issue>-<hash>.json`.
    pub(crate) fn manifest(zone: &ZoneName, issue: u64, hash: FileHash) -> FeedPath {
        FeedPath(format!("{zone}/m/{issue}-{hash}.json"))
    }

    /// `ZONE/l/<issue>-<hash>.json`.
    pub(crate) fn delta_index(zone: &ZoneName, issue: u64, hash: FileHash) -> FeedPath {
        FeedPath(format!("{zone}/l/{issue}-{hash}.json"))
    }

    /// `ZONE/s/<serial>-<hash>.rbs`.
    pub(crate) fn snapshot(zone: &ZoneName, serial: u64, hash: FileHash) -> FeedPath {
        FeedPath(format!("{zone}/s/{serial}-{hash}.rbs"))
    }

    /// `ZONE/d/<from>-<to>-<hash>.rbd`.
    pub(crate) fn delta(zone: &ZoneName, from: u64, to: u64, hash: FileHash) -> FeedPath {
        FeedPath(format!("{zone}/d/{from}-{to}-{hash}.rbd"))
    }

    /// `ZONE/ZONE.rbl`: the image itself, for those who fetch it with bare rsync.
    pub(crate) fn image(zone: &ZoneName) -> FeedPath {
        FeedPath(format!("{zone}/{zone}.rbl"))
    }

    /// The name as text, with `/` between folders.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FeedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_not_called_as_files_of_ours_are() {
        for (zone, may) in [
            ("ops.example", true),
            ("prev.example", true),
            ("ops.example.prev", false),
            ("ops.example.state", false),
            ("log", false),
        ] {
            assert_eq!(allowed(&zone.parse().unwrap()).is_ok(), may, "{zone}");
        }
    }
}
