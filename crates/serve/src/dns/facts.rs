//! What a zone's sources say for DNS alone: TTL, SOA, NS and MX, ready to be put into messages.

use domain::base::name::Name;

use super::bytes::{take_name, take_u32};
use super::rows::{self, EntryTtls, MailExchanger};

/// The TTL where no source gives one, or gives 0, as in rbldnsd: 35 minutes.
const DEFAULT_TTL: u32 = 35 * 60;

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
    pub(crate) mail: Vec<MailExchanger>,
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

const HAS_TTL: u8 = 1;
const HAS_SOA: u8 = 2;
const HAS_NS: u8 = 4;
const IS_OWN: u8 = 8;
const HAS_ENTRY_TTLS: u8 = 16;
const HAS_MAIL: u8 = 32;

impl DnsFacts {
    /// Reads the facts of a zone of an image. What damaged bytes leave out is not there.
    pub(crate) fn read(bytes: &[u8]) -> DnsFacts {
        let mut facts = DnsFacts {
            ttl: DEFAULT_TTL,
            ..DnsFacts::default()
        };
        let _ = facts.fill(bytes);
        facts
    }

    /// Whether facts are of a zone of its own, with its own SOA and NS, and not of a part of the one
    /// above.
    pub(crate) fn is_own(bytes: &[u8]) -> bool {
        bytes.first().is_some_and(|flags| flags & IS_OWN != 0)
    }

    /// Whether facts have rows for single entries: so many that they are read once.
    pub(crate) fn has_rows(bytes: &[u8]) -> bool {
        bytes
            .first()
            .is_some_and(|flags| flags & (HAS_ENTRY_TTLS | HAS_MAIL) != 0)
    }

    fn fill(&mut self, bytes: &[u8]) -> Option<()> {
        let (&flags, mut rest) = bytes.split_first()?;
        self.has_rows = DnsFacts::has_rows(bytes);
        if flags & HAS_TTL != 0 {
            self.ttl = ttl(take_u32(&mut rest)?);
        }
        if flags & HAS_SOA != 0 {
            self.soa = Some(Start {
                ttl: ttl(take_u32(&mut rest)?),
                origin: take_name(&mut rest)?,
                person: take_name(&mut rest)?,
                serial: take_u32(&mut rest)?,
                timers: [
                    take_u32(&mut rest)?,
                    take_u32(&mut rest)?,
                    take_u32(&mut rest)?,
                    take_u32(&mut rest)?,
                ],
            });
        }
        if flags & HAS_NS != 0 {
            self.ns_ttl = take_u32(&mut rest)?;
            let (&count, after) = rest.split_first()?;
            rest = after;
            for _ in 0..count {
                let name = take_name(&mut rest)?;
                if !self.servers.contains(&name) {
                    self.servers.push(name);
                }
            }
        }
        if flags & HAS_ENTRY_TTLS != 0 {
            self.ttls.fill(&mut rest)?;
        }
        if flags & HAS_MAIL != 0 {
            rows::fill_mail(&mut self.mail, &mut rest)?;
        }
        Some(())
    }
}

fn ttl(stated: u32) -> u32 {
    if stated == 0 { DEFAULT_TTL } else { stated }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_facts_give_what_is_whole() {
        let mut bytes = vec![HAS_TTL | HAS_NS];
        bytes.extend(300u32.to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        bytes.extend([3, 1, b'a', 1, b'A', 1, b'b']);
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
