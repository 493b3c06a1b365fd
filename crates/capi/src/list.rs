//! Lists: a zone's newest image, shared by threads.

use std::ffi::{OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rblmap::Live;

use crate::border::{Handle, Sizes, close, guard, print_no_panics, put, put_sized, shared, text};
use crate::status::Status;

const COPY: u32 = 1;
const WAIT: u32 = 2;

/// `rblmap_list`.
#[derive(Debug)]
#[repr(C)]
pub struct List {
    tag: u64,
    pub(crate) live: Live,
}

impl Handle for List {
    const TAG: u64 = 0x7473_696c_7062_7201;
}

/// `rblmap_info`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Info {
    size: u32,
    freshness: u32,
    problem: i32,
    held: u32,
    serial: u64,
    created: u64,
    generation: u64,
    stale_from: u64,
    expired_from: u64,
    checked: u64,
}

impl Sizes for Info {
    const FIRST: usize = 64;
}

/// Opens a list.
///
/// # Safety
/// Strings end with a NUL or are null; `out` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_open(
    path: *const c_char,
    zone: *const c_char,
    flags: u32,
    out: *mut *mut List,
) -> c_int {
    print_no_panics();
    guard(|| {
        if out.is_null() {
            return Err(Status::Null);
        }
        if flags & !(COPY | WAIT) != 0 {
            return Err(Status::Argument);
        }
        // SAFETY: a string or null.
        let path = unsafe { text(path) }?;
        let path = Path::new(OsStr::from_bytes(path));
        let mut builder = if zone.is_null() {
            Live::builder_of_image(path)
        } else {
            // SAFETY: a string, not null.
            let zone = unsafe { text(zone) }?;
            let zone = std::str::from_utf8(zone).map_err(|_| Status::NoZone)?;
            Live::builder(path, zone)
        };
        if flags & WAIT != 0 {
            builder = builder.wait();
        }
        let live = if flags & COPY != 0 {
            builder.read()?
        } else {
            // SAFETY: the header asks the caller for the promise.
            unsafe { builder.map() }?
        };
        let list = Box::new(List {
            tag: List::TAG,
            live,
        });
        // SAFETY: may be written to.
        unsafe { put(out, Box::into_raw(list)) }
    })
}

/// Closes a list.
///
/// # Safety
/// `list` is null or points to null or an open list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_close(list: *mut *mut List) -> c_int {
    // SAFETY: as the caller says.
    guard(|| unsafe { close(list) })
}

/// Looks for a new image.
///
/// # Safety
/// `list` is null or an open list; `changed` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_refresh(list: *mut List, changed: *mut c_int) -> c_int {
    guard(|| {
        // SAFETY: null or an open list.
        let live = unsafe { live(list) }?;
        let is_new = live.refresh()?;
        if changed.is_null() {
            return Ok(());
        }
        // SAFETY: may be written to.
        unsafe { put(changed, c_int::from(is_new)) }
    })
}

/// Says where a list stands.
///
/// # Safety
/// `list` is null or an open list; `out` is null or of the size that it names.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_status(list: *mut List, now: u64, out: *mut Info) -> c_int {
    guard(|| {
        // SAFETY: null or an open list.
        let status = unsafe { live(list) }?.status(now);
        let page = status.page.unwrap_or_default();
        let problem = status.problem.as_ref().map_or(Status::Ok, Status::from);
        let info = Info {
            size: u32::try_from(size_of::<Info>()).unwrap_or(0),
            freshness: status.freshness as u32,
            problem: problem as i32,
            held: page.held.into(),
            serial: status.image.serial(),
            created: status.image.created(),
            generation: page.generation,
            stale_from: page.stale_from,
            expired_from: page.expired_from,
            checked: page.checked,
        };
        // SAFETY: of the size that it names.
        unsafe { put_sized(out, info) }
    })
}

/// What a list holds. Lists are shared by threads: nobody gets them by `&mut`.
///
/// # Safety
/// `list` is null or an open list.
pub(crate) unsafe fn live(list: *mut List) -> Result<Live, Status> {
    // SAFETY: as the caller says.
    unsafe { shared(list) }.map(|list| list.live.clone())
}
