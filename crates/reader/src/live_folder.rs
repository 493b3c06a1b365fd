//! A folder that stays open: its files can be opened after `chroot`.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

#[derive(Debug)]
pub(crate) struct Folder {
    folder: File,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> io::Result<Folder> {
        let folder = File::open(path)?;
        if !folder.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Folder { folder })
    }

    /// Opens a file for reading, by its name in the folder. Never waits, not even for a pipe.
    pub(crate) fn file(&self, name: &CStr) -> io::Result<File> {
        debug_assert!(!OsStr::from_bytes(name.to_bytes()).is_empty());
        let flags = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
        #[expect(unsafe_code, reason = "std opens by path only")]
        // SAFETY: the descriptor is open while `self.folder` is there, the name ends with a NUL and
        // stays for the call; without O_CREAT there is no third argument.
        let descriptor = unsafe { libc::openat(self.folder.as_raw_fd(), name.as_ptr(), flags) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        #[expect(unsafe_code, reason = "std opens by path only")]
        // SAFETY: `openat` has just given this descriptor to us alone.
        let file = unsafe { File::from_raw_fd(descriptor) };
        Ok(file)
    }
}
