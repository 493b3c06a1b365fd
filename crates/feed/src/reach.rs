//! What lookups reach: every address that a zone lists, whatever makes it listed.
//!
//! An address is listed by its run, by a name that spells it backwards, and, as a mapped
//! (`::ffff:0:0/96`) or a 6to4 address (`2002::/16`, RFC 3056), by what an IPv6 run says. A wildcard
//! of few numeric labels is a wide network: `*.10` is 10.0.0.0/8.

use rblmap::{Image, NameKey, NameRule, Zone};

/// What is listed in a zone, as ranges in order that neither meet nor overlap.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    /// IPv4 addresses, first and last.
    pub(crate) v4: Vec<(u32, u32)>,
    /// IPv6 addresses, first and last.
    pub(crate) v6: Vec<(u128, u128)>,
    /// How many names are listed, themselves or below.
    pub(crate) names: u64,
    /// Of the names below which everything is listed, and which spell no network, one of the fewest
    /// labels. The empty name counts as one.
    pub(crate) widest_name: Option<(usize, String)>,
}

const MAPPED: u128 = 0xffff_0000_0000;
const SIX_TO_FOUR: u128 = 0x2002 << 112;

impl Reached {
    /// Walks a zone once.
    pub(crate) fn by(image: &Image, zone: &Zone<'_>) -> Reached {
        let listed = |id| image.value(id).is_listed();
        let mut reached = Reached::default();
        let own = zone.v4_runs().filter(|run| listed(run.value));
        reached.v4 = own.map(|run| (run.start, run.end)).collect();
        let own = zone.v6_runs().filter(|run| listed(run.value));
        reached.v6 = own.map(|run| (run.start, run.end)).collect();
        let mut spelled4 = Vec::new();
        let mut spelled6 = Vec::new();
        for point in zone.names() {
            let says = |slot| matches!(slot, NameRule::Value(id) if listed(id));
            let (exact, below) = (says(point.exact), says(point.below));
            if !exact && !below {
                continue;
            }
            reached.names += 1;
            let labels = point.key.label_count();
            let (network4, network6) = spelled(&point.key);
            // The name itself is an address only with all its labels.
            let counts = |labels_in_all| below || exact && labels == labels_in_all;
            spelled4.extend(network4.filter(|_| counts(4)));
            spelled6.extend(network6.filter(|_| counts(32)));
            let names_only = labels == 0 || network4.is_none() && network6.is_none();
            if (below && names_only) || labels == 0 {
                let fewer = |(least, _): &(usize, String)| labels < *least;
                if reached.widest_name.as_ref().is_none_or(fewer) {
                    reached.widest_name = Some((labels, shown(&point.key)));
                }
            }
        }
        for &(start, end) in reached.v6.iter().chain(&spelled6) {
            spelled4.extend(inside(start, end));
        }
        merge(&mut reached.v4, spelled4);
        merge(&mut reached.v6, spelled6);
        reached
    }

    /// How many IPv4 addresses.
    pub(crate) fn v4_addresses(&self) -> u64 {
        let sizes = self
            .v4
            .iter()
            .map(|(start, end)| u64::from(end - start) + 1);
        sizes.sum()
    }
}

