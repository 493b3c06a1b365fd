//! Who is never refused, whatever lists say.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;

use crate::client::{bits, client_address};
use crate::error::Error;
use crate::mode::Look;

/// Networks and names that are allowed, each with the place where it is written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Allow {
    /// By prefix length in IPv6 terms and the address with the bits after it zero.
    networks: HashMap<(u8, u128), Place>,
    /// The prefix lengths that there are, the longest first.
    lengths: Vec<u8>,
    /// By name in lower case.
    names: HashMap<String, NameRule>,
}

/// Where an exception is written: `FILE:LINE`.
///
/// See the example of [`Policy`](crate::Policy).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// The file.
    pub file: Arc<PathBuf>,
    /// The line, from 1.
    pub line: usize,
}

type Place = Allowed;

#[derive(Debug, Clone, Default)]
struct NameRule {
    /// For the name itself, in which looks.
    exact: Option<(Place, Vec<Look>)>,
    /// For the names below it.
    below: Option<(Place, Vec<Look>)>,
}

impl std::fmt::Display for Allowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

impl Allow {
    /// Adds a network or an address.
    pub(crate) fn add_network(&mut self, network: IpNet, place: Place) {
        let (length, address) = match network {
            IpNet::V4(network) => (network.prefix_len() + 96, IpAddr::V4(network.network())),
            IpNet::V6(network) => (network.prefix_len(), IpAddr::V6(network.network())),
        };
        self.networks
            .entry((length, bits(address)))
            .or_insert(place);
        if let Err(at) = self.lengths.binary_search_by(|known| length.cmp(known)) {
            self.lengths.insert(at, length);
        }
    }

    /// Adds `name` (it alone), `.name` (it and all below) or `*.name` (all below).
    ///
    /// # Errors
    /// What is no name, in words.
    pub(crate) fn add_name(
        &mut self,
        text: &str,
        looks: &[Look],
        place: Place,
    ) -> Result<(), String> {
        let (name, exact, below) = if let Some(name) = text.strip_prefix("*.") {
            (name, false, true)
        } else if let Some(name) = text.strip_prefix('.') {
            (name, true, true)
        } else {
            (text, true, false)
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let numeric = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if numeric || name.len() > 253 || !name.split('.').all(is_label) {
            return Err(format!("\"{text}\" is neither a domain name nor a network"));
        }
        let rule = self.names.entry(name).or_default();
        if exact {
            rule.exact.get_or_insert((place.clone(), looks.to_vec()));
        }
        if below {
            rule.below.get_or_insert((place, looks.to_vec()));
        }
        Ok(())
    }

    /// Adds the lines of a file: networks, addresses and names, one a line; `#` begins a comment.
    ///
    /// # Errors
    /// A file that cannot be read, or the line that is none of these.
    pub(crate) fn add_file(&mut self, path: &Path, looks: &[Look]) -> Result<(), Error> {
        let text = std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let file = Arc::new(path.to_owned());
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line_number = index + 1;
            let bad = |what: String| Error::Config {
                path: path.to_owned(),
                line: line_number,
                what,
            };
            let line = std::str::from_utf8(line).map_err(|_| bad("not UTF-8".to_owned()))?;
            let entry = line.split('#').next().unwrap_or_default().trim();
            if entry.is_empty() {
                continue;
            }
            let place = Place {
                file: Arc::clone(&file),
                line: line_number,
            };
            match network(entry) {
                Some(network) => self.add_network(network, place),
                None => self.add_name(entry, looks, place).map_err(bad)?,
            }
        }
        Ok(())
    }

    /// The narrowest network that holds an address. One look a prefix length in use.
    pub(crate) fn find_network(&self, address: IpAddr) -> Option<&Place> {
        let address = bits(address);
        self.lengths.iter().find_map(|&length| {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            self.networks.get(&(length, address & mask))
        })
    }

