//! `ranges`: lists of address ranges in the many ways that people write them: `A - B`, two columns,
//! netmasks, wildcards, and the lines of P2P, eMule and DShield lists.

use super::words::bare;
use super::{add, plain, without_comment};
use crate::address4::{self, Range};
use crate::key::{self, Dress, Key, KeyRules, padded_address, v4_address, v6_address};
use crate::line::{digits, is_space, trim, trim_start, word};
use crate::piece::Piece;
use crate::spec::Options;
use crate::warning::Class;

/// From this access level on, ipfilter.dat lets a range in.
const LET_IN: u32 = 128;

/// Reads a line.
pub(super) fn line<'t>(
    piece: &mut Piece<'t>,
    line: &'t [u8],
    options: &Options,
) -> Result<(), Class> {
    if let Some(range) = two_addresses(line).filter(|_| options.reading.plain.min_count.is_none()) {
        let value = piece.default_value();
        add(piece, (Key::V4(range), Dress::Bare), value);
        return Ok(());
    }
    let whole = trim(bare(line));
    let labelled = label(whole);
    let body = if labelled.is_some() {
        whole
    } else {
        without_comment(whole)
    };
    if body.is_empty() || is_header(body) {
        return Ok(());
    }
    if let Some((label, range)) = labelled {
        let parsed = Columns::of(range, options)?;
        if !parsed.rest.is_empty() {
            return Err(Class::BadAddress);
        }
        let text = if options.reading.plain.text {
            label
        } else {
            b""
        };
        let value = super::words::text_value(piece, None, text.into(), options);
        add(piece, (parsed.key, Dress::Bare), value);
        return Ok(());
    }
    let parsed = Columns::of(body, options)?;
    let Some(rest) = parsed.said(piece, body, options) else {
        return Ok(());
    };
    let marked = plain::marked(whole, options);
    let rest = if marked.is_some() { b"" } else { rest };
    if let Some(value) = plain::value_behind(piece, body, (rest, marked), &parsed.key, options)? {
        add(piece, (parsed.key, Dress::Bare), value);
    }
    Ok(())
}

/// Reads a line that is `A - B` and nothing else, as those of most lists of ranges are. Whatever
/// is not is left to the careful way.
fn two_addresses(line: &[u8]) -> Option<Range> {
    let (start, rest) = address4::v4_before(line, b' ')?;
    let end = v4_address(rest.strip_prefix(b"- ")?)?;
    (start <= end).then_some(Range { start, end })
}

/// The line that names the columns of a DShield list.
pub(super) fn is_header(line: &[u8]) -> bool {
    if !matches!(line, [b's' | b'S', ..]) {
        return false;
    }
    let (first, rest) = word(line);
    first.eq_ignore_ascii_case(b"start") && word(rest).0.eq_ignore_ascii_case(b"end")
}

/// Divides `LABEL:START-END` at the last colon before the range.
fn label(line: &[u8]) -> Option<(&[u8], &[u8])> {
    if matches!(line, [b'#' | b';', ..] | [b'/', b'/', ..]) {
        return None;
    }
    let at = memchr::memrchr(b':', line)?;
    let (label, range) = line.split_at_checked(at)?;
    let range = trim(range.get(1..)?);
    let dash = memchr::memchr(b'-', range)?;
    let (first, last) = range.split_at_checked(dash)?;
    let both = padded_address(trim(first)).zip(padded_address(trim(last.get(1..)?)));
    let is_v6 = label.iter().all(|b| b.is_ascii_hexdigit() || *b == b':')
        && (label.is_empty() || label.contains(&b':'));
    (both.is_some() && !is_v6).then_some((label, range))
}

/// A range at the head of a line, and what follows it.
struct Columns<'t> {
    key: Key,
    rest: &'t [u8],
    /// Whether start and end stood in columns of their own.
    two: bool,
}

impl<'t> Columns<'t> {
    fn of(line: &'t [u8], options: &Options) -> Result<Columns<'t>, Class> {
        let (start, rest) = token(line);
        let (dash, after) = match rest.strip_prefix(b"-") {
            Some(after) => (true, trim_start(after)),
            None => (false, rest),
        };
        let (second, after) = token(after);
        let numbers = Numbers::of(start, second, options);
        if dash {
            let key = numbers.range(start, second)?;
            return Ok(Columns {
                key,
                rest: after,
                two: false,
            });
        }
        if let Some(key) = numbers.columns(start, second)? {
            return Ok(Columns {
                key,
                rest: after,
                two: true,
            });
        }
        let key = numbers.single(start, options)?;
        Ok(Columns {
            key,
            rest,
            two: false,
        })
    }

    /// What is left to be said of the line behind the columns of the formats that there are; none
    /// if the line is no listing, which is told.
    fn said(&self, piece: &mut Piece<'t>, line: &'t [u8], options: &Options) -> Option<&'t [u8]> {
        if let Some(columns) = self.rest.strip_prefix(b",") {
            // eMule: START - END , LEVEL , LABEL
            let columns = trim_start(columns);
            let end = memchr::memchr(b',', columns).unwrap_or(columns.len());
            let (level, label) = columns.split_at_checked(end)?;
            let level = digits(trim(level)).filter(|(_, rest)| rest.is_empty());
            let Some((level, _)) = level else {
                return Some(self.rest);
            };
            if level >= LET_IN {
                let why = "the access level lets it in, so it is not listed";
                piece.note_about(Class::Unread, line, why);
                return None;
            }
            let label = trim(label.get(1..).unwrap_or_default());
            return Some(if options.reading.plain.text {
                label
            } else {
                b""
            });
        }
        let (third, _) = word(self.rest);
        // DShield: START END LENGTH and what is known of who has it.
        if self.two && !options.reading.plain.text && self.is_network(third) {
            return Some(b"");
        }
        Some(self.rest)
    }

