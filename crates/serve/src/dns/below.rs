//! Whether anything lies below a name, for servers that say so (RFC 8020).

use std::net::{Ipv4Addr, Ipv6Addr};

use rblmap::{NameKey, NameRule, Zone};

use super::name::QueryName;

/// Whether the zone says something of a name below the first labels of a name, so many of them.
/// One search for a range of addresses; names are looked for by their order, or, in an image without
/// it, one by one.
pub(crate) fn exists(zone: &Zone<'_>, name: &QueryName, labels: usize) -> bool {
    if octets(name, labels).is_some_and(|range| v4_between(zone, range)) {
        return true;
    }
    if nibbles(name, labels).is_some_and(|range| v6_between(zone, range)) {
        return true;
    }
    let key = name.key(labels).unwrap_or(NameKey::ROOT);
    let mut below = zone.names_within(&key);
    below.any(|point| {
        matches!(point.exact, NameRule::Value(_)) || matches!(point.below, NameRule::Value(_))
    })
}

/// The addresses that one to three labels are the beginning of, spelled backwards.
fn octets(name: &QueryName, labels: usize) -> Option<(u32, u32)> {
    if !(1..=3).contains(&labels) {
        return None;
    }
    let mut first = 0;
    for number in (0..labels).rev() {
        let text = std::str::from_utf8(name.label(number)).ok()?;
        let octet: u8 = text.parse().ok()?;
        first = first << 8 | u32::from(octet);
    }
    let rest = 8 * (4 - u32::try_from(labels).ok()?);
    let first = first << rest;
    Some((first, first | u32::MAX >> (32 - rest)))
}

/// The same of IPv6: 1 to 31 labels of one hexadecimal digit.
fn nibbles(name: &QueryName, labels: usize) -> Option<(u128, u128)> {
    if !(1..=31).contains(&labels) {
        return None;
    }
    let mut first = 0;
    for number in (0..labels).rev() {
        let &[digit] = name.label(number) else {
            return None;
        };
        first = first << 4 | u128::from(char::from(digit).to_digit(16)?);
    }
    let rest = 4 * (32 - u32::try_from(labels).ok()?);
    let first = first << rest;
    Some((first, first | u128::MAX >> (128 - rest)))
}

fn v4_between(zone: &Zone<'_>, (first, last): (u32, u32)) -> bool {
    let range = Ipv4Addr::from_bits(first)..=Ipv4Addr::from_bits(last);
    zone.v4_runs_in(range).next().is_some()
}

/// IPv4 addresses are asked for as IPv6 ones, too (RFC 4291 section 2.5.5.2, RFC 3056).
fn v6_between(zone: &Zone<'_>, (first, last): (u128, u128)) -> bool {
    let range = Ipv6Addr::from_bits(first)..=Ipv6Addr::from_bits(last);
    if zone.v6_runs_in(range).next().is_some() {
        return true;
    }
    let embedded = |start: u128, shift: u32| {
        let end = start | (u128::from(u32::MAX) << shift | ((1 << shift) - 1));
        let (from, to) = (first.max(start), last.min(end));
        let inner = |bits: u128| u32::try_from((bits >> shift) & u128::from(u32::MAX)).ok();
        from <= to
            && inner(from)
                .zip(inner(to))
                .is_some_and(|range| v4_between(zone, range))
    };
    embedded(0xffff << 32, 0) || embedded(0x2002 << 112, 80)
}
