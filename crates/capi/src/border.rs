//! What crosses the border: panics do not, pointers are checked.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::status::Status;

/// Runs a function of the interface; a panic becomes a status.
#[inline]
pub(crate) fn guard(run: impl FnOnce() -> Result<(), Status>) -> c_int {
    INSIDE.set(true);
    let result = catch_unwind(AssertUnwindSafe(run));
    INSIDE.set(false);
    match result {
        Ok(Ok(())) => Status::Ok as c_int,
        Ok(Err(status)) => status as c_int,
        Err(_) => Status::Panic as c_int,
    }
}

thread_local! {
    /// Whether the thread is inside of the interface.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Keeps panics of the interface from being printed: the program may have given descriptor 2 to a
/// client. Those of other code in the process are told as before.
pub(crate) fn print_no_panics() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !INSIDE.get() {
                before(info);
            }
        }));
    });
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

/// A struct that begins with the size that the caller knows it with.
pub(crate) trait Sizes: Copy {
    /// The size in version 0 of the interface: the least that a caller may know.
    const FIRST: usize;
}

/// Writes as much of a struct as the caller knows of: what came later is left out for a program that
/// was built before, and what is not there yet is left alone for one that was built after.
///
/// # Safety
/// `out` is null or points to as many bytes as its first 4 say, at least 4.
pub(crate) unsafe fn put_sized<T: Sizes>(out: *mut T, value: T) -> Result<(), Status> {
    if out.is_null() {
        return Err(Status::Null);
    }
    // SAFETY: at least 4 bytes, says the caller.
    let known = unsafe { out.cast::<u32>().read_unaligned() };
    let size = known as usize;
    if size < T::FIRST {
        return Err(Status::Argument);
    }
    let len = size.min(size_of::<T>());
    // SAFETY: both have `len` bytes: the value by its type, `out` as its size says; they are two.
    unsafe {
        (&raw const value)
            .cast::<u8>()
            .copy_to_nonoverlapping(out.cast::<u8>(), len)
    };
    // SAFETY: at least 4 bytes; this stays as the caller wrote it.
    unsafe { out.cast::<u32>().write_unaligned(known) };
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[derive(Clone, Copy)]
    #[repr(C)]
    struct Grown {
        size: u32,
        first: u32,
        later: u32,
    }

    impl Sizes for Grown {
        const FIRST: usize = 8;
    }

    #[test]
    #[allow(unsafe_code, reason = "as C calls")]
    fn a_struct_that_grew_fits_programs_of_before() {
        let value = Grown {
            size: 12,
            first: 1,
            later: 2,
        };
        for (size, after) in [(8, [1, 9, 9]), (12, [1, 2, 9]), (16, [1, 2, 9])] {
            let mut out = [size, 9, 9, 9];
            // SAFETY: 16 bytes, as many as the largest size.
            let done = unsafe { put_sized(out.as_mut_ptr().cast(), value) };
            assert_eq!(
                (done.is_ok(), out),
                (true, [size, after[0], after[1], after[2]])
            );
        }
        let mut out = [7u32, 9];
        // SAFETY: 7 bytes are there.
        let done = unsafe { put_sized(out.as_mut_ptr().cast::<Grown>(), value) };
        assert!(done.is_err() && out == [7, 9]);
    }

    #[test]
    fn a_panic_becomes_a_status_and_prints_nothing() {
        if std::env::var_os("RBLMAP_PANIC").is_some() {
            print_no_panics();
            assert_eq!(guard(|| panic!("of the interface")), Status::Panic as c_int);
            panic!("of the program");
        }
        let name = "border::tests::a_panic_becomes_a_status_and_prints_nothing";
        let output = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env("RBLMAP_PANIC", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("of the program") && !said.contains("of the interface"),
            "{said}"
        );
    }
}
