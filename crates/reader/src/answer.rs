//! What a lookup returns.

use std::net::Ipv4Addr;

use crate::image::Image;
use rblmap_format::ValueId;
use rblmap_format::{Key, RawRecord, TextBuf};

/// The answer for one address or name: the records of up to three listings, each with its key.
///
/// Usually there is one. An address may be listed by its own run, as the IPv4 address inside a
/// 6to4 one (RFC 3056), and by a name that spells it backwards. Holds no heap memory.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    image: &'a Image,
    /// Ids up to this one are known to list.
    listing: u32,
    parts: [Option<(ValueId, Key<'a>)>; 3],
}

impl<'a> Answer<'a> {
    #[inline]
    pub(crate) fn new(
        image: &'a Image,
        listing: u32,
        parts: [Option<(ValueId, Key<'a>)>; 3],
    ) -> Answer<'a> {
        Answer {
            image,
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

/// One record of an answer.
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
