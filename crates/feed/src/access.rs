//! Who may read a file: modes do not depend on the umask, and a file that replaces another keeps its
//! owner, mode and access control list.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use rustix::fs::{Gid, Mode, Stat, Uid, XattrFlags};

/// The mode of files that others may read.
pub(crate) const PUBLIC: u32 = 0o644;
/// The mode of folders that others may look into.
pub(crate) const PUBLIC_FOLDER: u32 = 0o755;
/// The mode of files and folders that concern nobody else.
pub(crate) const PRIVATE: u32 = 0o600;
pub(crate) const PRIVATE_FOLDER: u32 = 0o700;
const ACL: &str = "system.posix_acl_access";
/// No access control list is longer.
const ACL_LIMIT: usize = 64 << 10;

/// Who may read a file that replaces another.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    mode: u32,
    owner: Option<(Uid, Gid)>,
    acl: Option<Vec<u8>>,
}

impl Access {
    /// That of a file that is there.
    pub(crate) fn of(stat: &Stat, file: Option<&File>) -> Access {
        let mut acl = vec![0; ACL_LIMIT];
        let len = file.and_then(|file| rustix::fs::fgetxattr(file, ACL, &mut acl[..]).ok());
        acl.truncate(len.unwrap_or(0));
        Access {
            mode: stat.st_mode & 0o7777,
            owner: Some((Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid))),
            acl: (!acl.is_empty()).then_some(acl),
        }
    }

    /// Everybody may read it.
    pub(crate) fn public() -> Access {
        Access {
            mode: PUBLIC,
            owner: None,
            acl: None,
        }
    }

    /// Nobody else may.
    pub(crate) fn private() -> Access {
        Access {
            mode: PRIVATE,
            ..Access::public()
        }
    }

    /// Sets it on a file that is not in place yet. A group or owner that we may not give is left
    /// out, and with it what it alone could do.
    pub(crate) fn give(&self, file: &File) -> io::Result<()> {
        if let Some((owner, group)) = self.owner {
            let both = rustix::fs::fchown(file.as_fd(), Some(owner), Some(group));
            if both.is_err() {
                let _ = rustix::fs::fchown(file.as_fd(), None, Some(group));
            }
        }
        set_mode(file, self.mode)?;
        if let Some(acl) = &self.acl {
            // A file system without access control lists has none to keep.
            let _ = rustix::fs::fsetxattr(file, ACL, acl, XattrFlags::empty());
        }
        Ok(())
    }
}

/// Sets a mode, whatever the umask.
pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    match rustix::fs::fchmod(file, Mode::from_raw_mode(mode)) {
        Ok(()) => Ok(()),
        // vfat and its kin have one mode for all.
        Err(rustix::io::Errno::PERM) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