/// How many networks of 64 bits ranges meet; at most `u64::MAX`.
pub(crate) fn networks64(ranges: &[(u128, u128)]) -> u64 {
    let mut count = 0u128;
    let mut counted = None;
    for (start, end) in ranges {
        let (first, last) = (start >> 64, end >> 64);
        let first = match counted {
            Some(counted) if counted >= first => counted + 1,
            _ => first,
        };
        if last >= first {
            count += last - first + 1;
        }
        counted = Some(last);
    }
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The first and the last address of a network.
type Ends<A> = (A, A);

/// The networks that a name spells backwards: octets to IPv4, nibbles to IPv6. `5` is both.
fn spelled(name: &NameKey) -> (Option<Ends<u32>>, Option<Ends<u128>>) {
    // Labels come from the root: the first is that of the most significant digits.
    let labels = name.labels();
    (octets(&labels), nibbles(&labels))
}

fn octets(labels: &[Vec<u8>]) -> Option<(u32, u32)> {
    if labels.len() > 4 || labels.is_empty() {
        return None;
    }
    let mut start = 0u32;
    for label in labels {
        let text = std::str::from_utf8(label).ok()?;
        let octet: u8 = text.parse().ok()?;
        // A lookup asks without leading zeros.
        if octet.to_string() != text {
            return None;
        }
        start = start << 8 | u32::from(octet);
    }
    let host = 8 * (4 - u32::try_from(labels.len()).ok()?);
    let start = start.checked_shl(host)?;
    Some((
        start,
        start | 1u32.checked_shl(host).map_or(u32::MAX, |bit| bit - 1),
    ))
}

fn nibbles(labels: &[Vec<u8>]) -> Option<(u128, u128)> {
    if labels.len() > 32 || labels.is_empty() {
        return None;
    }
    let mut start = 0u128;
    for label in labels {
        let [digit] = label.as_slice() else {
            return None;
        };
        let digit = char::from(*digit).to_digit(16)?;
        start = start << 4 | u128::from(digit);
    }
    let host = 4 * (32 - u32::try_from(labels.len()).ok()?);
    let start = start.checked_shl(host)?;
    Some((
        start,
        start | 1u128.checked_shl(host).map_or(u128::MAX, |bit| bit - 1),
    ))
}

/// The IPv4 addresses that lie in a range of IPv6 ones: mapped, and by 6to4.
fn inside(start: u128, end: u128) -> impl Iterator<Item = (u32, u32)> {
    let cut = |base: u128, shift: u32| {
        let last = base + ((u128::from(u32::MAX)) << shift) + ((1u128 << shift) - 1);
        let (from, to) = (start.max(base), end.min(last));
        (from <= to).then(|| {
            let low = |address: u128| {
                let inner = (address - base) >> shift;
                u32::try_from(inner).unwrap_or(u32::MAX)
            };
            (low(from), low(to))
        })
    };
    cut(MAPPED, 0).into_iter().chain(cut(SIX_TO_FOUR, 80))
}

/// Adds ranges, and joins those that overlap or touch.
fn merge<N: Copy + Ord + Next>(ranges: &mut Vec<(N, N)>, more: Vec<(N, N)>) {
    if !more.is_empty() {
        ranges.extend(more);
        ranges.sort_unstable();
    }
    ranges.dedup_by(|next, kept| {
        let touches = kept.1.next().is_none_or(|after| next.0 <= after);
        if touches {
            kept.1 = kept.1.max(next.1);
        }
        touches
    });
}

/// The address after one.
trait Next: Sized {
    fn next(self) -> Option<Self>;
}

impl Next for u32 {
    fn next(self) -> Option<u32> {
        self.checked_add(1)
    }
}

impl Next for u128 {
    fn next(self) -> Option<u128> {
        self.checked_add(1)
    }
}

fn shown(name: &NameKey) -> String {
    match name.label_count() {
        0 => "the root".to_owned(),
        _ => name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> NameKey {
        NameKey::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn names_spell_networks_backwards() {
        let v4 = |text| spelled(&key(text)).0;
        assert_eq!(v4("4.3.2.1"), Some((0x0102_0304, 0x0102_0304)));
        assert_eq!(v4("10"), Some((0x0a00_0000, 0x0aff_ffff)));
        assert_eq!(v4("2.0.192"), Some((0xc000_0200, 0xc000_02ff)));
        for none in ["010", "256", "example", "1.2.3.4.5", "x.1"] {
            assert_eq!(v4(none), None, "{none}");
        }
        let v6 = |text| spelled(&key(text)).1;
        assert_eq!(v6("8.b.d.0.1.0.0.2").unwrap().0, 0x2001_0db8 << 96);
        assert_eq!(v6("2").unwrap(), (2 << 124, (3 << 124) - 1));
        assert_eq!(v6("10"), None);
        assert_eq!(spelled(&NameKey::ROOT), (None, None));
    }

    #[test]
    fn mapped_and_6to4_addresses_are_their_ipv4() {
        let of = |start, end| inside(start, end).collect::<Vec<_>>();
        assert_eq!(of(MAPPED | 5, MAPPED | 9), [(5, 9)]);
        assert_eq!(of(0, u128::MAX), [(0, u32::MAX), (0, u32::MAX)]);
        let net = SIX_TO_FOUR | (0xc000_0201 << 80);
        assert_eq!(of(net, net + 1), [(0xc000_0201, 0xc000_0201)]);
        assert_eq!(of(1 << 100, 1 << 101), []);
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let mut ranges = vec![(1u32, 3), (5, 9)];
        merge(&mut ranges, vec![(4, 4), (u32::MAX, u32::MAX), (2, 2)]);
        assert_eq!(ranges, [(1, 9), (u32::MAX, u32::MAX)]);
        assert_eq!(networks64(&[(0, 1), (2, 5), (1 << 64, 3 << 64)]), 4);
    }
}
