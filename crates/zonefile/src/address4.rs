//! IPv4 keys: bare addresses, networks and ranges, as each type writes them.

use std::net::Ipv4Addr;

use crate::line::digits;
use crate::warning::Class;

/// One to four octets from the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefix {
    /// The octets, missing ones 0.
    pub(crate) address: u32,
    /// How many there are, 1 to 4.
    pub(crate) octets: u32,
}

impl Prefix {
    /// The last address that begins with these octets.
    fn last(self) -> u32 {
        self.address | u32::MAX.checked_shr(self.octets * 8).unwrap_or(0)
    }

    /// The octets as old inet read them: the last one given stands at the right.
    pub(crate) fn as_inet(self) -> u32 {
        let [a, b, c, d] = Ipv4Addr::from_bits(self.address).octets();
        let inet = match self.octets {
            1 => [0, 0, 0, a],
            2 => [a, 0, 0, b],
            3 => [a, b, 0, c],
            _ => [a, b, c, d],
        };
        Ipv4Addr::from(inet).to_bits()
    }

    fn with_last_octet(self, octet: u32) -> Prefix {
        let shift = 32 - self.octets * 8;
        Prefix {
            address: self.address & !(0xff << shift) | octet << shift,
            octets: self.octets,
        }
    }
}

/// A range of addresses, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// What a type lets in as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grammar {
    pub(crate) ranges: bool,
    pub(crate) zero_length: bool,
    pub(crate) mask_host_bits: bool,
}

/// Reads an IPv4 address before a mark, such as the end of its line, at the head of a text; the
/// address and what follows the mark. It is the way for who reads very many: anything unusual, and the
/// end of the text, is left to the careful way, so this may say no to good addresses.
///
/// ```
/// use rblmap_zonefile::v4_before;
/// let lines = b"192.0.2.1\n198.51.100.7\n";
/// assert_eq!(v4_before(lines, b'\n'), Some((0xc000_0201, &lines[10..])));
/// assert_eq!(v4_before(lines, b' '), None);
/// assert_eq!(v4_before(b"192.0.2.1\n", b'\n'), None); // nothing behind it
/// ```
#[inline]
pub fn v4_before(text: &[u8], mark: u8) -> Option<(u32, &[u8])> {
    let head = u128::from_le_bytes(*text.first_chunk()?);
    let (address, len, end) = four_octets(head)?;
    if end != mark {
        return None;
    }
    Some((address, text.get(len + 1..)?))
}

/// As [`v4_before`], with any byte behind the address, which is told. That one does not call this one: the
/// answer is too large for registers, which who reads bare addresses would pay on each line.
#[inline]
pub(crate) fn v4_word(text: &[u8]) -> Option<(u32, u8, &[u8])> {
    let head = u128::from_le_bytes(*text.first_chunk()?);
    let (address, len, end) = four_octets(head)?;
    Some((address, end, text.get(len + 1..)?))
}

/// Reads a text that is an IPv4 address: four octets without leading zeros.
///
/// ```
/// use rblmap_zonefile::v4_address;
/// assert_eq!(v4_address(b"192.0.2.1"), Some(0xc000_0201));
/// assert_eq!(v4_address(b"192.0.2.01"), None);
/// assert_eq!(v4_address(b"192.0.2.1 "), None);
/// ```
#[inline]
pub fn v4_address(text: &[u8]) -> Option<u32> {
    let (address, len, _) = four_octets(short(text)?)?;
    (len == text.len()).then_some(address)
}

/// The bytes of a text of an address's length, the first one lowest, with zeros behind them.
#[inline]
fn short(text: &[u8]) -> Option<u128> {
    // The first and the last bytes of the text, which overlap.
    match text.len() {
        8..16 => {
            let first = u64::from_le_bytes(*text.first_chunk()?);
            let last = u64::from_le_bytes(*text.last_chunk()?);
            Some(u128::from(first) | u128::from(last) << (8 * (text.len() - 8)))
        }
        7 => {
            let first = u32::from_le_bytes(*text.first_chunk()?);
            let last = u32::from_le_bytes(*text.last_chunk()?);
            Some(u128::from(first) | u128::from(last) << 24)
        }
        _ => None,
    }
}

