//! Writes a reply: header, question, and the records that fit.
#![expect(clippy::big_endian_bytes, reason = "the network's order")]

use std::net::Ipv4Addr;

use domain::base::iana::{Class, Rtype};
use rblmap::{Answer, Record, TextBuf};

use super::decision::{Body, Decision, ZoneBody, has_code};
use super::facts::Start;
use super::message::{Head, Message, Section};
use super::query::{EDNS_ROOM, Over, Query};

/// Bits of the first byte of flags: a reply, authoritative, recursion was asked for.
const REPLY: u8 = 0x80;
const AUTHORITATIVE: u8 = 4;
const RECURSION: u8 = 1;

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written {
    /// How many records there are in the answer section.
    pub(crate) answers: usize,
    /// Whether records were left out for want of room.
    pub(crate) truncated: bool,
}

/// Writes the reply to a query into an empty buffer.
pub(crate) fn write(
    query: &Query<'_>,
    decision: &Decision<'_>,
    over: Over,
    reply: &mut Vec<u8>,
) -> Written {
    let mut written = Written::default();
    let bit = |is: bool, bit: u8| if is { bit } else { 0 };
    let first = REPLY
        | bit(decision.authoritative, AUTHORITATIVE)
        | bit(decision.keeps_rd && query.header.rd(), RECURSION);
    let flags = [first, decision.rcode.to_int()];
    let question = (query.question, &query.labels);
    let mut message = Message::begin(reply, (query.header.id(), flags), question, query.room);
    match &decision.body {
        Body::Empty => {}
        Body::Version(text) => {
            let head = Head {
                class: Class::CH,
                ..head(Rtype::TXT, 0)
            };
            message.push(Section::Answer, head, |data| {
                put_text(data, text.as_bytes())
            });
        }
        Body::Zone(zone) => {
            write_zone(query, zone, &mut message, &mut written);
            write_authority(query, zone, &mut message, written);
        }
    }
    if query.wants_opt(over, message.len()) {
        message.put_opt(EDNS_ROOM);
    }
    message.finish(written.truncated);
    written
}

/// The head of a record of the question's name.
fn head(rtype: Rtype, ttl: u32) -> Head {
    Head {
        owner: 0,
        rtype,
        class: Class::IN,
        ttl,
    }
}

fn write_zone(
    query: &Query<'_>,
    zone: &ZoneBody<'_>,
    message: &mut Message<'_>,
    written: &mut Written,
) {
    let any = query.rtype == Rtype::ANY;
    let facts = zone.facts;
    let mut count = |pushed: bool| match pushed {
        true => written.answers += 1,
        false => written.truncated = true,
    };
    if zone.is_apex
        && (any || query.rtype == Rtype::SOA)
        && let Some(soa) = &facts.soa
    {
        let head = head(Rtype::SOA, soa.ttl);
        count(message.push(Section::Answer, head, |data| {
            put_start(data, soa, zone.serial)
        }));
    }
    if zone.is_apex && (any || query.rtype == Rtype::NS) {
        for server in &facts.servers {
            let head = head(Rtype::NS, facts.ns_ttl);
            count(message.push(Section::Answer, head, |data| {
                data.put_name(server.as_slice())
            }));
        }
    }
    if let Some(listing) = &zone.listing {
        let wants = Wants {
            a: any || query.rtype == Rtype::A,
            txt: any || query.rtype == Rtype::TXT,
        };
        write_listing((listing, zone), wants, message, &mut count);
    }
    if any || query.rtype == Rtype::MX {
        for record in zone.mail {
            let head = head(Rtype::MX, record.ttl);
            count(message.push(Section::Answer, head, |data| {
                data.put(&record.preference.to_be_bytes());
                data.put_name(record.exchange.as_slice());
            }));
        }
    }
}

/// The types of records that are asked for.
#[derive(Debug, Clone, Copy)]
struct Wants {
    a: bool,
    txt: bool,
}

/// Writes the records of a listing: equal ones once.
fn write_listing(
    (listing, zone): (&Answer<'_>, &ZoneBody<'_>),
    wants: Wants,
    message: &mut Message<'_>,
    mut count: impl FnMut(bool),
) {
    // With one record, nothing need be remembered.
    let several = listing.records().nth(1).is_some();
    let counts = |record: &Record<'_>| zone.codes.is_none_or(|codes| has_code(record, codes));
    let mut seen = Seen::default();
    let mut buffer = TextBuf::new();
    for record in listing.records().filter(counts) {
        if let Some(a) = record.a().filter(|_| wants.a)
            && (!several || seen.is_new_a(a))
        {
            let head = head(Rtype::A, zone.ttls.a);
            count(message.push(Section::Answer, head, |data| data.put(&a.octets())));
        }
        if wants.txt
            && let Some(text) = record.txt(&mut buffer)
            && (!several || seen.is_new_text(text))
        {
            let head = head(Rtype::TXT, zone.ttls.txt);
            count(message.push(Section::Answer, head, |data| put_text(data, text)));
        }
    }
}

/// What an answer holds already.
#[derive(Debug, Default)]
struct Seen {
    a: Vec<Ipv4Addr>,
    texts: Vec<Vec<u8>>,
}

impl Seen {
    fn is_new_a(&mut self, a: Ipv4Addr) -> bool {
        let new = !self.a.contains(&a);
        if new {
            self.a.push(a);
        }
        new
    }

    fn is_new_text(&mut self, text: &[u8]) -> bool {
        let new = !self.texts.iter().any(|seen| seen == text);
        if new {
            self.texts.push(text.to_vec());
        }
        new
    }
}

/// Appends a text of at most 255 bytes as a character string (RFC 1035 section 3.3).
fn put_text(data: &mut Message<'_>, text: &[u8]) {
    let text = text.get(..usize::from(u8::MAX)).unwrap_or(text);
    data.put(&[u8::try_from(text.len()).unwrap_or(u8::MAX)]);
    data.put(text);
}

/// What goes with the answer: the name servers of the zone, or, where there is no answer, its SOA.
/// What does not fit is left out, since nobody needs it (RFC 2181 section 9).
fn write_authority(
    query: &Query<'_>,
    zone: &ZoneBody<'_>,
    message: &mut Message<'_>,
    written: Written,
) {
    let of_apex = |head: Head| Head {
        owner: query.labels.label_count() - zone.apex_labels,
        ..head
    };
    if written.answers > 0 {
        let servers = Some(&zone.facts.servers).filter(|_| zone.names_servers);
        for server in servers.into_iter().flatten() {
            let head = of_apex(head(Rtype::NS, zone.facts.ns_ttl));
            message.push(Section::Authority, head, |data| {
                data.put_name(server.as_slice())
            });
        }
        return;
    }
    if let Some(soa) = &zone.facts.soa {
        // How long a denial holds (RFC 2308 section 5).
        let [.., minimum] = soa.timers;
        let head = of_apex(head(Rtype::SOA, minimum));
        message.push(Section::Authority, head, |data| {
            put_start(data, soa, zone.serial)
        });
    }
}

/// Appends the data of an SOA record (RFC 1035 section 3.3.13).
fn put_start(data: &mut Message<'_>, soa: &Start, serial: u32) {
    data.put_name(soa.origin.as_slice());
    data.put_name(soa.person.as_slice());
    let serial = if soa.serial == 0 { serial } else { soa.serial };
    data.put(&serial.to_be_bytes());
    data.put(soa.timers.map(u32::to_be_bytes).as_flattened());
}
