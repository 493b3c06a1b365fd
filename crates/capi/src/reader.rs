//! Readers: the zones that one thread asks together.

use std::ffi::{c_char, c_int};
use std::sync::Arc;

use rblmap::{Image, ImageSet, NameKey};

use crate::border::{Handle, close, guard, handle, put, text};
use crate::list::{List, live};
use crate::status::Status;

/// Zones of one reader: the bits of a `uint64_t`.
const MOST: usize = 64;

/// `rblmap_reader`.
#[derive(Debug)]
#[repr(C)]
pub struct Reader {
    tag: u64,
    pub(crate) members: Vec<Member>,
    /// The zones of the members' images.
    pub(crate) set: ImageSet,
    pub(crate) asked: Asked,
}

/// A zone of a list, by name: images come and go.
#[derive(Debug)]
pub(crate) struct Member {
    reader: rblmap::Reader,
    zone: String,
    /// The image that the set has a zone of; none once it was let go for a newer one.
    image: Option<Arc<Image>>,
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
    /// Takes the newest images. Only after a swap is there more to do than to compare.
    #[inline]
    pub(crate) fn renew(&mut self) -> Result<(), Status> {
        let mut changed = self.set.zones().len() != self.members.len();
        for member in &mut self.members {
            let (set, kept) = (&mut self.set, &mut member.image);
            let image = member.reader.image_after(|| {
                *set = ImageSet::new();
                *kept = None;
            });
            if !kept.as_ref().is_some_and(|kept| Arc::ptr_eq(image, kept)) {
                *kept = Some(Arc::clone(image));
                changed = true;
            }
        }
        if changed { self.rebuild() } else { Ok(()) }
    }

    #[cold]
    fn rebuild(&mut self) -> Result<(), Status> {
        self.asked = Asked::Nothing;
        let mut set = ImageSet::new();
        self.set = ImageSet::new();
        for member in &self.members {
            let image = member.image.as_ref().ok_or(Status::NoZone)?;
            if !set.add(image, &member.zone)? {
                return Err(Status::NoZone);
            }
        }
        self.set = set;
        Ok(())
    }

    /// # Safety
    /// `list` is null or an open list, `zone` null or a string.
    unsafe fn add(&mut self, list: *mut List, zone: *const c_char) -> Result<(), Status> {
        if self.members.len() == MOST {
            return Err(Status::Argument);
        }
        let zone = if zone.is_null() {
            b"@"
        } else {
            // SAFETY: a string.
            unsafe { text(zone) }?
        };
        // SAFETY: null or an open list.
        let mut reader = unsafe { live(list) }?.reader();
        let zone = std::str::from_utf8(zone).map_err(|_| Status::NoZone)?;
        let image = Arc::clone(reader.image());
        if image.zone(zone)?.is_none() {
            return Err(Status::NoZone);
        }
        self.members.push(Member {
            reader,
            zone: zone.to_owned(),
            image: Some(image),
        });
        self.rebuild()
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
            members: Vec::new(),
            set: ImageSet::new(),
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
        let member = reader.members.get(index).ok_or(Status::NoZone)?;
        let freshness = member.reader.freshness_at(now);
        // SAFETY: null or may be written to.
        unsafe { put(out, freshness as c_int) }
    })
}
