//! Lookups, and the records of the last one.

use std::ffi::{c_char, c_int};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rblmap::{Answer, NameKey, TextBuf, Zone};

use crate::border::{Sizes, guard, handle, put, put_sized, text};
use crate::reader::{Asked, Reader};
use crate::status::Status;

/// Longest reply line without its CRLF (RFC 5321 section 4.5.3.1.5).
const REPLY: usize = 510;
/// Addresses of a batch that are asked at a time.
const BATCH: usize = 256;
const AF_INET: u16 = 2;
#[cfg(target_os = "linux")]
const AF_INET6: u16 = 10;
#[cfg(not(target_os = "linux"))]
const AF_INET6: u16 = 30;

/// `rblmap_record`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct RawRecord {
    size: u32,
    has_a: u32,
    a: u32,
    text_len: u32,
    text: [u8; 256],
}

impl Sizes for RawRecord {
    const FIRST: usize = 272;
}

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
    // SAFETY: as the caller says.
    guard(|| unsafe { ask(reader, listed, || address(Ipv4Addr::from_bits(host_order))) })
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
        address(Ipv6Addr::from(unsafe { bytes.cast::<[u8; 16]>().read() }))
    };
    // SAFETY: as the caller says.
    guard(|| unsafe { ask(reader, listed, key) })
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
        socket(unsafe { std::slice::from_raw_parts(sockaddr, len.min(128)) })
    };
    // SAFETY: as the caller says.
    guard(|| unsafe { ask(reader, listed, key) })
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
    let key = || {
        // SAFETY: null or a string.
        let text = std::str::from_utf8(unsafe { text(address) }?);
        let address = text.ok().and_then(|text| text.parse().ok());
        address.ok_or(Status::Key)
    };
    // SAFETY: as the caller says.
    guard(|| unsafe { ask(reader, listed, key) })
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
    guard(|| {
        // SAFETY: null or a reader of this thread.
        let reader = unsafe { handle(reader) }?;
        // SAFETY: null or a string.
        let name = unsafe { text(name) }?;
        if listed.is_null() {
            return Err(Status::Null);
        }
        let name = NameKey::parse(name).map_err(|_| Status::Key)?;
        reader.set.renew();
        let mut bits = 0;
        for index in 0..reader.set.len() {
            let zone = reader.set.zone(index).ok_or(Status::NoZone)?;
            bits |= u64::from(zone.lookup_name(&name).is_listed()) << index;
        }
        reader.asked = Asked::Name(name);
        // SAFETY: may be written to.
        unsafe { put(listed, bits) }
    })
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
        let reader = unsafe { handle(reader) }?;
        if count == 0 {
            return Ok(());
        }
        if addresses.is_null() || listed.is_null() {
            return Err(Status::Null);
        }
        if !addresses.is_aligned() {
            return Err(Status::Argument);
        }
        reader.set.renew();
        let zone = reader.set.zone(0).ok_or(Status::NoZone)?;
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

/// Gives a record of the last lookup.
///
/// # Safety
/// `reader` is null or a reader that no other thread uses; `out` is null or of the size it names.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_answer(
    reader: *mut Reader,
    zone: usize,
    index: usize,
    out: *mut RawRecord,
) -> c_int {
    guard(|| {
        // SAFETY: null or a reader of this thread.
        let reader = unsafe { handle(reader) }?;
        let zone = reader.set.zone(zone).ok_or(Status::NoZone)?;
        let answer = answer(zone, &reader.asked).ok_or(Status::End)?;
        let record = answer.records().nth(index).ok_or(Status::End)?;
        let mut buffer = TextBuf::new();
        let txt = record.txt(&mut buffer).unwrap_or_default();
        let mut raw = RawRecord {
            size: u32::try_from(size_of::<RawRecord>()).unwrap_or(0),
            has_a: record.a().is_some().into(),
            a: record.a().map_or(0, Ipv4Addr::to_bits),
            text_len: u32::try_from(txt.len()).unwrap_or(0),
            text: [0; 256],
        };
        let places = raw.text.iter_mut().zip(txt);
        places.for_each(|(place, byte)| *place = *byte);
        // SAFETY: of the size it names.
        unsafe { put_sized(out, raw) }
    })
}

