//! Records what a command changes on the disk, and what it waits for.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::libc;

use crate::tracer::{self, Answer, Call, Watch};

/// Calls that leave something else on the disk than was there.
pub(crate) const CHANGING: &[i64] = &[
    libc::SYS_open,
    libc::SYS_openat,
    libc::SYS_write,
    libc::SYS_pwrite64,
    libc::SYS_ftruncate,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_link,
    libc::SYS_linkat,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_rmdir,
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
];
/// Calls that wait until it is there.
const SYNCING: &[i64] = &[libc::SYS_fsync, libc::SYS_fdatasync];
/// Calls that would have to be recorded too if a command made them.
const UNKNOWN: &[i64] = &[
    libc::SYS_writev,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
    libc::SYS_fallocate,
    libc::SYS_truncate,
    libc::SYS_creat,
    libc::SYS_symlink,
    libc::SYS_symlinkat,
];

fn is_recorded(number: i64) -> bool {
    CHANGING.contains(&number) || SYNCING.contains(&number)
}

/// What a call did.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Created(PathBuf),
    Written {
        path: PathBuf,
        at: usize,
        bytes: Vec<u8>,
    },
    Cut(PathBuf, usize),
    /// A file, or the names in a folder, are on the disk.
    Synced(PathBuf),
    Moved(PathBuf, PathBuf),
    Linked(PathBuf, PathBuf),
    Removed(PathBuf),
    Folder(PathBuf),
}

/// Keeps what a command did, in its order.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub events: Vec<Event>,
    /// What threads are about to do.
    begun: HashMap<i32, Event>,
    /// The thread that made the first call.
    pub first: Arc<AtomicI32>,
}

impl Watch for Recorder {
    fn wants(&self, number: i64) -> bool {
        number == libc::SYS_mmap || is_recorded(number) || UNKNOWN.contains(&number)
    }

    fn begins(&mut self, call: &Call) -> Answer {
        let Some(path) = call.path.clone() else {
            return Answer::Let;
        };
        if self.first.load(Ordering::Relaxed) == 0 {
            self.first.store(call.thread(), Ordering::Relaxed);
        }
        let known =
            call.asks_for_room() || !UNKNOWN.contains(&call.number) && !call.maps_for_writing();
        assert!(
            known,
            "{}: a way to write that is not recorded",
            path.display()
        );
        if let Some(event) = event(call, path) {
            self.begun.insert(call.thread(), event);
        }
        Answer::Let
    }

    fn ended(&mut self, call: &Call, result: i64) {
        let Some(mut event) = self.begun.remove(&call.thread()) else {
            return;
        };
        let Ok(result) = usize::try_from(result) else {
            return;
        };
        if let Event::Written { bytes, .. } = &mut event {
            bytes.truncate(result);
        }
        self.events.push(event);
    }
}

/// What a call is about to do; none if it changes nothing.
fn event(call: &Call, path: PathBuf) -> Option<Event> {
    let size = |number: u64| usize::try_from(number).unwrap();
    Some(match call.number {
        libc::SYS_open | libc::SYS_openat => {
            let is_new = path.symlink_metadata().is_err();
            match (call.flags() & libc::O_CREAT, call.flags() & libc::O_TRUNC) {
                (1.., _) if is_new => Event::Created(path),
                (_, 1..) => Event::Cut(path, 0),
                _ => return None,
            }
        }
        libc::SYS_write | libc::SYS_pwrite64 => Event::Written {
            at: size(call.place()),
            bytes: call.bytes(),
            path,
        },
        libc::SYS_ftruncate => Event::Cut(path, size(call.length())),
        libc::SYS_fsync | libc::SYS_fdatasync => Event::Synced(path),
        libc::SYS_rename | libc::SYS_renameat | libc::SYS_renameat2 => {
            Event::Moved(path, call.second_path().unwrap())
        }
        libc::SYS_link | libc::SYS_linkat => Event::Linked(path, call.second_path().unwrap()),
        libc::SYS_unlink | libc::SYS_unlinkat | libc::SYS_rmdir => Event::Removed(path),
        libc::SYS_mkdir | libc::SYS_mkdirat => Event::Folder(path),
        _ => return None,
    })
}

/// Calls a function before each call that changes something.
pub(crate) struct Before<'a> {
    pub(crate) call: &'a mut dyn FnMut(),
}

impl Watch for Before<'_> {
    fn wants(&self, number: i64) -> bool {
        is_recorded(number)
    }

    fn begins(&mut self, call: &Call) -> Answer {
        let opens = ["open", "openat"].contains(&tracer::name(call.number));
        if !opens || call.flags() & (libc::O_CREAT | libc::O_TRUNC) != 0 {
            (self.call)();
        }
        Answer::Let
    }
}
