//! What a mirror refuses even if it is well signed: changes that are more likely a mistake, or a
//! stolen key, than news.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rblmap::{Image, Zone};
use serde::{Deserialize, Serialize};

use crate::counts::Counts;

/// Limits on what an update may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guards {
    /// How much may be added a day, in parts of what there is.
    pub grow: f64,
    /// How much may go away a day, in parts of what there is.
    pub shrink: f64,
    /// A change of fewer addresses, networks or names than this is never refused.
    pub least: u64,
    /// The widest IPv4 network, bits of its prefix.
    pub widest4: u32,
    /// The widest IPv6 network, bits of its prefix.
    pub widest6: u32,
    /// Networks of which nothing may be listed: one's own mail servers.
    pub never: Vec<Network>,
}

/// A network in CIDR notation, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Network {
    /// IPv4: first and last address.
    V4(u32, u32),
    /// IPv6: first and last address.
    V6(u128, u128),
}

/// Why an update is refused.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// More than may be added.
    Grows {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        from: u64,
        /// How many there would be.
        to: u64,
        /// How many there may be.
        limit: u64,
    },
    /// More than may go away.
    Shrinks {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        from: u64,
        /// How many there would be.
        to: u64,
        /// How many there must be.
        limit: u64,
    },
    /// A network that is too wide.
    Wide {
        /// The listed range.
        range: Range,
        /// The widest prefix allowed.
        widest: u32,
    },
    /// 127.0.0.1 is listed, which RFC 5782 forbids.
    Loopback,
    /// The test point 127.0.0.2 was listed and would not be any more.
    TestPoint,
    /// A network that must never be listed.
    Never {
        /// The listed range.
        range: Range,
        /// The network it meets.
        network: Network,
    },
}

/// Addresses from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range(pub IpAddr, pub IpAddr);

const LOOPBACK: u32 = 0x7f00_0001;
const TEST_POINT: u32 = 0x7f00_0002;
const DAY: u64 = 24 * 3600;

impl Default for Guards {
    fn default() -> Guards {
        Guards {
            grow: 0.5,
            shrink: 0.5,
            least: 1000,
            widest4: 8,
            widest6: 16,
            never: Vec::new(),
        }
    }
}

impl Guards {
    /// What stands against an update, if anything; `old` is the running image, if there is one,
    /// and `elapsed` the seconds since it was put in place, by the clock here: times in the feed
    /// are whatever its signer likes. One pass over both.
    ///
    /// # Errors
    /// Zones of an image that do not fit together.
    pub fn check(
        &self,
        old: Option<&Image>,
        new: &Image,
        elapsed: u64,
    ) -> Result<Option<Refusal>, rblmap::Error> {
        for zone in new.zones() {
            if let Some(refusal) = self.check_zone(new, &zone?) {
                return Ok(Some(refusal));
            }
        }
        let Some(old) = old else { return Ok(None) };
        let tested = |image: &Image| image.base().lookup_v4(TEST_POINT).is_listed();
        if tested(old) && !tested(new) {
            return Ok(Some(Refusal::TestPoint));
        }
        let days = u32::try_from((elapsed / DAY).clamp(1, 3650)).unwrap_or(1);
        Ok(self.check_counts(&Counts::of(old)?, &Counts::of(new)?, days))
    }

    fn check_counts(&self, old: &Counts, new: &Counts, days: u32) -> Option<Refusal> {
        for ((what, from), (_, to)) in old.kinds().into_iter().zip(new.kinds()) {
            let may_grow = (from as f64) * self.grow.max(0.0) * f64::from(days);
            let stays = (1.0 - self.shrink.clamp(0.0, 1.0)).powi(days.cast_signed());
            let may_shrink = (from as f64) * (1.0 - stays);
            let limit = from.saturating_add(whole(may_grow).max(self.least));
            if to > limit {
                return Some(Refusal::Grows {
                    what,
                    from,
                    to,
                    limit,
                });
            }
            let limit = from.saturating_sub(whole(may_shrink).max(self.least));
            if to < limit {
                return Some(Refusal::Shrinks {
                    what,
                    from,
                    to,
                    limit,
                });
            }
        }
        None
    }

