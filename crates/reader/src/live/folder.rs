//! A folder that stays open, so that its files can be opened after `chroot`, and that is followed
//! when another one takes its path.

use std::ffi::CStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) struct Folder {
    /// Absolute: a program that becomes a daemon leaves its working directory.
    path: PathBuf,
    open: Option<Open>,
}

/// The folder's descriptor, and which folder it was of. Programs that become a daemon close all
/// descriptors, ours too; the number may be a client's connection then.
#[derive(Debug)]
struct Open {
    folder: ManuallyDrop<File>,
    identity: (u64, u64),
}

/// What a folder is now, compared with what it was.
pub(super) enum Now {
    Same,
    /// Another folder has the path, or the descriptor had to be opened again.
    Other(Folder),
    Gone(io::Error),
}

/// What tells one file from another that has its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
    modified: (i64, i64),
    pub(super) len: u64,
    /// How many names the file has; 0 for a file that is mounted by itself and was removed or
    /// replaced where it is kept.
    pub(super) names: u64,
    is_file: bool,
}

impl Folder {
    /// Opens the folder at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Folder> {
        let path = std::path::absolute(path)?;
        let open = Some(Open::new(&path)?);
        Ok(Folder { path, open })
    }

    /// A folder that may not be there yet.
    pub(super) fn awaited(path: &Path) -> io::Result<Folder> {
        let path = std::path::absolute(path)?;
        let open = Open::new(&path).ok();
        Ok(Folder { path, open })
    }

    /// The path of a file in the folder, for messages.
    pub(super) fn path_of(&self, name: &CStr) -> PathBuf {
        self.path.join(std::ffi::OsStr::from_bytes(name.to_bytes()))
    }

    /// Looks whether the path leads to another folder by now, and whether the descriptor is still
    /// ours. Where the path leads nowhere, as after `chroot`, the folder stays what it was.
    pub(super) fn now(&self) -> Now {
        let ours = self.open.as_ref().filter(|open| open.is_ours());
        match (ours, fs::metadata(&self.path)) {
            (Some(open), Ok(facts)) if open.identity == (facts.dev(), facts.ino()) => Now::Same,
            (Some(_), Err(_)) => Now::Same,
            (ours, _) => match Open::new(&self.path) {
                Ok(open) => Now::Other(Folder {
                    path: self.path.clone(),
                    open: Some(open),
                }),
                Err(_) if ours.is_some() => Now::Same,
                Err(error) => Now::Gone(error),
            },
        }
    }

    /// As [`Folder::file`], again while the file loses its name between two system calls of ours. It
    /// has none after that if it is mounted by itself, and was removed or replaced where it is kept.
    ///
    /// A rename takes the name from the old file a moment before the new one has it, and whoever
    /// renames may have to wait in between. A file that is found then has lost nothing yet: the next
    /// look finds the other one.
    pub(super) fn named_file(&self, name: &CStr) -> io::Result<(File, Identity)> {
        let mut opened = self.file(name)?;
        for _ in 0..8 {
            if opened.1.names > 0 {
                return Ok(opened);
            }
            opened = self.file(name)?;
        }
        if !may_be_mounted_by_itself(&opened.0) {
            opened.1.names = opened.1.names.max(1);
        }
        Ok(opened)
    }

    /// Opens a file for reading, by its name in the folder. Never waits, not even for a pipe. The
    /// folder was looked at by [`Folder::now`] right before.
    fn file(&self, name: &CStr) -> io::Result<(File, Identity)> {
        let open = self.open.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let flags = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
        #[expect(unsafe_code, reason = "std opens by path only")]
        // SAFETY: the descriptor is open while `open.folder` is there, the name ends with a NUL and
        // stays for the call; without O_CREAT there is no third argument.
        let descriptor = unsafe { libc::openat(open.folder.as_raw_fd(), name.as_ptr(), flags) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        #[expect(unsafe_code, reason = "std opens by path only")]
        // SAFETY: `openat` has just given this descriptor to us alone.
        let file = unsafe { File::from_raw_fd(descriptor) };
        let identity = Identity::of(&file)?;
        if !identity.is_file {
            let what = "not a regular file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        Ok((file, identity))
    }
}

impl Open {
    fn new(path: &Path) -> io::Result<Open> {
        #[cfg(target_os = "linux")]
        // Who may pass through a folder need not be allowed to list it.
        let flags = libc::O_DIRECTORY | libc::O_PATH;
        #[cfg(not(target_os = "linux"))]
        let flags = libc::O_DIRECTORY;
        let folder = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)?;
        let facts = Identity::of(&folder)?;
        Ok(Open {
            folder: ManuallyDrop::new(folder),
            identity: (facts.device, facts.inode),
        })
    }

    /// Whether the descriptor still is of the folder. A sandbox that refuses to say so is believed.
    fn is_ours(&self) -> bool {
        match Identity::of(&self.folder) {
            Ok(facts) => (facts.device, facts.inode) == self.identity,
            Err(error) => is_refusal(&error),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let ours = self.is_ours();
        #[expect(unsafe_code, reason = "a descriptor that is closed only if it is ours")]
        // SAFETY: nobody uses `folder` after this.
        let folder = unsafe { ManuallyDrop::take(&mut self.folder) };
        if !ours {
            // The number is of somebody else by now, who shall keep it.
            let _ = folder.into_raw_fd();
        }
    }
}

impl Identity {
    /// Whether both are one file, written to or not.
    pub(super) fn same_file(self, other: Identity) -> bool {
        self.device == other.device && self.inode == other.inode
    }

    /// Whether both are one file, as it was.
    pub(super) fn same(self, other: Identity) -> bool {
        self.same_file(other) && self.modified == other.modified && self.len == other.len
    }

    fn of(file: &File) -> io::Result<Identity> {
        match file.metadata() {
            Ok(facts) => Ok(Identity {
                device: facts.dev(),
                inode: facts.ino(),
                modified: (facts.mtime(), facts.mtime_nsec()),
                len: facts.len(),
                names: facts.nlink(),
                is_file: facts.is_file(),
            }),
            Err(error) if is_refusal(&error) => Identity::by_fstat(file),
            Err(error) => Err(error),
        }
    }

    /// By the older system call: std asks with `statx`, which a sandbox may refuse.
    #[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
    fn by_fstat(file: &File) -> io::Result<Identity> {
        let mut facts = std::mem::MaybeUninit::<libc::stat>::uninit();
        #[expect(unsafe_code, reason = "std has no way to choose the system call")]
        // SAFETY: the descriptor is open, and there is room for the answer.
        let failed = unsafe { libc::fstat(file.as_raw_fd(), facts.as_mut_ptr()) };
        if failed != 0 {
            return Err(io::Error::last_os_error());
        }
        #[expect(unsafe_code, reason = "std has no way to choose the system call")]
        // SAFETY: filled in, since the call succeeded.
        let facts = unsafe { facts.assume_init() };
        Ok(Identity {
            device: facts.st_dev,
            inode: facts.st_ino,
            modified: (facts.st_mtime, facts.st_mtime_nsec),
            len: u64::try_from(facts.st_size).unwrap_or(0),
            names: facts.st_nlink,
            is_file: facts.st_mode & libc::S_IFMT == libc::S_IFREG,
        })
    }

    #[cfg(not(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64")))]
    fn by_fstat(_: &File) -> io::Result<Identity> {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

/// Whether a file is the root of a mount, as a file in a container may be. Without an answer it may.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn may_be_mounted_by_itself(file: &File) -> bool {
    const MOUNT_ROOT: u64 = libc::STATX_ATTR_MOUNT_ROOT as u64;
    let mut facts = std::mem::MaybeUninit::<libc::statx>::uninit();
    #[expect(unsafe_code, reason = "std does not tell of mounts")]
    // SAFETY: the descriptor is open, the empty path ends with a NUL, and there is room for the answer.
    let failed = unsafe {
        libc::statx(
            file.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            0,
            facts.as_mut_ptr(),
        )
    };
    if failed != 0 {
        return true;
    }
    #[expect(unsafe_code, reason = "std does not tell of mounts")]
    // SAFETY: filled in, since the call succeeded.
    let facts = unsafe { facts.assume_init() };
    facts.stx_attributes_mask & MOUNT_ROOT == 0 || facts.stx_attributes & MOUNT_ROOT != 0
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn may_be_mounted_by_itself(_: &File) -> bool {
    true
}

/// Whether a sandbox has refused a system call that does not fail like this by itself.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported
    )
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    /// A look may meet a file whose name a rename has just taken: no mount, so no trouble.
    #[test]
    fn a_file_that_loses_its_name_to_a_rename_is_not_mounted_by_itself() {
        let name = format!("rblmap-named-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, "old").unwrap();
        let file = File::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(Identity::of(&file).unwrap().names, 0);
        assert!(!may_be_mounted_by_itself(&file));
        assert!(may_be_mounted_by_itself(&File::open("/proc").unwrap()));
    }
}
