//! Zone facts: what a zone file says beside its listings, for DNS alone. They are kept, but are not
//! part of the content id.

mod parts;
mod rows;

use parts::{push_name, short_len, take_name, take_u32};
pub use rows::{EntryTtls, MailExchanger, TtlName, TtlRun, Ttls};

/// The TTL of rbldnsd where sources give none, in seconds.
pub const DEFAULT_TTL: u32 = 35 * 60;

/// TTL, SOA and NS of a zone, as its sources give them.
///
/// ```
/// use rblmap_format::facts::{EntryTtls, Facts, MailExchanger, NameServers, Soa};
/// use rblmap_format::facts::{TtlName, TtlRun, Ttls};
///
/// let short = Ttls { a: 60, txt: 60 };
/// let facts = Facts {
///     ttl: Some(2100),
///     soa: Some(Soa {
///         ttl: 3600,
///         origin: b"ns.ops.example".to_vec(),
///         person: b"hostmaster.ops.example".to_vec(),
///         serial: 7,
///         timers: [600, 300, 86_400, 600],
///     }),
///     ns: Some(NameServers { ttl: 3600, names: vec![b"ns.ops.example".to_vec()] }),
///     ttls: EntryTtls {
///         v4: vec![TtlRun { start: 0xc000_0201, end: 0xc000_0201, ttls: short }],
///         v6: Vec::new(),
///         names: vec![TtlName { key: b"example\0".to_vec(), exact: Some(short), below: None }],
///     },
///     mail: vec![MailExchanger {
///         key: b"example\0".to_vec(),
///         ttl: 3600,
///         preference: 10,
///         exchange: b"mx.ops.example".to_vec(),
///     }],
///     ..Facts::default()
/// };
/// assert_eq!(Facts::decode(&facts.encode()), Some(facts));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// `$TTL` in seconds.
    pub ttl: Option<u32>,
    /// `$SOA`.
    pub soa: Option<Soa>,
    /// `$NS`: TTL and name servers.
    pub ns: Option<NameServers>,
    /// Whether it is a subzone that a spec named itself: SOA and NS of the zone above are not its
    /// own. A subzone of a combined dataset is a part of the zone above.
    pub own: bool,
    /// TTLs of answers that are not `ttl`.
    pub ttls: EntryTtls,
    /// MX records of `generic` datasets, in order.
    pub mail: Vec<MailExchanger>,
}

/// A start-of-authority record (RFC 1035 section 3.3.13); names as written in the source.
///
/// See the example of [`Facts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soa {
    /// TTL of the record, seconds.
    pub ttl: u32,
    /// Primary name server.
    pub origin: Vec<u8>,
    /// Mailbox of the person responsible.
    pub person: Vec<u8>,
    /// Serial; 0 stays 0 and is not replaced by a file's time.
    pub serial: u32,
    /// Refresh, retry, expire and minimum, in seconds.
    pub timers: [u32; 4],
}

/// The name servers of a zone.
///
/// See the example of [`Facts`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameServers {
    /// TTL of the records, seconds.
    pub ttl: u32,
    /// Names as written in the source.
    pub names: Vec<Vec<u8>>,
}

const HAS_TTL: u8 = 1;
const HAS_SOA: u8 = 2;
const HAS_NS: u8 = 4;
const IS_OWN: u8 = 8;
const HAS_ENTRY_TTLS: u8 = 16;
const HAS_MAIL: u8 = 32;

