//! The milter protocol, versions 2 to 6: packets of a length in network order, a command and its
//! data.

use super::Frame;

/// The longest packet. A body chunk has 64 KiB, and we ask for no bodies.
pub(crate) const MAX_PACKET: usize = 128 * 1024;

/// A packet's command and data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    /// The letter of the command.
    pub(crate) command: u8,
    /// What belongs to it.
    pub(crate) data: &'a [u8],
}

/// Reads a packet.
pub(crate) fn read(input: &[u8]) -> Frame<Packet<'_>> {
    let Some((length, rest)) = input.split_first_chunk::<4>() else {
        return Frame::Partial;
    };
    let length = usize::try_from(network_order(*length)).unwrap_or(usize::MAX);
    if length == 0 || length > MAX_PACKET {
        return Frame::Broken;
    }
    match rest.get(..length).and_then(|packet| packet.split_first()) {
        Some((command, data)) => Frame::Whole(
            Packet {
                command: *command,
                data,
            },
            4 + length,
        ),
        None => Frame::Partial,
    }
}

/// The three numbers of a negotiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Negotiation {
    /// The version of the protocol.
    pub(crate) version: u32,
    /// What the filter may do.
    pub(crate) actions: u32,
    /// Which steps are left out.
    pub(crate) steps: u32,
}

impl Negotiation {
    /// Reads the data of a packet `O`.
    pub(crate) fn read(data: &[u8]) -> Option<Negotiation> {
        let (version, rest) = data.split_first_chunk::<4>()?;
        let (actions, rest) = rest.split_first_chunk::<4>()?;
        let (steps, _) = rest.split_first_chunk::<4>()?;
        let [version, actions, steps] = [*version, *actions, *steps].map(network_order);
        Some(Negotiation {
            version,
            actions,
            steps,
        })
    }
}

/// What is known of a connection: the data of a packet `C`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connect<'a> {
    /// The client's name, or its address in brackets.
    pub(crate) host: &'a [u8],
    /// `4`, `6`, `L` for a unix socket, `U` for unknown.
    pub(crate) family: u8,
    /// The address as text.
    pub(crate) address: &'a [u8],
}

/// Reads the data of a packet `C`.
pub(crate) fn connect(data: &[u8]) -> Option<Connect<'_>> {
    let end = data.iter().position(|byte| *byte == 0)?;
    let (host, rest) = data.split_at(end);
    let (family, rest) = rest.get(1..)?.split_first()?;
    // A port of two bytes, then the address and a NUL; neither with family U.
    let address = rest.get(2..).unwrap_or_default();
    let address = address.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(Connect {
        host,
        family: *family,
        address,
    })
}

/// The names and values of macros: the data of a packet `D` after its first byte.
pub(crate) fn macros(data: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut words = data.split(|byte| *byte == 0);
    std::iter::from_fn(move || {
        let name = words.next().filter(|name| !name.is_empty())?;
        Some((name, words.next()?))
    })
}

/// The first word of a command's data, up to its NUL: the name of HELO, the address of MAIL or RCPT.
pub(crate) fn first(data: &[u8]) -> &[u8] {
    data.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Writes a packet.
pub(crate) fn write(command: u8, data: &[&[u8]], out: &mut Vec<u8>) {
    let length: usize = 1 + data.iter().map(|part| part.len()).sum::<usize>();
    out.extend_from_slice(&to_network_order(u32::try_from(length).unwrap_or(u32::MAX)));
    out.push(command);
    data.iter().for_each(|part| out.extend_from_slice(part));
}

#[expect(clippy::big_endian_bytes, reason = "the network's order")]
fn network_order(bytes: [u8; 4]) -> u32 {
    u32::from_be_bytes(bytes)
}

#[expect(clippy::big_endian_bytes, reason = "the network's order")]
pub(crate) fn to_network_order(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_read_from_the_front() {
        let Frame::Whole(packet, 7) = read(b"\0\0\0\x03Hab...") else {
            panic!()
        };
        assert_eq!((packet.command, packet.data), (b'H', &b"ab"[..]));
        assert_eq!(read(b"\xff\xff\xff\xff"), Frame::Broken);
        assert_eq!(read(b"\0\0\0\0"), Frame::Broken);
    }

    #[test]
    fn packets_come_in_any_pieces() {
        let mut whole = Vec::new();
        write(
            b'C',
            &[b"host\0", b"4", &[0, 25], b"192.0.2.1\0"],
            &mut whole,
        );
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), Frame::Partial, "{end}");
        }
        let Frame::Whole(packet, used) = read(&whole) else {
            panic!("whole")
        };
        assert_eq!(used, whole.len());
        let connect = connect(packet.data).unwrap();
        assert_eq!((connect.host, connect.family), (&b"host"[..], b'4'));
        assert_eq!(connect.address, b"192.0.2.1");
    }

    #[test]
    fn odd_data_is_read_or_refused() {
        assert!(connect(b"host").is_none());
        assert!(connect(b"host\0").is_none());
        assert_eq!(connect(b"host\0U").unwrap().address, b"");
        assert_eq!(connect(b"\x004\0").unwrap().address, b"");
        assert!(Negotiation::read(&[0; 11]).is_none());
        assert_eq!(
            macros(b"a\0b\0c\0").collect::<Vec<_>>(),
            [(&b"a"[..], &b"b"[..]), (b"c", b"")]
        );
        assert_eq!(macros(b"").count(), 0);
        assert_eq!(first(b"<a@b>\0SIZE=1\0"), b"<a@b>");
    }
}
