//! Networks of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// The networks of the mail host itself: nobody asks a list about them.
///
/// ```
/// use rblmap_report::Own;
/// let own = Own::new(["192.0.2.0/24".parse()?]);
/// assert!(own.has("192.0.2.7".parse()?) && own.has("127.0.0.1".parse()?));
/// assert!(!own.has("198.51.100.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Own {
    networks: Vec<IpNet>,
}

impl Own {
    /// These networks, and the machine itself: 127.0.0.0/8 and ::1.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Own {
        Own {
            networks: IpNet::aggregate(&networks.into_iter().collect()),
        }
    }

    /// Whether an address is in one of the networks. Linear in their number.
    pub fn has(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.networks.iter().any(|net| net.contains(&address))
    }
}

impl Default for Own {
    /// The machine itself.
    fn default() -> Own {
        Own::new([])
    }
}

/// The network by which a report sums an address up: its /24 or /48, about what one customer has.
pub(crate) fn around(address: IpAddr) -> IpNet {
    let (address, len) = match address {
        IpAddr::V4(address) => (
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & !0xff)),
            24,
        ),
        IpAddr::V6(address) => (
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 80 << 80)),
            48,
        ),
    };
    IpNet::new_assert(address, len)
}
