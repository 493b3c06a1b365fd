//! TTLs and MX records of single entries, as the zone facts of an image have them.

use domain::base::name::Name;
use rblmap::{Answer, Key, NameKey, TextBuf};
use rblmap_format::facts::{EntryTtls, MailExchanger, TtlName, TtlRun, Ttls};

use super::wire_name::wire_name;

/// An MX record, ready to be put into messages.
#[derive(Debug, Clone)]
pub(crate) struct MxRecord {
    key: Vec<u8>,
    pub(crate) ttl: u32,
    pub(crate) preference: u16,
    pub(crate) exchange: Name<Vec<u8>>,
}

/// The same TTL for A and TXT records.
pub(crate) fn both(ttl: u32) -> Ttls {
    Ttls { a: ttl, txt: ttl }
}

/// The TTLs of an answer to a question for a name of the zone. An address may be answered by
/// its run, by the run of the IPv4 address in it and by the name that it is spelled as: of the
/// records of a type the shortest TTL holds for all.
pub(crate) fn ttls_of(rows: &EntryTtls, answer: &Answer<'_>, asked: &NameKey, usual: u32) -> Ttls {
    let usual = both(usual);
    let (mut a, mut txt) = (None, None);
    let shorter = |known: Option<u32>, ttl: u32| Some(known.map_or(ttl, |known| known.min(ttl)));
    let mut buffer = TextBuf::new();
    for record in answer.records() {
        let ttls = match record.key() {
            Key::V4(address) => in_runs(&rows.v4, address),
            Key::V6(address) => in_runs(&rows.v6, address),
            Key::Name(_) => of_name(&rows.names, asked.as_bytes()),
            Key::Spelled { address, .. } => {
                of_name(&rows.names, NameKey::spelled(address).as_bytes())
            }
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

fn of_name(names: &[TtlName], key: &[u8]) -> Option<Ttls> {
    let find = |key: &[u8]| {
        let found = names.binary_search_by(|row| row.key.as_slice().cmp(key));
        found.ok().and_then(|at| names.get(at))
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

fn in_runs<K: Ord + Copy>(runs: &[TtlRun<K>], key: K) -> Option<Ttls> {
    let at = runs.partition_point(|run| run.start <= key);
    let run = runs.get(at.checked_sub(1)?)?;
    (key <= run.end).then_some(run.ttls)
}

/// MX records as messages have them: each once, without those whose name is none.
pub(crate) fn mail(records: Vec<MailExchanger>) -> Vec<MxRecord> {
    let mut mail: Vec<MxRecord> = Vec::with_capacity(records.len());
    for record in records {
        let Some(exchange) = wire_name(&record.exchange) else {
            continue;
        };
        let same = |other: &MxRecord| {
            other.preference == record.preference
                && other.exchange.as_slice() == exchange.as_slice()
        };
        // Those of one name stand together.
        let of_name = mail
            .iter()
            .rev()
            .take_while(|other| other.key == record.key);
        if !of_name.into_iter().any(same) {
            mail.push(MxRecord {
                key: record.key,
                ttl: record.ttl,
                preference: record.preference,
                exchange,
            });
        }
    }
    mail
}

/// The MX records of a name.
pub(crate) fn mail_of<'m>(mail: &'m [MxRecord], name: &NameKey) -> &'m [MxRecord] {
    let name = name.as_bytes();
    let first = mail.partition_point(|record| record.key.as_slice() < name);
    let rest = mail.get(first..).unwrap_or_default();
    let count = rest.partition_point(|record| record.key == name);
    rest.get(..count).unwrap_or_default()
}
