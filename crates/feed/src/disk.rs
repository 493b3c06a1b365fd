//! Files of a folder that others may be able to write to: everything is opened relative to the
//! folder and never through a symbolic link, and modes do not depend on the umask.
//!
//! The folder itself may be named through a link; what lies in it may not be one. A service's
//! folder belongs to the service's user, and root may run a mirror in it by hand: whoever has taken
//! over the service must not make root write elsewhere.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rblmap_image::TEMP_PREFIX;
use rustix::fs::{AtFlags, Mode, OFlags, RawDir};

use crate::access::{Access, PRIVATE, PRIVATE_FOLDER, PUBLIC, PUBLIC_FOLDER, set_mode};
use crate::error::{Error, reading, writing};

/// The lock of a folder: of a mirror's shared by runs for different feeds, alone for what people
/// decide.
pub(crate) const LOCK: &str = ".lock";
/// How long a lock is tried before it counts as held: a child that another thread has just started
/// holds a copy of the descriptor until it executes its program.
const LOCK_PATIENCE: Duration = Duration::from_millis(200);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// An open folder.
#[derive(Debug)]
pub(crate) struct Dir {
    fd: OwnedFd,
    path: PathBuf,
}

/// Whether a lock can be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// With others that share it.
    Shared,
    /// With nobody.
    Alone,
}

/// A lock, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    /// An explicit unlock releases the copies too that children of other threads may hold.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// A file that is not in its place yet, which is in this folder or another of the file system. Dropped
/// before it is there, nothing is left of it.
#[derive(Debug)]
pub(crate) struct NewFile<'d> {
    dir: &'d Dir,
    name: String,
    file: File,
}

impl NewFile<'_> {
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.at(&self.name)
    }

    /// Writes bytes, the first of them at an offset. Several threads may. With no bytes, room is asked for up to
    /// the offset.
    pub(crate) fn put(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        rblmap_image::put_part(&self.file, offset, bytes)
    }

    /// Syncs the file, renames it into its place and syncs the folder there: whoever opens it sees the
    /// old one or the new one, also after a loss of power.
    pub(crate) fn place(self, to: &Dir, name: &str, access: &Access) -> Result<(), Error> {
        let put = || -> io::Result<()> {
            access.give(&self.file)?;
            self.file.sync_all()?;
            self.dir.rename(&self.name, to, name)?;
            to.sync()
        };
        put().map_err(writing(to.at(name)))
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        // No file has this name any more if it is in its place.
        let _ = self.dir.remove(&self.name);
    }
}

