//! Runs of addresses as `ip4set` and `ip6trie`.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use rblmap::{Run, ValueId};

use super::record::{self, Tail};
use super::{Scene, put};
use crate::address6::MAPPED;
use crate::error::Error;
use crate::key::networks;

/// Writes the IPv4 runs: disjoint, so what rbldnsd asks of levels decides nothing, and all records
/// of a run answer together.
pub(super) fn v4(scene: &Scene<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    let runs = scene.zone.v4();
    let tails = tails(scene, runs)?;
    let mut datasets = Datasets::new("ip4set", &tails, runs);
    for run in runs {
        let key = v4_key(run.start, run.end);
        for tail in tails.get(&run.value).into_iter().flatten() {
            datasets.add(0, &key, tail);
        }
    }
    datasets.finish(scene, out);
    Ok(())
}

/// Writes the IPv6 runs; what answers for mapped addresses beside IPv4 data goes to `mapped`.
pub(super) fn v6(scene: &Scene<'_>, out: &mut Vec<u8>, mapped: &mut Vec<u8>) -> Result<(), Error> {
    let runs = scene.zone.v6();
    let tails = tails(scene, runs)?;
    let mut main = Datasets::new("ip6trie", &tails, runs);
    let mut apart = Datasets::new("ip6trie", &tails, runs);
    for run in runs {
        let of_run = || tails.get(&run.value).into_iter().flatten();
        let in_mapped = (run.start.max(MAPPED.0), run.end.min(MAPPED.1));
        if !scene.zone.v4().is_empty() && in_mapped.0 <= in_mapped.1 {
            add_networks(&mut apart, in_mapped, of_run());
            if (run.start, run.end) == in_mapped {
                continue;
            }
        }
        add_networks(&mut main, (run.start, run.end), of_run());
    }
    main.finish(scene, out);
    apart.finish(scene, mapped);
    Ok(())
}

/// A trie has one value for a network: the second record of each goes to a second dataset.
fn add_networks<'t>(
    datasets: &mut Datasets<'t>,
    (start, end): (u128, u128),
    tails: impl Iterator<Item = &'t Tail>,
) {
    for (layer, tail) in tails.enumerate() {
        for (first, last) in networks(start, end, 128) {
            datasets.add(layer, &v6_key(first, last), tail);
        }
    }
}

/// An address, a network, or a range that is neither.
pub(crate) fn v4_key(start: u32, end: u32) -> String {
    let [first, last] = [start, end].map(Ipv4Addr::from_bits);
    let host = start ^ end;
    if start == end {
        first.to_string()
    } else if host & host.wrapping_add(1) == 0 && start & host == 0 && host != u32::MAX {
        format!("{first}/{}", host.leading_zeros())
    } else {
        format!("{first}-{last}")
    }
}

/// A network, in hexadecimal words only.
pub(crate) fn v6_key(first: u128, last: u128) -> String {
    let bits = (first ^ last).leading_zeros();
    let address = Ipv6Addr::from_bits(first);
    let dotted = address.to_ipv4().is_some() && first > 1;
    if !dotted {
        return format!("{address}/{bits}");
    }
    let [high, low] = [first >> 16 & 0xffff, first & 0xffff];
    match first >> 32 {
        0 => format!("::{high:x}:{low:x}/{bits}"),
        _ => format!("::ffff:{high:x}:{low:x}/{bits}"),
    }
}

