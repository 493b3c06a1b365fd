//! Values: the records that an address or a name is listed with, and how their texts are rendered.
//!
//! The bytes of a value are those of `docs/format.md`, "Values". They are the same in images,
//! snapshots, deltas and content ids.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::name::{self, NameKey};
use crate::record::{A, KEY, KEY_LESS, LITERAL, LONG, LOOPBACK, LOOPBACK_A, TEXT};

/// A text with a key in it is cut at this many bytes, as in rbldnsd.
pub const MAX_TEXT: usize = 254;
/// A text without a key may have one byte more: rbldnsd keeps those of `generic` whole, up to what
/// a string of DNS holds (RFC 1035 section 3.3).
pub const MAX_LITERAL: usize = 255;

/// The records of one value, in place.
///
/// Iterating stops at the first byte that is no record, so damaged bytes give fewer records.
///
/// ```
/// use rblmap_format::record::{KEY, LOOPBACK_A, TEXT};
/// use rblmap_format::{Key, Part, TextBuf, Value};
///
/// let bytes = [LOOPBACK_A | TEXT, 2, 6, 4, b's', b'e', b'e', b' ', KEY];
/// let record = Value::new(&bytes).records().next().ok_or("no record")?;
/// assert_eq!(record.a, Some([127, 0, 0, 2].into()));
/// let template = record.template.ok_or("no text")?;
/// assert!(template.parts().eq([Part::Literal(b"see "), Part::Key]));
/// let mut text = TextBuf::new();
/// template.render(&Key::V4(0xc000_0201), &mut text);
/// assert_eq!(text.as_bytes(), b"see 192.0.2.1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    bytes: &'a [u8],
}

/// One record of a value: an A record, a TXT template, or both.
///
/// See the example of [`Value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// The A record.
    pub a: Option<Ipv4Addr>,
    /// The TXT record before the key is put in.
    pub template: Option<Template<'a>>,
}

/// A text with places for the key, in place.
///
/// See the example of [`Value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template<'a> {
    bytes: &'a [u8],
}

/// A part of a template.
///
/// See the example of [`Value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// These bytes, 1 to 254.
    Literal(&'a [u8]),
    /// The key that matched.
    Key,
    /// The name that matched less this many first labels, at least one.
    KeyLess(u8),
}

impl<'a> Value<'a> {
    /// Takes the bytes of a value; see `docs/format.md`.
    pub fn new(bytes: &'a [u8]) -> Value<'a> {
        Value { bytes }
    }

    /// The bytes of the value.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The records, in their order.
    pub fn records(&self) -> impl Iterator<Item = RawRecord<'a>> + use<'a> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (record, after) = RawRecord::read(rest)?;
            rest = after;
            Some(record)
        })
    }

    /// Whether any record has an A: only then does the value list anything.
    pub fn is_listed(&self) -> bool {
        self.records().any(|record| record.a.is_some())
    }
}

impl<'a> RawRecord<'a> {
    /// Reads the record at the head of `bytes`; gives it and the bytes after it.
    pub fn read(bytes: &'a [u8]) -> Option<(RawRecord<'a>, &'a [u8])> {
        let (&flags, mut rest) = bytes.split_first()?;
        let known = A | LOOPBACK_A | TEXT | LONG | LITERAL;
        if flags & (A | LOOPBACK_A | TEXT) == 0 || flags & !known != 0 {
            return None;
        }
        let mut record = RawRecord {
            a: None,
            template: None,
        };
        if flags & A != 0 {
            let (octets, after) = rest.split_first_chunk::<4>()?;
            record.a = Some(Ipv4Addr::from(*octets));
            rest = after;
        } else if flags & LOOPBACK_A != 0 {
            let (&last, after) = rest.split_first()?;
            let [first, second, third] = LOOPBACK;
            record.a = Some(Ipv4Addr::new(first, second, third, last));
            rest = after;
        }
        if flags & TEXT != 0 {
            let (&low, mut after) = rest.split_first()?;
            let mut len = usize::from(low);
            if flags & LITERAL != 0 {
                (len, after) = (len + 1, rest);
            } else if flags & LONG != 0 {
                let (&high, rest) = after.split_first()?;
                len |= usize::from(high) << 8;
                after = rest;
            }
            let (template, after) = after.split_at_checked(len)?;
            record.template = Some(Template { bytes: template });
            rest = after;
        }
        Some((record, rest))
    }
}

impl<'a> Template<'a> {
    /// The parts, in order; stops at the first byte that is no part.
    pub fn parts(&self) -> impl Iterator<Item = Part<'a>> + use<'a> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (&tag, after) = rest.split_first()?;
            let (part, after) = match tag {
                KEY => (Part::Key, after),
                KEY_LESS => {
                    let (&less, after) = after.split_first()?;
                    (Part::KeyLess(less), after)
                }
                len => {
                    let (literal, after) = after.split_at_checked(len.into())?;
                    (Part::Literal(literal), after)
                }
            };
            rest = after;
            Some(part)
        })
    }

    /// The bytes of the template as stored, without their length.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Puts the key in and cuts at [`MAX_TEXT`] bytes, or, where there is no key in it, at
    /// [`MAX_LITERAL`]. The text replaces what `out` held.
    pub fn render(&self, key: &Key<'_>, out: &mut TextBuf) {
        out.clear();
        let mut has_key = false;
        for part in self.parts() {
            has_key |= !matches!(part, Part::Literal(_));
            // Writing to the buffer does not fail: what is too much for it is dropped.
            let _ = match part {
                Part::Literal(bytes) => {
                    out.push(bytes);
                    Ok(())
                }
                Part::Key => key.print(0, &mut Text(out)),
                Part::KeyLess(less) => key.print(less.into(), &mut Text(out)),
            };
        }
        if has_key {
            out.cut();
        }
    }
}

