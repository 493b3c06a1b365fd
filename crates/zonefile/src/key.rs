//! Keys as lists have them, and as people ask for them: addresses, networks, ranges, names, and the
//! hosts of URLs (RFC 3986). What `build` lists of a word and what `lookup` asks for it is read here.

mod network;
mod text;
mod url;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rblmap::NameKey;
use rblmap_content::{ListedKey, NameScope};

use crate::address4::Range;
use crate::address6::unmapped;
use crate::piece::{Piece, Said};
use crate::spec::Options;
use crate::warning::Class;

pub(crate) use crate::address4::v4_address;
pub(crate) use network::{networks, padded as padded_address, v6_address};
pub(crate) use text::{is_host, is_label};

/// A key of a list. A name has half a kilobyte: it is in a box, since keys go through many hands
/// and most are addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    V4(Range),
    V6 { start: u128, end: u128 },
    Name(Box<NameKey>, NameScope),
}

/// Where a key was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dress {
    Bare,
    Port,
    Url,
}

/// What is taken for a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyRules {
    /// What a name without `*.` or `.` before it lists.
    pub(crate) names: NameScope,
    /// Whether bits behind a prefix length are masked off.
    pub(crate) host_bits: bool,
    /// Whether octets may have leading zeros, which then mean nothing.
    pub(crate) padded: bool,
    /// How many labels a name without `*.` or `.` has at least.
    pub(crate) labels: usize,
}

impl KeyRules {
    /// The rules for the keys of lists.
    pub(crate) fn of(options: &Options) -> KeyRules {
        KeyRules {
            names: options.reading.plain.names,
            host_bits: options.reading.host_bits,
            padded: options.reading.plain.padded,
            labels: 2,
        }
    }
}

impl Key {
    /// Whether the key is one address or one name; what is cut off a network makes it wider.
    pub(crate) fn is_single(&self) -> bool {
        match self {
            Key::V4(range) => range.start == range.end,
            Key::V6 { start, end } => start == end,
            Key::Name(..) => true,
        }
    }

    /// The same key, where mapped addresses are the IPv4 ones that they are.
    pub(crate) fn unmapped(self) -> Key {
        match self {
            Key::V6 { start, end } => unmapped(start, end).map_or(Key::V6 { start, end }, Key::V4),
            key @ (Key::V4(_) | Key::Name(..)) => key,
        }
    }
}

/// Reads a key.
pub(crate) fn parse(text: &[u8], rules: &KeyRules) -> Result<(Key, Dress), Class> {
    // Most keys are addresses, and no other key looks like one.
    if let Some(key) = single4(text) {
        return Ok((key, Dress::Bare));
    }
    if let Some(authority) = url::authority(text) {
        let host = url::host(authority).ok_or(Class::BadAddress)?;
        let key = host_key(host, rules).ok_or(Class::BadAddress)?;
        return Ok((key, Dress::Url));
    }
    if let (host, true) = url::without_port(text)
        && let Some(key) = with_port(host, rules)
    {
        return Ok((key, Dress::Port));
    }
    let key = match text {
        [b'[', ..] => network::bracketed(text, rules)?,
        text if text.contains(&b':') => network::v6(text, rules)?,
        text if network::looks_v4(text) => network::v4(text, rules)?,
        text => text::name(text, rules).ok_or_else(|| no_name(text))?,
    };
    Ok((key, Dress::Bare))
}

/// What is wrong with a word that is no name: an address with something behind it is not called
/// one.
fn no_name(text: &[u8]) -> Class {
    let end = text
        .iter()
        .position(|b| !matches!(b, b'0'..=b'9' | b'.' | b'a'..=b'f' | b'A'..=b'F'));
    let (head, rest) = text
        .split_at_checked(end.unwrap_or(text.len()))
        .unwrap_or((text, &[]));
    let is_address = v4_address(head).is_some();
    match rest.first() {
        Some(byte) if is_address && !byte.is_ascii_alphanumeric() => Class::BadAddress,
        _ => Class::BadName,
    }
}

/// The host of a URL.
fn host_key(host: &[u8], rules: &KeyRules) -> Option<Key> {
    let numeric = host.iter().all(|b| matches!(b, b'0'..=b'9' | b'.'));
    match host {
        [b'[', ..] => network::bracketed(host, rules).ok().filter(Key::is_single),
        _ if numeric => single4(host),
        _ => text::plain_name(host, rules),
    }
}

/// What stands before a port.
fn with_port(host: &[u8], rules: &KeyRules) -> Option<Key> {
    match host {
        [b'[', ..] => network::bracketed(host, rules).ok().filter(Key::is_single),
        host if host.contains(&b':') => None,
        host if network::looks_v4(host) => single4(host),
        host => text::name(host, rules),
    }
}

