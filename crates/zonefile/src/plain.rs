//! `plain`: lists as people have them, one key a line, with or without more behind it.

use rblmap::NameKey;

use crate::address4::Range;
use crate::line::{digits, is_space, trim, word};
use crate::piece::Piece;
use crate::spec::{NameScope, Options};
use crate::value::{self, Stated};
use crate::warning::Class;

/// A key of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
enum Key {
    V4(Range),
    V6 { start: u128, end: u128 },
    Name(NameKey, NameScope),
}

/// Where a key was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dress {
    Bare,
    Port,
    Url,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads a line.
pub(crate) fn line<'t>(
    piece: &mut Piece<'t>,
    line: &'t [u8],
    options: &Options,
) -> Result<(), Class> {
    let line = bare(line);
    let line = without_comment(trim(line));
    if line.is_empty() {
        return Ok(());
    }
    let (key, rest) = word(line);
    let key = self::key(key, options)?;
    if rest.starts_with(b"-") {
        // Half of a range with spaces in it; listing one end would be wrong.
        return Err(Class::BadAddress);
    }
    if let Some(least) = options.plain.min_count {
        let (count, _) = word(rest);
        let count: u64 = std::str::from_utf8(count)
            .ok()
            .and_then(|count| count.parse().ok())
            .ok_or(Class::BadCount)?;
        if count < least {
            return Ok(());
        }
    }
    let value = value_of(piece, rest, options)?;
    push(piece, key, value);
    Ok(())
}

/// Reads a key of a JSON line and adds it with a value.
pub(crate) fn entry(
    piece: &mut Piece<'_>,
    text: &[u8],
    value: u32,
    options: &Options,
) -> Result<(), Class> {
    let key = key(trim(text), options)?;
    push(piece, key, value);
    Ok(())
}

/// A line without what editors put at its ends.
pub(crate) fn bare(line: &[u8]) -> &[u8] {
    let line = line.strip_prefix(BOM).unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A line up to a comment, which begins at its start or after white space.
fn without_comment(line: &[u8]) -> &[u8] {
    let mut space_before = true;
    for (at, &byte) in line.iter().enumerate() {
        let begins = matches!(byte, b'#' | b';') || byte == b'/' && line.get(at + 1) == Some(&b'/');
        if space_before && begins {
            return trim(line.get(..at).unwrap_or_default());
        }
        space_before = is_space(byte);
    }
    line
}

fn value_of<'t>(piece: &mut Piece<'t>, rest: &'t [u8], options: &Options) -> Result<u32, Class> {
    if rest.is_empty() {
        return Ok(piece.values.default_id());
    }
    if rest.starts_with(b":") {
        return piece.value(rest);
    }
    let (first, after) = word(rest);
    let loopback = v4_address(first).filter(|a| a >> 24 == 127);
    let text = if loopback.is_some() { after } else { rest };
    let mut stated = Stated::DEFAULT;
    if options.plain.text && !text.is_empty() {
        let (read, cut) = value::text(text);
        stated.text = read;
        if cut {
            piece.note(Class::TxtCut);
        }
    }
    stated.a = loopback;
    if stated == Stated::DEFAULT {
        return Ok(piece.values.default_id());
    }
    Ok(piece.values.id(stated))
}

