//! What a zone's sources say for DNS alone: TTL, SOA, NS and MX, ready to be put into messages.

use domain::base::name::Name;
use rblmap_format::facts::{DEFAULT_TTL, EntryTtls, Facts, Soa};

use super::rows::{self, MxRecord};
use super::wire_name::wire_name;

/// The facts of a zone, as `docs/format.md` describes them.
#[derive(Debug, Clone, Default)]
pub(crate) struct DnsFacts {
    /// TTL of A and TXT records.
    pub(crate) ttl: u32,
    /// The start of authority, if the zone has one.
    pub(crate) soa: Option<Start>,
    /// TTL of the NS records.
    pub(crate) ns_ttl: u32,
    /// The name servers, each once.
    pub(crate) servers: Vec<Name<Vec<u8>>>,
    /// Whether there is anything in the two that follow.
    pub(crate) has_rows: bool,
    /// TTLs of single answers.
    pub(crate) ttls: EntryTtls,
    /// MX records in the order of their names.
    pub(crate) mail: Vec<MxRecord>,
}

/// A start of authority (RFC 1035 section 3.3.13).
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) ttl: u32,
    pub(crate) origin: Name<Vec<u8>>,
    pub(crate) person: Name<Vec<u8>>,
    /// 0 where the source leaves the serial to the server.
    pub(crate) serial: u32,
    /// Refresh, retry, expire and minimum, in seconds.
    pub(crate) timers: [u32; 4],
}

impl DnsFacts {
    /// Reads the facts of a zone of an image. What damaged bytes leave out is not there.
    pub(crate) fn read(bytes: &[u8]) -> DnsFacts {
        let facts = Facts::read(bytes);
        let ns = facts.ns.unwrap_or_default();
        let mut servers = Vec::with_capacity(ns.names.len());
        for name in ns.names.iter().filter_map(|name| wire_name(name)) {
            if !servers.contains(&name) {
                servers.push(name);
            }
        }
        DnsFacts {
            ttl: facts.ttl.map_or(DEFAULT_TTL, ttl),
            soa: facts.soa.and_then(Start::of),
            ns_ttl: ns.ttl,
            servers,
            has_rows: Facts::has_rows(bytes),
            ttls: facts.ttls,
            mail: rows::mail(facts.mail),
        }
    }
}

impl Start {
    fn of(soa: Soa) -> Option<Start> {
        Some(Start {
            ttl: ttl(soa.ttl),
            origin: wire_name(&soa.origin)?,
            person: wire_name(&soa.person)?,
            serial: soa.serial,
            timers: soa.timers,
        })
    }
}

/// The TTL of a record; one of 0 is the default, as in rbldnsd.
fn ttl(stated: u32) -> u32 {
    if stated == 0 { DEFAULT_TTL } else { stated }
}

#[cfg(test)]
mod tests {
    use rblmap_format::facts::NameServers;

    use super::*;

    #[test]
    fn damaged_facts_give_what_is_whole() {
        let names = [b"a", b"A", b"b"].map(|name| name.to_vec()).into();
        let facts = Facts {
            ttl: Some(300),
            ns: Some(NameServers { ttl: 0, names }),
            ..Facts::default()
        };
        let bytes = facts.encode();
        let facts = DnsFacts::read(&bytes);
        assert_eq!((facts.ttl, facts.ns_ttl), (300, 0));
        assert_eq!(facts.servers.len(), 2, "equal names are one");
        for cut in 0..bytes.len() {
            let facts = DnsFacts::read(&bytes[..cut]);
            assert!(facts.servers.len() < 2);
        }
        assert_eq!(DnsFacts::read(&[]).ttl, DEFAULT_TTL);
    }
}
