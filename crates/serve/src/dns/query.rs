//! A query, read from a packet as rbldnsd reads it.

use domain::base::iana::{Class, Rtype};
use domain::base::name::ParsedName;
use domain::base::{Header, Message};

use super::name::QueryName;

/// How a query came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// A datagram.
    Udp,
    /// A stream.
    Tcp,
}

/// What a reply may have over UDP, without and with EDNS (RFC 1035 section 4.2.1; rbldnsd).
const UDP_ROOM: usize = 512;
pub(crate) const EDNS_ROOM: u16 = 2048;
/// What a reply may have over TCP.
const TCP_ROOM: usize = 65_535;
/// The bytes of an OPT record without options (RFC 6891 section 6.1.2).
const OPT_LEN: usize = 11;

/// A query: a question, and how much may be answered.
#[derive(Debug, Clone)]
pub(crate) struct Query<'p> {
    pub(crate) header: Header,
    /// The name as it was asked for.
    pub(crate) name: ParsedName<&'p [u8]>,
    /// The same in lower case, label by label.
    pub(crate) labels: QueryName,
    pub(crate) rtype: Rtype,
    pub(crate) class: Class,
    /// How many bytes the reply may have, without an OPT record.
    pub(crate) room: usize,
}

impl<'p> Query<'p> {
    /// Reads a packet; `None` for one that gets no reply: a reply, not one question, a name that is
    /// cut, too long or compressed. As in rbldnsd, what follows the question counts only if it is an
    /// OPT record, of which only the size is read.
    pub(crate) fn read(packet: &'p [u8], over: Over) -> Option<Query<'p>> {
        let message = Message::from_octets(packet).ok()?;
        let header = message.header();
        if header.qr() {
            return None;
        }
        let question = message.for_slice_ref().sole_question().ok()?;
        let name = parsed(packet)?;
        let room = match over {
            Over::Tcp => TCP_ROOM - OPT_LEN,
            Over::Udp => udp_room(&message),
        };
        Some(Query {
            header,
            labels: QueryName::of(&name),
            name,
            rtype: question.qtype(),
            class: question.qclass(),
            room,
        })
    }

    /// Whether a reply of this length says how much the server takes, as in rbldnsd: only where the
    /// client asked for more than 512 bytes and gets them.
    pub(crate) fn wants_opt(&self, over: Over, len: usize) -> bool {
        over == Over::Udp && len > UDP_ROOM
    }
}

/// The name of the first question, if it is whole and stands in one piece.
fn parsed(packet: &[u8]) -> Option<ParsedName<&[u8]>> {
    let mut parser = domain::dep::octseq::parse::Parser::from_ref(packet);
    parser
        .advance(size_of::<domain::base::header::HeaderSection>())
        .ok()?;
    let name = ParsedName::parse_ref(&mut parser).ok()?;
    Some(name).filter(|name| !name.is_compressed())
}

fn udp_room(message: &Message<&[u8]>) -> usize {
    if message.header_counts().arcount() == 0 {
        return UDP_ROOM;
    }
    let Some(opt) = message.opt() else {
        return UDP_ROOM;
    };
    let size = opt.udp_payload_size().min(EDNS_ROOM);
    usize::from(size).saturating_sub(OPT_LEN).max(UDP_ROOM)
}
