//! TTLs and MX records of single entries, as the zone facts of an image have them.

use domain::base::name::Name;
use rblmap::{Answer, Key, NameKey, TextBuf};

use super::bytes::{take, take_name, take_u32};

/// TTLs of the A and the TXT records of an answer, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ttls {
    pub(crate) a: u32,
    pub(crate) txt: u32,
}

impl Ttls {
    /// The same for both.
    pub(crate) fn both(ttl: u32) -> Ttls {
        Ttls { a: ttl, txt: ttl }
    }
}

/// The answers whose TTLs are not those of the zone.
#[derive(Debug, Clone, Default)]
pub(crate) struct EntryTtls {
    v4: Vec<(u32, u32, Ttls)>,
    v6: Vec<(u128, u128, Ttls)>,
    names: Vec<NameTtls>,
}

#[derive(Debug, Clone)]
struct NameTtls {
    key: Box<[u8]>,
    exact: Option<Ttls>,
    below: Option<Ttls>,
}

/// An MX record, ready to be put into messages.
#[derive(Debug, Clone)]
pub(crate) struct MailExchanger {
    key: Box<[u8]>,
    pub(crate) ttl: u32,
    pub(crate) preference: u16,
    pub(crate) exchange: Name<Vec<u8>>,
}

const EXACT: u8 = 1;
const BELOW: u8 = 2;

impl EntryTtls {
    /// Reads the rows at the head of `rest`; what damaged bytes leave out is not there.
    pub(crate) fn fill(&mut self, rest: &mut &[u8]) -> Option<()> {
        for _ in 0..take_u32(rest)? {
            let row = (take_u32(rest)?, take_u32(rest)?, take_ttls(rest)?);
            self.v4.push(row);
        }
        for _ in 0..take_u32(rest)? {
            let [first, last] = [take(rest)?, take(rest)?].map(u128::from_le_bytes);
            self.v6.push((first, last, take_ttls(rest)?));
        }
        for _ in 0..take_u32(rest)? {
            let key = take_key(rest)?;
            let [flags] = take(rest)?;
            let own = |bit: u8, rest: &mut &[u8]| match flags & bit {
                0 => Some(None),
                _ => take_ttls(rest).map(Some),
            };
            self.names.push(NameTtls {
                key,
                exact: own(EXACT, rest)?,
                below: own(BELOW, rest)?,
            });
        }
        Some(())
    }

    /// The TTLs of an answer to a question for a name of the zone. An address may be answered by
    /// its run, by the run of the IPv4 address in it and by the name that it is spelled as: of the
    /// records of a type the shortest TTL holds for all.
    pub(crate) fn of(&self, answer: &Answer<'_>, asked: &NameKey, usual: u32) -> Ttls {
        let usual = Ttls::both(usual);
        let (mut a, mut txt) = (None, None);
        let shorter =
            |known: Option<u32>, ttl: u32| Some(known.map_or(ttl, |known| known.min(ttl)));
        let mut buffer = TextBuf::new();
        for record in answer.records() {
            let ttls = match record.key() {
                Key::V4(address) => in_runs(&self.v4, address),
                Key::V6(address) => in_runs(&self.v6, address),
                Key::Name(_) => self.of_name(asked.as_bytes()),
                Key::Spelled { address, .. } => self.of_name(NameKey::spelled(address).as_bytes()),
            };
            let ttls = ttls.unwrap_or(usual);
            if record.a().is_some() {
                a = shorter(a, ttls.a);
            }
            if record.txt(&mut buffer).is_some() {
                txt = shorter(txt, ttls.txt);
            }
        }
        Ttls {
            a: a.unwrap_or(usual.a),
            txt: txt.unwrap_or(usual.txt),
        }
    }

    fn of_name(&self, key: &[u8]) -> Option<Ttls> {
        let find = |key: &[u8]| {
            let found = self.names.binary_search_by(|row| (*row.key).cmp(key));
            found.ok().and_then(|at| self.names.get(at))
        };
        // The keys of a name and of those above it end behind the zero that closes a label.
        let zeros = key.iter().enumerate().rev().filter(|(_, byte)| **byte == 0);
        let above = zeros.skip(1).map(|(at, _)| at + 1);
        let above = above.chain((!key.is_empty()).then_some(0));
        let mut above = above.filter_map(|end| key.get(..end));
        find(key)
            .and_then(|row| row.exact)
            .or_else(|| above.find_map(|above| find(above).and_then(|row| row.below)))
    }
}

fn in_runs<K: Ord + Copy>(runs: &[(K, K, Ttls)], key: K) -> Option<Ttls> {
    let at = runs.partition_point(|(start, ..)| *start <= key);
    let (_, end, ttls) = runs.get(at.checked_sub(1)?)?;
    (key <= *end).then_some(*ttls)
}

/// Reads the MX records at the head of `rest`; each once, as messages have them.
pub(crate) fn fill_mail(mail: &mut Vec<MailExchanger>, rest: &mut &[u8]) -> Option<()> {
    for _ in 0..take_u32(rest)? {
        let key = take_key(rest)?;
        let ttl = take_u32(rest)?;
        let preference = u16::from_le_bytes(take(rest)?);
        let exchange = take_name(rest)?;
        let same = |other: &MailExchanger| {
            (&other.key, other.preference) == (&key, preference)
                && other.exchange.as_slice() == exchange.as_slice()
        };
        // Those of one name stand together.
        let of_name = mail.iter().rev().take_while(|other| other.key == key);
        if !of_name.into_iter().any(same) {
            mail.push(MailExchanger {
                key,
                ttl,
                preference,
                exchange,
            });
        }
    }
    Some(())
}

/// The MX records of a name.
pub(crate) fn mail_of<'m>(mail: &'m [MailExchanger], name: &NameKey) -> &'m [MailExchanger] {
    let name = name.as_bytes();
    let first = mail.partition_point(|record| *record.key < *name);
    let rest = mail.get(first..).unwrap_or_default();
    let count = rest.partition_point(|record| *record.key == *name);
    rest.get(..count).unwrap_or_default()
}

fn take_ttls(rest: &mut &[u8]) -> Option<Ttls> {
    Some(Ttls {
        a: take_u32(rest)?,
        txt: take_u32(rest)?,
    })
}

fn take_key(rest: &mut &[u8]) -> Option<Box<[u8]>> {
    let len = u16::from_le_bytes(take(rest)?);
    let (key, after) = rest.split_at_checked(len.into())?;
    *rest = after;
    Some(key.into())
}
