//! Resolution beside a naive model: for each address or name a scan of all entries by the rules.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic and say their seeds"
)]

mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use fastrand::Rng;
use rblmap::NameKey;
use rblmap_zonefile::Options;

const BASE: u32 = 0x0a00_0000;

/// An entry as the generator means it: first and last address, prefix length, value; 0 excludes.
struct Entry {
    start: u32,
    end: u32,
    bits: u32,
    value: u8,
}

/// Networks in a few thousand addresses around a /16 border, so that all levels meet.
fn networks(rng: &mut Rng, count: usize, exclusions: bool) -> Vec<Entry> {
    let entry = |rng: &mut Rng| {
        let bits = [8, 14, 15, 16, 17, 20, 22, 23, 24, 25, 28, 30, 31, 32, 32][rng.usize(..15)];
        let host = u32::MAX.checked_shr(bits).unwrap_or(0);
        let address = BASE + 0xfe00 + rng.u32(..0x800);
        let value = if exclusions && rng.u8(..4) == 0 {
            0
        } else {
            rng.u8(1..5)
        };
        Entry {
            start: address & !host,
            end: address | host,
            bits,
            value,
        }
    };
    (0..count).map(|_| entry(rng)).collect()
}

fn written(entries: &[Entry]) -> String {
    entries.iter().fold(String::new(), |mut text, entry| {
        let address = std::net::Ipv4Addr::from_bits(entry.start);
        let _ = match entry.value {
            0 => writeln!(text, "!{address}/{}", entry.bits),
            value => writeln!(text, "{address}/{} :{value}:", entry.bits),
        };
        text
    })
}

fn seeds() -> impl Iterator<Item = (u64, Rng)> {
    let first = fastrand::u64(..);
    println!("seeds from {first}");
    (0..60).map(move |step| {
        let seed = first.wrapping_add(step);
        (seed, Rng::with_seed(seed))
    })
}

fn compare(kind: &str, text: &str, seed: u64, model: impl Fn(u32) -> BTreeSet<u8>) {
    let (image, _) = common::image(kind, text, &Options::default());
    for address in BASE + 0xfc00..BASE + 0x1_0a00 {
        let told = common::told(image.base().lookup_v4(address));
        let ours: BTreeSet<u8> = told.a.iter().map(|a| a.octets()[3]).collect();
        assert_eq!(ours, model(address), "seed {seed}, {address:#x} of\n{text}");
    }
}

#[test]
fn ip4set_is_the_finest_level_that_speaks() {
    for (seed, mut rng) in seeds() {
        let entries = networks(&mut rng, 25, true);
        compare("ip4set", &written(&entries), seed, |address| {
            for level in [32, 24, 16, 8] {
                // The whole blocks of this level that the entry is made of.
                let host = u32::MAX.checked_shr(level).unwrap_or(0);
                let block = (address & !host, address | host);
                let at = entries.iter().filter(|entry| {
                    let whole = entry.start <= block.0 && block.1 <= entry.end;
                    let wider = level > 8 && {
                        let host = u32::MAX >> (level - 8);
                        entry.start <= address & !host && address | host <= entry.end
                    };
                    whole && !wider
                });
                let values: BTreeSet<u8> = at.map(|entry| entry.value).collect();
                if values.contains(&0) {
                    return BTreeSet::new();
                }
                if !values.is_empty() {
                    return values;
                }
            }
            BTreeSet::new()
        });
    }
}

#[test]
fn ip4trie_is_the_longest_prefix_and_the_first_line() {
    for (seed, mut rng) in seeds() {
        let entries = networks(&mut rng, 25, true);
        compare("ip4trie", &written(&entries), seed, |address| {
            let covers = |entry: &&Entry| entry.start <= address && address <= entry.end;
            let covering: Vec<&Entry> = entries.iter().filter(covers).collect();
            let longest = covering.iter().map(|entry| entry.bits).max();
            let first = covering.iter().find(|entry| Some(entry.bits) == longest);
            first
                .filter(|entry| entry.value > 0)
                .map(|entry| entry.value)
                .into_iter()
                .collect()
        });
    }
}

#[test]
fn plain_is_the_longest_prefix_and_all_equal_ones() {
    for (seed, mut rng) in seeds() {
        let entries = networks(&mut rng, 25, false);
        compare("plain", &written(&entries), seed, |address| {
            let covers = |entry: &&Entry| entry.start <= address && address <= entry.end;
            let covering: Vec<&Entry> = entries.iter().filter(covers).collect();
            let longest = covering.iter().map(|entry| entry.bits).max();
            let equal = covering.iter().filter(|entry| Some(entry.bits) == longest);
            equal.map(|entry| entry.value).collect()
        });
    }
}

