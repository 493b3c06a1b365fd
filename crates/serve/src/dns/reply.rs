//! Writes a reply: header, question, and the records that fit.

use std::net::Ipv4Addr;

use domain::base::iana::{Class, Rtype};
use domain::base::message_builder::{AnswerBuilder, AuthorityBuilder, PushError};
use domain::base::name::ParsedName;
use domain::base::record::Ttl;
use domain::base::{MessageBuilder, Serial};
use domain::rdata::{A, Ns, Soa, Txt};
use rblmap::{Answer, Record, TextBuf};

use super::decision::{Body, Decision, ZoneBody, has_code};
use super::facts::Start;
use super::message::Message;
use super::query::{EDNS_ROOM, Over, Query};

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
    // Writing to a vector does not fail; what is over the limit of room is told apart below.
    let Ok(mut builder) = MessageBuilder::from_target(Message::new(reply, &query.labels));
    let header = builder.header_mut();
    header.set_id(query.header.id());
    header.set_qr(true);
    header.set_aa(decision.authoritative);
    header.set_rd(decision.keeps_rd && query.header.rd());
    header.set_rcode(decision.rcode);
    // Names of 255 bytes fit into any room.
    let mut question = builder.question();
    let _ = question.push((&query.name, query.rtype, query.class));
    let mut answers = question.answer();
    answers.set_push_limit(query.room + 1);
    let authority = match &decision.body {
        Body::Empty => answers.authority(),
        Body::Version(text) => {
            let text = text.as_bytes();
            let mut data = Vec::with_capacity(text.len() + 1);
            push_text(&mut data, text);
            let _ = push_txt(&mut answers, &query.name, Class::CH, 0, &data);
            answers.authority()
        }
        Body::Zone(zone) => {
            write_zone(query, zone, &mut answers, &mut written);
            let mut authority = answers.authority();
            write_authority(query, zone, &mut authority, written);
            authority
        }
    };
    let mut last = authority.additional();
    last.header_mut().set_tc(written.truncated);
    if query.wants_opt(over, last.as_slice().len()) {
        last.clear_push_limit();
        let _ = last.opt(|opt| {
            opt.set_udp_payload_size(EDNS_ROOM);
            Ok(())
        });
    }
    written
}

fn write_zone(
    query: &Query<'_>,
    zone: &ZoneBody<'_>,
    answers: &mut AnswerBuilder<Message<'_>>,
    written: &mut Written,
) {
    let any = query.rtype == Rtype::ANY;
    let mut count = |pushed: Result<(), PushError>| match pushed {
        Ok(()) => written.answers += 1,
        Err(_) => written.truncated = true,
    };
    if zone.is_apex
        && (any || query.rtype == Rtype::SOA)
        && let Some(soa) = &zone.facts.soa
    {
        let soa = (&query.name, Class::IN, soa.ttl, start(soa, zone.serial));
        count(answers.push(soa));
    }
    if zone.is_apex && (any || query.rtype == Rtype::NS) {
        for server in &zone.facts.servers {
            let ttl = zone.facts.ns_ttl;
            count(answers.push((&query.name, Class::IN, ttl, Ns::new(server))));
        }
    }
    if let Some(listing) = &zone.listing {
        let wants = Wants {
            a: any || query.rtype == Rtype::A,
            txt: any || query.rtype == Rtype::TXT,
        };
        write_listing(query, (listing, zone), wants, answers, &mut count);
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
    query: &Query<'_>,
    (listing, zone): (&Answer<'_>, &ZoneBody<'_>),
    wants: Wants,
    answers: &mut AnswerBuilder<Message<'_>>,
    mut count: impl FnMut(Result<(), PushError>),
) {
    // With one record, nothing need be remembered.
    let several = listing.records().nth(1).is_some();
    let (owner, ttl) = (&query.name, zone.ttl);
    let counts = |record: &Record<'_>| zone.codes.is_none_or(|codes| has_code(record, codes));
    let mut seen = Seen::default();
    let mut buffer = TextBuf::new();
    let mut data = Vec::new();
    for record in listing.records().filter(counts) {
        if let Some(a) = record.a().filter(|_| wants.a)
            && (!several || seen.is_new_a(a))
        {
            count(answers.push((owner, Class::IN, ttl, A::new(a))));
        }
        if wants.txt
            && let Some(text) = record.txt(&mut buffer)
            && (!several || seen.is_new_text(text))
        {
            data.clear();
            push_text(&mut data, text);
            count(push_txt(answers, owner, Class::IN, ttl, &data));
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
fn push_text(data: &mut Vec<u8>, text: &[u8]) {
    let text = text.get(..usize::from(u8::MAX)).unwrap_or(text);
    data.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    data.extend_from_slice(text);
}

fn push_txt(
    answers: &mut AnswerBuilder<Message<'_>>,
    owner: &ParsedName<&[u8]>,
    class: Class,
    ttl: u32,
    data: &[u8],
) -> Result<(), PushError> {
    match Txt::from_octets(data) {
        Ok(txt) => answers.push((owner, class, ttl, txt)),
        // One string with its length before it, as written above, always is TXT data.
        Err(_) => Ok(()),
    }
}

/// What goes with the answer: the name servers of the zone, or, where there is no answer, its SOA.
/// What does not fit is left out, since nobody needs it (RFC 2181 section 9).
fn write_authority(
    query: &Query<'_>,
    zone: &ZoneBody<'_>,
    authority: &mut AuthorityBuilder<Message<'_>>,
    written: Written,
) {
    let mut apex = query.name;
    for _ in zone.apex_labels..query.labels.label_count() {
        apex.parent();
    }
    if written.answers > 0 {
        let servers = Some(&zone.facts.servers).filter(|_| zone.names_servers);
        for server in servers.into_iter().flatten() {
            let _ = authority.push((&apex, Class::IN, zone.facts.ns_ttl, Ns::new(server)));
        }
        return;
    }
    if let Some(soa) = &zone.facts.soa {
        // How long a denial holds (RFC 2308 section 5).
        let [.., minimum] = soa.timers;
        let _ = authority.push((&apex, Class::IN, minimum, start(soa, zone.serial)));
    }
}

fn start(soa: &Start, serial: u32) -> Soa<&domain::base::Name<Vec<u8>>> {
    let serial = if soa.serial == 0 { serial } else { soa.serial };
    let [refresh, retry, expire, minimum] = soa.timers.map(Ttl::from_secs);
    Soa::new(
        &soa.origin,
        &soa.person,
        Serial(serial),
        refresh,
        retry,
        expire,
        minimum,
    )
}
