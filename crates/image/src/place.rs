//! Puts final files in place, whole or not at all.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;

use tempfile::NamedTempFile;

/// Names of temporary files begin like this; what a killed run left behind may be removed.
pub const TEMP_PREFIX: &str = ".rblmap-";
/// After it, a [`NewFile`] that is not in place has so many letters, and no other file of ours has.
const RANDOM: usize = 9;

/// Writes `bytes` to a [`NewFile`] and puts it in place.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// rblmap_image::place(&folder.path().join("a.rbl"), b"bytes")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Whatever the file system says; then `path` is what it was and nothing is left beside it.
pub fn place(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = NewFile::beside(path)?;
    new.put(0, bytes)?;
    new.place().map(|_len| ())
}

/// A file that is written beside its place, synced and renamed: whoever opens the path sees the old file
/// or the new one, also after a loss of power. The mode is that of a new file (0666 less the umask). An
/// old file that is mapped stays as it is. Dropped before it is in place, nothing is left of it.
///
/// ```
/// # use rblmap_content::Draft;
/// # use rblmap_image::{Layout, NewFile, Stamp, encode_to};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("ops.rbl");
/// let content = Draft::new("ops.example".parse()?).finish()?;
/// let new = NewFile::beside(&path)?;
/// let put = |offset, part: &[u8]| new.put(offset, part);
/// encode_to(&content, content.id(), Stamp::default(), Layout::default(), put)?;
/// new.place()?;
/// rblmap::Image::read(&path)?.verify()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NewFile<'p> {
    path: &'p Path,
    folder: &'p Path,
    file: NamedTempFile,
}

impl<'p> NewFile<'p> {
    /// Begins the file that shall be at `path`. What earlier ones left in the folder because their
    /// process was killed is removed: a temporary file is locked as long as somebody writes it.
    ///
    /// # Errors
    /// Whatever the file system says, and a `path` that is a folder.
    pub fn beside(path: &'p Path) -> io::Result<NewFile<'p>> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        remove_strays(folder);
        let file = temporary(folder)?;
        Ok(NewFile { path, folder, file })
    }

    /// Writes bytes, the first of them at an offset. Several threads may. With no bytes, room is asked for up to
    /// the offset.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn put(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        put_part(self.file.as_file(), offset, bytes)
    }

    /// Puts the file in place, and gives its length.
    ///
    /// # Errors
    /// Whatever the file system says; then the path is what it was.
    pub fn place(self) -> io::Result<u64> {
        let len = self.file.as_file().metadata()?.len();
        self.file.as_file().sync_all()?;
        self.file
            .persist(self.path)
            .map_err(|failed| failed.error)?;
        File::open(self.folder)?.sync_all()?;
        Ok(len)
    }
}

/// Writes a part of an image to a file, as [`Put`](crate::Put) is given them: bytes to their place; with no
/// bytes, room is asked for up to the offset.
///
/// ```
/// let file = tempfile::tempfile()?;
/// rblmap_image::put_part(&file, 5, &[])?;
/// rblmap_image::put_part(&file, 0, b"bytes")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Whatever the file system says.
pub fn put_part(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    match bytes {
        [] => reserve(file, offset),
        _ => file.write_all_at(bytes, offset),
    }
}

/// Asks for room for a file of so many bytes, where the file system can give it before it is written to: that
/// there is none is known at once, and to sync the file takes a third less time.
fn reserve(file: &File, len: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    if len == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, len) {
        Err(no_room @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(no_room.into()),
        // Others cannot, and say so when they are written to.
        _ => Ok(()),
    }
}

/// A temporary file that is ours: locked, and not removed by somebody who locked it first.
fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = tempfile::Builder::new()
            .prefix(TEMP_PREFIX)
            .rand_bytes(RANDOM)
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        // Where a file system has no locks nobody removes anything.
        let is_locked = file.as_file().lock().is_ok();
        if !is_locked || file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Removes temporary files that nobody writes any more. What cannot be looked at or removed stays: it
/// may be somebody else's.
fn remove_strays(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = name.len() == TEMP_PREFIX.len() + RANDOM
            && name.as_encoded_bytes().starts_with(TEMP_PREFIX.as_bytes());
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let is_left = |file: File| file.try_lock().is_ok();
        if File::open(entry.path()).is_ok_and(is_left) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rbl");
        place(&path, b"one").unwrap();
        place(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let taken = folder.path().join("folder");
        fs::create_dir(&taken).unwrap();
        assert!(place(&taken, b"three").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(place(&folder.path().join("no/such/a.rbl"), b"x").is_err());
    }

    #[test]
    fn room_is_asked_for_and_none_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rbl");
        let new = NewFile::beside(&path).unwrap();
        assert!(new.put(1 << 62, &[]).is_err());
        new.put(4 << 20, &[]).unwrap();
        new.put(0, b"one").unwrap();
        assert_eq!(new.place().unwrap(), 3);
        assert_eq!(fs::read(&path).unwrap(), b"one");
    }

    #[test]
    fn what_a_killed_call_left_is_removed_and_what_is_being_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let killed = temporary(folder.path()).unwrap();
        let (file, left) = killed.keep().unwrap();
        // The lock goes with the process.
        drop(file);
        let written = temporary(folder.path()).unwrap();
        fs::write(folder.path().join(".rblmap-of-another"), b"x").unwrap();
        place(&folder.path().join("a.rbl"), b"one").unwrap();
        assert!(!left.exists());
        assert!(written.path().exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }
}
