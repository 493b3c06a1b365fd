//! Lookups.

use std::ffi::{c_char, c_int};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rblmap::{NameKey, Query};

use crate::border::guard;
use crate::handle::own;
use crate::key::{self, Length};
use crate::out::put;
use crate::reader::{Asked, Asking, Reader};
use crate::status::Status;

/// Addresses of a batch that are asked at a time.
const BATCH: usize = 1024;

/// Looks an IPv4 address up.
///
/// # Safety
/// `reader` is null or a reader that no other thread uses, `listed` null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_lookup_v4(
    reader: *mut Reader,
    host_order: u32,
    listed: *mut u64,
) -> c_int {
    let address = Ipv4Addr::from_bits(host_order);
    // SAFETY: as the caller says.
    guard(|| unsafe { ask_address(reader, listed, address.into()) })
}

/// Looks an IPv6 address up.
///
/// # Safety
/// As for [`rblmap_lookup_v4`]; `bytes` is null or points to 16 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_lookup_v6(
    reader: *mut Reader,
    bytes: *const u8,
    listed: *mut u64,
) -> c_int {
    let key = || {
        if bytes.is_null() {
            return Err(Status::Null);
        }
        // SAFETY: 16 bytes, of no alignment.
        let octets = unsafe { bytes.cast::<[u8; 16]>().read() };
        Ok(key::address(Ipv6Addr::from(octets)))
    };
    // SAFETY: as the caller says.
    guard(|| unsafe { ask(reader, (listed, 1), key) })
}

/// Looks the address of a socket up.
///
/// # Safety
/// As for [`rblmap_lookup_v4`]; `sockaddr` is null or points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_lookup_sockaddr(
    reader: *mut Reader,
    sockaddr: *const u8,
    len: usize,
    listed: *mut u64,
) -> c_int {
    let key = || {
        if sockaddr.is_null() {
            return Err(Status::Null);
        }
        // SAFETY: `len` bytes.
        key::socket(unsafe { std::slice::from_raw_parts(sockaddr, len.min(128)) })
    };
    // SAFETY: as the caller says.
    guard(|| unsafe { ask(reader, (listed, 1), key) })
}

/// Looks an address in text up.
///
/// # Safety
/// As for [`rblmap_lookup_v4`]; `address` is null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_lookup_text(
    reader: *mut Reader,
    address: *const c_char,
    listed: *mut u64,
) -> c_int {
    // SAFETY: null or a string.
    let key = || key::plain_address(unsafe { key::read(address, Length::Nul) }?);
    // SAFETY: as the caller says.
    guard(|| unsafe { ask(reader, (listed, 1), key) })
}

/// Looks a name up.
///
/// # Safety
/// As for [`rblmap_lookup_v4`]; `name` is null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_lookup_name(
    reader: *mut Reader,
    name: *const c_char,
    listed: *mut u64,
) -> c_int {
    // SAFETY: null or a string.
    let key = || key::name(unsafe { key::read(name, Length::Nul) }?);
    // SAFETY: as the caller says.
    guard(|| unsafe { ask(reader, (listed, 1), key) })
}

/// Looks a name of a given length up.
///
/// # Safety
/// As for [`rblmap_lookup_v4`]; `name` is null or points to `len` bytes; `listed` is null or has
/// room for `words` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_lookup_name_n(
    reader: *mut Reader,
    name: *const c_char,
    len: usize,
    listed: *mut u64,
    words: usize,
) -> c_int {
    // SAFETY: null or of that many bytes.
    let key = || key::name(unsafe { key::read(name, Length::Bytes(len)) }?);
    // SAFETY: as the caller says.
    guard(|| unsafe { ask(reader, (listed, words), key) })
}

/// Looks up what a text of a given length asks for: an address or a name.
///
/// # Safety
/// As for [`rblmap_lookup_name_n`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_lookup(
    reader: *mut Reader,
    text: *const c_char,
    len: usize,
    listed: *mut u64,
    words: usize,
) -> c_int {
    // SAFETY: null or of that many bytes.
    let key = || key::either(unsafe { key::read(text, Length::Bytes(len)) }?);
    // SAFETY: as the caller says.
    guard(|| unsafe { ask(reader, (listed, words), key) })
}

