//! A query, read from a packet as rbldnsd reads it.
#![expect(clippy::big_endian_bytes, reason = "the network's order")]

use domain::base::header::HeaderSection;
use domain::base::iana::{Class, Rtype};
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
    /// Name, type and class as they were asked for.
    pub(crate) question: &'p [u8],
    /// The name in lower case, label by label.
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
        if header.qr() || message.header_counts().qdcount() != 1 {
            return None;
        }
        let rest = packet.get(size_of::<HeaderSection>()..)?;
        let (labels, after) = QueryName::read(rest)?;
        let (&[t1, t2, c1, c2], after) = after.split_first_chunk::<4>()?;
        let room = match over {
            Over::Tcp => TCP_ROOM - OPT_LEN,
            Over::Udp => udp_room(&message),
        };
        Some(Query {
            header,
            question: rest.get(..rest.len() - after.len())?,
            labels,
            rtype: Rtype::from_int(u16::from_be_bytes([t1, t2])),
            class: Class::from_int(u16::from_be_bytes([c1, c2])),
            room,
        })
    }

    /// Whether a reply of this length says how much the server takes, as in rbldnsd: only where the
    /// client asked for more than 512 bytes and gets them.
    pub(crate) fn wants_opt(&self, over: Over, len: usize) -> bool {
        over == Over::Udp && len > UDP_ROOM
    }
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
