//! Removes files that nobody refers to any more, after a time of grace: a mirror may be in the
//! middle of fetching them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;

use rblmap_content::ZoneName;

use crate::error::{Error, reading, writing};
use crate::path::FeedPath;

use super::tree::Tree;

/// No file goes sooner, seconds.
const GRACE: u64 = 24 * 3600;
/// A poll interval longer than this does not make files stay longer.
const POLL_AT_MOST: u64 = 24 * 3600;
const FOLDERS: [&str; 4] = ["m", "l", "s", "d"];

/// Removes files of a zone that were not referred to for a day and two poll intervals. `since`
/// remembers from when on.
pub(crate) fn prune(
    tree: &Tree,
    zone: &ZoneName,
    referenced: &BTreeSet<FeedPath>,
    since: &mut BTreeMap<String, u64>,
    poll: u64,
    now: u64,
) -> Result<(), Error> {
    let grace = GRACE.max(poll.min(POLL_AT_MOST) * 2);
    let referenced: BTreeSet<&str> = referenced.iter().map(FeedPath::as_str).collect();
    let mut still = BTreeMap::new();
    for folder in FOLDERS {
        let path = tree.root().join(zone.as_str()).join(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(reading(path)(error)),
        };
        for entry in entries {
            let name = entry.map_err(reading(&path))?.file_name();
            let name = format!("{zone}/{folder}/{}", name.to_string_lossy());
            if referenced.contains(name.as_str()) {
                continue;
            }
            let first = since.get(&name).copied().unwrap_or(now);
            if now.saturating_sub(first) > grace {
                let path = tree.root().join(&name);
                fs::remove_file(&path).map_err(writing(&path))?;
            } else {
                still.insert(name, first);
            }
        }
    }
    *since = still;
    Ok(())
}
