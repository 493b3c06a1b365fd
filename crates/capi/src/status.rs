//! Status codes and versions.

use std::ffi::{CStr, c_char, c_int};

use rblmap::{Error, ErrorKind};

/// What a function returns; the numbers are those of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Status {
    Ok = 0,
    Null = 1,
    Handle = 2,
    Argument = 3,
    Key = 4,
    NoZone = 5,
    Io = 6,
    Foreign = 7,
    Newer = 8,
    Damaged = 9,
    OtherZone = 10,
    Short = 11,
    End = 12,
    Panic = 13,
    Busy = 14,
}

impl From<&Error> for Status {
    fn from(error: &Error) -> Status {
        match error.kind() {
            ErrorKind::NotFound
            | ErrorKind::Permission
            | ErrorKind::NotAFile
            | ErrorKind::Io
            | ErrorKind::Detached => Status::Io,
            ErrorKind::NotAnImage => Status::Foreign,
            ErrorKind::NewerFormat { .. }
            | ErrorKind::OlderFormat { .. }
            | ErrorKind::NewerPage { .. } => Status::Newer,
            ErrorKind::OtherZone { .. } => Status::OtherZone,
            ErrorKind::NoSuchZone { .. } | ErrorKind::ZoneName { .. } => Status::NoZone,
            ErrorKind::TooMany { .. } => Status::Argument,
            // Whatever later versions find wrong with the bytes of a file.
            _ => Status::Damaged,
        }
    }
}

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };

/// The version of the interface: the number in the soname.
#[unsafe(no_mangle)]
pub extern "C" fn rblmap_abi_version() -> u32 {
    0
}

/// The version of the library.
#[unsafe(no_mangle)]
pub extern "C" fn rblmap_version() -> *const c_char {
    VERSION.as_ptr()
}

/// A status code in words; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn rblmap_strerror(status: c_int) -> *const c_char {
    let text = match status {
        0 => c"no error",
        1 => c"an argument is NULL",
        2 => c"not a handle of this kind",
        3 => c"unknown flags, a struct of a size that is too small, or too many zones",
        4 => c"not an address or name",
        5 => c"no such zone",
        6 => c"cannot be read",
        7 => c"not an rblmap image",
        8 => c"image format is newer or older than what this library reads",
        9 => c"image is damaged",
        10 => c"image of another zone",
        11 => c"buffer is too short",
        12 => c"no more records",
        13 => c"fault in the library",
        14 => c"called by a signal handler while its thread was in the library",
        _ => c"unknown status",
    };
    text.as_ptr()
}
