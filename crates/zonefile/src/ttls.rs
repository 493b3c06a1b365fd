//! For how long answers live, where entries of a zone do not agree, and MX records: read in a second
//! pass over the sources in which each record stands for its TTL.
//!
//! rbldnsd gives all records of a type the shortest TTL that any dataset has for it. Overlaps,
//! exclusions and subzones decide which datasets answer, and `resolve` knows that already. So the
//! sources are resolved once more with other values: the A of each record is a TTL, and its text says
//! what that is of. What comes out is content from which the rows of the zone facts are read.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use rblmap::{NameKey, Run, ValueId};
use rblmap_content::{
    DEFAULT_TTL, DraftZone, EntryTtls, MailExchanger, Record, TemplateBuf, TtlName, TtlRun, Ttls,
    Values, ZoneContent,
};
use rblmap_format::{MAX_LITERAL, NameRule, Part};

/// A TTL of A records.
pub(crate) const A: &[u8] = b"A";
/// A TTL of TXT records.
pub(crate) const TXT: &[u8] = b"T";
/// A TTL of both.
const BOTH: &[u8] = b"B";
/// What is longer is the TTL of an MX record: two bytes of preference, then the name. So much fits
/// into a text of 255 bytes; a mail exchanger whose name is longer refuses the load.
const MAX_EXCHANGE: usize = MAX_LITERAL - 2;

/// A zone has at most so many rows; where it takes more, the shortest TTL holds for all.
const MAX_ROWS: usize = 16_384;

/// The name of a mail exchanger as it is kept, which is as it is written, but for a last dot that has
/// no room; none if it does not fit.
pub(crate) fn exchange(written: &[u8]) -> Option<&[u8]> {
    if written.len() <= MAX_EXCHANGE {
        return Some(written);
    }
    let bare = written.strip_suffix(b".")?;
    // The last dot of `\.` is a byte of the name.
    let same = NameKey::parse(bare) == NameKey::parse(written);
    (same && bare.len() <= MAX_EXCHANGE).then_some(bare)
}

/// What the TTL of an MX record is of.
pub(crate) fn of_mail(preference: u16, exchange: &[u8]) -> Vec<u8> {
    assert!(
        exchange.len() <= MAX_EXCHANGE,
        "the reader of records refuses longer ones"
    );
    [&preference.to_le_bytes()[..], exchange].concat()
}

/// The record that stands for the TTL of another one; 0 is the default.
pub(crate) fn of_record(ttl: u32, record: &Record) -> Record {
    let ttl = if ttl == 0 { DEFAULT_TTL } else { ttl };
    let of = match (&record.a, &record.text) {
        (Some(_), Some(_)) => BOTH,
        (Some(_), None) => A,
        (None, Some(_)) => TXT,
        (None, None) => return Record::default(),
    };
    Record {
        a: Some(Ipv4Addr::from_bits(ttl)),
        text: Some(TemplateBuf::literal(of)),
    }
}

/// What a value of the second pass says.
#[derive(Debug, Clone, Default)]
struct Told {
    a: Option<u32>,
    txt: Option<u32>,
    mail: Vec<(u32, u16, Vec<u8>)>,
}

impl Told {
    fn of(values: &Values, id: ValueId) -> Told {
        let mut told = Told::default();
        for record in values.get(id).records() {
            let (Some(a), Some(template)) = (record.a, record.template) else {
                continue;
            };
            let mut text = Vec::new();
            for part in template.parts() {
                if let Part::Literal(bytes) = part {
                    text.extend_from_slice(bytes);
                }
            }
            told.add(a.to_bits(), &text);
        }
        told
    }

    fn add(&mut self, ttl: u32, of: &[u8]) {
        let shorter = |known: Option<u32>| Some(known.map_or(ttl, |known| known.min(ttl)));
        if of == A || of == BOTH {
            self.a = shorter(self.a);
        }
        if of == TXT || of == BOTH {
            self.txt = shorter(self.txt);
        }
        if let [low, high, exchange @ ..] = of {
            let preference = u16::from_le_bytes([*low, *high]);
            self.mail.push((ttl, preference, exchange.to_vec()));
        }
    }

    /// The TTLs, unless they are all the zone's.
    fn unlike(&self, zone: u32) -> Option<Ttls> {
        let ttls = Ttls {
            a: self.a.unwrap_or(zone),
            txt: self.txt.unwrap_or(zone),
        };
        (ttls.a != zone || ttls.txt != zone).then_some(ttls)
    }
}