#[test]
fn ip6trie_is_the_longest_prefix_and_the_first_line() {
    for (seed, mut rng) in seeds() {
        let entries = networks(&mut rng, 25, true);
        // The same networks, high up in the IPv6 space.
        let text = entries.iter().fold(String::new(), |mut text, entry| {
            let (high, low) = (entry.start >> 16, entry.start & 0xffff);
            let bits = entry.bits;
            let _ = match entry.value {
                0 => writeln!(text, "!2600:0:{high:x}:{low:x}::/{}", bits + 32),
                value => writeln!(text, "2600:0:{high:x}:{low:x}::/{} :{value}:", bits + 32),
            };
            text
        });
        let (image, _) = common::image("ip6trie", &text, &Options::default());
        for address in BASE + 0xfc00..BASE + 0x1_0a00 {
            let covers = |entry: &&Entry| entry.start <= address && address <= entry.end;
            let covering: Vec<&Entry> = entries.iter().filter(covers).collect();
            let longest = covering.iter().map(|entry| entry.bits).max();
            let first = covering.iter().find(|entry| Some(entry.bits) == longest);
            let model: BTreeSet<u8> = first
                .filter(|entry| entry.value > 0)
                .map(|entry| entry.value)
                .into_iter()
                .collect();
            let host = rng.u64(..);
            let asked = 0x2600_0000 << 96 | u128::from(address) << 64 | u128::from(host);
            let told = common::told(image.base().lookup_v6(asked));
            let ours: BTreeSet<u8> = told.a.iter().map(|a| a.octets()[3]).collect();
            assert_eq!(ours, model, "seed {seed}, {address:#x} of\n{text}");
        }
    }
}

#[test]
fn dnset_is_the_name_or_the_longest_one_above() {
    const LABELS: [&str; 3] = ["a", "b", "c"];
    let name = |rng: &mut Rng, most: usize| {
        let labels: Vec<&str> = (0..rng.usize(1..=most))
            .map(|_| LABELS[rng.usize(..3)])
            .collect();
        labels.join(".")
    };
    for (seed, mut rng) in seeds() {
        let entries: Vec<(String, bool, bool, u8)> = (0..20)
            .map(|_| {
                let (exact, below) = [(true, false), (false, true), (true, true)][rng.usize(..3)];
                let value = if rng.u8(..4) == 0 { 0 } else { rng.u8(1..5) };
                (name(&mut rng, 3), exact, below, value)
            })
            .collect();
        let text = entries
            .iter()
            .fold(String::new(), |mut text, (name, exact, below, value)| {
                let dots = match (exact, below) {
                    (true, true) => ".",
                    (false, _) => "*.",
                    _ => "",
                };
                let _ = match value {
                    0 => writeln!(text, "!{dots}{name}"),
                    value => writeln!(text, "{dots}{name} :{value}:"),
                };
                text
            });
        let (image, _) = common::image("dnset", &text, &Options::default());
        for _ in 0..300 {
            let asked = name(&mut rng, 5);
            let values = |wanted: &str, exact: bool| -> BTreeSet<u8> {
                let found = entries.iter().filter(|(name, is_exact, is_below, _)| {
                    name == wanted && if exact { *is_exact } else { *is_below }
                });
                found.map(|entry| entry.3).collect()
            };
            let mut model = values(&asked, true);
            let mut above = asked.as_str();
            while model.is_empty()
                && let Some((_, rest)) = above.split_once('.')
            {
                above = rest;
                model = values(above, false);
            }
            if model.contains(&0) {
                model.clear();
            }
            let key = NameKey::parse(asked.as_bytes()).unwrap();
            let told = common::told(image.base().lookup_name(&key));
            let ours: BTreeSet<u8> = told.a.iter().map(|a| a.octets()[3]).collect();
            assert_eq!(ours, model, "seed {seed}, {asked} of\n{text}");
        }
    }
}

/// Lists that rise are read another way than others, and piece by piece: the order of lines must
/// not be seen in the answers.
#[test]
fn single_addresses_say_the_same_in_any_order() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    // Enough for several pieces of a source.
    let mut lines: Vec<String> = Vec::new();
    let mut address = BASE;
    for _ in 0..90_000 {
        address += [1, 1, 1, 2, 300][rng.usize(..5)];
        let value = ["", "", "", " :3:", " :4:x"][rng.usize(..5)];
        let exclusion = if rng.u8(..20) == 0 { "!" } else { "" };
        let address = std::net::Ipv4Addr::from_bits(address);
        lines.push(format!("{exclusion}{address}{value}\n"));
    }
    for kind in ["ip4set", "ip4trie"] {
        let id = |lines: &[String]| {
            let (image, built) = common::image(kind, &lines.concat(), &Options::default());
            assert!(built.warnings.is_empty());
            image.content_id()
        };
        let in_order = id(&lines);
        let mut others = lines.clone();
        rng.shuffle(&mut others);
        assert_eq!(id(&others), in_order, "{kind}, seed {seed}");
    }
}