    /// Whether the key is a network of this prefix length.
    fn is_network(&self, length: &[u8]) -> bool {
        let Some((bits, [])) = digits(length) else {
            return false;
        };
        let Key::V4(range) = self.key else {
            return false;
        };
        let host = u32::MAX.checked_shr(bits).unwrap_or(0);
        bits <= 32 && range.start & host == 0 && range.end == range.start | host
    }
}

/// A word up to white space, a comma, or a dash.
fn token(text: &[u8]) -> (&[u8], &[u8]) {
    let ends = |b: &u8| is_space(*b) || matches!(b, b',' | b'-');
    let end = text.iter().position(ends).unwrap_or(text.len());
    let (token, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    (token, trim_start(rest))
}

/// How the addresses of a line are written.
struct Numbers {
    /// Leading zeros mean nothing: all octets have three digits, or it was said so.
    padded: bool,
}

impl Numbers {
    fn of(first: &[u8], second: &[u8], options: &Options) -> Numbers {
        let three = |text: &[u8]| text.split(|&b| b == b'.').all(|octet| octet.len() == 3);
        let first = first.split(|&b| b == b'/').next().unwrap_or_default();
        if !options.reading.plain.padded && !three(first) {
            return Numbers { padded: false };
        }
        let other = padded_address(second).is_none() || three(second);
        Numbers {
            padded: options.reading.plain.padded || three(first) && other,
        }
    }

    fn v4(&self, text: &[u8]) -> Option<u32> {
        if self.padded {
            padded_address(text)
        } else {
            v4_address(text)
        }
    }

    /// `START-END`, where the end may be the last octet alone.
    fn range(&self, start: &[u8], end: &[u8]) -> Result<Key, Class> {
        let rises = |key: Key| match key {
            Key::V4(range) if range.start > range.end => Err(Class::BadAddress),
            Key::V6 { start, end } if start > end => Err(Class::BadAddress),
            key => Ok(key),
        };
        if let Some(start) = self.v4(start) {
            let octet = || {
                let (octet, rest) = digits(end)?;
                let good = rest.is_empty() && octet <= 255 && end.len() <= 3;
                good.then_some(start & !0xff | octet)
            };
            let end = self.v4(end).or_else(octet).ok_or(Class::BadAddress)?;
            return rises(Key::V4(Range { start, end }));
        }
        let (start, end) = v6_address(start)
            .zip(v6_address(end))
            .ok_or(Class::BadAddress)?;
        rises(Key::V6 { start, end })
    }

    /// Two columns: an address and a mask or an end; none if the second one is neither.
    fn columns(&self, first: &[u8], second: &[u8]) -> Result<Option<Key>, Class> {
        if second.is_empty() {
            return Ok(None);
        }
        if let (Some(start), Some(end)) = (self.v4(first), self.v4(second)) {
            if (start, end) == (0, 0) {
                // The line of a hosts file.
                return Err(Class::BadAddress);
            }
            if is_mask(end) {
                let key = Key::V4(Range {
                    start,
                    end: start | !end,
                });
                return if start & !end == 0 {
                    Ok(Some(key))
                } else {
                    Err(Class::HostBits)
                };
            }
            if end >> 24 == 0xff && start >> 24 != 0xff && end != u32::MAX {
                // A mask with a hole in it is no end.
                return Err(Class::BadAddress);
            }
            return self.range(first, second).map(Some);
        }
        if v6_address(first).is_some() && v6_address(second).is_some() {
            return self.range(first, second).map(Some);
        }
        Ok(None)
    }

    /// One address, network or wildcard.
    fn single(&self, text: &[u8], options: &Options) -> Result<Key, Class> {
        let rules = KeyRules {
            padded: self.padded,
            ..KeyRules::of(options)
        };
        if let Some(key) = wildcard(text) {
            return Ok(key);
        }
        if let Some((address, mask)) = with_mask(text) {
            let start = self.v4(address).ok_or(Class::BadAddress)?;
            if start & !mask != 0 && !options.reading.host_bits {
                return Err(Class::HostBits);
            }
            let (start, end) = (start & mask, start | !mask);
            return Ok(Key::V4(Range { start, end }));
        }
        match key::parse(text, &rules)? {
            (key @ (Key::V4(_) | Key::V6 { .. }), Dress::Bare) => Ok(key),
            _ => Err(Class::BadAddress),
        }
    }
}

/// Whether an address is a netmask: ones, then zeros, but not zeros alone.
fn is_mask(address: u32) -> bool {
    address != 0 && address.leading_ones() + address.trailing_zeros() == 32
}

/// `a.b.c.d/m.m.m.m`.
fn with_mask(text: &[u8]) -> Option<(&[u8], u32)> {
    let at = memchr::memchr(b'/', text)?;
    let (address, mask) = text.split_at_checked(at)?;
    let mask = padded_address(mask.get(1..)?).filter(|mask| is_mask(*mask))?;
    Some((address, mask))
}

/// `a.b.c.*`, `a.b.*.*`, `a.b.*`.
fn wildcard(text: &[u8]) -> Option<Key> {
    if !text.contains(&b'*') {
        return None;
    }
    let octets: Vec<&[u8]> = text.split(|&b| b == b'.').collect();
    let known = octets.iter().take_while(|octet| **octet != b"*").count();
    let stars = octets.iter().skip(known).all(|octet| *octet == b"*");
    if known == octets.len() || !stars || !(1..=3).contains(&known) || octets.len() > 4 {
        return None;
    }
    let mut start = 0u32;
    for at in 0..4 {
        let octet = match octets.get(at).filter(|_| at < known) {
            Some(octet) => {
                let (number, rest) = digits(octet)?;
                let plain = number <= 255
                    && rest.is_empty()
                    && (octet.len() == 1 || octet.first() != Some(&b'0'));
                plain.then_some(number)?
            }
            None => 0,
        };
        start = start << 8 | octet;
    }
    // One to three octets are known.
    let host = u32::MAX.checked_shr(u32::try_from(known).ok()? * 8)?;
    Some(Key::V4(Range {
        start,
        end: start | host,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Rules;
    use crate::dataset_type::DatasetType;
    use crate::reading;

    fn read(line: &str) -> Vec<(u32, u32)> {
        let options = Options::default();
        let rules = Rules::of(DatasetType::Ranges, &options);
        let line = format!("{line}\n");
        let piece = reading::read(line.as_bytes(), &rules);
        let nets = piece.v4.nets.iter().map(|net| (net.start, net.end));
        let singles = piece.v4.singles.iter().map(|&address| (address, address));
        let mut all: Vec<(u32, u32)> = nets.chain(singles).collect();
        all.sort_unstable();
        // Notes only where nothing is listed.
        assert_eq!(
            piece.notes.is_empty(),
            !all.is_empty(),
            "{line}: {:?}",
            piece.notes
        );
        all
    }

    #[test]
    fn one_network_in_many_ways() {
        let network = (0xc633_6400, 0xc633_64ff);
        for line in [
            "198.51.100.0/24",
            "198.51.100.0-198.51.100.255",
            "198.51.100.0 - 198.51.100.255",
            "198.51.100.0 -198.51.100.255",
            "198.51.100.0-255",
            "198.51.100.*",
            "198.51.100.0/255.255.255.0",
            "198.51.100.0 255.255.255.0",
            "198.51.100.0\t198.51.100.255",
            "198.51.100.0\t198.51.100.255\t24\t1234\tNET\tXX\tabuse@example.net",
            "198.051.100.000 - 198.051.100.255 , 100 , Foo",
            "198.051.100.000/255.255.255.000",
            "Example Org:198.51.100.0-198.51.100.255",
            "Org: no. 7:198.51.100.0-198.51.100.255",
            "3 x 1.2.3.4:198.051.100.000-198.051.100.255",
            "::ffff:198.51.100.0 - ::ffff:198.51.100.255",
        ] {
            assert_eq!(read(line), [network], "{line}");
        }
        assert_eq!(read("198.051.100.007"), [(0xc633_6407, 0xc633_6407)]);
        assert_eq!(read("198.51.*.*"), [(0xc633_0000, 0xc633_ffff)]);
        assert_eq!(read("198.51.100.1-198.51.100.2").len(), 2);
    }

    #[test]
    fn what_is_unclear_is_not_listed() {
        for line in [
            "198.51.100.00 - 198.51.100.255",
            "198.051.100.000 - 198.51.100.255",
            "198.51.100.255 - 198.51.100.0",
            "198.51.100.7 255.255.255.0",
            "0.0.0.0 0.0.0.0",
            "198.51.100.0 - x",
            "198.51.100.0 -",
            "198.51.*.1",
            "*.*.*.*",
            "198.051.100.000 - 198.051.100.255 , 200 , Foo",
            "a.example",
        ] {
            assert_eq!(read(line), [], "{line}");
        }
    }
}