/// Looks many IPv4 addresses up.
///
/// # Safety
/// `reader` is null or a reader that no other thread uses; `addresses` is null or points to `count`
/// numbers, `listed` to room for as many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_lookup_v4_batch(
    reader: *mut Reader,
    addresses: *const u32,
    count: usize,
    listed: *mut u8,
) -> c_int {
    guard(|| {
        // SAFETY: null or a reader of this thread.
        let asking = unsafe { own(reader) }?;
        if count == 0 {
            return Ok(());
        }
        if addresses.is_null() || listed.is_null() {
            return Err(Status::Null);
        }
        if !addresses.is_aligned() {
            return Err(Status::Argument);
        }
        asking.renew();
        let zone = asking.set.zone(0).ok_or(Status::NoZone)?;
        // SAFETY: aligned, and `count` numbers that stay for the call.
        let addresses = unsafe { std::slice::from_raw_parts(addresses, count) };
        let mut answers = [false; BATCH];
        for (addresses, start) in addresses.chunks(BATCH).zip((0..).step_by(BATCH)) {
            zone.contains_v4_many(addresses, &mut answers);
            // SAFETY: `start` is less than `count`.
            let place = unsafe { listed.add(start) };
            // SAFETY: bools are bytes 0 and 1; there is room for as many bytes as addresses, which
            // is not memory of ours.
            unsafe { place.copy_from_nonoverlapping(answers.as_ptr().cast(), addresses.len()) };
        }
        Ok(())
    })
}

/// As [`ask`], of an address: what is asked most, with as little as possible around it.
///
/// # Safety
/// `reader` is null or a reader that no other thread uses, `listed` null or may be written to.
#[inline]
unsafe fn ask_address(
    reader: *mut Reader,
    listed: *mut u64,
    address: IpAddr,
) -> Result<(), Status> {
    // SAFETY: null or a reader of this thread.
    let asking = unsafe { own(reader) }?;
    if listed.is_null() || asking.set.len() != 1 {
        // SAFETY: as the caller says.
        return unsafe { ask(reader, (listed, 1), || Ok(key::address(address))) };
    }
    asking.renew();
    let Some(zone) = asking.set.zone(0) else {
        // SAFETY: as the caller says.
        return unsafe { ask(reader, (listed, 1), || Ok(key::address(address))) };
    };
    let is_listed = match address {
        IpAddr::V4(v4) => zone.contains_v4(v4.to_bits()),
        IpAddr::V6(v6) => zone.lookup(v6).is_listed(),
    };
    asking.asked = Asked::Query(Query::Address(address));
    // SAFETY: may be written to.
    unsafe { put(listed, is_listed.into()) }
}

/// # Safety
/// `reader` is null or a reader that no other thread uses; of `listed` the pointer is null or has
/// room for as many numbers as it names.
#[inline]
unsafe fn ask(
    reader: *mut Reader,
    listed: (*mut u64, usize),
    key: impl FnOnce() -> Result<Asked, Status>,
) -> Result<(), Status> {
    // SAFETY: null or a reader of this thread.
    let asking = unsafe { own(reader) }?;
    // A lookup that fails leaves no answer, least of all that of the client before.
    asking.asked = Asked::Nothing;
    let (place, words) = listed;
    if place.is_null() {
        return Err(Status::Null);
    }
    let key = key()?;
    if asking.set.len() > words.saturating_mul(64) {
        return Err(Status::Short);
    }
    asking.renew();
    let bits = asking.bits(&key)?;
    asking.asked = key;
    for (index, bits) in bits.into_iter().enumerate().take(words) {
        // SAFETY: less than `words`.
        let place = unsafe { place.add(index) };
        // SAFETY: may be written to.
        unsafe { put(place, bits) }?;
    }
    Ok(())
}

impl Asking {
    /// Which zones list the key, a bit each. A zone that its list does not have lists nothing; if
    /// there is none at all, that is told.
    fn bits(&mut self, key: &Asked) -> Result<[u64; 4], Status> {
        let mut bits = [0; 4];
        let mut zones = 0;
        let mut see = |(index, answer): (usize, Option<rblmap::Answer<'_>>)| {
            let Some(answer) = answer else { return };
            zones += 1;
            if let Some(word) = bits.get_mut(index / 64) {
                *word |= u64::from(answer.is_listed()) << (index % 64);
            }
        };
        match key {
            Asked::Query(Query::Address(address)) => {
                self.set.lookup(*address).enumerate().for_each(&mut see);
            }
            Asked::Query(Query::Name(name)) => self.see_name(name, &mut see),
            Asked::Name(name) => self.see_name(name, &mut see),
            Asked::Nothing => {}
        }
        let waiting = (0..self.set.len()).any(|index| self.set.is_waiting(index));
        if zones == 0 && !waiting {
            return Err(Status::NoZone);
        }
        Ok(bits)
    }

    fn see_name(
        &mut self,
        name: &NameKey,
        see: &mut impl FnMut((usize, Option<rblmap::Answer<'_>>)),
    ) {
        for (index, answer) in self.set.lookup_name(name).enumerate() {
            see((index, answer));
        }
    }
}
