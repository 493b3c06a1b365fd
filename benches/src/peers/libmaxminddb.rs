//! The C library of MaxMind, through as much of its interface as a lookup needs.

#![expect(unsafe_code, reason = "a library in C")]

use std::ffi::{CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;

use super::Peer;
use crate::mmdb::DATA_LEN;

/// Room for an `MMDB_s`, which has about 200 bytes.
type Handle = [u64; 128];

/// `MMDB_lookup_result_s` of version 1.
#[repr(C)]
struct Found {
    found_entry: bool,
    entry: Entry,
    netmask: u16,
}

/// `MMDB_entry_s`.
#[repr(C)]
struct Entry {
    mmdb: *const c_void,
    offset: u32,
}

/// A `sockaddr_in` on Linux.
#[repr(C)]
struct Address {
    family: u16,
    port: u16,
    octets: [u8; 4],
    zero: [u8; 8],
}

/// `MMDB_MODE_MMAP` and `AF_INET`.
const MMAP: u32 = 1;
const INET: u16 = 2;

// SAFETY: the types are those of maxminddb.h, which `Handle` and `Found` have room for.
#[link(name = "maxminddb")]
unsafe extern "C" {
    fn MMDB_open(path: *const c_char, flags: u32, handle: *mut Handle) -> c_int;
    fn MMDB_lookup_sockaddr(
        handle: *const Handle,
        address: *const Address,
        error: *mut c_int,
    ) -> Found;
    fn MMDB_close(handle: *mut Handle);
}

pub(super) struct Open {
    handle: Box<Handle>,
    bytes: usize,
    _folder: tempfile::TempDir,
}

impl Open {
    pub(super) fn new(bytes: &[u8]) -> Result<Open, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("bench.mmdb");
        std::fs::write(&path, bytes)?;
        let path = CString::new(path.as_os_str().as_bytes())?;
        let mut handle: Box<Handle> = Box::new([0; 128]);
        // SAFETY: the path ends with a zero byte, and the handle has more room than an `MMDB_s`.
        let status = unsafe { MMDB_open(path.as_ptr(), MMAP, &raw mut *handle) };
        if status != 0 {
            return Err(format!("MMDB_open: status {status}").into());
        }
        Ok(Open {
            handle,
            bytes: bytes.len(),
            _folder: folder,
        })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: opened once, closed once.
        unsafe { MMDB_close(&raw mut *self.handle) }
    }
}

impl Peer for Open {
    fn name(&self) -> &'static str {
        "libmaxminddb (C)"
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    /// Without decoding: the offset of the data tells what it is.
    fn lookup(&self, address: u32) -> u32 {
        let address = Address {
            family: INET,
            port: 0,
            octets: std::net::Ipv4Addr::from(address).octets(),
            zero: [0; 8],
        };
        let mut error = 0;
        // SAFETY: an open handle, an address of the family it names, room for an error.
        let found = unsafe { MMDB_lookup_sockaddr(&raw const *self.handle, &address, &mut error) };
        if error == 0 && found.found_entry {
            found.entry.offset / DATA_LEN as u32
        } else {
            0
        }
    }
}
