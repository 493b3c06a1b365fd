//! Handles: what a program holds of the library, by pointer.
//!
//! A handle that was closed keeps its memory, marked as closed, until 64 others of its kind were
//! closed after it: a program that closes a copy of the pointer again is told, as long as that.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};

use crate::status::Status;

/// How many closed handles of a kind are kept.
const KEPT: usize = 64;
/// What a closed handle begins with.
const CLOSED: u64 = 0x6465_736f_6c63_7201;

/// What a program holds by pointer; the first field says what it is.
#[derive(Debug)]
#[repr(C)]
pub struct Handle<T> {
    tag: AtomicU64,
    value: T,
}

/// A kind of handle.
pub(crate) trait Kind: Sized {
    /// What an open one begins with.
    const TAG: u64;

    /// The closed ones.
    fn closed() -> &'static Closed;
}

/// Closed handles of a kind, the oldest first. Addresses rather than pointers: nobody reads them.
#[derive(Debug)]
pub(crate) struct Closed(Mutex<VecDeque<usize>>);

impl Closed {
    pub(crate) const fn new() -> Closed {
        Closed(Mutex::new(VecDeque::new()))
    }

    /// None if another thread has it for long: after `fork` that may be one of the parent.
    fn lock(&self) -> Option<MutexGuard<'_, VecDeque<usize>>> {
        for _ in 0..1000 {
            match self.0.try_lock() {
                Ok(list) => return Some(list),
                Err(TryLockError::Poisoned(list)) => return Some(list.into_inner()),
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            }
        }
        None
    }

    /// Gives the memory of all closed handles back: the library is unloaded.
    pub(crate) fn free<T: Kind>(&self) {
        let list = self.lock().map(|mut list| std::mem::take(&mut *list));
        for address in list.into_iter().flatten() {
            // SAFETY: the list holds what `close` put there: memory of a box of this type, of which
            // the value was dropped.
            drop(unsafe { Box::from_raw(memory::<T>(address)) });
        }
    }
}

/// The memory of a closed handle, of which the value is gone.
fn memory<T>(address: usize) -> *mut std::mem::MaybeUninit<Handle<T>> {
    std::ptr::with_exposed_provenance_mut(address)
}

/// Makes a handle.
pub(crate) fn open<T: Kind>(value: T) -> *mut Handle<T> {
    let handle = Handle {
        tag: AtomicU64::new(T::TAG),
        value,
    };
    let list = T::closed().lock();
    let oldest = list.and_then(|mut list| {
        let enough = list.len() > KEPT;
        enough.then(|| list.pop_front())?
    });
    match oldest {
        Some(address) => {
            let place = memory::<T>(address).cast::<Handle<T>>();
            // SAFETY: memory of a box of this type, of which the value was dropped and which
            // nobody has.
            unsafe { place.write(handle) };
            place
        }
        None => Box::into_raw(Box::new(handle)),
    }
}

/// A handle that one thread has.
///
/// # Safety
/// As for [`shared`], and nobody else uses the handle.
#[inline]
pub(crate) unsafe fn own<'a, T: Kind>(handle: *mut Handle<T>) -> Result<&'a mut T, Status> {
    // SAFETY: as the caller says; the reference is gone at once.
    unsafe { shared(handle) }?;
    // SAFETY: an open handle of this kind, and nobody else uses it.
    Ok(unsafe { &mut (*handle).value })
}

/// A handle that threads share.
///
/// # Safety
/// `handle` is null, misaligned, or points to at least 8 readable bytes; if they are the tag, to an
/// open handle.
#[inline]
pub(crate) unsafe fn shared<'a, T: Kind>(handle: *mut Handle<T>) -> Result<&'a T, Status> {
    if handle.is_null() {
        return Err(Status::Null);
    }
    if !handle.is_aligned() {
        return Err(Status::Handle);
    }
    // SAFETY: readable, says the caller.
    let tag = unsafe { &*handle.cast::<AtomicU64>() };
    if tag.load(Ordering::Relaxed) != T::TAG {
        return Err(Status::Handle);
    }
    // SAFETY: it has the tag of an open handle of this kind, which only handles of ours have.
    Ok(unsafe { &(*handle).value })
}

/// Takes a handle from `place` and sets that to NULL.
///
/// # Safety
/// `place` is null or points to a pointer of which [`shared`] holds.
pub(crate) unsafe fn close<T: Kind>(place: *mut *mut Handle<T>) -> Result<(), Status> {
    if place.is_null() {
        return Err(Status::Null);
    }
    // SAFETY: points to a pointer, says the caller.
    let raw = unsafe { place.read() };
    if raw.is_null() {
        return Ok(());
    }
    // SAFETY: of which `shared` holds.
    unsafe { shared(raw) }?;
    // SAFETY: an open handle, or one that another thread closes just now.
    let tag = unsafe { &(*raw).tag };
    let marked = tag.compare_exchange(T::TAG, CLOSED, Ordering::AcqRel, Ordering::Relaxed);
    if marked.is_err() {
        return Err(Status::Handle);
    }
    // SAFETY: as above.
    unsafe { place.write(std::ptr::null_mut()) };
    // SAFETY: the value of a handle that was open until just now; nobody reads it any more.
    let value = unsafe { &raw mut (*raw).value };
    // SAFETY: as above.
    unsafe { value.drop_in_place() };
    // Without the list the memory is lost, in a child whose parent had it at the fork.
    if let Some(mut list) = T::closed().lock() {
        list.push_back(raw.expose_provenance());
    }
    Ok(())
}
