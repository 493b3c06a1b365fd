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

#[test]
fn tsets_are_their_addresses_with_the_first_default() {
    for (seed, mut rng) in seeds() {
        let mut text = String::new();
        let mut value = None;
        let mut listed = BTreeSet::new();
        let mut listed_v6 = BTreeSet::new();
        let mut text_v6 = String::new();
        for _ in 0..60 {
            let address = BASE + 0xfe00 + rng.u32(..0x800);
            let shown = std::net::Ipv4Addr::from_bits(address);
            let line = match rng.u8(..6) {
                0 => {
                    let stated = rng.u8(1..5);
                    value.get_or_insert(stated);
                    format!(":{stated}:t\n")
                }
                // None of these is an entry of a tset, the values of entries are not read.
                1 => format!("!{shown}\n{shown}/24\n{shown}-{shown}\n"),
                2 => format!("# {shown}\n"),
                _ => {
                    listed.insert(address);
                    format!("{shown}{}\n", ["", " :9:x", ":9:x", " # x"][rng.usize(..4)])
                }
            };
            text.push_str(&line);
            if rng.u8(..3) > 0 {
                let _ = writeln!(
                    text_v6,
                    "2600:0:0:{:x}{}",
                    address & 0xffff,
                    [" :9:", ""][rng.usize(..2)]
                );
                listed_v6.insert(address & 0xffff);
            }
        }
        let value = value.unwrap_or(2);
        compare("ip4tset", &text, seed, |address| {
            listed
                .contains(&address)
                .then_some(value)
                .into_iter()
                .collect()
        });
        // The first 64 bits are listed, single addresses in them are not.
        let mut excluded = BTreeSet::new();
        for &net in &listed_v6 {
            if rng.u8(..3) == 0 {
                excluded.insert((net, rng.u32(..4)));
            }
        }
        for (net, host) in &excluded {
            let _ = writeln!(text_v6, "!2600:0:0:{net:x}::{host:x}");
        }
        let _ = writeln!(text_v6, ":4:\n:3:");
        let (image, _) = common::image("ip6tset", &text_v6, &Options::default());
        for net in 0xfc00..0x1_0a00 {
            for host in 0..4u32 {
                let asked = 0x2600_u128 << 112 | u128::from(net & 0xffff) << 64 | u128::from(host);
                let told = common::told(image.base().lookup_v6(asked));
                let is_listed = listed_v6.contains(&(net & 0xffff))
                    && !excluded.contains(&(net & 0xffff, host));
                let model: Vec<u8> = is_listed.then_some(4).into_iter().collect();
                let ours: Vec<u8> = told.a.iter().map(|a| a.octets()[3]).collect();
                assert_eq!(ours, model, "seed {seed}, {asked:#x} of\n{text_v6}");
            }
        }
    }
}

#[test]
fn generic_is_all_records_of_the_name() {
    for (seed, mut rng) in seeds() {
        let name = |rng: &mut Rng| ["@", "a", "b", "a.b", "b.b", "*.b"][rng.usize(..6)];
        let mut text = String::new();
        let mut records: Vec<(&str, Result<u8, String>)> = Vec::new();
        for _ in 0..30 {
            let owner = name(&mut rng);
            let ttl = ["", "300 ", "in ", "1h IN "][rng.usize(..4)];
            let _ = match rng.u8(..4) {
                0 => {
                    let last = rng.u8(1..5);
                    records.push((owner, Ok(last)));
                    writeln!(text, "{owner} {ttl}a 127.0.0.{last} # not read")
                }
                1 => {
                    let told = ["", "x $ $1 =", ":2:x", "a \"b"][rng.usize(..4)];
                    records.push((owner, Err(told.to_owned())));
                    writeln!(text, "{owner} {ttl}TXT \"{told}\"")
                }
                2 => writeln!(text, "{owner} {ttl}MX 10 mail.example"),
                _ => writeln!(text, "{owner} {ttl}CNAME x.example"),
            };
        }
        let (image, _) = common::image("generic", &text, &Options::default());
        for asked in ["@", "a", "b", "a.b", "b.b", "*.b", "x.b", "a.a.b", "c"] {
            let of = records.iter().filter(|(owner, _)| *owner == asked);
            let model = common::Told {
                a: of
                    .clone()
                    .filter_map(|(_, record)| record.as_ref().ok())
                    .map(|last| [127, 0, 0, *last].into())
                    .collect(),
                txt: of
                    .filter_map(|(_, record)| record.as_ref().err())
                    .map(|text| text.clone().into_bytes())
                    .collect(),
            };
            let asked = common::Question::Name(asked.as_bytes().to_vec());
            let ours = common::ask(&image, &asked, "@");
            assert_eq!(ours, model, "seed {seed}, {asked:?} of\n{text}");
        }
    }
}

/// A subzone answers with its own datasets, all of them, and the zone around it is not asked.
#[test]
fn combined_is_all_datasets_of_the_longest_subzone() {
    for (seed, mut rng) in seeds() {
        // The subzones, and what they list: address, value.
        const SUBZONES: [&str; 4] = ["@", "s", "t.s", "u"];
        let mut text = String::new();
        let mut entries: Vec<(BTreeSet<&str>, u32, u8)> = Vec::new();
        for _ in 0..rng.usize(1..6) {
            let subzones: BTreeSet<&str> = (0..rng.usize(1..3))
                .map(|_| SUBZONES[rng.usize(..4)])
                .collect();
            let kind = ["ip4set", "ip4trie", "ip4tset"][rng.usize(..3)];
            let _ = write!(text, "$DATASET {kind}:n");
            subzones.iter().for_each(|subzone| {
                let _ = write!(text, " {subzone}");
            });
            let default = rng.u8(1..6);
            let _ = writeln!(text, "\n:{default}:");
            let mut addresses = BTreeSet::new();
            for _ in 0..6 {
                let address = BASE + rng.u32(..24);
                if addresses.insert(address) {
                    let own = if kind == "ip4tset" || rng.bool() {
                        None
                    } else {
                        Some(rng.u8(6..9))
                    };
                    let shown = own.map_or(String::new(), |own| format!(" :{own}:"));
                    let _ = writeln!(text, "{}{shown}", std::net::Ipv4Addr::from_bits(address));
                    entries.push((subzones.clone(), address, own.unwrap_or(default)));
                }
            }
        }
        let (image, _) = common::image("combined", &text, &Options::default());
        for asked in SUBZONES.iter().copied().chain(["x", "x.s", "x.t.s"]) {
            // The longest subzone that has a dataset; what is left of the name spells no address.
            let own = entries
                .iter()
                .any(|(subzones, ..)| subzones.contains(asked));
            for address in BASE..BASE + 24 {
                let values = entries
                    .iter()
                    .filter(|(subzones, at, _)| own && *at == address && subzones.contains(asked));
                let model: BTreeSet<u8> = values.map(|entry| entry.2).collect();
                let spelled = NameKey::spelled(std::net::Ipv4Addr::from_bits(address).into());
                let name = if asked == "@" {
                    spelled.to_string()
                } else {
                    format!("{spelled}.{asked}")
                };
                let ours = common::ask(&image, &common::Question::Name(name.into_bytes()), "@");
                let ours: BTreeSet<u8> = ours.a.iter().map(|a| a.octets()[3]).collect();
                assert_eq!(
                    ours, model,
                    "seed {seed}, {address:#x} in {asked} of\n{text}"
                );
            }
        }
    }
}
