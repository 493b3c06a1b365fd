//! Networks: which one an answer holds for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::{Bound, RangeBounds};

use rblmap_format::Run;
use rblmap_format::sections::{NAMES_REACH_V4, NAMES_REACH_V6};

use crate::answer::Answer;
use crate::zone::Zone;

/// An address range with a common prefix, in CIDR form.
///
/// ```
/// use rblmap::Network;
///
/// let network = Network::around([192, 0, 2, 77], 24);
/// assert_eq!(network.to_string(), "192.0.2.0/24");
/// assert!(network.contains([192, 0, 2, 255]) && !network.contains([192, 0, 3, 0]));
/// ```
///
/// With the feature `ipnet` it becomes an `ipnet::IpNet` by `From`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

impl Network {
    /// The network that an address is in, of a prefix of so many bits; of as many as the address
    /// has if it has fewer.
    pub fn around(address: impl Into<IpAddr>, prefix: u8) -> Network {
        match address.into() {
            IpAddr::V4(address) => {
                let prefix = prefix.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                Network {
                    first: Ipv4Addr::from_bits(address.to_bits() & mask).into(),
                    prefix,
                }
            }
            IpAddr::V6(address) => {
                let prefix = prefix.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                Network {
                    first: Ipv6Addr::from_bits(address.to_bits() & mask).into(),
                    prefix,
                }
            }
        }
    }

    /// The first address.
    pub fn first(&self) -> IpAddr {
        self.first
    }

    /// The last address.
    pub fn last(&self) -> IpAddr {
        match self.first {
            IpAddr::V4(first) => {
                let host = u32::MAX.checked_shr(self.prefix.into()).unwrap_or(0);
                Ipv4Addr::from_bits(first.to_bits() | host).into()
            }
            IpAddr::V6(first) => {
                let host = u128::MAX.checked_shr(self.prefix.into()).unwrap_or(0);
                Ipv6Addr::from_bits(first.to_bits() | host).into()
            }
        }
    }

