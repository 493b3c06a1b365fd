//! What a lookup returns.

use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::image::Image;
use rblmap_format::ValueId;
use rblmap_format::{Key, RawRecord, TextBuf};

/// The answer for one address or name: the records of up to three listings, each with its key.
///
/// Usually there is one. An address may be listed by its own run, as the IPv4 address inside a
/// 6to4 one (RFC 3056), and by a name that spells it backwards. Holds no heap memory.
///
/// ```
/// use rblmap::{Image, TextBuf};
/// let image = Image::read("testdata/three.rbl")?;
/// let mut text = TextBuf::new();
/// for record in image.base().lookup([192, 0, 2, 1]).records() {
///     let said = record.txt(&mut text).map(String::from_utf8_lossy);
///     println!("{:?}: {:?} {said:?}", record.key(), record.a());
/// }
/// # Ok::<(), rblmap::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    image: &'a Image,
    /// Which zone of the image.
    zone: u32,
    /// Ids up to this one are known to list.
    listing: u32,
    parts: [Option<(ValueId, Key<'a>)>; 3],
}

impl<'a> Answer<'a> {
    #[inline]
    pub(crate) fn new(
        image: &'a Image,
        zone: u32,
        listing: u32,
        parts: [Option<(ValueId, Key<'a>)>; 3],
    ) -> Answer<'a> {
        Answer {
            image,
            zone,
            listing,
            parts,
        }
    }

    /// Whether there is at least one A record. A text alone lists nothing.
    #[inline(always)]
    pub fn is_listed(&self) -> bool {
        // Not a loop, so that an answer of which nothing else is asked need not be made.
        let lists = |part: &Option<(ValueId, Key<'_>)>| {
            part.is_some_and(|(id, _)| id.get() <= self.listing || self.image.is_listing(id))
        };
        let [run, inner, name] = &self.parts;
        lists(run) || lists(inner) || lists(name)
    }

    /// A line for the reply of a mail server: the prefix, then the first text beside an A record, in
    /// printable ASCII (other bytes become `?`, so that no text ends the line), at most 510 bytes.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// let answer = image.base().lookup([192, 0, 2, 1]);
    /// assert!(answer.reply("554 5.7.1 ").to_string().starts_with("554 5.7.1 "));
    /// # Ok::<(), rblmap::Error>(())
    /// ```
    pub fn reply<'b>(&'b self, prefix: &'b str) -> impl fmt::Display + use<'b> {
        Reply {
            answer: self,
            prefix,
        }
    }

    /// The image that gave the answer, and which of its zones.
    pub(crate) fn origin(&self) -> (&'a Image, usize) {
        (self.image, self.zone as usize)
    }

    /// The address that was looked up, where something is listed.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        let [run, inner, name] = &self.parts;
        let of = |part: &Option<(ValueId, Key<'_>)>| match part.map(|(_, key)| key) {
            Some(Key::V4(address)) => Some(Ipv4Addr::from_bits(address).into()),
            Some(Key::V6(address)) => Some(Ipv6Addr::from_bits(address).into()),
            Some(Key::Spelled { address, .. }) => Some(address),
            Some(Key::Name(_)) | None => None,
        };
        of(run).or_else(|| of(name)).or_else(|| of(inner))
    }

    /// The records, in the order of the parts. Two records may have equal A or equal text: a
    /// caller that shows sets drops duplicates after rendering, as rbldnsd does.
    pub fn records(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let image = self.image;
        let parts = self.parts.into_iter().flatten();
        parts.flat_map(move |(id, key)| {
            image
                .value(id)
                .records()
                .map(move |raw| Record { raw, key })
        })
    }
}

/// Longest reply line without its CRLF (RFC 5321 section 4.5.3.1.5).
const REPLY: usize = 510;

struct Reply<'b> {
    answer: &'b Answer<'b>,
    prefix: &'b str,
}

impl fmt::Display for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = TextBuf::new();
        let mut listing = self.answer.records().filter(|record| record.a().is_some());
        let text = listing.find_map(|record| {
            record.txt(&mut buffer)?;
            Some(record)
        });
        let text = text.and_then(|record| record.txt(&mut buffer));
        let bytes = self
            .prefix
            .bytes()
            .chain(text.unwrap_or_default().iter().copied());
        for byte in bytes.take(REPLY) {
            let printable = matches!(byte, b' '..=b'~');
            f.write_char(if printable { byte.into() } else { '?' })?;
        }
        Ok(())
    }
}

/// One record of an answer.
///
/// See the example of [`Answer`].
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    raw: RawRecord<'a>,
    key: Key<'a>,
}

impl<'a> Record<'a> {
    /// The A record, 127.0.0.2 for example.
    pub fn a(&self) -> Option<Ipv4Addr> {
        self.raw.a
    }

    /// The TXT record with the key put in, at most 255 bytes of any kind. `None` if there is none,
    /// or if nothing is left once the key is in; only what is stated as empty is an empty record.
    pub fn txt<'b>(&self, buffer: &'b mut TextBuf) -> Option<&'b [u8]> {
        let template = self.raw.template?;
        template.render(&self.key, buffer);
        // Stated as empty, it is a record; but none comes of a key that is empty.
        let stated = template.as_bytes().is_empty();
        Some(buffer.as_bytes()).filter(|text| stated || !text.is_empty())
    }

    /// What the record is listed under.
    pub fn key(&self) -> Key<'a> {
        self.key
    }
}
