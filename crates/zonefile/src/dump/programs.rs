//! Content for programs that know keys alone: hosts files, policy zones, ipset, nft, Postfix.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::list::{List, NameEntry};
use super::loss::Loss;
use crate::key::networks;
use rblmap_content::NameScope;

/// The listed networks, as few as possible.
pub(super) fn cidr<W: Write>(list: &mut List<'_, W>) -> io::Result<()> {
    let (v4, v6) = (list.v4(), list.v6());
    for network in v4_networks(&v4) {
        writeln!(list.out, "{network}")?;
    }
    for network in v6_networks(&v6) {
        writeln!(list.out, "{network}")?;
    }
    list.leave_names();
    Ok(())
}

/// `0.0.0.0 NAME` for each name.
pub(super) fn hosts<W: Write>(list: &mut List<'_, W>) -> io::Result<()> {
    list.leave_addresses();
    for entry in list.names() {
        let Some(value) = entry.value else {
            list.omitted.add(Loss::Hidden);
            continue;
        };
        if !list.is_listed(value) {
            continue;
        }
        if entry.scope != NameScope::Exact {
            list.omitted.add(Loss::Below);
        }
        if entry.scope == NameScope::Below {
            continue;
        }
        let alone = NameEntry {
            scope: NameScope::Exact,
            ..entry
        };
        match alone.plain(2) {
            Some(name) => writeln!(list.out, "0.0.0.0 {name}")?,
            None => list.omitted.add(Loss::OddNames),
        }
    }
    Ok(())
}

/// A policy zone: its origin is whatever zone it is loaded as.
pub(super) fn rpz<W: Write>(list: &mut List<'_, W>) -> io::Result<()> {
    list.out.write_all(
        b"$TTL 300\n@ SOA localhost. root.localhost. 1 3600 600 86400 300\n@ NS localhost.\n",
    )?;
    let (v4, v6) = (list.v4(), list.v6());
    for (first, last) in v4.iter().flat_map(|run| networks(run.0, run.1, 32)) {
        let [a, b, c, d] = v4_address(first).octets();
        let bits = length(first, last) - 96;
        writeln!(list.out, "{bits}.{d}.{c}.{b}.{a}.rpz-ip CNAME .")?;
    }
    for (first, last) in v6.iter().flat_map(|run| networks(run.0, run.1, 128)) {
        let mut words = Ipv6Addr::from_bits(first)
            .segments()
            .map(|word| format!("{word:x}"));
        words.reverse();
        let (bits, words) = (length(first, last), words.join("."));
        writeln!(list.out, "{bits}.{words}.rpz-ip CNAME .")?;
    }
    for entry in list.names() {
        policy(list, entry)?;
    }
    Ok(())
}

fn policy<W: Write>(list: &mut List<'_, W>, entry: NameEntry<'_>) -> io::Result<()> {
    let target = match entry.value {
        None => "rpz-passthru.",
        Some(value) if list.is_listed(value) => ".",
        Some(_) => return Ok(()),
    };
    let alone = NameEntry {
        scope: NameScope::Exact,
        ..entry
    };
    let Some(name) = alone.plain(1) else {
        list.omitted.add(Loss::OddNames);
        return Ok(());
    };
    if entry.scope != NameScope::Below {
        writeln!(list.out, "{name} CNAME {target}")?;
    }
    if entry.scope != NameScope::Exact {
        writeln!(list.out, "*.{name} CNAME {target}")?;
    }
    Ok(())
}

/// The longest name of a set.
const SET_NAME: usize = 31;