/// Puts TTLs and MX records of the second pass into the facts of a zone. Gives the number of rows
/// where they are too many: then the zone keeps the shortest TTL.
pub(crate) fn put(zone: &mut DraftZone, second: &ZoneContent, values: &Values) -> Option<usize> {
    let mut known: HashMap<ValueId, Told> = HashMap::new();
    let mut counts: HashMap<u32, u64> = HashMap::new();
    let names = second.names().iter();
    let of_names = names.flat_map(|point| [point.exact.value(), point.below.value()]);
    let of_runs = second.v4().iter().map(|run| run.value);
    let of_runs = of_runs.chain(second.v6().iter().map(|run| run.value));
    for id in of_runs.chain(of_names.flatten()) {
        let told = known.entry(id).or_insert_with(|| Told::of(values, id));
        for ttl in [told.a, told.txt].into_iter().flatten() {
            *counts.entry(ttl).or_default() += 1;
        }
    }
    zone.facts.mail = mail(second, &known);
    // The one that most answers have takes the fewest rows; of several the shortest.
    let usual = counts
        .iter()
        .max_by_key(|(ttl, count)| (**count, std::cmp::Reverse(**ttl)));
    let Some((&usual, _)) = usual else {
        return None; // nothing but MX records
    };
    let rows = EntryTtls {
        v4: runs(second.v4(), &known, usual, |end| end.checked_add(1)),
        v6: runs(second.v6(), &known, usual, |end| end.checked_add(1)),
        names: of_points(second, &known, usual),
    };
    if rows.len() > MAX_ROWS {
        return Some(rows.len());
    }
    zone.facts.ttl = Some(usual).filter(|&ttl| ttl != DEFAULT_TTL);
    zone.facts.ttls = rows;
    None
}

/// The runs that are unlike the zone; those that touch and are alike are one.
fn runs<K: Copy + PartialEq>(
    all: &[Run<K>],
    known: &HashMap<ValueId, Told>,
    usual: u32,
    after: impl Fn(K) -> Option<K>,
) -> Vec<TtlRun<K>> {
    let mut rows: Vec<TtlRun<K>> = Vec::new();
    for run in all {
        let Some(ttls) = known.get(&run.value).and_then(|told| told.unlike(usual)) else {
            continue;
        };
        match rows.last_mut() {
            Some(last) if last.ttls == ttls && after(last.end) == Some(run.start) => {
                last.end = run.end;
            }
            _ => rows.push(TtlRun {
                start: run.start,
                end: run.end,
                ttls,
            }),
        }
    }
    rows
}

/// The names that are unlike the zone, and those below them that are like it again.
fn of_points(second: &ZoneContent, known: &HashMap<ValueId, Told>, usual: u32) -> Vec<TtlName> {
    let mut rows: Vec<TtlName> = Vec::new();
    let mut above: Vec<Vec<u8>> = Vec::new();
    for point in second.names().iter() {
        above.retain(|key| point.key.starts_with(key));
        let inherits = !above.is_empty();
        let own = |rule: NameRule| {
            let told = known.get(&rule.value()?)?;
            let same = Ttls {
                a: usual,
                txt: usual,
            };
            told.unlike(usual).or(Some(same).filter(|_| inherits))
        };
        let (exact, below) = (own(point.exact), own(point.below));
        if below.is_some() {
            above.push(point.key.to_vec());
        }
        if exact.is_some() || below.is_some() {
            rows.push(TtlName {
                key: point.key.to_vec(),
                exact,
                below,
            });
        }
    }
    rows
}

fn mail(second: &ZoneContent, known: &HashMap<ValueId, Told>) -> Vec<MailExchanger> {
    let mut mail = Vec::new();
    for point in second.names().iter() {
        let told = point.exact.value().and_then(|id| known.get(&id));
        let Some(told) = told else { continue };
        // All records of a type have the shortest TTL that any has.
        let shortest = told.mail.iter().map(|(ttl, ..)| *ttl).min();
        let records = told.mail.iter();
        mail.extend(records.map(|(_, preference, exchange)| MailExchanger {
            key: point.key.to_vec(),
            ttl: shortest.unwrap_or(DEFAULT_TTL),
            preference: *preference,
            exchange: exchange.clone(),
        }));
    }
    mail.sort_unstable();
    mail.dedup();
    mail
}
