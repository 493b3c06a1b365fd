//! Addresses, networks and ranges as lists write them.

use std::net::Ipv6Addr;

use super::{Key, KeyRules};
use crate::address4::{Range, v4_address};
use crate::line::digits;
use crate::warning::Class;

/// Whether a word is an IPv4 key or nothing.
pub(super) fn looks_v4(text: &[u8]) -> bool {
    text.iter()
        .all(|b| matches!(b, b'0'..=b'9' | b'.' | b'/' | b'-'))
}

/// Reads `a.b.c.d`, `a.b.c.d/n` and `a.b.c.d-e.f.g.h`.
pub(super) fn v4(text: &[u8], rules: &KeyRules) -> Result<Key, Class> {
    let address = |text: &[u8]| {
        let read = if rules.padded {
            padded(text)
        } else {
            v4_address(text)
        };
        read.ok_or(Class::BadAddress)
    };
    let range = if let Some((first, bits)) = split_at(text, b'/') {
        let start = address(first)?;
        let host = u32::MAX.checked_shr(prefix_length(bits, 32)?).unwrap_or(0);
        if start & host != 0 && !rules.host_bits {
            return Err(Class::HostBits);
        }
        let start = start & !host;
        Range {
            start,
            end: start | host,
        }
    } else if let Some((first, last)) = split_at(text, b'-') {
        Range {
            start: address(first)?,
            end: address(last)?,
        }
    } else {
        let start = address(text)?;
        Range { start, end: start }
    };
    if range.start > range.end {
        return Err(Class::BadAddress);
    }
    Ok(Key::V4(range))
}

/// Reads an IPv6 address, network or range.
pub(super) fn v6(text: &[u8], rules: &KeyRules) -> Result<Key, Class> {
    let address = |text: &[u8]| v6_address(text).ok_or(Class::BadAddress);
    let (start, end) = if let Some((first, bits)) = split_at(text, b'/') {
        network6(address(first)?, bits, rules)?
    } else if let Some((first, last)) = split_at(text, b'-') {
        (address(first)?, address(last)?)
    } else {
        let start = address(text)?;
        (start, start)
    };
    if start > end {
        return Err(Class::BadAddress);
    }
    Ok(Key::V6 { start, end })
}

/// Reads `[v6]` and, as Postfix and rspamd write networks, `[v6]/n`.
pub(super) fn bracketed(text: &[u8], rules: &KeyRules) -> Result<Key, Class> {
    let inside = text.strip_prefix(b"[").ok_or(Class::BadAddress)?;
    let (inside, after) = split_at(inside, b']').ok_or(Class::BadAddress)?;
    let address = v6_address(inside).ok_or(Class::BadAddress)?;
    let (start, end) = match after {
        [] => (address, address),
        [b'/', bits @ ..] => network6(address, bits, rules)?,
        _ => return Err(Class::BadAddress),
    };
    Ok(Key::V6 { start, end })
}

fn network6(address: u128, bits: &[u8], rules: &KeyRules) -> Result<(u128, u128), Class> {
    let host = u128::MAX
        .checked_shr(prefix_length(bits, 128)?)
        .unwrap_or(0);
    if address & host != 0 && !rules.host_bits {
        return Err(Class::HostBits);
    }
    Ok((address & !host, address | host))
}

fn split_at(text: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(mark, text)?;
    let (first, rest) = text.split_at_checked(at)?;
    Some((first, rest.get(1..)?))
}

fn prefix_length(text: &[u8], most: u32) -> Result<u32, Class> {
    let bits = digits(text).filter(|(bits, rest)| *bits <= most && rest.is_empty());
    bits.filter(|_| text.len() <= 3)
        .map(|(bits, _)| bits)
        .ok_or(Class::BadAddress)
}

/// Four octets of one to three digits.
pub(crate) fn padded(text: &[u8]) -> Option<u32> {
    let mut octets = text.split(|&b| b == b'.');
    let mut address = 0;
    for _ in 0..4 {
        let octet = octets.next().filter(|octet| octet.len() <= 3)?;
        let (number, rest) = digits(octet)?;
        if number > 255 || !rest.is_empty() {
            return None;
        }
        address = address << 8 | number;
    }
    octets.next().is_none().then_some(address)
}

/// An IPv6 address, also with a dotted tail.
pub(crate) fn v6_address(text: &[u8]) -> Option<u128> {
    let address: Ipv6Addr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.to_bits())
}

/// The fewest networks that make a range up, in order.
pub(crate) fn networks(start: u128, end: u128, width: u32) -> impl Iterator<Item = (u128, u128)> {
    let mut next = Some(start);
    std::iter::from_fn(move || {
        let first = next.filter(|first| *first <= end)?;
        // As wide as the first address allows and the last one has room for.
        let mut bits = first.trailing_zeros().min(width);
        loop {
            let last = first | u128::MAX.checked_shr(128 - bits).unwrap_or(0);
            if last <= end {
                next = last.checked_add(1);
                return Some((first, last));
            }
            bits = bits.checked_sub(1)?;
        }
    })
}