/// The listed thing that a text may name.
///
/// See the example of [`Value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// The IPv4 address asked for.
    V4(u32),
    /// The IPv6 address asked for.
    V6(u128),
    /// The name that matched, as [`crate::NameKey::as_bytes`] gives it.
    Name(&'a [u8]),
    /// The name that matched, where an address was asked for by which it is spelled backwards: so
    /// many labels of [`crate::NameKey::spelled`], from the root.
    Spelled {
        /// The address asked for.
        address: IpAddr,
        /// How many labels the name has.
        labels: u8,
    },
}

impl Key<'_> {
    fn print(&self, less: usize, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Key::V4(address) => write!(out, "{}", Ipv4Addr::from_bits(*address)),
            Key::V6(address) => print_v6(*address, out),
            Key::Name(key) => name::print_key(key, less, out),
            Key::Spelled { address, labels } => {
                let mut name = NameKey::spelled(*address);
                while name.label_count() > usize::from(*labels) {
                    name = name.parent().unwrap_or(NameKey::ROOT);
                }
                name::print_key(name.as_bytes(), less, out)
            }
        }
    }
}

/// Prints an IPv6 address as rbldnsd does: lower case, the first longest run of two or more zero
/// words as `::`, never a dotted tail (which RFC 5952 and `std` use for mapped addresses).
fn print_v6(address: u128, out: &mut impl fmt::Write) -> fmt::Result {
    let words: [u16; 8] = std::net::Ipv6Addr::from_bits(address).segments();
    let (mut best, mut best_len) = (8, 1);
    let mut at = 0;
    while at < 8 {
        let zeros = words.iter().skip(at).take_while(|&&word| word == 0).count();
        if zeros > best_len {
            (best, best_len) = (at, zeros);
        }
        at += zeros.max(1);
    }
    let mut index = 0;
    while let Some(word) = words.get(index) {
        if index == best {
            out.write_str("::")?;
            index += best_len;
            continue;
        }
        if index > 0 && index != best + best_len {
            out.write_char(':')?;
        }
        write!(out, "{word:x}")?;
        index += 1;
    }
    Ok(())
}

/// A rendered text: at most [`MAX_LITERAL`] bytes, without heap memory.
///
/// See the example of [`Value`].
#[derive(Clone, Copy)]
pub struct TextBuf {
    bytes: [u8; MAX_LITERAL],
    len: u8,
}

impl TextBuf {
    /// An empty text.
    pub const fn new() -> TextBuf {
        TextBuf {
            bytes: [0; MAX_LITERAL],
            len: 0,
        }
    }

    /// The text; any bytes, not necessarily UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.len = 0;
    }

    fn push(&mut self, bytes: &[u8]) {
        let len = usize::from(self.len);
        let room = self.bytes.get_mut(len..).unwrap_or_default();
        for (slot, byte) in room.iter_mut().zip(bytes) {
            *slot = *byte;
            self.len += 1; // at most MAX_LITERAL, the room there is
        }
    }

    /// Leaves the first [`MAX_TEXT`] bytes.
    fn cut(&mut self) {
        if usize::from(self.len) > MAX_TEXT {
            self.len -= 1; // there is room for one more only
        }
    }
}

/// A text being written; what is too much for it is dropped.
struct Text<'b>(&'b mut TextBuf);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push(text.as_bytes());
        Ok(())
    }
}

impl Default for TextBuf {
    fn default() -> TextBuf {
        TextBuf::new()
    }
}

impl fmt::Debug for TextBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextBuf({:?})", String::from_utf8_lossy(self.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_keys_are_printed_as_rbldnsd_prints_them() {
        let cases = [
            ("::ffff:192.0.2.1", "::ffff:c000:201"),
            ("2001:db8::1", "2001:db8::1"),
            ("1:0:2:0:0:3:0:0", "1:0:2::3:0:0"),
            ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
            ("::", "::"),
            ("::1", "::1"),
            ("1::", "1::"),
            ("fe80:0:0:1::", "fe80:0:0:1::"),
        ];
        for (address, shown) in cases {
            let bits = address.parse::<std::net::Ipv6Addr>().unwrap().to_bits();
            let mut out = String::new();
            print_v6(bits, &mut out).unwrap();
            assert_eq!(out, shown);
        }
    }

    #[test]
    fn a_text_is_cut_at_254_bytes() {
        let mut bytes = Vec::new();
        for _ in 0..3 {
            bytes.push(100);
            bytes.extend([b'x'; 100]);
            bytes.push(KEY);
        }
        let mut out = TextBuf::new();
        Template { bytes: &bytes }.render(&Key::V4(0x0102_0304), &mut out);
        assert_eq!(out.as_bytes().len(), MAX_TEXT);
        assert!(out.as_bytes().starts_with(&[b'x'; 100]));
        assert_eq!(&out.as_bytes()[100..107], b"1.2.3.4");
    }

    #[test]
    fn a_text_without_a_key_may_have_one_byte_more() {
        let mut bytes = vec![254];
        bytes.extend([b'x'; 254]);
        bytes.extend([3, b'y', b'y', b'y']);
        let mut out = TextBuf::new();
        Template { bytes: &bytes }.render(&Key::V4(0), &mut out);
        assert_eq!(out.as_bytes().len(), MAX_LITERAL);
        bytes.push(KEY);
        Template { bytes: &bytes }.render(&Key::V4(0), &mut out);
        assert_eq!(out.as_bytes().len(), MAX_TEXT);
    }
}