fn push(piece: &mut Piece<'_>, (key, dress): (Key, Dress), value: u32) {
    match dress {
        Dress::Bare => {}
        Dress::Port => piece.ports += 1,
        Dress::Url => piece.urls += 1,
    }
    match key {
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

fn key(text: &[u8], options: &Options) -> Result<(Key, Dress), Class> {
    if let Some(host) = url_host(text) {
        let (host, _) = without_port(host);
        let key = host_key(host, options).ok_or(Class::BadAddress)?;
        return Ok((key, Dress::Url));
    }
    if let (host, true) = without_port(text)
        && let Some(key) = bracketed(host).or_else(|| single4(host))
    {
        return Ok((key, Dress::Port));
    }
    let key = if text.starts_with(b"[") {
        bracketed(text).ok_or(Class::BadAddress)?
    } else if text.contains(&b':') {
        v6_key(text, options)?
    } else if text
        .iter()
        .all(|b| matches!(b, b'0'..=b'9' | b'.' | b'/' | b'-'))
    {
        v4_key(text, options)?
    } else {
        name_key(text, options).ok_or(Class::BadName)?
    };
    Ok((key, Dress::Bare))
}

/// What stands between `scheme://` and the path.
fn url_host(text: &[u8]) -> Option<&[u8]> {
    let at = text.windows(3).position(|three| three == b"://")?;
    let (scheme, rest) = text.split_at_checked(at)?;
    let good = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    if scheme.is_empty() || !scheme.iter().all(good) {
        return None;
    }
    rest.get(3..)?.split(|&b| b == b'/').next()
}

/// Takes a port off; whether there was one.
fn without_port(text: &[u8]) -> (&[u8], bool) {
    let Some(at) = text.iter().rposition(|&b| b == b':') else {
        return (text, false);
    };
    let (host, port) = text.split_at_checked(at).unwrap_or((text, &[]));
    let port = port.get(1..).unwrap_or_default();
    let good = !port.is_empty()
        && port.len() <= 5
        && digits(port).is_some_and(|(number, rest)| number <= 0xffff && rest.is_empty());
    if good { (host, true) } else { (text, false) }
}

/// The host of a URL.
fn host_key(host: &[u8], options: &Options) -> Option<Key> {
    let numeric = host.iter().all(|b| matches!(b, b'0'..=b'9' | b'.'));
    match host {
        [b'[', ..] => bracketed(host),
        _ if numeric => single4(host),
        _ if is_name(host, 2) => name_key(host, options),
        _ => None,
    }
}

/// An address in brackets.
fn bracketed(text: &[u8]) -> Option<Key> {
    let address = text.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let start = v6_address(address)?;
    Some(Key::V6 { start, end: start })
}

fn single4(text: &[u8]) -> Option<Key> {
    let start = v4_address(text)?;
    Some(Key::V4(Range { start, end: start }))
}

fn v4_key(text: &[u8], options: &Options) -> Result<Key, Class> {
    let text = str_of(text)?;
    let address = |text: &str| v4_address(text.as_bytes()).ok_or(Class::BadAddress);
    let (start, end) = if let Some((address_text, bits)) = text.split_once('/') {
        let start = address(address_text)?;
        let host = u32::MAX.checked_shr(prefix_length(bits, 32)?).unwrap_or(0);
        if start & host != 0 && !options.host_bits {
            return Err(Class::HostBits);
        }
        (start & !host, start | host)
    } else if let Some((first, last)) = text.split_once('-') {
        (address(first)?, address(last)?)
    } else {
        let start = address(text)?;
        (start, start)
    };
    if start > end {
        return Err(Class::BadAddress);
    }
    Ok(Key::V4(Range { start, end }))
}

fn v6_key(text: &[u8], options: &Options) -> Result<Key, Class> {
    let text = str_of(text)?;
    let address = |text: &str| v6_address(text.as_bytes()).ok_or(Class::BadAddress);
    let (start, end) = if let Some((address_text, bits)) = text.split_once('/') {
        let start = address(address_text)?;
        let host = u128::MAX
            .checked_shr(prefix_length(bits, 128)?)
            .unwrap_or(0);
        if start & host != 0 && !options.host_bits {
            return Err(Class::HostBits);
        }
        (start & !host, start | host)
    } else if let Some((first, last)) = text.split_once('-') {
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

fn prefix_length(text: &str, most: u32) -> Result<u32, Class> {
    let bits = digits(text.as_bytes()).filter(|(bits, rest)| *bits <= most && rest.is_empty());
    bits.filter(|_| text.len() <= 3)
        .map(|(bits, _)| bits)
        .ok_or(Class::BadAddress)
}

/// Four full octets without leading zeros.
fn v4_address(text: &[u8]) -> Option<u32> {
    let address: std::net::Ipv4Addr = str_of(text).ok()?.parse().ok()?;
    Some(address.to_bits())
}

fn v6_address(text: &[u8]) -> Option<u128> {
    let address: std::net::Ipv6Addr = str_of(text).ok()?.parse().ok()?;
    Some(address.to_bits())
}

fn str_of(text: &[u8]) -> Result<&str, Class> {
    std::str::from_utf8(text).map_err(|_| Class::BadAddress)
}

fn name_key(text: &[u8], options: &Options) -> Option<Key> {
    let (scope, name, labels) = match text {
        [b'*', b'.', name @ ..] => (NameScope::Below, name, 1),
        [b'.', name @ ..] => (NameScope::Both, name, 1),
        name => (options.plain.names, name, 2),
    };
    if !is_name(name, labels) {
        return None;
    }
    let key = NameKey::parse(name).ok()?;
    Some(Key::Name(key, scope))
}

/// Whether this is a name of at least so many labels. The last one is not a number: what ends in
/// a number is an address that went wrong.
fn is_name(text: &[u8], least: usize) -> bool {
    let text = text.strip_suffix(b".").unwrap_or(text);
    let good = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let mut labels = 0;
    let mut last: &[u8] = &[];
    for label in text.split(|&b| b == b'.') {
        if label.is_empty() || !label.iter().all(good) {
            return false;
        }
        labels += 1;
        last = label;
    }
    labels >= least && !last.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Key, Dress), Class> {
        key(text.as_bytes(), &Options::default())
    }

    fn v4(start: u32, end: u32) -> Key {
        Key::V4(Range { start, end })
    }

    fn name(text: &str, scope: NameScope) -> Key {
        Key::Name(NameKey::parse(text.as_bytes()).unwrap(), scope)
    }

    #[test]
    fn keys_in_every_dress() {
        let host = v4(0x0102_0304, 0x0102_0304);
        let six = Key::V6 { start: 1, end: 1 };
        let cases = [
            ("1.2.3.4", host, Dress::Bare),
            ("1.2.3.0/24", v4(0x0102_0300, 0x0102_03ff), Dress::Bare),
            ("0.0.0.0/0", v4(0, u32::MAX), Dress::Bare),
            ("1.2.3.4-1.2.3.9", v4(0x0102_0304, 0x0102_0309), Dress::Bare),
            ("1.2.3.4:8080", host, Dress::Port),
            ("http://1.2.3.4:80/x:y", host, Dress::Url),
            ("socks5://1.2.3.4", host, Dress::Url),
            ("::1", six, Dress::Bare),
            ("[::1]:80", six, Dress::Port),
            ("[::1]", six, Dress::Bare),
            ("https://[::1]:443/", six, Dress::Url),
            (
                "::/0",
                Key::V6 {
                    start: 0,
                    end: u128::MAX,
                },
                Dress::Bare,
            ),
            (
                "a.Example",
                name("a.example", NameScope::Exact),
                Dress::Bare,
            ),
            ("*.example", name("example", NameScope::Below), Dress::Bare),
            (
                ".a.example.",
                name("a.example", NameScope::Both),
                Dress::Bare,
            ),
            (
                "http://a.example:8/x",
                name("a.example", NameScope::Exact),
                Dress::Url,
            ),
            (
                "0-180.com",
                name("0-180.com", NameScope::Exact),
                Dress::Bare,
            ),
        ];
        for (text, key, dress) in cases {
            assert_eq!(read(text), Ok((key, dress)), "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_never_listed() {
        let bad = [
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "1.2.3.256",
            "1.2.3.4/33",
            "1.2.3.4/",
            "256.1.1.1",
            "1.2.3.9-1.2.3.4",
            "1.2.3.4:99999",
            "1.2.3.4:",
            "1.2.3.4,x",
            "example",
            "a..example",
            "a.example:80",
            "caf\u{e9}.example",
            "a.1",
            "!1.2.3.4",
            "$TTL",
            "http:///x",
            "*",
            ".",
            "*.",
            "http://example/",
            "1::2::3",
            "[::1",
            "::1/129",
            "a_b",
            "a b.example/x",
        ];
        for text in bad {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read("1.2.3.4/24"), Err(Class::HostBits));
        assert_eq!(read("2001:db8::1/64"), Err(Class::HostBits));
    }

    #[test]
    fn a_range_is_the_networks_it_is_made_of() {
        let nets = |start, end, width| networks(start, end, width).collect::<Vec<_>>();
        assert_eq!(nets(1, 4, 32), [(1, 1), (2, 3), (4, 4)]);
        assert_eq!(nets(0, 0xffff_ffff, 32), [(0, 0xffff_ffff)]);
        assert_eq!(nets(0, u128::MAX, 128), [(0, u128::MAX)]);
        assert_eq!(nets(u128::MAX, u128::MAX, 128), [(u128::MAX, u128::MAX)]);
        assert_eq!(nets(1, 0xffff_fffe, 32).len(), 62);
    }

    #[test]
    fn comments_begin_after_white_space() {
        let cases: [(&[u8], &[u8]); 5] = [
            (b"# x", b""),
            (b"// x", b""),
            (b"a.example // x", b"a.example"),
            (b"http://a.example/#x ;c", b"http://a.example/#x"),
            (b"a#b", b"a#b"),
        ];
        for (line, kept) in cases {
            assert_eq!(without_comment(line), kept);
        }
    }
}