    /// How many bits all addresses have in common.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether an address is in the network.
    pub fn contains(&self, address: impl Into<IpAddr>) -> bool {
        let address = address.into();
        address.is_ipv4() == self.first.is_ipv4()
            && Network::around(address, self.prefix).first == self.first
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(feature = "ipnet")]
impl From<Network> for ipnet::IpNet {
    fn from(network: Network) -> ipnet::IpNet {
        // A network has no longer prefix than its address has bits.
        ipnet::IpNet::new(network.first, network.prefix).unwrap_or_else(|_| network.first.into())
    }
}

#[cfg(feature = "ipnet")]
impl From<ipnet::IpNet> for Network {
    fn from(network: ipnet::IpNet) -> Network {
        Network::around(network.network(), network.prefix_len())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Network {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'a> Zone<'a> {
    /// The widest network around an address in which every address gets the same answer, listed or
    /// not, but for the address in its texts. Reads a few lines of memory; allocates.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// let zone = image.base();
    /// assert_eq!(zone.network([192, 0, 2, 1]).to_string(), "192.0.2.1/32");
    /// let free = zone.network([10, 0, 0, 1]);
    /// assert!(free.prefix() < 8 && !zone.lookup(free.last()).is_listed());
    /// # Ok::<(), rblmap::Error>(())
    /// ```
    pub fn network(&self, address: impl Into<IpAddr>) -> Network {
        let address = address.into();
        let prefix = match address {
            IpAddr::V4(v4) => {
                let spelled = self.is_spelled(NAMES_REACH_V4, address);
                let own = self.v4.prefix_around(v4.to_bits());
                if spelled { 32 } else { own }
            }
            IpAddr::V6(v6) => {
                let own = self.v6.prefix_around(v6.to_bits());
                // The IPv4 address inside begins behind so many bits.
                let within =
                    |before: u32, v4: Ipv4Addr| before + self.v4.prefix_around(v4.to_bits());
                let inner = match (v6.to_ipv4_mapped(), v6.octets()) {
                    (Some(v4), _) => within(96, v4),
                    (None, [0x20, 0x02, a, b, c, d, ..]) => within(16, [a, b, c, d].into()),
                    (None, _) => 0,
                };
                let spelled = self.is_spelled(NAMES_REACH_V6, address);
                let outer = self.prefix_without_v4(v6.to_bits());
                if spelled {
                    128
                } else {
                    own.max(inner).max(outer)
                }
            }
        };
        Network::around(address, u8::try_from(prefix).unwrap_or(u8::MAX))
    }

    /// The IPv4 runs within a range of addresses, in their order, cut at its ends.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// use std::net::Ipv4Addr;
    /// let net = Ipv4Addr::new(192, 0, 2, 0)..=Ipv4Addr::new(192, 0, 2, 255);
    /// let runs: Vec<_> = image.base().v4_runs_in(net).collect();
    /// assert_eq!(runs[0].start, 0xc000_0201);
    /// # Ok::<(), rblmap::Error>(())
    /// ```
    pub fn v4_runs_in<R: RangeBounds<Ipv4Addr>>(
        &self,
        range: R,
    ) -> impl Iterator<Item = Run<u32>> + use<'a, R> {
        let ends = ends(
            &range,
            |a: &Ipv4Addr| a.to_bits(),
            u32::checked_add,
            u32::checked_sub,
        );
        let (first, last) = ends.unwrap_or((u32::MAX, 0));
        let runs = self.v4.runs_from(first);
        within(runs, first, last)
    }

    /// The IPv6 runs within a range of addresses, in their order, cut at its ends.
    pub fn v6_runs_in<R: RangeBounds<Ipv6Addr>>(
        &self,
        range: R,
    ) -> impl Iterator<Item = Run<u128>> + use<'a, R> {
        let ends = ends(
            &range,
            |a: &Ipv6Addr| a.to_bits(),
            u128::checked_add,
            u128::checked_sub,
        );
        let (first, last) = ends.unwrap_or((u128::MAX, 0));
        let runs = self.v6.runs_from(first);
        within(runs, first, last)
    }

    /// The longest prefix that does not take in the addresses that hold an IPv4 one, for an address
    /// that does not hold one itself, if there is IPv4 data.
    fn prefix_without_v4(&self, address: u128) -> u32 {
        if matches!(self.v4, rblmap_format::v4::V4::Empty) {
            return 0;
        }
        // The first address of each and how many bits they have in common.
        let holders = [(0x2002_u128 << 112, 16), (0xffff_u128 << 32, 96)];
        let apart = holders.map(|(first, bits): (u128, u32)| {
            let common = (first ^ address).leading_zeros();
            if common < bits { common + 1 } else { 0 }
        });
        apart.into_iter().max().unwrap_or(0)
    }
}

impl Answer<'_> {
    /// The widest network around the address that was looked up in which every address gets this
    /// answer: [`Zone::network`] says how. None where nothing is listed, and for a name.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// let answer = image.base().lookup([192, 0, 2, 1]);
    /// assert_eq!(answer.network().unwrap().to_string(), "192.0.2.1/32");
    /// # Ok::<(), rblmap::Error>(())
    /// ```
    pub fn network(&self) -> Option<Network> {
        let address = self.address()?;
        let (image, zone) = self.origin();
        Some(image.zone_at(zone).ok()?.network(address))
    }
}

/// The first and the last number of a range; none if it is empty.
fn ends<A, N>(
    range: &impl RangeBounds<A>,
    number: impl Fn(&A) -> N,
    add: impl Fn(N, N) -> Option<N>,
    less: impl Fn(N, N) -> Option<N>,
) -> Option<(N, N)>
where
    N: Copy + Ord + Default + From<u8> + std::ops::Not<Output = N>,
{
    let first = match range.start_bound() {
        Bound::Included(first) => number(first),
        Bound::Excluded(before) => add(number(before), 1.into())?,
        Bound::Unbounded => N::default(),
    };
    let last = match range.end_bound() {
        Bound::Included(last) => number(last),
        Bound::Excluded(behind) => less(number(behind), 1.into())?,
        Bound::Unbounded => !N::default(),
    };
    (first <= last).then_some((first, last))
}

fn within<A: Copy + Ord>(
    runs: impl Iterator<Item = Run<A>>,
    first: A,
    last: A,
) -> impl Iterator<Item = Run<A>> {
    runs.take_while(move |run| run.start <= last && first <= last)
        .map(move |run| Run {
            end: run.end.min(last),
            ..run
        })
}
