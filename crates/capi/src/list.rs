//! Lists: a zone's newest image, shared by threads.

use std::ffi::{OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rblmap::{Error, Freshness, Live, StatusPage, Timestamp};

use crate::border::{guard, print_no_panics, text};
use crate::handle::{Closed, Handle, Kind, close, open, shared};
use crate::last_error::told;
use crate::out::{Sizes, put, put_sized, put_text};
use crate::status::Status;

const COPY: u32 = 1;
const WAIT: u32 = 2;

/// `rblmap_list`.
pub type List = Handle<Live>;

impl Kind for Live {
    const TAG: u64 = 0x7473_696c_7062_7201;

    fn closed() -> &'static Closed {
        static CLOSED: Closed = Closed::new();
        &CLOSED
    }
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
    cause: i32,
    format: u32,
    expires: u64,
}

impl Sizes for Info {
    const FIRST: usize = 64;
}

/// `rblmap_zone`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct ZoneInfo {
    size: u32,
    holds: u32,
    expires: u64,
    names: u64,
}

impl Sizes for ZoneInfo {
    const FIRST: usize = 24;
}

/// What is said of a list, or of a zone of it.
pub(crate) struct Standing<'a> {
    pub(crate) freshness: Freshness,
    pub(crate) page: Option<StatusPage>,
    pub(crate) problem: Option<&'a Error>,
    pub(crate) image: &'a rblmap::Image,
    pub(crate) expires: Option<u64>,
}

impl Standing<'_> {
    pub(crate) fn info(&self) -> Info {
        let page = self.page.unwrap_or_default();
        let cause = self.problem.and_then(|error| error.io()?.raw_os_error());
        Info {
            size: u32::try_from(size_of::<Info>()).unwrap_or(0),
            freshness: self.freshness as u32,
            problem: self.problem.map_or(Status::Ok, told) as i32,
            held: page.held.into(),
            serial: self.image.serial(),
            created: self.image.created(),
            generation: page.generation,
            stale_from: page.stale_from,
            expired_from: page.expired_from,
            checked: page.checked,
            cause: cause.unwrap_or(0),
            format: self.image.format().into(),
            expires: self.expires.unwrap_or(0),
        }
    }
}

/// Opens a list.
///
/// # Safety
/// Strings end with a NUL or are null; `out` is null or may be written to. Without the flag for
/// copies the files are replaced by rename only.
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
            builder.read()
        } else {
            // SAFETY: the header asks the caller for the promise.
            unsafe { builder.map() }
        };
        let live = live.map_err(|error| told(&error))?;
        // SAFETY: may be written to.
        unsafe { put(out, open(live)) }
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
        let is_new = live.refresh().map_err(|error| told(&error))?;
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
        let status = unsafe { live(list) }?.status(Timestamp::from(now));
        let standing = Standing {
            freshness: status.freshness,
            page: status.page,
            problem: status.problem.as_ref(),
            image: &status.image,
            expires: status.image.base().expires(),
        };
        // SAFETY: of the size that it names.
        unsafe { put_sized(out, standing.info()) }
    })
}

/// Gives a zone of a list: its name and what it holds.
///
/// # Safety
/// `list` is null or an open list; `name` is null or has room for `len` bytes, `need` is null or
/// may be written to, `out` is null or of the size that it names.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_zone_at(
    list: *mut List,
    index: usize,
    name: *mut c_char,
    len: usize,
    need: *mut usize,
    out: *mut ZoneInfo,
) -> c_int {
    guard(|| {
        // SAFETY: null or an open list.
        let image = std::sync::Arc::clone(unsafe { live(list) }?.reader().image());
        let zone = image.zones().nth(index).ok_or(Status::End)?;
        let zone = zone.map_err(|error| told(&error))?;
        if !out.is_null() {
            let v4 = u32::from(zone.v4_runs().next().is_some());
            let v6 = u32::from(zone.v6_runs().next().is_some());
            let names = zone.name_count();
            let info = ZoneInfo {
                size: u32::try_from(size_of::<ZoneInfo>()).unwrap_or(0),
                holds: v4 | v6 << 1 | u32::from(names > 0) << 2,
                expires: zone.expires().unwrap_or(0),
                names: names as u64,
            };
            // SAFETY: of the size that it names.
            unsafe { put_sized(out, info) }?;
        }
        if name.is_null() && need.is_null() {
            return Ok(());
        }
        let shown = match zone.name().to_string() {
            base if base.is_empty() => "@".to_owned(),
            name => name,
        };
        // SAFETY: as the caller says.
        unsafe { put_text(shown.as_bytes(), name, len, need) }
    })
}

/// What a list holds. Lists are shared by threads: nobody gets them by `&mut`.
///
/// # Safety
/// `list` is null or an open list.
pub(crate) unsafe fn live<'a>(list: *mut List) -> Result<&'a Live, Status> {
    // SAFETY: as the caller says.
    unsafe { shared(list) }
}
