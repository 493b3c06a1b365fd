//! Readers: the zones that one thread asks together.

use std::ffi::{c_char, c_int};

use rblmap::{LiveSet, NameKey};

use crate::border::{Handle, close, guard, handle, put, text};
use crate::list::{List, live};
use crate::status::Status;

/// `rblmap_reader`.
#[derive(Debug)]
#[repr(C)]
pub struct Reader {
    tag: u64,
    pub(crate) set: LiveSet,
    pub(crate) asked: Asked,
}

/// The key of the last lookup. Its records are looked up again when they are asked for.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::large_enum_variant,
    reason = "never moved, and lookups do not allocate"
)]
pub(crate) enum Asked {
    Nothing,
    Address(std::net::IpAddr),
    Name(NameKey),
}

impl Handle for Reader {
    const TAG: u64 = 0x7264_6165_7262_7201;
}

impl Reader {
    /// # Safety
    /// `list` is null or an open list, `zone` null or a string.
    unsafe fn add(&mut self, list: *mut List, zone: *const c_char) -> Result<(), Status> {
        let zone = if zone.is_null() {
            b"@"
        } else {
            // SAFETY: a string.
            unsafe { text(zone) }?
        };
        // SAFETY: null or an open list.
        let live = unsafe { live(list) }?;
        let zone = std::str::from_utf8(zone).map_err(|_| Status::NoZone)?;
        self.set.add(&live, zone)?;
        self.asked = Asked::Nothing;
        Ok(())
    }
}

/// Makes a reader.
///
/// # Safety
/// `list` is null or an open list, `zone` null or a string, `out` null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_reader_new(
    list: *mut List,
    zone: *const c_char,
    out: *mut *mut Reader,
) -> c_int {
    guard(|| {
        if out.is_null() {
            return Err(Status::Null);
        }
        let mut reader = Box::new(Reader {
            tag: Reader::TAG,
            set: LiveSet::new(),
            asked: Asked::Nothing,
        });
        // SAFETY: as the caller says.
        unsafe { reader.add(list, zone) }?;
        // SAFETY: may be written to.
        unsafe { put(out, Box::into_raw(reader)) }
    })
}

/// Adds a zone to a reader.
///
/// # Safety
/// `reader` is null or a reader that no other thread uses, `list` null or an open list, `zone` null
/// or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_reader_add(
    reader: *mut Reader,
    list: *mut List,
    zone: *const c_char,
) -> c_int {
    guard(|| {
        // SAFETY: null or a reader of this thread.
        let reader = unsafe { handle(reader) }?;
        // SAFETY: as the caller says.
        unsafe { reader.add(list, zone) }
    })
}

/// Gives a reader up.
///
/// # Safety
/// `reader` is null or points to null or a reader.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_reader_free(reader: *mut *mut Reader) -> c_int {
    // SAFETY: as the caller says.
    guard(|| unsafe { close(reader) })
}

/// Says whether answers count.
///
/// # Safety
/// `reader` is null or a reader that no other thread uses, `out` null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_freshness(
    reader: *mut Reader,
    index: usize,
    now: u64,
    out: *mut c_int,
) -> c_int {
    guard(|| {
        // SAFETY: null or a reader of this thread.
        let reader = unsafe { handle(reader) }?;
        let freshness = reader.set.freshness(index, now).ok_or(Status::NoZone)?;
        // SAFETY: null or may be written to.
        unsafe { put(out, freshness as c_int) }
    })
}
