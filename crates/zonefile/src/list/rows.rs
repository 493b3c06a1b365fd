//! What `dump` writes as `csv` and `json`, read back: every row names its zone, and its text is
//! exactly that of the record.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use rblmap::NameKey;
use serde::Deserialize;

use super::Part;
use crate::dataset::Rules;
use crate::error::Error;
use crate::key::{self, Dress, Key, KeyRules};
use crate::line::{split, trim};
use crate::piece::{Piece, Said};
use crate::spec::Options;
use crate::value::{Stated, Text, Words};
use crate::warning::Class;
use rblmap_content::NameScope;

/// The first line of a dump in CSV.
pub(super) const HEADER: [&[u8]; 4] = [b"zone", b"key", b"a", b"txt"];

/// A row of a dump in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'t> {
    #[serde(borrow)]
    zone: Cow<'t, str>,
    #[serde(borrow)]
    key: Cow<'t, str>,
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    a: Option<Ipv4Addr>,
    txt: Option<String>,
    txt_hex: Option<String>,
}

/// Whether a line is a row of a dump.
pub(super) fn is_row(line: &[u8]) -> bool {
    serde_json::from_slice::<Row<'_>>(line).is_ok()
}

/// Rows by zone.
pub(super) struct Rows<'t, 'o> {
    pieces: BTreeMap<NameKey, Piece<'t>>,
    options: &'o Options,
}

/// What a row says of its key in one record.
pub(super) struct RowRecord<'a> {
    pub(super) a: Option<Ipv4Addr>,
    pub(super) text: Option<Cow<'a, [u8]>>,
}

impl<'t, 'o> Rows<'t, 'o> {
    pub(super) fn new(options: &'o Options) -> Rows<'t, 'o> {
        let pieces = BTreeMap::from([(NameKey::ROOT, Piece::default())]);
        Rows { pieces, options }
    }

    /// The piece of a zone, at a line.
    pub(super) fn at(&mut self, zone: &[u8], line: u32) -> Option<&mut Piece<'t>> {
        let zone = match zone {
            b"@" => NameKey::ROOT,
            name => NameKey::parse(name).ok()?,
        };
        let piece = self.pieces.entry(zone).or_default();
        piece.at(line, b"");
        Some(piece)
    }

    /// Adds a record of a key; none: the name is hidden.
    pub(super) fn add(
        &mut self,
        (zone, key): (&[u8], &[u8]),
        record: Option<RowRecord<'_>>,
        line: u32,
    ) {
        let marked = self.options.reading.plain.templates;
        let Some(piece) = self.at(zone, line) else {
            if let Some(base) = self.at(b"@", line) {
                base.note_about(Class::BadName, zone, "");
            }
            return;
        };
        let Some(key) = own_key(key) else {
            piece.note_about(Class::BadName, key, "");
            return;
        };
        let said = match record {
            None => Said::Excluded,
            Some(record) => {
                let text = match record.text {
                    None => Text::None,
                    Some(text) if marked => {
                        Text::Words(Words::Marked(Cow::Owned(text.into_owned())))
                    }
                    Some(text) => Text::Words(Words::Data(Cow::Owned(text.into_owned()))),
                };
                let a = record.a.map(Ipv4Addr::to_bits);
                Said::Value(piece.values.id(Stated { a, text }))
            }
        };
        key::push_exactly(piece, key, said);
    }

    pub(super) fn finish(self, lines: u32) -> Vec<Part<'t>> {
        let parts = self.pieces.into_iter().enumerate();
        let parts = parts.map(|(at, (zone, mut piece))| {
            // The lines are those of all zones together.
            piece.lines = if at == 0 { lines } else { piece.lines };
            Part {
                subzone: Some(zone),
                piece,
            }
        });
        parts.collect()
    }
}

/// A key as `dump` writes it: names in the escapes of zone files, where a name that would read as
/// an address begins with one.
fn own_key(text: &[u8]) -> Option<Key> {
    let rules = KeyRules {
        names: NameScope::Exact,
        host_bits: false,
        padded: false,
        labels: 1,
    };
    if !text.contains(&b'\\')
        && let Ok((key @ (Key::V4(_) | Key::V6 { .. }), Dress::Bare)) = key::parse(text, &rules)
    {
        return Some(key);
    }
    let (scope, name) = match text {
        [b'*', b'.', name @ ..] => (NameScope::Below, name),
        [b'.', name @ ..] => (NameScope::Both, name),
        name => (NameScope::Exact, name),
    };
    let name = if name == b"@" { b"" } else { name };
    Some(Key::Name(Box::new(NameKey::parse(name).ok()?), scope))
}

/// Reads a dump in JSON, one row a line.
pub(super) fn json<'t>(
    text: &'t [u8],
    path: &Path,
    rules: &Rules<'_>,
) -> Result<Vec<Part<'t>>, Error> {
    let mut rows = Rows::new(rules.options);
    let (mut rest, mut line) = (text, 0u32);
    while !rest.is_empty() {
        let (row, after, _) = split(rest);
        rest = after;
        line = line.saturating_add(1);
        let row = trim(super::bare(row));
        if row.is_empty() {
            continue;
        }
        let row: Row<'_> = serde_json::from_slice(row).map_err(|error| Error::BadJson {
            path: path.to_path_buf(),
            line: line.into(),
            what: error.to_string(),
        })?;
        let at = (row.zone.as_bytes(), row.key.as_bytes());
        if row.records.is_empty() {
            rows.add(at, None, line);
        }
        for record in row.records {
            let text = record.txt.map(String::into_bytes);
            let text = text.or_else(|| record.txt_hex.as_deref().and_then(unhex));
            let text = text.map(Cow::Owned);
            rows.add(at, Some(RowRecord { a: record.a, text }), line);
        }
    }
    Ok(rows.finish(line))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let pairs = text.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    bytes.collect()
}

/// A text of a dump in CSV: `\xNN` for bytes that a terminal cannot show.
pub(super) fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if let [b'\\', b'x', high, low, after @ ..] = rest {
            let hex = std::str::from_utf8(&[*high, *low]).ok().and_then(unhex);
            if let Some([byte]) = hex.as_deref() {
                out.push(*byte);
                rest = after;
                continue;
            }
        }
        out.push(byte);
        rest = after;
    }
    out
}