impl Dir {
    /// Opens a folder.
    pub(crate) fn open(path: &Path) -> Result<Dir, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty());
        let fd = fd.map_err(|error| reading(path)(error.into()))?;
        let path = path.to_owned();
        Ok(Dir { fd, path })
    }

    /// Opens a folder, which is made if it is not there.
    pub(crate) fn make(path: &Path) -> Result<Dir, Error> {
        make_folders(path)?;
        Dir::open(path).map_err(|error| match error {
            Error::Read { path, source } => Error::Write { path, source },
            error => error,
        })
    }

    /// Opens a folder in this one.
    pub(crate) fn child(&self, name: &str) -> Result<Dir, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let path = self.path.join(name);
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty());
        let fd = fd.map_err(|error| reading(&path)(error.into()))?;
        Ok(Dir { fd, path })
    }

    /// Opens a private folder in this one, which is made if it is not there.
    pub(crate) fn make_child(&self, name: &str) -> Result<Dir, Error> {
        let made = rustix::fs::mkdirat(&self.fd, name, Mode::from_raw_mode(PRIVATE_FOLDER));
        match made {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(writing(self.path.join(name))(error.into())),
        }
        self.child(name)
    }

    /// Opens a folder in this one that everybody may read; where it is made, its name is synced.
    pub(crate) fn make_public_child(&self, name: &str) -> Result<Dir, Error> {
        if self.stat_any(name) {
            return self.child(name);
        }
        let child = self.make_child(name)?;
        let mode = Mode::from_raw_mode(PUBLIC_FOLDER);
        let opened = rustix::fs::fchmod(&child.fd, mode).map_err(io::Error::from);
        let made = opened.and_then(|()| self.sync());
        made.map_err(writing(child.path()))?;
        Ok(child)
    }

    /// Whether there is something of this name, whatever it is.
    fn stat_any(&self, name: &str) -> bool {
        rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A name of this very folder that stays good if it is renamed, for a child process's working
    /// directory.
    pub(crate) fn inherited_path(&self) -> PathBuf {
        let by_number = PathBuf::from(format!("/proc/self/fd/{}", self.fd.as_raw_fd()));
        match by_number.is_dir() {
            true => by_number,
            false => self.path.clone(),
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn open_file(&self, name: &str, flags: OFlags, mode: u32) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::from_raw_mode(mode));
        let file = File::from(fd.map_err(unless_link)?);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::other("not a regular file")),
        }
    }

    /// Opens a regular file for reading.
    pub(crate) fn open_read(&self, name: &str) -> io::Result<File> {
        self.open_file(name, OFlags::RDONLY, 0)
    }

    /// Opens a regular file for writing in place.
    pub(crate) fn open_write(&self, name: &str) -> io::Result<File> {
        self.open_file(name, OFlags::WRONLY, 0)
    }

    /// Makes a private file that was not there.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        self.open_file(name, flags, PRIVATE)
    }

    /// Opens a private file to add to its end; it is made if it is not there.
    pub(crate) fn open_append(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND;
        self.open_file(name, flags, PRIVATE)
    }

    /// Reads a regular file of at most `limit` bytes; none if it is not there.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let path = self.at(name);
        let file = match self.open_read(name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(reading(path)(error)),
        };
        let mut bytes = Vec::new();
        let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(reading(&path))?;
        if bytes.len() as u64 > limit {
            let source = io::Error::other(format!("longer than {limit} bytes"));
            return Err(Error::Read { path, source });
        }
        Ok(Some(bytes))
    }

    /// Adds a line to a public file.
    pub(crate) fn append(&self, name: &str, line: &str) -> Result<(), Error> {
        let new = self.stat(name).is_none();
        let add = || -> io::Result<()> {
            let mut file = self.open_append(name)?;
            if new {
                set_mode(&file, PUBLIC)?;
            }
            file.write_all(line.as_bytes())
        };
        add().map_err(writing(self.at(name)))
    }

    /// Length and access of a regular file, if there is one.
    pub(crate) fn stat(&self, name: &str) -> Option<rustix::fs::Stat> {
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
        (kind == rustix::fs::FileType::RegularFile).then_some(stat)
    }

    /// Who may read a file that is there.
    pub(crate) fn access(&self, name: &str) -> Option<Access> {
        let stat = self.stat(name)?;
        let file = self.open_read(name).ok();
        Some(Access::of(&stat, file.as_ref()))
    }

    /// Begins a file that gets its place once it is whole.
    pub(crate) fn new_file(&self) -> Result<NewFile<'_>, Error> {
        let name = format!("{TEMP_PREFIX}{:016x}", fastrand::u64(..));
        let file = self.create(&name).map_err(writing(self.at(&name)))?;
        let dir = self;
        Ok(NewFile { dir, name, file })
    }

    /// Writes a file and puts it in place.
    pub(crate) fn place(&self, name: &str, bytes: &[u8], access: &Access) -> Result<(), Error> {
        let new = self.new_file()?;
        new.put(0, bytes).map_err(writing(self.at(name)))?;
        new.place(self, name, access)
    }

    /// Syncs the folder: its names last.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.fd)?)
    }

    pub(crate) fn rename(&self, from: &str, to: &Dir, name: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.fd, from, &to.fd, name)?)
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Gives a file a second name in place of what has that name; copies it where the file system
    /// or its rules do not allow a link.
    pub(crate) fn second_name(&self, from: &str, to: &str) -> Result<(), Error> {
        let temporary = format!("{TEMP_PREFIX}{:016x}", fastrand::u64(..));
        let linked = rustix::fs::linkat(&self.fd, from, &self.fd, &temporary, AtFlags::empty());
        if linked.is_ok() {
            let renamed = rustix::fs::renameat(&self.fd, &temporary, &self.fd, to);
            // Renaming one name of a file over another of the same does nothing, and leaves both.
            let _ = self.remove(&temporary);
            return renamed.map_err(|error| writing(self.at(to))(error.into()));
        }
        let access = self.access(from).unwrap_or_else(Access::public);
        match self.read(from, u64::MAX)? {
            Some(bytes) => self.place(to, &bytes, &access),
            None => Ok(()),
        }
    }

    /// The names in the folder.
    pub(crate) fn names(&self) -> Result<Vec<String>, Error> {
        let list = || -> io::Result<Vec<String>> {
            // Another descriptor: the place in a listing belongs to the descriptor.
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let fd = rustix::fs::openat(&self.fd, ".", flags, Mode::empty())?;
            let mut buffer = Vec::with_capacity(32 << 10);
            let mut entries = RawDir::new(fd, buffer.spare_capacity_mut());
            let mut names = Vec::new();
            while let Some(entry) = entries.next() {
                let name = entry?.file_name().to_bytes().to_vec();
                // Names of ours are text; others are left alone.
                names.extend(String::from_utf8(name).ok());
            }
            names.retain(|name| name != "." && name != "..");
            names.sort();
            Ok(names)
        };
        list().map_err(reading(&self.path))
    }

    /// Removes a file, or a folder with all that is in it, whatever modes the folders have. Links
    /// are removed, not followed.
    pub(crate) fn remove_all(&self, name: &str) -> io::Result<()> {
        match self.remove(name) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                let Ok(stat) = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) else {
                    return Err(error);
                };
                let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
                if kind != rustix::fs::FileType::Directory {
                    return Err(error);
                }
            }
        }
        let mode = Mode::from_raw_mode(PRIVATE_FOLDER);
        // A folder that we may not list can still be ours to open up.
        let _ = rustix::fs::chmodat(&self.fd, name, mode, AtFlags::empty());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())?;
        let path = self.at(name);
        let child = Dir { fd, path };
        let mut buffer = Vec::with_capacity(32 << 10);
        let listed = rustix::fs::openat(&child.fd, ".", flags, Mode::empty())?;
        let mut entries = RawDir::new(listed, buffer.spare_capacity_mut());
        let mut inside = Vec::new();
        while let Some(entry) = entries.next() {
            inside.push(entry?.file_name().to_owned());
        }
        for entry in inside {
            let bytes = entry.as_bytes();
            if bytes != b"." && bytes != b".." {
                child.remove_entry(&entry)?;
            }
        }
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR)?)
    }

    /// As [`Dir::remove_all`], for a name that need not be text.
    fn remove_entry(&self, name: &std::ffi::CStr) -> io::Result<()> {
        if rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()).is_ok() {
            return Ok(());
        }
        match name.to_str() {
            Ok(name) => self.remove_all(name),
            // A folder with such a name: give it one that is text first.
            Err(_) => {
                let plain = format!("{TEMP_PREFIX}{:016x}", fastrand::u64(..));
                rustix::fs::renameat(&self.fd, name, &self.fd, plain.as_str())?;
                self.remove_all(&plain)
            }
        }
    }

    /// Takes the lock that a file stands for, which is made if it is not there; waits up to `wait`.
    pub(crate) fn lock(&self, name: &str, hold: Hold, wait: Duration) -> Result<Lock, Error> {
        let flags = OFlags::RDONLY | OFlags::CREATE;
        let file = self.open_file(name, flags, PUBLIC);
        self.lock_file(file.map_err(writing(self.at(name)))?, hold, wait)
    }

    /// Takes the lock that the folder itself stands for.
    pub(crate) fn lock_itself(&self) -> Result<Lock, Error> {
        let fd = self.fd.try_clone().map_err(reading(&self.path))?;
        self.lock_file(File::from(fd), Hold::Alone, Duration::ZERO)
    }

    fn lock_file(&self, file: File, hold: Hold, wait: Duration) -> Result<Lock, Error> {
        let deadline = Instant::now() + wait.max(LOCK_PATIENCE);
        loop {
            let tried = match hold {
                Hold::Shared => file.try_lock_shared(),
                Hold::Alone => file.try_lock(),
            };
            match tried {
                Ok(()) => return Ok(Lock { file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    thread::sleep(LOCK_PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    let path = self.path.clone();
                    return Err(Error::Locked { path });
                }
                Err(TryLockError::Error(error)) => return Err(writing(&self.path)(error)),
            }
        }
    }

    /// Removes what killed runs left here: temporary files, and spools that no run holds.
    pub(crate) fn clean(&self) -> Result<(), Error> {
        for name in self.names()? {
            if !name.starts_with(TEMP_PREFIX) {
                continue;
            }
            let held = self.child(&name).map(|spool| spool.lock_itself());
            if matches!(held, Ok(Err(Error::Locked { .. }))) {
                continue;
            }
            self.remove_all(&name).map_err(writing(self.at(&name)))?;
        }
        Ok(())
    }

    /// Bytes that are free for us on its file system.
    pub(crate) fn free_space(&self) -> Result<u64, Error> {
        let stat = rustix::fs::fstatvfs(&self.fd);
        let stat = stat.map_err(|error| reading(&self.path)(error.into()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// Makes a folder and those above it that are missing, readable for all, and syncs their parents: a
/// folder that is named after a loss of power must be there.
pub(crate) fn make_folders(path: &Path) -> Result<(), Error> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folders(parent)?;
    }
    match fs::create_dir(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {
            return Ok(());
        }
        Err(error) => return Err(writing(path)(error)),
    }
    let public = |folder: &File| set_mode(folder, PUBLIC_FOLDER);
    let opened = File::open(path).and_then(|folder| public(&folder));
    opened.map_err(writing(path))?;
    let parent = path.parent().filter(|parent| *parent != OsStr::new(""));
    let parent = parent.unwrap_or(Path::new("."));
    let synced = File::open(parent).and_then(|parent| parent.sync_all());
    synced.map_err(writing(parent))
}

fn unless_link(error: rustix::io::Errno) -> io::Error {
    match error {
        rustix::io::Errno::LOOP => io::Error::other("a symbolic link, which is not followed here"),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        fs::write(&outside, "x").unwrap();
        let inside = Dir::make(&dir.path().join("in")).unwrap();
        symlink(&outside, dir.path().join("in/link")).unwrap();
        assert!(inside.read("link", 10).is_err());
        assert!(inside.append("link", "y").is_err());
        assert!(inside.open_write("link").is_err());
        assert!(inside.lock("link", Hold::Alone, Duration::ZERO).is_err());
        inside.place("link", b"new", &Access::public()).unwrap();
        assert_eq!(fs::read(&outside).unwrap(), b"x");
        assert_eq!(inside.read("link", 10).unwrap().unwrap(), b"new");
    }

    #[test]
    fn a_folder_that_nobody_may_list_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let inside = Dir::open(dir.path()).unwrap();
        fs::create_dir_all(dir.path().join("a/b/c")).unwrap();
        fs::write(dir.path().join("a/b/c/file\n"), "x").unwrap();
        for closed in ["a/b", "a"] {
            let mode = fs::Permissions::from_mode(0o000);
            fs::set_permissions(dir.path().join(closed), mode).unwrap();
        }
        inside.remove_all("a").unwrap();
        assert_eq!(inside.names().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn access_of_a_replaced_file_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let inside = Dir::open(dir.path()).unwrap();
        inside.place("a", b"1", &Access::public()).unwrap();
        let mode = fs::Permissions::from_mode(0o640);
        fs::set_permissions(dir.path().join("a"), mode).unwrap();
        let access = inside.access("a").unwrap();
        inside.place("a", b"2", &access).unwrap();
        let now = fs::metadata(dir.path().join("a")).unwrap();
        assert_eq!(now.permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn one_holder_or_many_that_share() {
        let dir = tempfile::tempdir().unwrap();
        let inside = Dir::open(dir.path()).unwrap();
        let take = |hold| inside.lock("l", hold, Duration::ZERO);
        let first = take(Hold::Shared).unwrap();
        let second = take(Hold::Shared).unwrap();
        assert!(matches!(take(Hold::Alone), Err(Error::Locked { .. })));
        drop((first, second));
        let alone = take(Hold::Alone).unwrap();
        assert!(take(Hold::Shared).is_err());
        drop(alone);
    }

    #[test]
    fn a_lock_ends_with_its_holder_whatever_children_have_a_copy() {
        let dir = tempfile::tempdir().unwrap();
        let inside = Dir::open(dir.path()).unwrap();
        let lock = inside.lock("l", Hold::Alone, Duration::ZERO).unwrap();
        // As a child that another thread forks has it until it runs its program.
        let copy = lock.file.try_clone().unwrap();
        drop(lock);
        inside.lock("l", Hold::Alone, Duration::ZERO).unwrap();
        drop(copy);
    }

    #[test]
    fn a_file_that_gets_no_place_leaves_nothing_and_another_folder_may_have_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let inside = Dir::open(dir.path()).unwrap();
        let spool = inside.make_child("spool").unwrap();
        let dropped = spool.new_file().unwrap();
        dropped.put(0, b"x").unwrap();
        drop(dropped);
        let new = spool.new_file().unwrap();
        new.put(3, b"behind").unwrap();
        new.put(0, b"in").unwrap();
        new.place(&inside, "a", &Access::public()).unwrap();
        assert!(spool.names().unwrap().is_empty());
        assert_eq!(inside.read("a", 99).unwrap().unwrap(), b"in\0behind");
    }

    #[test]
    fn spools_of_runs_that_live_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let inside = Dir::open(dir.path()).unwrap();
        let spool = inside.make_child(".rblmap-live").unwrap();
        let held = spool.lock_itself().unwrap();
        inside.make_child(".rblmap-dead").unwrap();
        inside.clean().unwrap();
        assert_eq!(inside.names().unwrap(), [".rblmap-live"]);
        drop(held);
        inside.clean().unwrap();
        assert!(inside.names().unwrap().is_empty());
    }
}
