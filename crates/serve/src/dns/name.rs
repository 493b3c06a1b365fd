//! The name that a query asks for: lower case, label by label, and the address that it spells.

use rblmap::{NameError, NameKey};

/// The longest name in wire form, its root label included (RFC 1035 section 3.1).
const MAX_WIRE: usize = 255;
const MAX_LABEL: u8 = 63;
/// A name of 255 bytes has at most 127 labels, the root label aside.
const MAX_LABELS: usize = 127;

/// A name in wire form and in lower case, with the places of its labels.
#[derive(Debug, Clone)]
pub(crate) struct QueryName {
    wire: [u8; MAX_WIRE],
    len: usize,
    /// Where each label's length byte is, from the first label to the root.
    starts: [u8; MAX_LABELS + 1],
    labels: usize,
}

impl QueryName {
    const EMPTY: QueryName = QueryName {
        wire: [0; MAX_WIRE],
        len: 0,
        starts: [0; MAX_LABELS + 1],
        labels: 0,
    };

    /// Reads a name at the head of `bytes`; gives it and the bytes after it. `None` for one that is
    /// cut, too long or compressed.
    pub(crate) fn read(bytes: &[u8]) -> Option<(QueryName, &[u8])> {
        let mut name = QueryName::EMPTY;
        let mut at = 0u8;
        loop {
            *name.starts.get_mut(name.labels)? = at;
            let len = *bytes.get(usize::from(at))?;
            if len == 0 {
                break;
            }
            if len > MAX_LABEL {
                return None;
            }
            name.labels += 1;
            // Too long, or no byte left for the root label.
            at = at.checked_add(1 + len).filter(|&at| at != u8::MAX)?;
        }
        name.len = usize::from(at) + 1;
        let (own, after) = bytes.split_at_checked(name.len)?;
        let wire = name.wire.get_mut(..name.len)?;
        wire.copy_from_slice(own);
        // Lengths are below the letters.
        wire.make_ascii_lowercase();
        Some((name, after))
    }

    /// Reads a zone's name in dotted form, which holds no escapes.
    pub(crate) fn of_zone(name: &str) -> QueryName {
        let labels = name.split('.').filter(|label| !label.is_empty());
        QueryName::from_labels(labels.map(str::as_bytes))
    }

    /// Takes labels from the first to the last; the root label may be among them. What is too much
    /// for a name is left out.
    fn from_labels<'a>(labels: impl Iterator<Item = &'a [u8]>) -> QueryName {
        let mut name = QueryName::EMPTY;
        for label in labels.filter(|label| !label.is_empty()) {
            name.push(label);
        }
        if let (Some(start), Ok(at)) = (name.starts.get_mut(name.labels), u8::try_from(name.len)) {
            *start = at;
        }
        name.len += 1; // the root label, a zero that is there already
        name
    }

    fn push(&mut self, label: &[u8]) {
        let end = self.len + 1 + label.len();
        let (Ok(len), Ok(at)) = (u8::try_from(label.len()), u8::try_from(self.len)) else {
            return;
        };
        // One byte is left for the root label.
        let room = self.wire.get_mut(self.len..end.min(MAX_WIRE - 1));
        let (Some([first, bytes @ ..]), Some(start)) = (room, self.starts.get_mut(self.labels))
        else {
            return;
        };
        if bytes.len() < label.len() {
            return;
        }
        *first = len;
        for (slot, byte) in bytes.iter_mut().zip(label) {
            *slot = byte.to_ascii_lowercase();
        }
        *start = at;
        self.labels += 1;
        self.len = end;
    }

    /// How many labels there are, without the root label.
    pub(crate) fn label_count(&self) -> usize {
        self.labels
    }

    /// A label by its number from the first, without its length byte; empty beyond the last.
    pub(crate) fn label(&self, number: usize) -> &[u8] {
        let start = self.start(number);
        match self.wire.get(start..) {
            Some([len, rest @ ..]) => rest.get(..usize::from(*len)).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Where a label's length byte is in the name's wire form.
    pub(crate) fn start(&self, number: usize) -> usize {
        let number = number.min(self.labels);
        self.starts.get(number).copied().unwrap_or_default().into()
    }

    /// Where a name in wire form stands at the end of this one, whatever its case; not the root.
    pub(crate) fn place_of(&self, suffix: &[u8]) -> Option<usize> {
        let place = self.len.checked_sub(suffix.len())?;
        let own = self.wire.get(place..self.len)?;
        let starts = self.starts.get(..self.labels)?;
        let is_name = own.eq_ignore_ascii_case(suffix)
            && starts.iter().any(|start| usize::from(*start) == place);
        is_name.then_some(place)
    }

    /// The last labels, so many of them, in wire form with the root label.
    pub(crate) fn suffix(&self, labels: usize) -> &[u8] {
        let start = self.start(self.labels.saturating_sub(labels));
        self.wire.get(start..self.len).unwrap_or_default()
    }

    /// Whether the name is `other` or below it.
    pub(crate) fn is_within(&self, other: &QueryName) -> bool {
        self.labels >= other.labels && self.suffix(other.labels) == other.suffix(other.labels)
    }

    /// The first labels, so many of them, as a key.
    ///
    /// # Errors
    /// None for names that came in a message.
    pub(crate) fn key(&self, labels: usize) -> Result<NameKey, NameError> {
        let mut key = NameKey::ROOT;
        for number in (0..labels).rev() {
            key.push_label(self.label(number))?;
        }
        Ok(key)
    }

    /// What the first labels, so many of them, ask for.
    pub(crate) fn asked(&self, labels: usize) -> Asked {
        match labels {
            4 => self.spelled_v4(),
            32 => self.spelled_v6(),
            _ => None,
        }
        .unwrap_or(Asked::Name)
    }

    fn spelled_v4(&self) -> Option<Asked> {
        let mut address = 0;
        let mut plain = true;
        for number in (0..4).rev() {
            let label = self.label(number);
            let octet = decimal(label)?;
            plain &= label.len() == 1 || label.first() != Some(&b'0');
            address = address << 8 | u32::from(octet);
        }
        Some(if plain {
            Asked::V4(address)
        } else {
            Asked::OddV4(address)
        })
    }

    fn spelled_v6(&self) -> Option<Asked> {
        let address = (0..32).rev().try_fold(0, |address: u128, number| {
            let &[digit] = self.label(number) else {
                return None;
            };
            Some(address << 4 | u128::from(char::from(digit).to_digit(16)?))
        });
        address.map(Asked::V6)
    }
}

/// What a name below a zone asks for (RFC 5782 sections 2.1, 2.4 and 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// An IPv4 address, spelled backwards without leading zeros.
    V4(u32),
    /// An IPv4 address with leading zeros, as in `001.2.0.192`: the address, but not the name that
    /// a list of names has for it.
    OddV4(u32),
    /// An IPv6 address, spelled backwards in nibbles.
    V6(u128),
    /// A name.
    Name,
}

