//! The folder that a mirror keeps: what is where, the lock, and what a killed run left behind.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rblmap::Image;
use rblmap_content::ZoneName;
use rblmap_image::TEMP_PREFIX;

use crate::error::{Error, reading, writing};

/// A mirror's folder.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// Maps an image of a mirror's folder or of a publisher; the error leaves the path to the caller.
pub(crate) fn map_image(path: &Path) -> Result<Image, rblmap::Error> {
    #[expect(unsafe_code, reason = "mapping is a promise about the file")]
    // SAFETY: publisher and mirror replace images by rename only, and say so of the images that
    // they are given (docs/feed.md).
    let image = unsafe { Image::map(path) };
    image.map_err(rblmap::Error::without_path)
}

/// Held while a run works on a folder.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

const LOCK: &str = ".lock";
/// Where downloads lie until they are complete: inside, so that a rename suffices.
const SPOOL: &str = ".rblmap-spool";

impl Folder {
    /// The folder at `path`, which need not be there.
    pub fn new(path: impl Into<PathBuf>) -> Folder {
        Folder { path: path.into() }
    }

    /// Takes the lock, and makes the folder first if there is none.
    ///
    /// # Errors
    /// Another run that holds it; a folder that cannot be written.
    pub fn lock(&self) -> Result<Lock, Error> {
        lock(&self.path)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The image that runs.
    pub fn image(&self, zone: &ZoneName) -> PathBuf {
        self.path.join(format!("{zone}.rbl"))
    }

    /// The image before it.
    pub fn previous(&self, zone: &ZoneName) -> PathBuf {
        self.path.join(format!("{zone}.prev.rbl"))
    }

    /// What the mirror remembers of a zone.
    pub fn state(&self, zone: &ZoneName) -> PathBuf {
        self.path.join(format!("{zone}.state.json"))
    }

    /// The page that readers look at.
    pub fn status(&self, zone: &ZoneName) -> PathBuf {
        self.path.join(format!("{zone}.status"))
    }

    /// The log of updates, one JSON object a line.
    pub fn log(&self, zone: &ZoneName) -> PathBuf {
        self.path.join(format!("{zone}.log"))
    }

    /// What the mirror remembers of the index that `key` (of the key file) signs.
    pub(crate) fn index_state(&self, key: &str) -> PathBuf {
        self.path.join(format!(".index-{key}.json"))
    }

    /// How sources behaved.
    pub(crate) fn sources(&self) -> PathBuf {
        self.path.join(".sources.json")
    }

    /// Where downloads lie.
    pub fn spool(&self) -> PathBuf {
        self.path.join(SPOOL)
    }

    /// The zones that the folder holds a state or an image of, by name.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn zones(&self) -> Result<Vec<ZoneName>, Error> {
        let mut zones = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(reading(&self.path))? {
            let entry = entry.map_err(reading(&self.path))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let zone = name
                .strip_suffix(".state.json")
                .and_then(|zone| zone.parse().ok());
            zones.extend(zone);
        }
        zones.sort();
        Ok(zones)
    }

    /// Removes what killed runs left: temporary files, and with `spool` downloads too.
    pub(crate) fn clean(&self, spool: bool) -> Result<(), Error> {
        clean(&self.path, false)?;
        let path = self.spool();
        if spool && path.exists() {
            fs::remove_dir_all(&path).map_err(writing(&path))?;
        }
        Ok(())
    }
}

/// Takes the lock of a folder, and makes the folder first if there is none.
pub(crate) fn lock(folder: &Path) -> Result<Lock, Error> {
    fs::create_dir_all(folder).map_err(writing(folder))?;
    let path = folder.join(LOCK);
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(writing(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(fs::TryLockError::WouldBlock) => Err(Error::Locked {
            path: folder.to_owned(),
        }),
        Err(fs::TryLockError::Error(source)) => Err(Error::Write { path, source }),
    }
}

/// Removes temporary files of a folder, and with `below` of those in it.
pub(crate) fn clean(folder: &Path, below: bool) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(reading(folder))? {
        let entry = entry.map_err(reading(folder))?;
        let kind = entry.file_type().map_err(reading(folder))?;
        let temporary = entry.file_name().to_string_lossy().starts_with(TEMP_PREFIX);
        if kind.is_file() && temporary {
            let path = entry.path();
            fs::remove_file(&path).map_err(writing(&path))?;
        } else if kind.is_dir() && below {
            clean(&entry.path(), true)?;
        }
    }
    Ok(())
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let file = File::open(path).map_err(reading(path))?;
    let mut bytes = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(reading(path))?;
    if bytes.len() as u64 > limit {
        let source = io::Error::other(format!("longer than {limit} bytes"));
        let path = path.to_owned();
        return Err(Error::Read { path, source });
    }
    Ok(bytes)
}

/// Reads a file that need not be there.
pub(crate) fn read_if_there(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    match read_limited(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Bytes that are free for us on the file system of a folder.
pub(crate) fn free_space(folder: &Path) -> Result<u64, Error> {
    let stat = rustix::fs::statvfs(folder).map_err(|error| Error::Read {
        path: folder.to_owned(),
        source: error.into(),
    })?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path().join("new"));
        let held = folder.lock().unwrap();
        assert!(matches!(folder.lock(), Err(Error::Locked { .. })));
        drop(held);
        folder.lock().unwrap();
    }

    #[test]
    fn what_killed_runs_left_goes_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        fs::create_dir(folder.spool()).unwrap();
        fs::write(folder.spool().join("x"), "x").unwrap();
        fs::write(dir.path().join(".rblmap-abc"), "x").unwrap();
        fs::write(dir.path().join("a.rbl"), "x").unwrap();
        folder.clean(false).unwrap();
        assert!(folder.spool().join("x").exists());
        folder.clean(true).unwrap();
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
    }
}
