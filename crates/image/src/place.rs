//! Puts final files in place, whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use tempfile::NamedTempFile;

/// Names of temporary files begin like this; what a killed run left behind may be removed.
pub const TEMP_PREFIX: &str = ".rblmap-";
/// After it, a temporary file of [`place`] has so many letters, and no other file of ours has.
const RANDOM: usize = 9;

/// Writes `bytes` to a file beside `path`, syncs it, renames it to `path` and syncs the folder:
/// whoever opens `path` sees the old file or the new one, also after a loss of power. The mode is
/// that of a new file (0666 less the umask). An old file that is mapped stays as it is.
///
/// What earlier calls left in the folder because they were killed is removed: a temporary file is
/// locked as long as somebody writes it.
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
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    remove_strays(folder);
    let mut file = temporary(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|failed| failed.error)?;
    File::open(folder)?.sync_all()
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