/// Two sets, one for each kind of address.
pub(super) fn ipset<W: Write>(list: &mut List<'_, W>) -> io::Result<()> {
    let (v4, v6) = (list.v4(), list.v6());
    let zone = list.content.name().as_str();
    for (runs, width, family, suffix) in [(&v4, 32, "inet", "-4"), (&v6, 128, "inet6", "-6")] {
        let most = SET_NAME - suffix.len();
        let set = format!(
            "{}{suffix}",
            zone.get(..zone.len().min(most)).unwrap_or("rblmap")
        );
        // A set of networks has no room for the one of length 0, but for its halves.
        let all: Vec<(u128, u128)> = runs
            .iter()
            .flat_map(|run| networks(run.0, run.1, width))
            .flat_map(|net| halves(net, width))
            .collect();
        let room = all.len().max(65_536);
        writeln!(
            list.out,
            "create {set} hash:net family {family} maxelem {room}"
        )?;
        for (first, last) in all {
            let network = if width == 32 {
                v4_network(first, last)
            } else {
                v6_network(first, last)
            };
            writeln!(list.out, "add {set} {network}")?;
        }
    }
    list.leave_names();
    Ok(())
}

fn halves((first, last): (u128, u128), width: u32) -> Vec<(u128, u128)> {
    let all = u128::MAX.checked_shr(128 - width).unwrap_or(0);
    if last - first < all {
        return vec![(first, last)];
    }
    let middle = all / 2;
    vec![(0, middle), (middle + 1, all)]
}

/// A table with two sets.
pub(super) fn nft<W: Write>(list: &mut List<'_, W>) -> io::Result<()> {
    let (v4, v6) = (list.v4(), list.v6());
    let zone = list.content.name().as_str();
    writeln!(list.out, "# {zone}\ntable inet rblmap {{")?;
    let ranges = |runs: &[(u128, u128)], width: u32| -> Vec<String> {
        let range = |&(start, end): &(u128, u128)| {
            let mut parts = networks(start, end, width);
            let whole = parts.next() == Some((start, end));
            match (width, whole) {
                (32, true) => v4_network(start, end),
                (32, false) => format!("{}-{}", v4_address(start), v4_address(end)),
                (_, true) => v6_network(start, end),
                (_, false) => format!(
                    "{}-{}",
                    Ipv6Addr::from_bits(start),
                    Ipv6Addr::from_bits(end)
                ),
            }
        };
        runs.iter().map(range).collect()
    };
    for (set, kind, elements) in [
        ("v4", "ipv4_addr", ranges(&v4, 32)),
        ("v6", "ipv6_addr", ranges(&v6, 128)),
    ] {
        writeln!(
            list.out,
            "\tset {set} {{\n\t\ttype {kind}\n\t\tflags interval"
        )?;
        if !elements.is_empty() {
            writeln!(
                list.out,
                "\t\telements = {{ {} }}",
                elements.join(",\n\t\t\t")
            )?;
        }
        writeln!(list.out, "\t}}")?;
    }
    writeln!(list.out, "}}")?;
    list.leave_names();
    Ok(())
}

/// A table for `check_client_access cidr:`.
pub(super) fn postfix<W: Write>(list: &mut List<'_, W>) -> io::Result<()> {
    let (v4, v6) = (list.v4(), list.v6());
    for network in v4_networks(&v4).chain(v6_networks(&v6)) {
        writeln!(list.out, "{network} REJECT")?;
    }
    list.leave_names();
    Ok(())
}

fn v4_networks(runs: &[(u128, u128)]) -> impl Iterator<Item = String> {
    let networks = runs.iter().flat_map(|run| networks(run.0, run.1, 32));
    networks.map(|(first, last)| v4_network(first, last))
}

fn v6_networks(runs: &[(u128, u128)]) -> impl Iterator<Item = String> {
    let networks = runs.iter().flat_map(|run| networks(run.0, run.1, 128));
    networks.map(|(first, last)| v6_network(first, last))
}

fn v4_network(first: u128, last: u128) -> String {
    format!("{}/{}", v4_address(first), length(first, last) - 96)
}

fn v6_network(first: u128, last: u128) -> String {
    format!("{}/{}", Ipv6Addr::from_bits(first), length(first, last))
}

/// The IPv4 address of a part of an IPv4 run.
fn v4_address(address: u128) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::try_from(address).unwrap_or(u32::MAX))
}

fn length(first: u128, last: u128) -> u32 {
    (first ^ last).leading_zeros()
}