    fn check_zone(&self, image: &Image, zone: &Zone<'_>) -> Option<Refusal> {
        let listed = |id| image.value(id).is_listed();
        if zone.contains_v4(LOOPBACK) {
            return Some(Refusal::Loopback);
        }
        for run in zone.v4_runs() {
            if !listed(run.value) {
                continue;
            }
            let range = Range(v4(run.start), v4(run.end));
            let width = widest(run.start.into(), run.end.into(), 32);
            if width < self.widest4 {
                return Some(wide(range, self.widest4));
            }
            let met = self.never.iter().find(|network| {
                matches!(network, Network::V4(first, last) if run.start <= *last && *first <= run.end)
            });
            if let Some(&network) = met {
                return Some(Refusal::Never { range, network });
            }
        }
        for run in zone.v6_runs() {
            if !listed(run.value) {
                continue;
            }
            let range = Range(v6(run.start), v6(run.end));
            if widest(run.start, run.end, 128) < self.widest6 {
                return Some(wide(range, self.widest6));
            }
            let met = self.never.iter().find(|network| {
                matches!(network, Network::V6(first, last) if run.start <= *last && *first <= run.end)
            });
            if let Some(&network) = met {
                return Some(Refusal::Never { range, network });
            }
        }
        None
    }
}

fn wide(range: Range, widest: u32) -> Refusal {
    Refusal::Wide { range, widest }
}

fn v4(address: u32) -> IpAddr {
    Ipv4Addr::from_bits(address).into()
}

fn v6(address: u128) -> IpAddr {
    Ipv6Addr::from_bits(address).into()
}

/// The prefix length of the widest network inside a range of addresses of `bits` bits.
fn widest(start: u128, end: u128, bits: u32) -> u32 {
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

fn whole(number: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, which is what is meant"
    )]
    let whole = number as u64;
    whole
}

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
                write!(f, "{}/{}", v4(first), (first ^ last).leading_zeros())
            }
            Network::V6(first, last) => {
                write!(f, "{}/{}", v6(first), (first ^ last).leading_zeros())
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

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Grows {
                what,
                from,
                to,
                limit,
            } => write!(
                f,
                "grows from {from} to {to} {what}, at most {limit} are taken"
            ),
            Refusal::Shrinks {
                what,
                from,
                to,
                limit,
            } => write!(
                f,
                "shrinks from {from} to {to} {what}, at least {limit} are taken"
            ),
            Refusal::Wide { range, widest } => {
                write!(f, "{range} is listed, which is wider than /{widest}")
            }
            Refusal::Loopback => f.write_str("127.0.0.1 is listed"),
            Refusal::TestPoint => {
                f.write_str("the test point 127.0.0.2 is listed now and would not be any more")
            }
            Refusal::Never { range, network } => {
                write!(f, "{range} is listed, but nothing of {network} must be")
            }
        }
    }
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

    #[test]
    fn limits_are_by_day_and_never_below_the_least() {
        let guards = Guards::default();
        let of = |v4| Counts {
            v4,
            ..Counts::default()
        };
        let check = |from, to, days| guards.check_counts(&of(from), &of(to), days).is_none();
        assert!(check(10_000, 15_000, 1));
        assert!(!check(10_000, 15_001, 1));
        assert!(check(10_000, 20_000, 2));
        assert!(check(10_000, 5_000, 1));
        assert!(!check(10_000, 4_999, 1));
        assert!(check(10_000, 2_500, 2));
        assert!(check(0, 1_000, 1), "below the least");
        assert!(!check(0, 1_001, 1));
        assert!(check(900, 0, 1));
    }
}
