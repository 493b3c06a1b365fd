//! Limits how many replies a client network gets over UDP, where the port is open to the world: who
//! sends queries with forged addresses shall not turn the server against the owner of an address.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

/// How many networks are told apart. Those that fall together share their allowance.
const PLACES: usize = 8192;
/// A client that gets too much gets a cut reply for every so many that are held back: a real resolver
/// then asks over TCP, which nobody can forge.
const SLIP: u32 = 2;

/// The allowances of client networks: of each IPv4 /24 and each IPv6 /56.
#[derive(Debug)]
pub(crate) struct Limit {
    /// Replies a second.
    rate: u32,
    hasher: RandomState,
    places: Vec<Place>,
}

/// What the networks of one place got within the current second.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    second: u64,
    count: u32,
}

/// What to do with a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Send it.
    Send,
    /// Send it without its records, and say that there is more over TCP.
    Cut,
    /// Send nothing.
    Hold,
}

impl Limit {
    /// At most `rate` replies a second to each network.
    pub(crate) fn new(rate: u32) -> Limit {
        Limit {
            rate,
            hasher: RandomState::new(),
            places: vec![Place::default(); PLACES],
        }
    }

    /// Counts a reply to a client, and says whether it may be sent.
    pub(crate) fn verdict(&mut self, client: IpAddr, now: u64) -> Verdict {
        let network = network(client);
        let hash = self.hasher.hash_one(network);
        // Less than PLACES.
        let at = usize::try_from(hash % PLACES as u64).unwrap_or(0);
        let Some(place) = self.places.get_mut(at) else {
            return Verdict::Send;
        };
        if place.second != now {
            *place = Place {
                second: now,
                count: 0,
            };
        }
        place.count = place.count.saturating_add(1);
        match place.count.checked_sub(self.rate) {
            None | Some(0) => Verdict::Send,
            Some(over) if over % SLIP == 0 => Verdict::Cut,
            Some(_) => Verdict::Hold,
        }
    }
}

/// The network of a client, as a number that no other network has.
fn network(client: IpAddr) -> u64 {
    match client {
        IpAddr::V4(address) => u64::from(address.to_bits() >> 8),
        // The upper 56 bits, and a bit that no IPv4 network has.
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(inner) => network(IpAddr::V4(inner)),
            None => (address.to_bits() >> 72) as u64 | 1 << 63,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_gets_its_rate_and_then_every_second_reply_cut() {
        let mut limit = Limit::new(3);
        let client = |last: u8| IpAddr::from([192, 0, 2, last]);
        let got: Vec<Verdict> = (0..7).map(|last| limit.verdict(client(last), 10)).collect();
        use Verdict::{Cut, Hold, Send};
        assert_eq!(got, [Send, Send, Send, Hold, Cut, Hold, Cut]);
        assert_eq!(limit.verdict(client(1), 11), Send, "a new second");
    }

    #[test]
    fn networks_are_told_apart() {
        let number = |text: &str| network(text.parse().unwrap());
        assert_eq!(number("192.0.2.1"), number("192.0.2.255"));
        assert_eq!(number("192.0.2.1"), number("::ffff:192.0.2.1"));
        assert_ne!(number("192.0.2.1"), number("192.0.3.1"));
        assert_eq!(number("2001:db8::1"), number("2001:db8:0:ff::1"));
        assert_ne!(number("2001:db8::1"), number("2001:db8:0:100::1"));
    }
}
