//! What crosses the border: panics do not, pointers are checked.

use std::ffi::{CStr, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::status::Status;

/// Runs a function of the interface; a panic becomes a status.
#[inline]
pub(crate) fn guard(run: impl FnOnce() -> Result<(), Status>) -> c_int {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => Status::Ok as c_int,
        Ok(Err(status)) => status as c_int,
        Err(_) => Status::Panic as c_int,
    }
}

/// The first field of a handle says what it is.
pub(crate) trait Handle {
    const TAG: u64;
}

/// A handle that one thread has.
///
/// # Safety
/// As for [`shared`], and nobody else uses the handle.
#[inline]
pub(crate) unsafe fn handle<'a, T: Handle>(handle: *mut T) -> Result<&'a mut T, Status> {
    // SAFETY: as the caller says; the reference is gone at once.
    unsafe { shared(handle) }?;
    // SAFETY: a handle of this kind, and nobody else uses it.
    Ok(unsafe { &mut *handle })
}

/// A handle that threads share.
///
/// # Safety
/// `handle` is null, misaligned, or points to at least 8 readable bytes; if they are the tag, to an
/// open handle.
#[inline]
pub(crate) unsafe fn shared<'a, T: Handle>(handle: *mut T) -> Result<&'a T, Status> {
    if handle.is_null() {
        return Err(Status::Null);
    }
    if !handle.is_aligned() {
        return Err(Status::Handle);
    }
    // SAFETY: readable, says the caller.
    if unsafe { handle.cast::<u64>().read() } != T::TAG {
        return Err(Status::Handle);
    }
    // SAFETY: it has the tag of a handle of this kind, which only boxes of ours have.
    Ok(unsafe { &*handle })
}

/// Takes a handle from `place` and sets that to NULL.
///
/// # Safety
/// `place` is null or points to a pointer of which [`handle`] holds.
pub(crate) unsafe fn close<T: Handle>(place: *mut *mut T) -> Result<(), Status> {
    if place.is_null() {
        return Err(Status::Null);
    }
    // SAFETY: points to a pointer, says the caller.
    let raw = unsafe { place.read() };
    if raw.is_null() {
        return Ok(());
    }
    // SAFETY: of which `handle` holds.
    unsafe { shared(raw) }?;
    // SAFETY: as above.
    unsafe { place.write(std::ptr::null_mut()) };
    // SAFETY: handles are made by `Box::into_raw` only, and this one is not closed.
    drop(unsafe { Box::from_raw(raw) });
    Ok(())
}

/// # Safety
/// `out` is null or may be written to.
#[inline]
pub(crate) unsafe fn put<T>(out: *mut T, value: T) -> Result<(), Status> {
    if out.is_null() {
        return Err(Status::Null);
    }
    // SAFETY: may be written to, says the caller; C need not have aligned it.
    unsafe { out.write_unaligned(value) };
    Ok(())
}

/// # Safety
/// `text` is null or a string with a NUL that stays for `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Result<&'a [u8], Status> {
    if text.is_null() {
        return Err(Status::Null);
    }
    // SAFETY: a string, says the caller.
    Ok(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// Writes a struct whose first field is the size that the caller knows it with.
///
/// # Safety
/// `out` is null or points to as many bytes as its first 4 say, at least 4.
pub(crate) unsafe fn put_sized<T: Copy>(out: *mut T, value: T) -> Result<(), Status> {
    if out.is_null() {
        return Err(Status::Null);
    }
    // SAFETY: at least 4 bytes, says the caller.
    let size = unsafe { out.cast::<u32>().read_unaligned() };
    if (size as usize) < size_of::<T>() {
        return Err(Status::Argument);
    }
    // SAFETY: as many bytes as the size says.
    unsafe { out.write_unaligned(value) };
    Ok(())
}
