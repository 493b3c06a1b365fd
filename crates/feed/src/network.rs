//! Networks and ranges of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// A network in CIDR notation, or one address.
///
/// See the example of [`Network::parse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Network {
    /// IPv4: first and last address.
    V4(u32, u32),
    /// IPv6: first and last address.
    V6(u128, u128),
}

/// Addresses from the first to the last.
///
/// See the example of [`accept`](crate::accept).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range(pub IpAddr, pub IpAddr);

impl Network {
    /// Reads `192.0.2.0/24`, `2001:db8::/32` or one address; bits below the prefix are refused.
    ///
    /// ```
    /// use rblmap_feed::Network;
    /// assert_eq!(Network::parse("192.0.2.0/24"), Some(Network::V4(0xc000_0200, 0xc000_02ff)));
    /// assert_eq!(Network::parse("192.0.2.1/24"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Network> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u32>().ok()?)),
            None => (text, None),
        };
        match address.parse().ok()? {
            IpAddr::V4(address) => {
                let host = 32u32.checked_sub(prefix.unwrap_or(32))?;
                let mask = u32::MAX.checked_shr(32 - host).unwrap_or(0);
                let first = address.to_bits();
                (first & mask == 0).then_some(Network::V4(first, first | mask))
            }
            IpAddr::V6(address) => {
                let host = 128u32.checked_sub(prefix.unwrap_or(128))?;
                let mask = u128::MAX.checked_shr(128 - host).unwrap_or(0);
                let first = address.to_bits();
                (first & mask == 0).then_some(Network::V6(first, first | mask))
            }
        }
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Network, String> {
        Network::parse(&text).ok_or_else(|| format!("{text:?} is no network"))
    }
}

impl From<Network> for String {
    fn from(network: Network) -> String {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Network::V4(first, last) => {
                write!(f, "{}/{}", ip4(first), (first ^ last).leading_zeros())
            }
            Network::V6(first, last) => {
                write!(f, "{}/{}", ip6(first), (first ^ last).leading_zeros())
            }
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 == self.1 {
            true => write!(f, "{}", self.0),
            false => write!(f, "{}-{}", self.0, self.1),
        }
    }
}

pub(crate) fn ip4(address: u32) -> IpAddr {
    Ipv4Addr::from_bits(address).into()
}

pub(crate) fn ip6(address: u128) -> IpAddr {
    Ipv6Addr::from_bits(address).into()
}

/// The prefix length of the widest network inside a range of addresses of `bits` bits.
pub(crate) fn widest(start: u128, end: u128, bits: u32) -> u32 {
    (0..=bits)
        .find(|prefix| {
            let host = bits - prefix;
            let Some(size_less_one) = ones(host) else {
                return start == 0 && end == u128::MAX;
            };
            // The first network of this size at or after the start.
            let first = start
                .checked_add(size_less_one)
                .map(|at| at & !size_less_one);
            first
                .and_then(|at| at.checked_add(size_less_one))
                .is_some_and(|last| last <= end)
        })
        .unwrap_or(bits)
}

/// 2^bits - 1, where 128 bits hold it with room to add.
fn ones(bits: u32) -> Option<u128> {
    (bits < 128).then(|| (1u128 << bits) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_network_inside_a_range() {
        assert_eq!(widest(0, u32::MAX.into(), 32), 0);
        assert_eq!(widest(0x0a00_0000, 0x0aff_ffff, 32), 8);
        assert_eq!(widest(0x0a00_0001, 0x0aff_ffff, 32), 9);
        // Two /8 that touch but are no /7.
        assert_eq!(widest(0x0b00_0000, 0x0cff_ffff, 32), 8);
        assert_eq!(widest(5, 5, 32), 32);
        assert_eq!(widest(0, u128::MAX, 128), 0);
        assert_eq!(widest(1, u128::MAX, 128), 1);
        assert_eq!(widest(u128::MAX, u128::MAX, 128), 128);
    }

    #[test]
    fn networks_come_back_from_their_text() {
        for text in [
            "192.0.2.0/24",
            "0.0.0.0/0",
            "2001:db8::/32",
            "::/0",
            "1.2.3.4/32",
        ] {
            assert_eq!(Network::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Network::parse("1.2.3.4").unwrap().to_string(), "1.2.3.4/32");
        for text in ["1.2.3.4/33", "1.2.3.4/-1", "x", "::/129", "1.2.3.4/31x"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
