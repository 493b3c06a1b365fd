//! What is written into the caller's memory: numbers, texts, and structs that may have grown.

use std::ffi::c_char;

use crate::status::Status;

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

/// Copies a text with a NUL behind it into the caller's buffer, and says how much room it needs.
///
/// # Safety
/// `buffer` is null or has room for `len` bytes; `need` is null or may be written to.
pub(crate) unsafe fn put_text(
    text: &[u8],
    buffer: *mut c_char,
    len: usize,
    need: *mut usize,
) -> Result<(), Status> {
    let used = text.len() + 1;
    if !need.is_null() {
        // SAFETY: may be written to.
        unsafe { put(need, used) }?;
    }
    if used > len {
        return Err(Status::Short);
    }
    if buffer.is_null() {
        return Err(Status::Null);
    }
    // SAFETY: room for `len` bytes, more than the text has; not memory of ours.
    unsafe { buffer.copy_from_nonoverlapping(text.as_ptr().cast(), text.len()) };
    // SAFETY: the NUL is within `len`.
    let end = unsafe { buffer.add(text.len()) };
    // SAFETY: as above.
    unsafe { end.write(0) };
    Ok(())
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
}
