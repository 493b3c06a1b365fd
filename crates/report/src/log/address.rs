//! Addresses in log lines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest text of an IPv6 address.
const LONGEST: usize = 45;

/// What stands between brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bracket<'l> {
    Address(IpAddr, &'l [u8]),
    /// `[unknown]`: the program did not know either.
    Unknown,
    /// Nothing that is an address.
    No,
}

/// The address at the head of `text`, which ends with `]`, and what follows the bracket.
#[inline]
pub(super) fn closed(text: &[u8]) -> Bracket<'_> {
    if let Some((address, len)) = v4(text)
        && text.get(len) == Some(&b']')
    {
        let rest = text.get(len + 1..).unwrap_or_default();
        return Bracket::Address(IpAddr::V4(Ipv4Addr::from_bits(address)), rest);
    }
    closed_v6(text)
}

fn closed_v6(text: &[u8]) -> Bracket<'_> {
    let head = text.get(..text.len().min(LONGEST + 6)).unwrap_or(text);
    let Some(end) = memchr::memchr(b']', head) else {
        return Bracket::No;
    };
    let (inside, rest) = text.split_at(end);
    let rest = rest.get(1..).unwrap_or_default();
    if inside == b"unknown" || inside == b"local" {
        return Bracket::Unknown;
    }
    let inside = inside.strip_prefix(b"IPv6:").unwrap_or(inside);
    match whole(inside) {
        Some(address) => Bracket::Address(address, rest),
        None => Bracket::No,
    }
}

/// A text that is an address and nothing else; a mapped one is its IPv4 address.
pub(super) fn whole(text: &[u8]) -> Option<IpAddr> {
    if let Some((address, len)) = v4(text) {
        return (len == text.len()).then_some(IpAddr::V4(Ipv4Addr::from_bits(address)));
    }
    if text.len() > LONGEST || !text.contains(&b':') {
        return None;
    }
    // A zone index (fe80::1%eth0) names an interface of the host that wrote the log.
    let text = text.split(|&byte| byte == b'%').next()?;
    let address: Ipv6Addr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.to_canonical())
}

/// A line that is an address, with or without a port: `a.b.c.d`, `a.b.c.d:port`, `[v6]:port`.
pub(super) fn alone(line: &[u8]) -> Option<IpAddr> {
    if let Some(address) = whole(line) {
        return Some(address);
    }
    let is_port =
        |text: &[u8]| (1..=5).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    if let Some(inside) = line.strip_prefix(b"[") {
        let Bracket::Address(address, rest) = closed(inside) else {
            return None;
        };
        let port = rest.strip_prefix(b":");
        return (rest.is_empty() || port.is_some_and(is_port)).then_some(address);
    }
    let (address, len) = v4(line)?;
    let port = line.get(len..)?.strip_prefix(b":")?;
    is_port(port).then_some(IpAddr::V4(Ipv4Addr::from_bits(address)))
}

/// The IPv4 address in host order at the head of `text`, and its length: four numbers of at most
/// three digits, none over 255.
#[inline]
pub(super) fn v4(text: &[u8]) -> Option<(u32, usize)> {
    let (mut address, mut octet, mut digits, mut dots) = (0u32, 0u32, 0u32, 0u32);
    let mut len = 0;
    for &byte in text.iter().take(16) {
        match byte {
            b'0'..=b'9' => {
                octet = octet * 10 + u32::from(byte - b'0');
                digits += 1;
                if digits > 3 {
                    return None;
                }
            }
            b'.' if digits > 0 && octet <= 255 && dots < 3 => {
                address = address << 8 | octet;
                (octet, digits) = (0, 0);
                dots += 1;
            }
            _ => break,
        }
        len += 1;
    }
    (dots == 3 && digits > 0 && octet <= 255).then_some((address << 8 | octet, len))
}
