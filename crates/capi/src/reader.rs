//! Readers: the zones that one thread asks together.

use std::ffi::{c_char, c_int};

use rblmap::{LiveSet, NameKey, Query, Timestamp};

use crate::border::{guard, text};
use crate::handle::{Closed, Handle, Kind, close, open, own};
use crate::last_error::{errno, set_errno, told};
use crate::list::{Info, List, Standing, live};
use crate::out::{put, put_sized};
use crate::status::Status;

/// `rblmap_reader`.
pub type Reader = Handle<Asking>;

/// What a reader holds.
#[derive(Debug)]
pub struct Asking {
    pub(crate) set: LiveSet,
    pub(crate) asked: Asked,
}

/// The key of the last lookup. Its records are looked up again when they are asked for.
#[derive(Debug)]
pub(crate) enum Asked {
    Nothing,
    Query(Query),
    /// Any bytes, as zone files have them.
    Name(NameKey),
}

impl Kind for Asking {
    const TAG: u64 = 0x7264_6165_7262_7201;

    fn closed() -> &'static Closed {
        static CLOSED: Closed = Closed::new();
        &CLOSED
    }
}

impl Asking {
    /// Takes the newest images. Only after a swap is there more to do than to compare; what that
    /// does to `errno` is not the caller's business.
    #[inline]
    pub(crate) fn renew(&mut self) {
        if !self.set.is_current() {
            self.take_newest();
        }
    }

    #[cold]
    fn take_newest(&mut self) {
        let kept = errno();
        self.set.renew();
        set_errno(kept);
    }

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
        self.set.add(live, zone).map_err(|error| told(&error))?;
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
        let mut asking = Asking {
            set: LiveSet::new(),
            asked: Asked::Nothing,
        };
        // SAFETY: as the caller says.
        unsafe { asking.add(list, zone) }?;
        // SAFETY: may be written to.
        unsafe { put(out, open(asking)) }
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
        let asking = unsafe { own(reader) }?;
        // SAFETY: as the caller says.
        unsafe { asking.add(list, zone) }
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
    let kept = errno();
    let status = guard(|| {
        // SAFETY: null or a reader of this thread.
        let asking = unsafe { own(reader) }?;
        let freshness = asking.set.freshness(index, Timestamp::from(now));
        let freshness = freshness.ok_or(Status::NoZone)?;
        // SAFETY: null or may be written to.
        unsafe { put(out, freshness as c_int) }
    });
    set_errno(kept);
    status
}

/// Says where one zone of a reader stands.
///
/// # Safety
/// `reader` is null or a reader that no other thread uses; `out` is null or of the size it names.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_reader_status(
    reader: *mut Reader,
    index: usize,
    now: u64,
    out: *mut Info,
) -> c_int {
    guard(|| {
        // SAFETY: null or a reader of this thread.
        let asking = unsafe { own(reader) }?;
        let freshness = asking.set.freshness(index, Timestamp::from(now));
        let freshness = freshness.ok_or(Status::NoZone)?;
        let problem = asking.set.problem(index);
        let standing = Standing {
            freshness,
            page: asking.set.page(index),
            problem: problem.as_ref(),
            image: asking.set.image(index).ok_or(Status::NoZone)?,
            expires: asking.set.zone(index).and_then(rblmap::Zone::expires),
        };
        // SAFETY: of the size it names.
        unsafe { put_sized(out, standing.info()) }
    })
}