/// Renders a reply line.
///
/// # Safety
/// `reader` is null or a reader that no other thread uses; `prefix` is null or a string; `buffer`
/// is null or has room for `len` bytes; `need` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_render(
    reader: *mut Reader,
    prefix: *const c_char,
    buffer: *mut c_char,
    len: usize,
    need: *mut usize,
) -> c_int {
    guard(|| {
        // SAFETY: null or a reader of this thread.
        let reader = unsafe { handle(reader) }?;
        let prefix = if prefix.is_null() {
            b""
        } else {
            // SAFETY: a string.
            unsafe { text(prefix) }?
        };
        let mut text = TextBuf::new();
        let text = first_text(reader, &mut text).ok_or(Status::End)?;
        let mut line = [0; REPLY + 1];
        let bytes = prefix.iter().chain(text).take(REPLY);
        let mut used = 1;
        for (place, byte) in line.iter_mut().zip(bytes) {
            *place = if matches!(byte, b' '..=b'~') {
                *byte
            } else {
                b'?'
            };
            used += 1;
        }
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
        // SAFETY: room for `len` bytes, at least as many as are used, which are fewer than the line
        // has; not memory of ours.
        unsafe { buffer.copy_from_nonoverlapping(line.as_ptr().cast(), used) };
        Ok(())
    })
}

/// The first text beside an A record.
fn first_text<'b>(reader: &Reader, buffer: &'b mut TextBuf) -> Option<&'b [u8]> {
    let zones = (0..reader.set.len()).filter_map(|index| reader.set.zone(index));
    let answers = zones.filter_map(|zone| answer(zone, &reader.asked));
    let mut records = answers.flat_map(|answer| answer.records());
    let found = records.find(|r| r.a().is_some() && r.txt(&mut TextBuf::new()).is_some());
    found?.txt(buffer)
}

fn answer<'a>(zone: &Zone<'a>, asked: &'a Asked) -> Option<Answer<'a>> {
    match asked {
        Asked::Nothing => None,
        Asked::Address(address) => Some(zone.lookup(*address)),
        Asked::Name(name) => Some(zone.lookup_name(name)),
    }
}

/// # Safety
/// `reader` is null or a reader that no other thread uses, `listed` null or may be written to.
#[inline]
unsafe fn ask(
    reader: *mut Reader,
    listed: *mut u64,
    key: impl FnOnce() -> Result<IpAddr, Status>,
) -> Result<(), Status> {
    // SAFETY: null or a reader of this thread.
    let reader = unsafe { handle(reader) }?;
    if listed.is_null() {
        return Err(Status::Null);
    }
    let address = key()?;
    reader.set.renew();
    reader.asked = Asked::Address(address);
    let bits = match (address, reader.set.zone(0), reader.set.len()) {
        (IpAddr::V4(v4), Some(zone), 1) => zone.contains_v4(v4.to_bits()).into(),
        (IpAddr::V6(v6), Some(zone), 1) => zone.lookup_v6(v6.to_bits()).is_listed().into(),
        _ => (reader.set.lookup(address).zip(0..)).fold(0, |bits, (answer, bit)| {
            bits | u64::from(answer.is_some_and(|answer| answer.is_listed())) << bit
        }),
    };
    // SAFETY: may be written to.
    unsafe { put(listed, bits) }
}

#[inline]
fn address(address: impl Into<IpAddr>) -> Result<IpAddr, Status> {
    Ok(address.into())
}

/// The address in a `sockaddr_in` or `sockaddr_in6`: the family, the port, then the address, or
/// first the flow.
fn socket(bytes: &[u8]) -> Result<IpAddr, Status> {
    let family = bytes.first_chunk().copied().ok_or(Status::Key)?;
    #[cfg(target_os = "linux")]
    #[expect(
        clippy::host_endian_bytes,
        reason = "the family is in the order of the host"
    )]
    let family = u16::from_ne_bytes(family);
    #[cfg(not(target_os = "linux"))]
    let family = u16::from(family[1]);
    let rest = |at: usize| bytes.get(at..).ok_or(Status::Key);
    match family {
        AF_INET => {
            let octets: &[u8; 4] = rest(4)?.first_chunk().ok_or(Status::Key)?;
            address(Ipv4Addr::from(*octets))
        }
        AF_INET6 => {
            let octets: &[u8; 16] = rest(8)?.first_chunk().ok_or(Status::Key)?;
            address(Ipv6Addr::from(*octets))
        }
        _ => Err(Status::Key),
    }
}
