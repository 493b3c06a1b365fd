//! IPv6 keys, with the leniencies of rbldnsd.

use crate::address4::{Range, ends_key};
use crate::line::digits;
use crate::warning::Class;

/// An address by its words, as far as they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    /// The words, missing ones 0.
    pub(crate) address: u128,
    /// How many words were written.
    pub(crate) count: u32,
    /// Whether there was a `::`.
    pub(crate) gap: bool,
}

/// A network of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) start: u128,
    pub(crate) end: u128,
    /// Whether the address was taken to end before a colon.
    pub(crate) odd: bool,
}

impl Words {
    /// Whether all 128 bits are given.
    pub(crate) fn is_full(self) -> bool {
        self.gap || self.count == 8
    }
}

/// The addresses `::ffff:a.b.c.d`, which are IPv4 ones.
pub(crate) const MAPPED: (u128, u128) = (0xffff_0000_0000, 0xffff_ffff_ffff);

/// The IPv4 addresses that mapped ones are; none for a range that has others, too.
pub(crate) fn unmapped(start: u128, end: u128) -> Option<Range> {
    if start < MAPPED.0 || end > MAPPED.1 {
        return None;
    }
    let start = u32::try_from(start - MAPPED.0).ok()?;
    let end = u32::try_from(end - MAPPED.0).ok()?;
    Some(Range { start, end })
}

/// Reads words and what follows them. A ninth word or a second `::` ends the address, and after a
/// `::` one colon too many at the end is nothing.
pub(crate) fn words(text: &[u8]) -> Option<(Words, &[u8])> {
    let (mut head, mut tail) = (0u128, 0u128);
    let (mut count, mut tail_count) = (0u32, 0u32);
    let mut gap = false;
    let mut rest = text;
    if let [b':', b':', after @ ..] = rest {
        gap = true;
        rest = after;
    }
    while let Some((word, after)) = hex_word(rest)? {
        count += 1;
        if gap {
            tail = tail << 16 | word;
            tail_count += 1;
        } else {
            head = head << 16 | word;
        }
        rest = after;
        match rest {
            _ if count == 8 => break,
            [b':', b':', after @ ..] if !gap => {
                gap = true;
                rest = after;
            }
            [b':', after @ ..] if gap || matches!(after, [b, ..] if b.is_ascii_hexdigit()) => {
                rest = after;
            }
            [b':', ..] => return None,
            _ => break,
        }
    }
    if count == 0 && !gap || gap && count == 8 {
        return None;
    }
    let head_bits = 128 - 16 * (count - tail_count);
    let address = head.checked_shl(head_bits).unwrap_or(0) | tail;
    let words = Words {
        address,
        count,
        gap,
    };
    Some((words, rest))
}

/// Reads a network and checks that it ends where a key may; what follows it.
pub(crate) fn network(text: &[u8], mask_host_bits: bool) -> Result<(Network, &[u8]), Class> {
    let (words, rest) = words(text).ok_or(Class::BadAddress)?;
    let (bits, rest) = match rest {
        [b'/', after @ ..] => {
            let (bits, after) = digits(after)
                .filter(|(bits, _)| *bits <= 128)
                .ok_or(Class::BadAddress)?;
            (bits, after)
        }
        _ if words.gap => (128, rest),
        _ if words.count == 1 => return Err(Class::BadAddress),
        _ => (16 * words.count, rest),
    };
    if !ends_key(rest) {
        return Err(Class::BadAddress);
    }
    let host = u128::MAX.checked_shr(bits).unwrap_or(0);
    if words.address & host != 0 && !mask_host_bits {
        return Err(Class::HostBits);
    }
    let start = words.address & !host;
    let before = text.len() - rest.len();
    let odd = matches!(rest, [b':', ..]) && !text.iter().take(before).any(|&b| b == b'/');
    let end = start | host;
    Ok((Network { start, end, odd }, rest))
}

/// Reads hex digits: `Some(None)` if there is none, `None` if the number is too large.
#[expect(
    clippy::option_option,
    reason = "none there and none possible are two things"
)]
fn hex_word(text: &[u8]) -> Option<Option<(u128, &[u8])>> {
    let mut rest = text;
    let mut word = 0u128;
    while let [digit, after @ ..] = rest {
        let Some(digit) = char::from(*digit).to_digit(16) else {
            break;
        };
        word = word << 4 | u128::from(digit);
        if word > 0xffff {
            return None;
        }
        rest = after;
    }
    Some((rest.len() < text.len()).then_some((word, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, u32, String), Class> {
        network(text.as_bytes(), false).map(|(network, rest)| {
            let address = std::net::Ipv6Addr::from_bits(network.start).to_string();
            let bits = (network.start ^ network.end).leading_zeros();
            let rest = String::from_utf8_lossy(rest).into_owned();
            (address, bits, rest)
        })
    }

    #[test]
    fn keys_of_ip6trie() {
        let good = [
            ("2001:db8", "2001:db8::", 32, ""),
            ("2001:db8::", "2001:db8::", 128, ""),
            ("2001/16", "2001::", 16, ""),
            ("::/0", "::", 0, ""),
            ("1:2:3:4:5:6:7:8 x", "1:2:3:4:5:6:7:8", 128, " x"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0", 128, ""),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8", 128, ""),
            ("2001:db8:b::000002", "2001:db8:b::2", 128, ""),
            ("2001:db8::1:", "2001:db8::1", 128, ""),
            ("1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8", 128, ":9"),
            ("1::2::3", "1::2", 128, ":3"),
            ("1:::4", "1::", 128, ":4"),
            ("2001:db8::1/128:5:x", "2001:db8::1", 128, ":5:x"),
        ];
        for (text, address, bits, rest) in good {
            let expected = Ok((address.to_owned(), bits, rest.to_owned()));
            assert_eq!(read(text), expected, "{text}");
        }
        let bad = [
            "2001",
            "2001:db8:",
            "2001:db8::12345",
            "1:2:3::4:5:6:7:8",
            "::ffff:1.2.3.4",
            "2001:db8::g",
            "::/129",
            "2001:db8::/",
            "2001:db8::1:5:x",
            "[::1]",
            "1.2.3.4",
            "",
        ];
        for text in bad {
            assert_eq!(read(text), Err(Class::BadAddress), "{text}");
        }
        assert_eq!(read("2001:db8::1/64"), Err(Class::HostBits));
    }
}