/// Reads four octets without leading zeros, the first byte lowest; the address, how long it is, and the
/// byte behind it, which is no digit.
///
/// There is no branch on where an octet ends: in lists out of order that is what a processor
/// cannot foresee. Left to itself the compiler calls it, now from one caller and now from another: a
/// tenth of the instructions of a build.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lowest bytes are meant"
)]
#[inline(always)]
fn four_octets(text: u128) -> Option<(u32, usize, u8)> {
    let mut others = not_digits(text);
    let (mut low, mut high) = (text as u64, (text >> 64) as u64);
    let (mut address, mut end, mut good, mut behind) = (0u32, 0u32, true, b'.');
    for _ in 0..4 {
        // What is behind the octet before.
        good &= behind == b'.';
        let len = others.trailing_zeros();
        let octet = OCTETS.get((len as usize).wrapping_sub(1))?;
        let digits = (low as u32 ^ u32::from_le_bytes([b'0'; 4])) & octet.mask;
        good &= (octet.least..=octet.most).contains(&digits.swap_bytes());
        behind = (low >> (8 * len)) as u8;
        address = address << 8 | digits.wrapping_mul(octet.factors) >> 16 & 0xff;
        // Two to four bytes: an octet has one to three digits.
        let taken = len + 1;
        low = low >> (8 * taken) | high << (64 - 8 * taken);
        high >>= 8 * taken;
        others >>= taken;
        end += taken;
    }
    good.then_some((address, end as usize - 1, behind))
}

/// How to read an octet out of four bytes that begin with it.
struct Octet {
    /// The bytes that are its digits.
    mask: u32,
    /// The least and the greatest one that is good, the first digit highest.
    least: u32,
    most: u32,
    /// Makes byte 2 of the product the sum of the digits by their places. What is above it in the
    /// product is of no use, and nothing below reaches it.
    factors: u32,
}

/// Octets of one to three digits, without leading zeros.
const OCTETS: [Octet; 3] = [
    Octet {
        mask: 0xff,
        least: 0,
        most: u32::MAX,
        factors: 1 << 16,
    },
    Octet {
        mask: 0xffff,
        least: 1 << 24,
        most: u32::MAX,
        factors: 10 << 16 | 1 << 8,
    },
    Octet {
        mask: 0x00ff_ffff,
        least: 1 << 24,
        most: 0x0205_0500,
        factors: 100 << 16 | 10 << 8 | 1,
    },
];

/// A bit for each byte that is no digit, the first byte's lowest.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the halves of a number, and 16 bits"
)]
#[inline]
fn not_digits(bytes: u128) -> u32 {
    const LOW: u128 = u128::from_le_bytes([0x7f; 16]);
    // Digits become 0 to 9; what is above 9 reaches bit 7, and no sum reaches the next byte.
    let digits = bytes ^ u128::from_le_bytes([b'0'; 16]);
    let above = ((digits & LOW) + u128::from_le_bytes([0x76; 16])) | digits;
    let gather =
        |half: u64| ((half & 0x8080_8080_8080_8080).wrapping_mul(0x0002_0408_1020_4081)) >> 56;
    (gather(above as u64) | gather((above >> 64) as u64) << 8) as u32
}

/// Reads one to four octets, leading zeros without meaning; what follows them.
pub(crate) fn prefix(text: &[u8]) -> Option<(Prefix, &[u8])> {
    let mut prefix = Prefix {
        address: 0,
        octets: 0,
    };
    let mut rest = text;
    loop {
        let (octet, after) = digits(rest).filter(|(octet, _)| *octet <= 255)?;
        prefix.octets += 1;
        prefix.address |= octet << (32 - prefix.octets * 8);
        match after {
            [b'.', more @ ..] if prefix.octets < 4 => rest = more,
            _ => return Some((prefix, after)),
        }
    }
}

/// Reads a key and checks that it ends where a key may; what follows it.
pub(crate) fn key(text: &[u8], grammar: Grammar) -> Result<(Range, &[u8]), Class> {
    let (first, rest) = prefix(text).ok_or(Class::BadAddress)?;
    let (range, rest) = match rest {
        [b'/', after @ ..] => {
            let (bits, after) = digits(after).ok_or(Class::BadAddress)?;
            if bits > 32 || bits == 0 && !grammar.zero_length {
                return Err(Class::BadAddress);
            }
            let host = u32::MAX.checked_shr(bits).unwrap_or(0);
            if !ends_key(after) {
                return Err(Class::BadAddress);
            }
            if first.address & host != 0 && !grammar.mask_host_bits {
                return Err(Class::HostBits);
            }
            let start = first.address & !host;
            let end = start | host;
            (Range { start, end }, after)
        }
        [b'-', after @ ..] if grammar.ranges => {
            let (last, after) = prefix(after).ok_or(Class::BadAddress)?;
            let last = match last.octets {
                octets if octets == first.octets => last,
                1 => first.with_last_octet(last.address >> 24),
                _ => return Err(Class::BadAddress),
            };
            let (start, end) = (first.address, last.last());
            if start > end {
                return Err(Class::BadAddress);
            }
            (Range { start, end }, after)
        }
        _ if first.octets == 1 => return Err(Class::BadAddress),
        _ => {
            let (start, end) = (first.address, first.last());
            (Range { start, end }, rest)
        }
    };
    if ends_key(rest) {
        Ok((range, rest))
    } else {
        Err(Class::BadAddress)
    }
}