/// The tails of the values of some runs.
fn tails<A>(scene: &Scene<'_>, runs: &[Run<A>]) -> Result<HashMap<ValueId, Vec<Tail>>, Error>
where
    A: Copy + Into<u128>,
{
    let mut tails: HashMap<ValueId, Vec<Tail>> = HashMap::new();
    for run in runs {
        if tails.contains_key(&run.value) {
            continue;
        }
        let records = scene.content.values().get(run.value).records();
        let made: Result<Vec<Tail>, _> = records.map(|r| record::tail(&r)).collect();
        let made = made.map_err(|what| {
            let start: u128 = run.start.into();
            let key = match u32::try_from(start) {
                Ok(v4) if size_of::<A>() == 4 => Ipv4Addr::from_bits(v4).to_string(),
                _ => Ipv6Addr::from_bits(start).to_string(),
            };
            scene.cannot(key, what)
        })?;
        tails.insert(run.value, made);
    }
    Ok(tails)
}

/// The datasets that a family of addresses needs: one for each record of a value where the type
/// takes one value a key, and one for each text that only a base template can make.
struct Datasets<'t> {
    kind: &'static str,
    layers: Vec<Vec<u8>>,
    /// The value of most runs: its tails are the defaults of the layers.
    usual: &'t [Tail],
    based: Vec<(&'t Tail, Vec<u8>)>,
    based_at: HashMap<&'t Tail, usize>,
}

impl<'t> Datasets<'t> {
    fn new<A>(
        kind: &'static str,
        tails: &'t HashMap<ValueId, Vec<Tail>>,
        runs: &[Run<A>],
    ) -> Datasets<'t> {
        let mut counts: HashMap<ValueId, usize> = HashMap::new();
        for run in runs {
            *counts.entry(run.value).or_default() += 1;
        }
        let most = counts
            .into_iter()
            .max_by_key(|(id, count)| (*count, id.get()));
        let usual = most.and_then(|(id, _)| tails.get(&id));
        Datasets {
            kind,
            layers: Vec::new(),
            usual: usual.map_or(&[], Vec::as_slice),
            based: Vec::new(),
            based_at: HashMap::new(),
        }
    }

    fn add(&mut self, layer: usize, key: &str, tail: &'t Tail) {
        if tail.base().is_some() {
            let at = *self.based_at.entry(tail).or_insert_with(|| {
                self.based.push((tail, Vec::new()));
                self.based.len() - 1
            });
            if let Some((_, lines)) = self.based.get_mut(at) {
                put(lines, format_args!("{key}\n"));
            }
            return;
        }
        if self.layers.len() <= layer {
            self.layers.resize(layer + 1, Vec::new());
        }
        let usual = self.usual.get(layer) == Some(tail);
        if let Some(lines) = self.layers.get_mut(layer) {
            lines.extend_from_slice(key.as_bytes());
            if !usual {
                lines.push(b' ');
                lines.extend_from_slice(tail.value());
            }
            lines.push(b'\n');
        }
    }

    fn finish(self, scene: &Scene<'_>, out: &mut Vec<u8>) {
        for (layer, lines) in self.layers.iter().enumerate() {
            if lines.is_empty() {
                continue;
            }
            scene.open(self.kind, out);
            if let Some(usual) = self.usual.get(layer).filter(|tail| tail.base().is_none()) {
                out.extend_from_slice(usual.value());
                out.push(b'\n');
            }
            out.extend_from_slice(lines);
        }
        for (tail, lines) in &self.based {
            scene.open(self.kind, out);
            open_based(tail, out);
            out.extend_from_slice(lines);
        }
    }
}

/// The head of a dataset that has one record for all, with its base template.
pub(super) fn open_based(tail: &Tail, out: &mut Vec<u8>) {
    out.extend_from_slice(b"$= ");
    out.extend_from_slice(tail.base().unwrap_or_default());
    out.push(b'\n');
    out.extend_from_slice(tail.value());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_back_as_they_were() {
        assert_eq!(v4_key(0x0102_0304, 0x0102_0304), "1.2.3.4");
        assert_eq!(v4_key(0x0102_0300, 0x0102_03ff), "1.2.3.0/24");
        assert_eq!(v4_key(0x0102_0301, 0x0102_03ff), "1.2.3.1-1.2.3.255");
        assert_eq!(v4_key(0, u32::MAX), "0.0.0.0-255.255.255.255");
        assert_eq!(v4_key(0, u32::MAX / 2), "0.0.0.0/1");
        for (first, last) in [
            (0u128, u128::MAX),
            (0, 0),
            (1, 1),
            (0xffff_c000_0201, 0xffff_c000_0201),
            (0xffff_0000_0000, 0xffff_ffff_ffff),
            (0xc000_0200, 0xc000_02ff),
            (0x2001_0db8 << 96, (0x2001_0db9 << 96) - 1),
        ] {
            let key = v6_key(first, last);
            let (network, rest) = crate::address6::network(key.as_bytes(), false).unwrap();
            assert_eq!(
                (network.start, network.end, rest.len()),
                (first, last, 0),
                "{key}"
            );
        }
    }
}
