//! Keys of a segment: networks and names as bytes. Networks of one length follow each other, and so do
//! names of one scope, so that neighbours differ in their last bytes alone.

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
    of_prefix(zone, net.prefix_len(), net.network())
}

/// The key that a network of this length and first address would have: the bytes of the address that
/// the length reaches.
pub(crate) fn of_prefix(zone: &[u8], len: u8, address: IpAddr) -> Vec<u8> {
    let of = |tag, address: &[u8]| {
        let address = address.get(..bytes_of_prefix(len)).unwrap_or(address);
        [zone, &[tag, len], address].concat()
    };
    match address {
        IpAddr::V4(address) => of(V4, &address.octets()),
        IpAddr::V6(address) => of(V6, &address.octets()),
    }
}

fn bytes_of_prefix(len: u8) -> usize {
    usize::from(len).div_ceil(8)
}

/// The key of a name.
pub(crate) fn of_name(zone: &[u8], name: &NameKey, scope: Scope) -> Vec<u8> {
    let scope = match scope {
        Scope::Exact => 1,
        Scope::Below => 2,
        Scope::Both => 3,
    };
    [zone, &[NAME, scope], name.as_bytes()].concat()
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
        V4 => Decoded::Network(network::<4>(rest)?),
        V6 => Decoded::Network(network::<16>(rest)?),
        NAME => {
            let (scope, name) = rest.split_first()?;
            let scope = match scope {
                1 => Scope::Exact,
                2 => Scope::Below,
                3 => Scope::Both,
                _ => return None,
            };
            Decoded::Name(NameKey::from_key(name).ok()?, scope)
        }
        _ => return None,
    };
    Some((zone, decoded))
}

/// The network whose length and first bytes these are.
fn network<const BYTES: usize>(key: &[u8]) -> Option<IpNet>
where
    IpAddr: From<[u8; BYTES]>,
{
    let (&len, bytes) = key.split_first()?;
    let mut address = [0; BYTES];
    address.get_mut(..bytes.len())?.copy_from_slice(bytes);
    let is_whole = bytes.len() == bytes_of_prefix(len);
    IpNet::new(address.into(), len).ok().filter(|_| is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_the_bytes_that_their_length_reaches() {
        let sub = NameKey::parse(b"sub").unwrap();
        let zone = prefix_of_zone(&sub);
        for (text, bytes) in [
            ("0.0.0.0/0", 0),
            ("128.0.0.0/1", 1),
            ("10.0.0.0/8", 1),
            ("10.128.0.0/9", 2),
            ("192.0.2.1/32", 4),
            ("::/0", 0),
            ("2001:db8::/32", 4),
            ("2001:db8::8000/113", 15),
            ("2001:db8::1/128", 16),
        ] {
            let net: IpNet = text.parse().unwrap();
            let key = of_network(&zone, &net);
            assert_eq!(key.len(), zone.len() + 2 + bytes, "{text}");
            assert_eq!(decode(&key), Some((sub, Decoded::Network(net))));
            assert_eq!(decode(&[&key, &b"x"[..]].concat()), None);
        }
    }
}
