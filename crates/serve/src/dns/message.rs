//! A reply that is being written, byte by byte: this is the hot path, where a builder for all that
//! DNS can say takes more instructions than all else (RFC 1035 section 4.1).
#![expect(clippy::big_endian_bytes, reason = "the network's order")]

use domain::base::iana::{Class, Rtype};

use super::name::QueryName;

/// Where the question begins, and where in the header flags and counts are.
const QUESTION_AT: usize = 12;
const FLAGS_AT: usize = 2;
const ANSWERS_AT: usize = 6;
/// The two highest bits of a pointer to an earlier name (RFC 1035 section 4.1.4).
const POINTER: usize = 0xc000;
const TRUNCATED: u8 = 2;

/// The sections for records, in the order of their counts in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Answer,
    Authority,
    Additional,
}

/// The head of a record (RFC 1035 section 4.1.3).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// How many labels of the question the owner lacks: 0 for the name of the question itself.
    pub(crate) owner: usize,
    pub(crate) rtype: Rtype,
    pub(crate) class: Class,
    pub(crate) ttl: u32,
}

/// The bytes of a message. A name that is the question's, or that ends as it does, becomes a pointer
/// into the question, as in rbldnsd; so owners cost two bytes and keep the case of the question
/// (`draft-vixie-dnsext-dns0x20`).
pub(crate) struct Message<'a> {
    bytes: &'a mut Vec<u8>,
    name: &'a QueryName,
    /// How many bytes it may have.
    room: usize,
    counts: [u16; 3],
}

impl<'a> Message<'a> {
    /// Begins a message in an empty buffer: identifier, two bytes of flags, the question as it was
    /// asked. Names of 255 bytes fit into any room.
    pub(crate) fn begin(
        bytes: &'a mut Vec<u8>,
        (ident, flags): (u16, [u8; 2]),
        (question, name): (&[u8], &'a QueryName),
        room: usize,
    ) -> Message<'a> {
        let [high, low] = ident.to_be_bytes();
        let [first, second] = flags;
        // One question; the other counts are put in at the end.
        bytes.extend_from_slice(&[high, low, first, second, 0, 1, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(question);
        Message {
            bytes,
            name,
            room,
            counts: [0; 3],
        }
    }

    /// Appends a record whose data `write` appends. Where it does not fit, it is taken back, and the
    /// answer is false.
    pub(crate) fn push(
        &mut self,
        section: Section,
        head: Head,
        write: impl FnOnce(&mut Message<'a>),
    ) -> bool {
        let start = self.bytes.len();
        let pointer = POINTER | (QUESTION_AT + self.name.start(head.owner));
        // At most 12 + 255.
        let [p1, p2] = u16::try_from(pointer).unwrap_or_default().to_be_bytes();
        let [t1, t2] = head.rtype.to_int().to_be_bytes();
        let [c1, c2] = head.class.to_int().to_be_bytes();
        let [l1, l2, l3, l4] = head.ttl.to_be_bytes();
        self.put(&[p1, p2, t1, t2, c1, c2, l1, l2, l3, l4, 0, 0]);
        let data_at = self.bytes.len();
        write(self);
        let len = self.bytes.len() - data_at;
        if self.bytes.len() > self.room {
            self.bytes.truncate(start);
            return false;
        }
        if let Some(place) = self.bytes.get_mut(data_at - 2..data_at) {
            // Less than the room, which is less than 2^16.
            place.copy_from_slice(&u16::try_from(len).unwrap_or_default().to_be_bytes());
        }
        self.count(section);
        true
    }

    /// Appends bytes as they are.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends a name in wire form; as much of its end as it shares with the question's is a pointer.
    pub(crate) fn put_name(&mut self, wire: &[u8]) {
        let mut at = 0;
        while let Some((&len, rest)) = wire.get(at..).and_then(<[u8]>::split_first) {
            if len == 0 || rest.len() < usize::from(len) {
                break;
            }
            let suffix = wire.get(at..).unwrap_or_default();
            if let Some(place) = self.name.place_of(suffix) {
                self.put(wire.get(..at).unwrap_or_default());
                let pointer = u16::try_from(POINTER | (QUESTION_AT + place));
                self.put(&pointer.unwrap_or_default().to_be_bytes());
                return;
            }
            at += 1 + usize::from(len);
        }
        self.put(wire);
    }

    /// Appends an OPT record (RFC 6891 section 6.1.2), for which room was kept.
    pub(crate) fn put_opt(&mut self, size: u16) {
        let [s1, s2] = size.to_be_bytes();
        let [t1, t2] = Rtype::OPT.to_int().to_be_bytes();
        self.put(&[0, t1, t2, s1, s2, 0, 0, 0, 0, 0, 0]);
        self.count(Section::Additional);
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Puts the counts in, and whether records were left out.
    pub(crate) fn finish(self, truncated: bool) {
        let counts = self.counts.map(u16::to_be_bytes);
        if let Some(places) = self.bytes.get_mut(ANSWERS_AT..QUESTION_AT) {
            places.copy_from_slice(counts.as_flattened());
        }
        if let Some(flags) = self.bytes.get_mut(FLAGS_AT).filter(|_| truncated) {
            *flags |= TRUNCATED;
        }
    }

    fn count(&mut self, section: Section) {
        if let Some(count) = self.counts.get_mut(section as usize) {
            *count += 1;
        }
    }
}