    /// The rule that allows a name in a look, the nearest above it.
    pub(crate) fn find_name(&self, name: &str, look: Look) -> Option<&Place> {
        if self.names.is_empty() || name.is_empty() || name.len() > 255 {
            return None;
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let holds = |rule: &Option<(Place, Vec<Look>)>| {
            rule.as_ref()
                .is_some_and(|(_, looks)| looks.contains(&look))
        };
        if let Some(rule) = self.names.get(&name)
            && holds(&rule.exact)
        {
            return rule.exact.as_ref().map(|(place, _)| place);
        }
        let mut above = name.as_str();
        while let Some((_, rest)) = above.split_once('.') {
            if let Some(rule) = self.names.get(rest)
                && holds(&rule.below)
            {
                return rule.below.as_ref().map(|(place, _)| place);
            }
            above = rest;
        }
        None
    }
}

/// A network as people write it: `192.0.2.0/24`, an address alone, a mapped one as its IPv4.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    if let Some(address) = client_address(text) {
        return Some(IpNet::from(address));
    }
    let network: IpNet = text.parse().ok()?;
    match network {
        IpNet::V6(wide) if wide.prefix_len() >= 96 => match wide.addr().to_ipv4_mapped() {
            Some(address) => IpNet::new(address.into(), wide.prefix_len() - 96).ok(),
            None => Some(network),
        },
        IpNet::V4(_) | IpNet::V6(_) => Some(network),
    }
}

fn is_label(label: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=63).contains(&label.len()) && label.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: usize) -> Place {
        Place {
            file: Arc::new("f".into()),
            line,
        }
    }

    #[test]
    fn the_narrowest_network_is_named() {
        let mut allow = Allow::default();
        for (line, text) in [
            "192.0.2.0/24",
            "192.0.2.128/25",
            "2001:db8::/32",
            "::ffff:198.51.100.0/120",
            "203.0.113.7",
        ]
        .iter()
        .enumerate()
        {
            allow.add_network(network(text).unwrap(), place(line + 1));
        }
        for (address, line) in [
            ("192.0.2.1", Some(1)),
            ("192.0.2.200", Some(2)),
            ("2001:db8:1::1", Some(3)),
            ("198.51.100.9", Some(4)),
            ("203.0.113.7", Some(5)),
            ("203.0.113.8", None),
            ("::1", None),
        ] {
            let found = allow.find_network(client_address(address).unwrap());
            assert_eq!(found.map(|place| place.line), line, "{address}");
        }
    }

    #[test]
    fn names_hold_for_themselves_or_below() {
        let mut allow = Allow::default();
        for (line, text) in ["a.example", ".b.example", "*.c.example"]
            .iter()
            .enumerate()
        {
            allow
                .add_name(text, &[Look::Helo], place(line + 1))
                .unwrap();
        }
        for (name, line) in [
            ("A.example.", Some(1)),
            ("x.a.example", None),
            ("b.example", Some(2)),
            ("x.y.b.example", Some(2)),
            ("c.example", None),
            ("x.c.example", Some(3)),
            ("", None),
        ] {
            assert_eq!(
                allow.find_name(name, Look::Helo).map(|p| p.line),
                line,
                "{name}"
            );
        }
        assert!(allow.find_name("a.example", Look::Sender).is_none());
        for text in ["", ".", "a..b", "192.0.2", "a b", "*", "ä.example"] {
            assert!(allow.add_name(text, &[], place(1)).is_err(), "{text}");
        }
    }

    #[test]
    fn files_are_read_and_slips_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("allow.txt");
        std::fs::write(&path, "# ours\n192.0.2.1 # bob\n\n.partner.example\r\n").unwrap();
        let mut allow = Allow::default();
        allow.add_file(&path, &Look::ALL).unwrap();
        let found = allow.find_network("192.0.2.1".parse().unwrap()).unwrap();
        assert_eq!(found.to_string(), format!("{}:2", path.display()));
        assert!(allow.find_name("mx.partner.example", Look::Rdns).is_some());
        std::fs::write(&path, "192.0.2.1\n300.0.0.1/99\n").unwrap();
        let error = Allow::default().add_file(&path, &Look::ALL).unwrap_err();
        assert!(error.to_string().contains(":2: "), "{error}");
    }
}