/// Whether a key may end before these bytes.
pub(crate) fn ends_key(rest: &[u8]) -> bool {
    matches!(rest, [] | [b' ' | b'\t' | b'#' | b';' | b':', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> Result<(u32, u32), Class> {
        let grammar = Grammar {
            ranges: true,
            zero_length: false,
            mask_host_bits: false,
        };
        key(text.as_bytes(), grammar).map(|(range, _)| (range.start, range.end))
    }

    #[test]
    fn keys_of_ip4set() {
        assert_eq!(set("1.2.3.4"), Ok((0x0102_0304, 0x0102_0304)));
        assert_eq!(set("1.2"), Ok((0x0102_0000, 0x0102_ffff)));
        assert_eq!(set("1.2.3-5 x"), Ok((0x0102_0300, 0x0102_05ff)));
        assert_eq!(set("172.16-31"), Ok((0xac10_0000, 0xac1f_ffff)));
        assert_eq!(set("10/8:5:"), Ok((0x0a00_0000, 0x0aff_ffff)));
        assert_eq!(set("0-255"), Ok((0, u32::MAX)));
        assert_eq!(set("1.2.3.4/24"), Err(Class::HostBits));
        let bad = [
            "1",
            "1.",
            "1.2.3.",
            "1.2.3.4.5",
            "1.2.3.256",
            "0/0",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.9-1.2.3.4",
            "1.2-1.2.3",
            "1.2.3.4x",
            "-1.2.3.4",
            "1..2",
            "",
        ];
        for text in bad {
            assert_eq!(set(text), Err(Class::BadAddress), "{text}");
        }
    }

    #[test]
    fn the_fast_way_agrees_with_the_careful_one() {
        for address in ["0.0.0.0", "1.2.3.4", "255.255.255.255", "10.200.30.1"] {
            let line = format!("{address}\n10.0.0.1\n10.0.0.1\n");
            let (fast, rest) = v4_before(line.as_bytes(), b'\n').unwrap();
            assert_eq!(set(address), Ok((fast, fast)));
            assert_eq!(rest, b"10.0.0.1\n10.0.0.1\n");
        }
        for odd in [
            "1.2.3",
            "01.2.3.4",
            "1.2.3.256",
            "1.2.3.4.5",
            "1.2.3.4 ",
            "1.2.3.1000",
            "123456789012345",
            "",
        ] {
            let line = format!("{odd}\n10.0.0.1\n10.0.0.1\n");
            assert!(v4_before(line.as_bytes(), b'\n').is_none(), "{odd}");
        }
    }

    #[test]
    fn an_address_is_what_the_standard_library_takes_for_one() {
        let mut rng = fastrand::Rng::with_seed(4);
        let mut good = 0;
        for _ in 0..100_000 {
            let address = Ipv4Addr::from(std::array::from_fn::<u8, 4, _>(|_| {
                rng.u8(..) >> rng.u8(..8)
            }));
            let mut text = address.to_string().into_bytes();
            for _ in 0..rng.usize(..3) {
                let at = rng.usize(..text.len());
                let byte = *rng.choice(b"0123456789.\0 a\xff").unwrap();
                match rng.u8(..3) {
                    0 => text.insert(at, byte),
                    1 => text[at] = byte,
                    _ => drop(text.remove(at)),
                }
            }
            let naive = std::str::from_utf8(&text).ok();
            let naive = naive.and_then(|text| text.parse::<Ipv4Addr>().ok());
            let naive = naive.map(Ipv4Addr::to_bits);
            assert_eq!(v4_address(&text), naive, "{}", text.escape_ascii());
            good += u32::from(naive.is_some());
        }
        assert!((30_000..90_000).contains(&good), "{good}");
    }
}