impl Facts {
    /// The facts as bytes, for images, snapshots and deltas; `docs/format.md` has the layout.
    /// Empty when there are no facts.
    ///
    /// # Panics
    /// A name of more than 255 bytes, or more than 255 name servers; `rblmap_zonefile` gives
    /// neither.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if *self == Facts::default() {
            return out;
        }
        let flag = |is: bool, bit: u8| if is { bit } else { 0 };
        out.push(
            flag(self.ttl.is_some(), HAS_TTL)
                | flag(self.soa.is_some(), HAS_SOA)
                | flag(self.ns.is_some(), HAS_NS)
                | flag(self.own, IS_OWN)
                | flag(!self.ttls.is_empty(), HAS_ENTRY_TTLS)
                | flag(!self.mail.is_empty(), HAS_MAIL),
        );
        if let Some(ttl) = self.ttl {
            out.extend(ttl.to_le_bytes());
        }
        if let Some(soa) = &self.soa {
            out.extend(soa.ttl.to_le_bytes());
            push_name(&mut out, &soa.origin);
            push_name(&mut out, &soa.person);
            out.extend(soa.serial.to_le_bytes());
            soa.timers
                .iter()
                .for_each(|timer| out.extend(timer.to_le_bytes()));
        }
        if let Some(ns) = &self.ns {
            out.extend(ns.ttl.to_le_bytes());
            out.push(short_len(&ns.names));
            ns.names.iter().for_each(|name| push_name(&mut out, name));
        }
        if !self.ttls.is_empty() {
            rows::encode_ttls(&self.ttls, &mut out);
        }
        if !self.mail.is_empty() {
            rows::encode_mail(&self.mail, &mut out);
        }
        out
    }

    /// Reads what [`Facts::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Facts> {
        let mut facts = Facts::default();
        let rest = facts.fill(bytes)?;
        (rest.is_empty() && facts.encode() == bytes).then_some(facts)
    }

    /// Reads facts for whoever answers from them; what damaged bytes leave out is not there.
    ///
    /// ```
    /// use rblmap_format::facts::Facts;
    /// let bytes = Facts { ttl: Some(600), own: true, ..Facts::default() }.encode();
    /// assert_eq!(Facts::read(&bytes).ttl, Some(600));
    /// assert_eq!(Facts::read(&bytes[..2]).ttl, None);
    /// assert!(Facts::is_own(&bytes) && !Facts::has_rows(&bytes));
    /// ```
    pub fn read(bytes: &[u8]) -> Facts {
        let mut facts = Facts::default();
        // What is missing is the damage; what came before it stays.
        let _ = facts.fill(bytes);
        facts
    }

    /// What [`Facts::own`] is in these bytes, without reading the rest.
    pub fn is_own(bytes: &[u8]) -> bool {
        bytes.first().is_some_and(|flags| flags & IS_OWN != 0)
    }

    /// Whether these bytes have rows for single entries: TTLs or MX records.
    pub fn has_rows(bytes: &[u8]) -> bool {
        let rows = HAS_ENTRY_TTLS | HAS_MAIL;
        bytes.first().is_some_and(|flags| flags & rows != 0)
    }

    /// Fills default facts, and gives the bytes behind them; `None` for bytes that end before.
    fn fill<'b>(&mut self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let Some((&flags, mut rest)) = bytes.split_first() else {
            return Some(bytes);
        };
        self.own = flags & IS_OWN != 0;
        if flags & HAS_TTL != 0 {
            self.ttl = Some(take_u32(&mut rest)?);
        }
        if flags & HAS_SOA != 0 {
            self.soa = Some(Soa::take(&mut rest)?);
        }
        if flags & HAS_NS != 0 {
            let ttl = take_u32(&mut rest)?;
            let (&count, after) = rest.split_first()?;
            rest = after;
            let names = Vec::with_capacity(count.into());
            let ns = self.ns.insert(NameServers { ttl, names });
            for _ in 0..count {
                ns.names.push(take_name(&mut rest)?);
            }
        }
        if flags & HAS_ENTRY_TTLS != 0 {
            self.ttls.fill(&mut rest)?;
        }
        if flags & HAS_MAIL != 0 {
            rows::fill_mail(&mut self.mail, &mut rest)?;
        }
        Some(rest)
    }
}

impl Soa {
    fn take(rest: &mut &[u8]) -> Option<Soa> {
        Some(Soa {
            ttl: take_u32(rest)?,
            origin: take_name(rest)?,
            person: take_name(rest)?,
            serial: take_u32(rest)?,
            timers: [
                take_u32(rest)?,
                take_u32(rest)?,
                take_u32(rest)?,
                take_u32(rest)?,
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTLS: Ttls = Ttls { a: 60, txt: 3_600 };

    #[test]
    fn facts_come_back_from_their_bytes() {
        let full = Facts {
            ttl: Some(2048),
            soa: Some(Soa {
                ttl: 0,
                origin: b"ns1.ops.example".to_vec(),
                person: b"hostmaster.ops.example".to_vec(),
                serial: 0,
                timers: [600, 300, 86_400, 60],
            }),
            ns: Some(NameServers {
                ttl: 1,
                names: vec![b"ns1.ops.example".to_vec(), vec![0xff]],
            }),
            own: true,
            ttls: EntryTtls {
                v4: vec![TtlRun {
                    start: 1,
                    end: u32::MAX,
                    ttls: TTLS,
                }],
                v6: vec![TtlRun {
                    start: 1,
                    end: u128::MAX,
                    ttls: TTLS,
                }],
                names: vec![TtlName {
                    key: b"example\0".to_vec(),
                    exact: None,
                    below: Some(TTLS),
                }],
            },
            mail: vec![MailExchanger {
                key: Vec::new(),
                ttl: 5,
                preference: 10,
                exchange: b"mail.example".to_vec(),
            }],
        };
        for facts in [
            Facts::default(),
            Facts {
                ttl: Some(1),
                ..Facts::default()
            },
            full,
        ] {
            let bytes = facts.encode();
            assert_eq!(Facts::decode(&bytes), Some(facts));
            for cut in 1..bytes.len() {
                assert_eq!(Facts::decode(&bytes[..cut]), None);
            }
            assert_eq!(
                Facts::decode(&[&bytes[..], &[0]].concat()).filter(|_| !bytes.is_empty()),
                None
            );
        }
    }
}
