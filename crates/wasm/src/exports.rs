//! The functions that the page calls. All numbers are 32-bit but the time, which is 64-bit.
//!
//! The page gets a buffer from [`rblmap_alloc`], writes its bytes there, and hands the buffer to
//! [`rblmap_open`] or [`rblmap_lookup`], which own it from then on. Afterwards
//! [`rblmap_out_at`] and [`rblmap_out_len`] say where the result lies, until the next call.

#![allow(
    unsafe_code,
    reason = "the border to the page, which hands over buffers by address"
)]

use std::cell::RefCell;

use crate::reply::{Reply, Session};

thread_local! {
    static SESSION: RefCell<Session> = RefCell::default();
}

/// A buffer of `len` bytes, all zero, for the page to fill.
// SAFETY: no other symbol of this name is linked into the module.
#[unsafe(no_mangle)]
pub extern "C" fn rblmap_alloc(len: usize) -> *mut u8 {
    Box::into_raw(vec![0; len].into_boxed_slice()).cast()
}

/// Opens the image in a buffer; see [`Session::open`].
///
/// # Safety
///
/// `at` comes from [`rblmap_alloc`] with the same `len`, and is not used again.
// SAFETY: no other symbol of this name is linked into the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_open(at: *mut u8, len: usize) -> i32 {
    // SAFETY: the caller hands over a buffer of `rblmap_alloc`.
    let bytes = unsafe { taken(at, len) };
    SESSION.with_borrow_mut(|session| session.open(bytes) as i32)
}

/// Looks up the key in a buffer; see [`Session::lookup`].
///
/// # Safety
///
/// `at` comes from [`rblmap_alloc`] with the same `len`, and is not used again.
// SAFETY: no other symbol of this name is linked into the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_lookup(zone: usize, at: *mut u8, len: usize, now: u64) -> i32 {
    // SAFETY: the caller hands over a buffer of `rblmap_alloc`.
    let key = unsafe { taken(at, len) };
    SESSION.with_borrow_mut(|session| session.lookup(zone, &key, now) as i32)
}

/// Where the result of the last call begins.
// SAFETY: no other symbol of this name is linked into the module.
#[unsafe(no_mangle)]
pub extern "C" fn rblmap_out_at() -> *const u8 {
    SESSION.with_borrow(|session| session.out().as_ptr())
}

/// How many bytes the result of the last call has.
// SAFETY: no other symbol of this name is linked into the module.
#[unsafe(no_mangle)]
pub extern "C" fn rblmap_out_len() -> usize {
    SESSION.with_borrow(|session| session.out().len())
}

/// # Safety
///
/// `at` comes from [`rblmap_alloc`] with the same `len`, and is not used again.
unsafe fn taken(at: *mut u8, len: usize) -> Vec<u8> {
    let slice = std::ptr::slice_from_raw_parts_mut(at, len);
    // SAFETY: `rblmap_alloc` made this box, and the caller gives it up.
    unsafe { Box::from_raw(slice) }.into_vec()
}

const _: () = assert!(
    Reply::Listed as i32 == 1,
    "the page compares with these numbers"
);
