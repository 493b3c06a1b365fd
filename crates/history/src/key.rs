//! Keys of a segment's map: networks and names as bytes whose order is theirs.

use std::net::IpAddr;

use ipnet::IpNet;
use rblmap::NameKey;

/// Which names a name speaks of.
///
/// See the example of [`History`](crate::History).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The name alone.
    Exact,
    /// Those below it.
    Below,
    /// Both, alike.
    Both,
}

/// Before the key of a zone below the base.
const SUBZONE: u8 = b'z';
pub(crate) const V4: u8 = b'4';
pub(crate) const V6: u8 = b'6';
pub(crate) const NAME: u8 = b'n';
/// Closes a name: a label is never empty, so a longer name goes on with something greater.
const NAME_END: u8 = 0;

/// The bytes before all keys of a zone: none for the base.
pub(crate) fn prefix_of_zone(zone: &NameKey) -> Vec<u8> {
    let name = zone.as_bytes();
    if name.is_empty() {
        return Vec::new();
    }
    // A name has at most 510 bytes.
    let len = u16::try_from(name.len()).unwrap_or(u16::MAX);
    let [high, low] = [len >> 8, len & 0xff].map(|part| u8::try_from(part).unwrap_or(u8::MAX));
    [&[SUBZONE, high, low], name].concat()
}

/// The key of a network.
pub(crate) fn of_network(zone: &[u8], net: &IpNet) -> Vec<u8> {
    of_prefix(zone, net.network(), net.prefix_len())
}

/// The key of the network that begins with this address.
pub(crate) fn of_prefix(zone: &[u8], address: IpAddr, len: u8) -> Vec<u8> {
    let mut key = zone.to_vec();
    match address {
        IpAddr::V4(address) => {
            key.push(V4);
            key.extend(address.octets());
        }
        IpAddr::V6(address) => {
            key.push(V6);
            key.extend(address.octets());
        }
    }
    key.push(len);
    key
}

/// The key of a name.
pub(crate) fn of_name(zone: &[u8], name: &NameKey, scope: Scope) -> Vec<u8> {
    let scope = match scope {
        Scope::Exact => 1,
        Scope::Below => 2,
        Scope::Both => 3,
    };
    [zone, &[NAME], name.as_bytes(), &[NAME_END, scope]].concat()
}

/// What a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
pub(crate) enum Decoded {
    Network(IpNet),
    Name(NameKey, Scope),
}

/// The zone and what the key stands for; nothing for bytes that are no key.
pub(crate) fn decode(key: &[u8]) -> Option<(NameKey, Decoded)> {
    let (zone, key) = match key.split_first()? {
        (&SUBZONE, rest) => {
            let (&[high, low], rest) = rest.split_first_chunk::<2>()?;
            let len = usize::from(high) << 8 | usize::from(low);
            let (zone, rest) = rest.split_at_checked(len)?;
            (NameKey::from_key(zone).ok()?, rest)
        }
        _ => (NameKey::ROOT, key),
    };
    let (tag, rest) = key.split_first()?;
    let decoded = match *tag {
        V4 => {
            let (address, len) = rest.split_first_chunk::<4>()?;
            Decoded::Network(IpNet::new(IpAddr::from(*address), *len.first()?).ok()?)
        }
        V6 => {
            let (address, len) = rest.split_first_chunk::<16>()?;
            Decoded::Network(IpNet::new(IpAddr::from(*address), *len.first()?).ok()?)
        }
        NAME => {
            let (name, tail) = rest.split_last_chunk::<2>()?;
            let scope = match tail {
                [NAME_END, 1] => Scope::Exact,
                [NAME_END, 2] => Scope::Below,
                [NAME_END, 3] => Scope::Both,
                _ => return None,
            };
            Decoded::Name(NameKey::from_key(name).ok()?, scope)
        }
        _ => return None,
    };
    Some((zone, decoded))
}
