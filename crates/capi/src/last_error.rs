//! What the last call of a thread that failed has to say, beyond its status.

use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_int};
use std::fmt::{self, Write};

use rblmap::Error;

use crate::out::put_text;
use crate::status::{Status, rblmap_strerror};

/// Longer messages are cut.
const ROOM: usize = 1024;

/// A text without heap memory: threads that end after the library is unloaded must leave nothing
/// behind.
struct Text {
    bytes: [u8; ROOM],
    len: usize,
}

thread_local! {
    static TEXT: RefCell<Text> = const { RefCell::new(Text { bytes: [0; ROOM], len: 0 }) };
    /// Whether the text was written by the call that runs.
    static IS_NEW: Cell<bool> = const { Cell::new(false) };
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        for (slot, byte) in room.iter_mut().zip(text.bytes()) {
            // A message is one line of a log.
            *slot = if byte < b' ' || byte == 0x7f {
                b'?'
            } else {
                byte
            };
            self.len += 1;
        }
        Ok(())
    }
}

/// Keeps what an error says, and its `errno`; gives its status.
#[cold]
pub(crate) fn told(error: &Error) -> Status {
    write(format_args!("{error}"));
    IS_NEW.set(true);
    if let Some(code) = error.io().and_then(std::io::Error::raw_os_error) {
        set_errno(code);
    }
    error.into()
}

/// Keeps what a status says, for a call that had nothing better.
pub(crate) fn keep(status: Status) {
    if !IS_NEW.replace(false) {
        let text = rblmap_strerror(status as c_int);
        // SAFETY: a constant with a NUL.
        let text = unsafe { std::ffi::CStr::from_ptr(text) };
        write(format_args!("{}", text.to_string_lossy()));
    }
}

fn write(message: fmt::Arguments<'_>) {
    TEXT.with_borrow_mut(|text| {
        text.len = 0;
        // What is too much for it is dropped.
        let _ = text.write_fmt(message);
    });
}

/// The `errno` of this thread.
#[cfg(target_os = "linux")]
pub(crate) fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn errno() -> c_int {
    0
}

#[cfg(target_os = "linux")]
pub(crate) fn set_errno(code: c_int) {
    // SAFETY: the place of this thread's `errno`.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { place.write(code) };
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn set_errno(_: c_int) {}

/// Gives what the last call of this thread that failed has to say.
///
/// # Safety
/// `buffer` is null or has room for `len` bytes; `need` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_last_error(
    buffer: *mut c_char,
    len: usize,
    need: *mut usize,
) -> c_int {
    // No guard, which would take its own failure for the last one.
    let result = TEXT.with_borrow(|text| {
        let text = text.bytes.get(..text.len).unwrap_or_default();
        // SAFETY: as the caller says.
        unsafe { put_text(text, buffer, len, need) }
    });
    result.map_or_else(|status| status as c_int, |()| Status::Ok as c_int)
}