fn single4(text: &[u8]) -> Option<Key> {
    let start = v4_address(text)?;
    Some(Key::V4(Range { start, end: start }))
}

/// Adds a key of a list to a piece: mapped addresses as IPv4 ones, ranges as the networks that they
/// are made of.
pub(crate) fn push(piece: &mut Piece<'_>, key: Key, value: Said) {
    push_exactly(piece, key.unmapped(), value);
}

/// The same, where mapped addresses stay what they are.
pub(crate) fn push_exactly(piece: &mut Piece<'_>, key: Key, value: Said) {
    match key {
        Key::V4(range) if range.start == range.end => piece.push_v4(range, value),
        Key::V4(range) => {
            for (start, end) in networks(range.start.into(), range.end.into(), 32) {
                // Parts of an IPv4 range.
                if let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) {
                    piece.push_v4(Range { start, end }, value);
                }
            }
        }
        Key::V6 { start, end } => {
            for (start, end) in networks(start, end, 128) {
                piece.push_v6(start, end, value);
            }
        }
        Key::Name(key, scope) => piece.push_name(key.as_bytes(), scope, value),
    }
}

/// A key that is asked for: one address, or one name.
///
/// See the example of [`asked_key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
pub enum AskedKey {
    /// An address; a mapped one as it is written.
    Address(IpAddr),
    /// A name.
    Name(NameKey),
}

/// Reads a key that is asked for, as lists write it: an address, also `[v6]` and with a port; a
/// name, also in UTF-8; the host of a URL.
///
/// ```
/// use rblmap_zonefile::{AskedKey, asked_key};
/// let address = AskedKey::Address("2001:db8::1".parse()?);
/// assert_eq!(asked_key(b"[2001:db8::1]:25"), Ok(address));
/// assert_eq!(asked_key(b"https://user@192.0.2.1?x"), asked_key(b"192.0.2.1"));
/// assert_eq!(asked_key("bücher.example".as_bytes()), asked_key(b"xn--bcher-kva.example"));
/// assert!(asked_key(b"192.0.2.0/24").is_err());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
///
/// # Errors
/// In one line, why the text is no such key.
pub fn asked_key(text: &[u8]) -> Result<AskedKey, &'static str> {
    let rules = KeyRules {
        names: NameScope::Exact,
        host_bits: true,
        padded: false,
        labels: 1,
    };
    match parse(text.trim_ascii(), &rules) {
        // A network or range is many addresses.
        Ok((key, _)) if !key.is_single() => Err("neither an address nor a domain name"),
        Ok((Key::V4(range), _)) => Ok(AskedKey::Address(Ipv4Addr::from_bits(range.start).into())),
        Ok((Key::V6 { start, .. }, _)) => Ok(AskedKey::Address(Ipv6Addr::from_bits(start).into())),
        Ok((Key::Name(name, NameScope::Exact), _)) => Ok(AskedKey::Name(*name)),
        Ok((Key::Name(..), _)) => Err("names below a name: ask for one of them"),
        Err(_) if text.iter().filter(|&&byte| byte != b'.').count() > 253 => {
            Err("not a domain name: a label has at most 63 bytes, a name 255")
        }
        Err(_) => Err("neither an address nor a domain name"),
    }
}

/// Reads a key as a `plain` list has it: an address, network or range, a name, a URL.
///
/// ```
/// use rblmap_zonefile::{ListedKey, listed_key};
/// assert_eq!(listed_key(b"192.0.2.0/31"), Ok(ListedKey::V4(0xc000_0200, 0xc000_0201)));
/// assert_eq!(listed_key(b"::ffff:192.0.2.0"), Ok(ListedKey::V4(0xc000_0200, 0xc000_0200)));
/// assert!(listed_key(b"192.0.2.1/24").is_err());
/// ```
///
/// # Errors
/// In one line, why the text is no such key.
pub fn listed_key(text: &[u8]) -> Result<ListedKey, &'static str> {
    let rules = KeyRules {
        names: NameScope::Exact,
        host_bits: false,
        padded: false,
        labels: 2,
    };
    match parse(text.trim_ascii(), &rules) {
        Ok((key, _)) => Ok(match key.unmapped() {
            Key::V4(range) => ListedKey::V4(range.start, range.end),
            Key::V6 { start, end } => ListedKey::V6(start, end),
            Key::Name(name, scope) => ListedKey::Name(*name, scope),
        }),
        Err(Class::HostBits) => Err("bits set behind the prefix length"),
        Err(_) => Err("neither an address, a network, a range nor a domain name"),
    }
}

#[cfg(test)]
mod tests;
