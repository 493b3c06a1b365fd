//! Walks over what a zone lists.

use std::ffi::{c_char, c_int};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rblmap::{NameKey, NameRule, NameRules, OwnedZone, Run};

use crate::border::{guard, text};
use crate::handle::{Closed, Handle, Kind, close, open, own};
use crate::out::{Sizes, put, put_sized};
use crate::reader::Reader;
use crate::status::Status;

/// `rblmap_walk`.
pub type Walk = Handle<Walking>;

/// A walk: what is left of it, and the zone that it reads.
pub struct Walking {
    rest: Rest,
    /// Goes after what borrows from it.
    _zone: Arc<OwnedZone>,
}

enum Rest {
    V4(Box<dyn Iterator<Item = Run<u32>>>),
    V6(Box<dyn Iterator<Item = Run<u128>>>),
    Names(Box<dyn Iterator<Item = NameRules>>),
}

impl Kind for Walking {
    const TAG: u64 = 0x6b6c_6177_7062_7201;

    fn closed() -> &'static Closed {
        static CLOSED: Closed = Closed::new();
        &CLOSED
    }
}

/// `rblmap_entry`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Entry {
    size: u32,
    kind: u32,
    listed: u32,
    name_len: u32,
    first: [u8; 16],
    last: [u8; 16],
    name: [u8; 1024],
}

impl Sizes for Entry {
    const FIRST: usize = 1072;
}

impl Entry {
    fn new(kind: u32, listed: bool) -> Entry {
        Entry {
            size: u32::try_from(size_of::<Entry>()).unwrap_or(0),
            kind,
            listed: listed.into(),
            name_len: 0,
            first: [0; 16],
            last: [0; 16],
            name: [0; 1024],
        }
    }
}

/// Begins a walk over the IPv4 runs of a zone.
///
/// # Safety
/// `reader` is null or a reader that no other thread uses; `out` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_walk_v4(
    reader: *mut Reader,
    zone: usize,
    first: u32,
    last: u32,
    out: *mut *mut Walk,
) -> c_int {
    let range = Ipv4Addr::from_bits(first)..=Ipv4Addr::from_bits(last);
    let begin = |zone: &OwnedZone| Rest::V4(Box::new(forever(zone).v4_runs_in(range)));
    // SAFETY: as the caller says.
    guard(|| unsafe { start(reader, zone, begin, out) })
}

/// Begins a walk over the IPv6 runs of a zone.
///
/// # Safety
/// As for [`rblmap_walk_v4`]; `first` and `last` are null or point to 16 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_walk_v6(
    reader: *mut Reader,
    zone: usize,
    first: *const u8,
    last: *const u8,
    out: *mut *mut Walk,
) -> c_int {
    let read = |place: *const u8, or: Ipv6Addr| {
        if place.is_null() {
            return or;
        }
        // SAFETY: 16 bytes, of no alignment.
        Ipv6Addr::from(unsafe { place.cast::<[u8; 16]>().read() })
    };
    let range = read(first, Ipv6Addr::UNSPECIFIED)..=read(last, Ipv6Addr::from_bits(u128::MAX));
    let begin = |zone: &OwnedZone| Rest::V6(Box::new(forever(zone).v6_runs_in(range)));
    // SAFETY: as the caller says.
    guard(|| unsafe { start(reader, zone, begin, out) })
}

/// Begins a walk over the names of a zone.
///
/// # Safety
/// As for [`rblmap_walk_v4`]; `under` is null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_walk_names(
    reader: *mut Reader,
    zone: usize,
    under: *const c_char,
    out: *mut *mut Walk,
) -> c_int {
    guard(|| {
        let under = if under.is_null() {
            NameKey::ROOT
        } else {
            // SAFETY: a string.
            NameKey::parse(unsafe { text(under) }?).map_err(|_| Status::Key)?
        };
        let begin = |zone: &OwnedZone| Rest::Names(Box::new(forever(zone).names_within(&under)));
        // SAFETY: as the caller says.
        unsafe { start(reader, zone, begin, out) }
    })
}

/// Gives the next run or name of a walk.
///
/// # Safety
/// `walk` is null or a walk that no other thread uses; `out` is null or of the size it names.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_walk_next(walk: *mut Walk, out: *mut Entry) -> c_int {
    guard(|| {
        // SAFETY: null or a walk of this thread.
        let walking = unsafe { own(walk) }?;
        if out.is_null() {
            return Err(Status::Null);
        }
        let entry = walking.next().ok_or(Status::End)?;
        // SAFETY: of the size it names.
        unsafe { put_sized(out, entry) }
    })
}

/// Ends a walk.
///
/// # Safety
/// `walk` is null or points to null or a walk.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_walk_free(walk: *mut *mut Walk) -> c_int {
    // SAFETY: as the caller says.
    guard(|| unsafe { close(walk) })
}

/// # Safety
/// As for [`rblmap_walk_v4`].
unsafe fn start(
    reader: *mut Reader,
    index: usize,
    begin: impl FnOnce(&OwnedZone) -> Rest,
    out: *mut *mut Walk,
) -> Result<(), Status> {
    // SAFETY: null or a reader of this thread.
    let asking = unsafe { own(reader) }?;
    if out.is_null() {
        return Err(Status::Null);
    }
    asking.renew();
    let zone = Arc::new(asking.set.owned_zone(index).ok_or(Status::NoZone)?);
    let walking = Walking {
        rest: begin(&zone),
        _zone: zone,
    };
    // SAFETY: may be written to.
    unsafe { put(out, open(walking)) }
}

/// The zone without its lifetime, for a walk that keeps it.
fn forever(zone: &OwnedZone) -> &'static rblmap::Zone<'static> {
    let zone: *const rblmap::Zone<'_> = zone.zone();
    // SAFETY: the walk keeps the zone, and with it the image, behind an `Arc` that is not handed
    // out, and drops what borrows from it first.
    unsafe { &*zone.cast::<rblmap::Zone<'static>>() }
}

impl Walking {
    fn next(&mut self) -> Option<Entry> {
        let is_listing = |id| self._zone.image().value(id).is_listed();
        match &mut self.rest {
            Rest::V4(runs) => {
                let run = runs.next()?;
                let mut entry = Entry::new(4, is_listing(run.value));
                set(&mut entry.first, &Ipv4Addr::from_bits(run.start).octets());
                set(&mut entry.last, &Ipv4Addr::from_bits(run.end).octets());
                Some(entry)
            }
            Rest::V6(runs) => {
                let run = runs.next()?;
                let mut entry = Entry::new(6, is_listing(run.value));
                set(&mut entry.first, &Ipv6Addr::from_bits(run.start).octets());
                set(&mut entry.last, &Ipv6Addr::from_bits(run.end).octets());
                Some(entry)
            }
            Rest::Names(names) => {
                let point = names.next()?;
                let lists = |slot| matches!(slot, NameRule::Value(id) if is_listing(id));
                let mut entry = Entry::new(0, lists(point.exact));
                entry.listed |= u32::from(lists(point.below)) << 1;
                let name = point.key.to_string();
                // With every byte escaped a name has 4 times 255 bytes at most; a NUL is left.
                let room = entry.name.len() - 1;
                let name = name.as_bytes();
                let name = name.get(..name.len().min(room)).unwrap_or_default();
                set(&mut entry.name, name);
                entry.name_len = u32::try_from(name.len()).unwrap_or(0);
                Some(entry)
            }
        }
    }
}

fn set(places: &mut [u8], bytes: &[u8]) {
    places
        .iter_mut()
        .zip(bytes)
        .for_each(|(place, byte)| *place = *byte);
}
