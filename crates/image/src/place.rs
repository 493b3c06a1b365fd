//! Puts final files in place, whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Names of temporary files begin like this; what a killed run left behind may be removed.
pub const TEMP_PREFIX: &str = ".rblmap-";

/// Writes `bytes` to a file beside `path`, syncs it, renames it to `path` and syncs the folder:
/// whoever opens `path` sees the old file or the new one, also after a loss of power. The mode is
/// that of a new file (0666 less the umask). An old file that is mapped stays as it is.
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
    let mut file = tempfile::Builder::new()
        .prefix(TEMP_PREFIX)
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|failed| failed.error)?;
    File::open(folder)?.sync_all()
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
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        let taken = folder.path().join("folder");
        std::fs::create_dir(&taken).unwrap();
        assert!(place(&taken, b"three").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(place(&folder.path().join("no/such/a.rbl"), b"x").is_err());
    }
}