/// A label of one to three digits that is at most 255.
fn decimal(label: &[u8]) -> Option<u8> {
    if label.is_empty() || label.len() > 3 {
        return None;
    }
    let number = label.iter().try_fold(0u16, |number, byte| {
        Some(number * 10 + u16::try_from(char::from(*byte).to_digit(10)?).ok()?)
    })?;
    u8::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str) -> Asked {
        let name = QueryName::of_zone(name);
        name.asked(name.label_count())
    }

    #[test]
    fn addresses_are_spelled_backwards() {
        assert_eq!(asked("1.2.0.192"), Asked::V4(0xc000_0201));
        assert_eq!(asked("0.0.0.0"), Asked::V4(0));
        assert_eq!(asked("001.2.0.192"), Asked::OddV4(0xc000_0201));
        for other in ["2.0.192", "256.2.0.192", "0001.2.0.192", "a.2.0.192"] {
            assert_eq!(asked(other), Asked::Name, "{other}");
        }
        let nibbles = format!("1.0.{}8.b.D.0.1.0.0.2", "0.".repeat(22));
        assert_eq!(asked(&nibbles), Asked::V6(0x2001_0db8 << 96 | 1));
        assert_eq!(asked(&nibbles.replace('8', "g")), Asked::Name);
    }

    #[test]
    fn a_name_is_within_those_above_it() {
        let name = QueryName::of_zone("A.b.Example");
        for above in ["a.b.example", "b.EXAMPLE", "example", ""] {
            assert!(name.is_within(&QueryName::of_zone(above)), "{above}");
        }
        for other in ["xb.example", "x.a.b.example", "b", "ample"] {
            assert!(!name.is_within(&QueryName::of_zone(other)), "{other}");
        }
        assert_eq!(name.suffix(1), b"\x07example\0");
        assert_eq!(name.label(0), b"a");
        assert_eq!(name.label(3), b"");
        assert_eq!(name.key(2).unwrap().to_string(), "a.b");
    }

    #[test]
    fn names_are_read_from_messages() {
        let (name, after) = QueryName::read(b"\x01A\x02bC\0\0\x01").unwrap();
        assert_eq!(
            (name.suffix(2), after),
            (&b"\x01a\x02bc\0"[..], &b"\0\x01"[..])
        );
        assert_eq!(name.place_of(b"\x02Bc\0"), Some(2));
        assert_eq!(name.place_of(b"\x02xc\0"), None);
        assert_eq!(name.place_of(b"\0"), None);
        for bad in [
            &b""[..],
            b"\x01",
            b"\x01a",
            b"\x40a\0",
            b"\xc0\x0c",
            b"\x03ab\0",
        ] {
            assert!(QueryName::read(bad).is_none(), "{bad:?}");
        }
        let longest = [
            &[b"\x3f".as_slice(), &[b'x'; 63]].concat().repeat(3)[..],
            b"\x3d",
            &[b'y'; 61],
        ];
        let wire = [&longest.concat()[..], b"\0"].concat();
        assert_eq!(wire.len(), MAX_WIRE);
        let (name, _) = QueryName::read(&wire).unwrap();
        assert_eq!(name.suffix(4), wire);
        let longer = [b"\x01a".as_slice(), &wire].concat();
        assert!(QueryName::read(&longer).is_none());
        let many = [&b"\x01a".repeat(127)[..], b"\0"].concat();
        assert_eq!(QueryName::read(&many).unwrap().0.label_count(), 127);
    }

    #[test]
    fn a_name_of_255_bytes_is_kept_whole() {
        let long = [["x"; 63].concat(), ["y"; 63].concat(), ["z"; 63].concat()].join(".");
        let name = QueryName::of_zone(&format!("{long}.{}", ["w"; 61].concat()));
        assert_eq!(name.suffix(4).len(), MAX_WIRE);
        let name = QueryName::of_zone(&["a"; 127].join("."));
        assert_eq!(name.label_count(), 127);
        assert_eq!(name.suffix(127).len(), MAX_WIRE);
    }
}
