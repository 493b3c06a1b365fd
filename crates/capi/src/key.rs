//! Keys as C programs have them: sockets' addresses, texts with and without a length.

use std::ffi::c_char;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rblmap::{NameKey, Query};

use crate::border::{bytes, text};
use crate::reader::Asked;
use crate::status::Status;

const AF_INET: u16 = 2;
#[cfg(target_os = "linux")]
const AF_INET6: u16 = 10;
#[cfg(not(target_os = "linux"))]
const AF_INET6: u16 = 30;

/// A text whose length the caller names, or that ends with a NUL.
#[derive(Clone, Copy)]
pub(crate) enum Length {
    Nul,
    Bytes(usize),
}

/// # Safety
/// `place` is null, or a string, or points to as many readable bytes as `length` says.
pub(crate) unsafe fn read<'a>(place: *const c_char, length: Length) -> Result<&'a [u8], Status> {
    match length {
        // SAFETY: null or a string.
        Length::Nul => unsafe { text(place) },
        // SAFETY: null or of that many bytes.
        Length::Bytes(len) => unsafe { bytes(place, len) },
    }
}

#[inline]
pub(crate) fn address(address: impl Into<IpAddr>) -> Asked {
    Asked::Query(Query::Address(address.into()))
}

/// An address in its usual form.
pub(crate) fn plain_address(text: &[u8]) -> Result<Asked, Status> {
    let text = std::str::from_utf8(text).ok();
    let found = text.and_then(|text| text.parse::<IpAddr>().ok());
    found.map(address).ok_or(Status::Key)
}

/// An address or a name, by the strict rules.
pub(crate) fn either(text: &[u8]) -> Result<Asked, Status> {
    let text = std::str::from_utf8(text).map_err(|_| Status::Key)?;
    Query::parse(text)
        .map(Asked::Query)
        .map_err(|_| Status::Key)
}

/// A name with the escapes of zone files. Bytes beyond ASCII are to be escaped: a name that was not
/// converted to A-labels would never be listed.
pub(crate) fn name(text: &[u8]) -> Result<Asked, Status> {
    if !text.is_ascii() {
        return Err(Status::Key);
    }
    NameKey::parse(text)
        .map(Asked::Name)
        .map_err(|_| Status::Key)
}

/// The address in a `sockaddr_in` or `sockaddr_in6`: the family, the port, then the address, or
/// first the flow.
pub(crate) fn socket(bytes: &[u8]) -> Result<Asked, Status> {
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
            Ok(address(Ipv4Addr::from(*octets)))
        }
        AF_INET6 => {
            let octets: &[u8; 16] = rest(8)?.first_chunk().ok_or(Status::Key)?;
            Ok(address(Ipv6Addr::from(*octets)))
        }
        _ => Err(Status::Key),
    }
}
