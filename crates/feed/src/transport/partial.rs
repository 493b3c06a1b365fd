//! Parts of downloads that broke off: they outlive the run, each under the name of its source and
//! file, so that no source goes on with what another one sent.

use std::time::{Duration, SystemTime};

use crate::digest::FileHash;
use crate::disk::Dir;
use crate::error::Error;
use crate::path::FeedPath;

/// The folder of them.
const FOLDER: &str = ".partial";
/// Parts that nobody went on with for so long are removed.
const KEPT: Duration = Duration::from_secs(2 * 24 * 3600);
/// Smaller files are fetched again.
const LEAST: u64 = 16 << 10;

/// The parts of one source.
#[derive(Debug)]
pub(crate) struct Partials<'a> {
    lasting: Option<&'a Dir>,
    source: String,
}

impl<'a> Partials<'a> {
    pub(crate) fn new(lasting: Option<&'a Dir>, source: &str) -> Partials<'a> {
        Partials {
            lasting,
            source: FileHash::of(source.as_bytes()).to_string(),
        }
    }

    fn name(&self, path: &FeedPath) -> String {
        let file = FileHash::of(path.as_str().as_bytes());
        format!("{}-{file}", self.source)
    }

    /// Moves a part that was kept into a folder, under `name`; gives its length.
    pub(crate) fn take(&self, path: &FeedPath, to: &Dir, name: &str) -> u64 {
        let moved = || {
            let lasting = self.lasting?;
            let kept = lasting.child(FOLDER).ok()?;
            let from = self.name(path);
            kept.stat(&from)?;
            kept.rename(&from, to, name).ok()?;
            if kept.names().is_ok_and(|names| names.is_empty()) {
                let _ = lasting.remove_all(FOLDER);
            }
            u64::try_from(to.stat(name)?.st_size).ok()
        };
        moved().unwrap_or(0)
    }

    /// Keeps a part for the next run. To lose it costs a transfer, no more.
    pub(crate) fn keep(&self, path: &FeedPath, from: &Dir, name: &str) {
        let long_enough =
            |stat: rustix::fs::Stat| u64::try_from(stat.st_size).is_ok_and(|size| size >= LEAST);
        if !from.stat(name).is_some_and(long_enough) {
            return;
        }
        if let Some(Ok(kept)) = self.lasting.map(|lasting| lasting.make_child(FOLDER)) {
            let _ = from.rename(name, &kept, &self.name(path));
        }
    }

    /// Removes parts that are old, and the folder once it is empty.
    pub(crate) fn clean(lasting: &Dir) -> Result<(), Error> {
        let Ok(kept) = lasting.child(FOLDER) else {
            return Ok(());
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = i64::try_from(now.unwrap_or_default().as_secs()).unwrap_or(i64::MAX);
        let oldest = now.saturating_sub(i64::try_from(KEPT.as_secs()).unwrap_or(i64::MAX));
        let mut left = 0;
        for name in kept.names()? {
            match kept.stat(&name) {
                Some(stat) if stat.st_mtime >= oldest && stat.st_mtime <= now + 60 => left += 1,
                _ => drop(kept.remove_all(&name)),
            }
        }
        if left == 0 {
            let _ = lasting.remove_all(FOLDER);
        }
        Ok(())
    }
}
