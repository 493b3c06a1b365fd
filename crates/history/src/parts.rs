//! What is said of the parts of an address space, whatever networks it was said of: networks split
//! and merge from one update to the next.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

/// The first and the last address of one family, as numbers: of IPv4 below 2^32.
///
/// See the example of [`Parts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first address.
    pub first: u128,
    /// The last address, inclusive.
    pub last: u128,
}

/// Disjoint spans of addresses of one family, each with what is said of it.
///
/// ```
/// use rblmap_history::{Parts, Span};
/// let mut parts = Parts::new();
/// parts.update(Span { first: 0, last: 7 }, |_| "listed");
/// parts.update(Span { first: 4, last: 7 }, |known| {
///     assert_eq!(known, Some("listed"));
///     "delisted"
/// });
/// let said: Vec<(u128, &str)> = parts.each().iter().map(|(span, said)| (span.first, *said)).collect();
/// assert_eq!(said, [(0, "listed"), (4, "delisted")]);
/// assert!(parts.has("listed") && !parts.has("changed"));
/// ```
#[derive(Debug)]
pub struct Parts<T> {
    /// By its first address, the last one of each span.
    spans: BTreeMap<u128, (u128, T)>,
}

impl Span {
    /// The addresses of a network.
    pub fn of(net: &IpNet) -> Span {
        match net {
            IpNet::V4(net) => Span {
                first: net.network().to_bits().into(),
                last: net.broadcast().to_bits().into(),
            },
            IpNet::V6(net) => Span {
                first: net.network().to_bits(),
                last: net.broadcast().to_bits(),
            },
        }
    }

    /// What two spans have in common.
    pub fn and(self, other: Span) -> Option<Span> {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        (first <= last).then_some(Span { first, last })
    }

    /// The fewest networks that it is made of, in order.
    pub fn networks(self, is_v4: bool) -> Vec<IpNet> {
        if is_v4 {
            let address = |number| Ipv4Addr::from_bits(u32::try_from(number).unwrap_or(u32::MAX));
            let nets = Ipv4Subnets::new(address(self.first), address(self.last), 0);
            return nets.map(IpNet::V4).collect();
        }
        let (first, last) = (
            Ipv6Addr::from_bits(self.first),
            Ipv6Addr::from_bits(self.last),
        );
        Ipv6Subnets::new(first, last, 0).map(IpNet::V6).collect()
    }
}

impl<T: Copy + PartialEq> Parts<T> {
    /// Nothing is said of any address.
    pub fn new() -> Parts<T> {
        Parts {
            spans: BTreeMap::new(),
        }
    }

    /// Says something anew of a span, knowing what was said of each part of it. Logarithmic in the
    /// spans that there are, linear in those that it changes.
    pub fn update(&mut self, span: Span, say: impl Fn(Option<T>) -> T) {
        self.cut_before(span.first);
        if let Some(after) = span.last.checked_add(1) {
            self.cut_before(after);
        }
        let inside = self.spans.range(span.first..=span.last);
        let inside: Vec<(u128, u128, T)> = inside.map(|(&a, &(b, said))| (a, b, said)).collect();
        let mut next = Some(span.first);
        for (first, last, said) in inside {
            if let Some(gap) = next.filter(|next| *next < first) {
                self.spans.insert(gap, (first - 1, say(None)));
            }
            self.spans.insert(first, (last, say(Some(said))));
            next = last.checked_add(1);
        }
        if let Some(gap) = next.filter(|next| *next <= span.last) {
            self.spans.insert(gap, (span.last, say(None)));
        }
    }

    /// Makes a span begin at this address, if one holds it.
    fn cut_before(&mut self, at: u128) {
        let Some((_, (last, said))) = self.spans.range_mut(..at).next_back() else {
            return;
        };
        if *last >= at {
            let rest = (*last, *said);
            *last = at - 1;
            self.spans.insert(at, rest);
        }
    }

    /// All that is said, in order; neighbours of which the same is said are one span.
    pub fn each(&self) -> Vec<(Span, T)> {
        let mut each: Vec<(Span, T)> = Vec::new();
        for (&first, &(last, said)) in &self.spans {
            match each.last_mut() {
                Some((span, same)) if *same == said && span.last.wrapping_add(1) == first => {
                    span.last = last;
                }
                _ => each.push((Span { first, last }, said)),
            }
        }
        each
    }

    /// Whether this is said of any part.
    pub fn has(&self, wanted: T) -> bool {
        self.spans.values().any(|(_, said)| *said == wanted)
    }
}

impl<T: Copy + PartialEq> Default for Parts<T> {
    fn default() -> Parts<T> {
        Parts::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beside a table of 64 addresses.
    #[test]
    fn spans_say_what_each_address_says() {
        let mut rng = fastrand::Rng::with_seed(26);
        let mut parts = Parts::new();
        let mut table = [None::<u8>; 64];
        for _ in 0..2000 {
            let (a, b) = (rng.usize(..64), rng.usize(..64));
            let (first, last) = (a.min(b), a.max(b));
            let more = rng.u8(..3);
            let say = |old: Option<u8>| old.map_or(more, |old| (old + more) % 4);
            parts.update(
                Span {
                    first: first as u128,
                    last: last as u128,
                },
                say,
            );
            for said in &mut table[first..=last] {
                *said = Some(say(*said));
            }
            let mut found = [None; 64];
            let each = parts.each();
            for (span, said) in &each {
                for address in span.first..=span.last {
                    found[address as usize] = Some(*said);
                }
            }
            assert_eq!(found, table);
            for pair in each.windows(2) {
                let touch = pair[0].0.last + 1 == pair[1].0.first;
                assert!(!touch || pair[0].1 != pair[1].1);
            }
        }
    }

    #[test]
    fn the_ends_of_the_address_space() {
        let all = Span {
            first: 0,
            last: u128::MAX,
        };
        let mut parts = Parts::new();
        parts.update(all, |_| 1);
        parts.update(
            Span {
                first: u128::MAX,
                last: u128::MAX,
            },
            |_| 2,
        );
        assert!(parts.has(1) && parts.has(2) && !parts.has(3));
        let nets: Vec<usize> = parts
            .each()
            .iter()
            .map(|(span, _)| span.networks(false).len())
            .collect();
        assert_eq!(nets, [128, 1]);
    }
}
