//! Zone facts of single entries: TTLs that are not the zone's, and MX records. Only DNS tells them.

use super::parts::{push_name, take, take_name, take_u32};

/// TTLs of the A and the TXT records of an answer, in seconds.
///
/// See the example of [`Facts`](super::Facts).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ttls {
    /// Of A records.
    pub a: u32,
    /// Of TXT records.
    pub txt: u32,
}

/// Addresses, both ends included, whose answers have TTLs of their own.
///
/// See the example of [`Facts`](super::Facts).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TtlRun<A> {
    /// The first address.
    pub start: A,
    /// The last address.
    pub end: A,
    /// What their answers live for.
    pub ttls: Ttls,
}

/// A name whose answers have TTLs of their own. As with values, the TTLs of a name itself come
/// before those that a name above it has for all names below.
///
/// See the example of [`Facts`](super::Facts).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TtlName {
    /// What [`crate::NameKey::as_bytes`] gives, relative to the zone.
    pub key: Vec<u8>,
    /// TTLs of the name itself.
    pub exact: Option<Ttls>,
    /// TTLs of the names below it.
    pub below: Option<Ttls>,
}

/// The answers of a zone whose TTLs are not the one of the zone; each list rises and has no overlap.
///
/// See the example of [`Facts`](super::Facts).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntryTtls {
    /// IPv4 addresses.
    pub v4: Vec<TtlRun<u32>>,
    /// IPv6 addresses.
    pub v6: Vec<TtlRun<u128>>,
    /// Names, in the order of their keys.
    pub names: Vec<TtlName>,
}

impl EntryTtls {
    /// Whether all answers have the TTL of the zone.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len() + self.names.len()
    }

    /// Takes the rows at the head of `rest`.
    pub(super) fn fill(&mut self, rest: &mut &[u8]) -> Option<()> {
        for _ in 0..take_u32(rest)? {
            self.v4.push(TtlRun {
                start: take_u32(rest)?,
                end: take_u32(rest)?,
                ttls: take_ttls(rest)?,
            });
        }
        for _ in 0..take_u32(rest)? {
            self.v6.push(TtlRun {
                start: u128::from_le_bytes(take(rest)?),
                end: u128::from_le_bytes(take(rest)?),
                ttls: take_ttls(rest)?,
            });
        }
        for _ in 0..take_u32(rest)? {
            let key = take_key(rest)?;
            let [flags] = take(rest)?;
            let own = |bit: u8, rest: &mut &[u8]| match flags & bit {
                0 => Some(None),
                _ => take_ttls(rest).map(Some),
            };
            self.names.push(TtlName {
                key,
                exact: own(EXACT, rest)?,
                below: own(BELOW, rest)?,
            });
        }
        Some(())
    }
}

/// An MX record (RFC 1035 section 3.3.9) of a name.
///
/// See the example of [`Facts`](super::Facts).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailExchanger {
    /// What [`crate::NameKey::as_bytes`] gives, relative to the zone.
    pub key: Vec<u8>,
    /// TTL of the record, seconds.
    pub ttl: u32,
    /// The lower one is preferred.
    pub preference: u16,
    /// The mail exchanger as written in the source, at most 255 bytes.
    pub exchange: Vec<u8>,
}

const EXACT: u8 = 1;
const BELOW: u8 = 2;

/// Appends the rows of TTLs; `docs/format.md` has the layout.
pub(super) fn encode_ttls(ttls: &EntryTtls, out: &mut Vec<u8>) {
    push_count(out, ttls.v4.len());
    for run in &ttls.v4 {
        out.extend(run.start.to_le_bytes());
        out.extend(run.end.to_le_bytes());
        push_ttls(out, run.ttls);
    }
    push_count(out, ttls.v6.len());
    for run in &ttls.v6 {
        out.extend(run.start.to_le_bytes());
        out.extend(run.end.to_le_bytes());
        push_ttls(out, run.ttls);
    }
    push_count(out, ttls.names.len());
    for name in &ttls.names {
        push_key(out, &name.key);
        let flag = |own: Option<Ttls>, bit: u8| own.map_or(0, |_| bit);
        out.push(flag(name.exact, EXACT) | flag(name.below, BELOW));
        for own in [name.exact, name.below].into_iter().flatten() {
            push_ttls(out, own);
        }
    }
}

/// Appends MX records.
pub(super) fn encode_mail(mail: &[MailExchanger], out: &mut Vec<u8>) {
    push_count(out, mail.len());
    for record in mail {
        push_key(out, &record.key);
        out.extend(record.ttl.to_le_bytes());
        out.extend(record.preference.to_le_bytes());
        push_name(out, &record.exchange);
    }
}

/// Takes the MX records at the head of `rest`.
pub(super) fn fill_mail(mail: &mut Vec<MailExchanger>, rest: &mut &[u8]) -> Option<()> {
    for _ in 0..take_u32(rest)? {
        mail.push(MailExchanger {
            key: take_key(rest)?,
            ttl: take_u32(rest)?,
            preference: u16::from_le_bytes(take(rest)?),
            exchange: take_name(rest)?,
        });
    }
    Some(())
}

fn push_count(out: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("a zone has fewer than 2^32 entries");
    out.extend(count.to_le_bytes());
}

fn push_ttls(out: &mut Vec<u8>, ttls: Ttls) {
    out.extend(ttls.a.to_le_bytes());
    out.extend(ttls.txt.to_le_bytes());
}

fn push_key(out: &mut Vec<u8>, key: &[u8]) {
    let len = u16::try_from(key.len()).expect("a key has at most 510 bytes");
    out.extend(len.to_le_bytes());
    out.extend_from_slice(key);
}

fn take_ttls(rest: &mut &[u8]) -> Option<Ttls> {
    Some(Ttls {
        a: take_u32(rest)?,
        txt: take_u32(rest)?,
    })
}

fn take_key(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let len = u16::from_le_bytes(take(rest)?);
    let (key, after) = rest.split_at_checked(len.into())?;
    *rest = after;
    Some(key.to_vec())
}
