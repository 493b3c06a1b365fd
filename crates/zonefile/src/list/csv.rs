//! `csv`: rows of columns (RFC 4180), one of which holds keys.

use std::borrow::Cow;
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::rows::{HEADER, RowRecord, Rows, unescaped};
use super::words::{printable, text_value};
use super::{Part, add};
use crate::error::Error;
use crate::key::{self, KeyRules};
use crate::piece::Piece;
use crate::reading::cut_off;
use crate::spec::{Column, Options};
use crate::warning::Class;

/// Reads a source.
pub(crate) fn read<'t>(
    text: &'t [u8],
    path: &Path,
    options: &Options,
) -> Result<Vec<Part<'t>>, Error> {
    let mut table = Table::new(text, options);
    let mut first = ByteRecord::new();
    if !table.next(&mut first) {
        return Ok(Part::of_all(Piece::default()));
    }
    let is_dump = first.iter().eq(HEADER) && options.reading.csv.column.is_none();
    if is_dump {
        return Ok(dumped(table, options));
    }
    let (columns, is_header) = Columns::of(&first, path, table.line, options)?;
    let mut piece = Piece::default();
    let mut record = first;
    let mut more = !is_header || table.next(&mut record);
    while more {
        piece.at(table.line, b"");
        piece.cut_line = table.is_cut();
        if let Err(class) = row(&mut piece, &record, &columns, options) {
            let key = record.get(columns.key).unwrap_or_default();
            piece.note_about(class, key, "");
        }
        if piece.cut_line {
            cut_off(&mut piece);
        }
        more = table.next(&mut record);
    }
    piece.lines = table.lines();
    Ok(Part::of_all(piece))
}

/// Reads a row.
fn row(
    piece: &mut Piece<'_>,
    record: &ByteRecord,
    columns: &Columns,
    options: &Options,
) -> Result<(), Class> {
    let field = record.get(columns.key).map(<[u8]>::trim_ascii);
    let Some(field) = field.filter(|field| !field.is_empty()) else {
        let row: Vec<&[u8]> = record.iter().collect();
        piece.note_about(
            Class::BadEntry,
            &row.join(&b","[..]),
            "no key in its column",
        );
        return Ok(());
    };
    let key = key::parse(field, &KeyRules::of(options))?;
    let text = columns
        .text
        .and_then(|at| record.get(at))
        .unwrap_or_default();
    let text = printable(piece, Cow::Owned(text.trim_ascii().to_vec()));
    let value = text_value(piece, None, text, options);
    add(piece, key, value);
    Ok(())
}

/// Which columns are read.
struct Columns {
    key: usize,
    text: Option<usize>,
}

impl Columns {
    /// The columns that are asked for, and whether the first record names them.
    fn of(
        first: &ByteRecord,
        path: &Path,
        line: u32,
        options: &Options,
    ) -> Result<(Columns, bool), Error> {
        let csv = &options.reading.csv;
        let named = [&csv.column, &csv.text_column]
            .into_iter()
            .any(|column| matches!(column, Some(Column::Name(_))));
        let place = |column: &Option<Column>| match column {
            None => Ok(None),
            Some(Column::Number(number)) => Ok(Some(number - 1)),
            Some(Column::Name(name)) => {
                let found = first.iter().position(|field| {
                    let field = field.strip_prefix(b"#").unwrap_or(field);
                    field.trim_ascii() == name.as_bytes()
                });
                found.map(Some).ok_or_else(|| Error::NoColumn {
                    path: path.to_path_buf(),
                    line: line.into(),
                    column: name.clone(),
                    columns: shown(first),
                })
            }
        };
        let key = place(&csv.column)?.unwrap_or(0);
        let next = options.reading.plain.text.then_some(key + 1);
        let text = place(&csv.text_column)?.or(next);
        Ok((Columns { key, text }, csv.header || named))
    }
}

fn shown(record: &ByteRecord) -> String {
    let fields = record
        .iter()
        .map(|field| String::from_utf8_lossy(field).trim().to_owned());
    fields.collect::<Vec<_>>().join(", ")
}

/// Records of a text.
struct Table<'t> {
    text: &'t [u8],
    reader: Reader<&'t [u8]>,
    /// The line on which the last record begins.
    line: u32,
}

impl<'t> Table<'t> {
    fn new(text: &'t [u8], options: &Options) -> Table<'t> {
        let delimiter = options.reading.csv.delimiter;
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .comment((delimiter != b'#').then_some(b'#'))
            .from_reader(text);
        Table {
            text,
            reader,
            line: 0,
        }
    }

    /// Reads the next record; false at the end.
    fn next(&mut self, record: &mut ByteRecord) -> bool {
        // Reading from memory does not fail, and records may have any number of fields.
        let read = self.reader.read_byte_record(record).unwrap_or(false);
        // Comments before a record are passed over with it, so it is counted from its end.
        let end = self.reader.position();
        let at = usize::try_from(end.byte()).unwrap_or(usize::MAX);
        let ended = self
            .text
            .get(..at)
            .is_some_and(|text| text.ends_with(b"\n"));
        let inside = memchr::memchr_iter(b'\n', record.as_slice()).count() as u64;
        let line = end.line().saturating_sub(u64::from(ended) + inside);
        self.line = u32::try_from(line).unwrap_or(u32::MAX);
        read
    }

    /// Whether the last record ends with the text, and not with the end of a line.
    fn is_cut(&self) -> bool {
        let open = self
            .text
            .last()
            .is_some_and(|byte| !matches!(byte, b'\n' | b'\r'));
        open && self.reader.position().byte() >= self.text.len() as u64
    }

    fn lines(&self) -> u32 {
        let ends = memchr::memchr_iter(b'\n', self.text).count();
        let open = self.text.last().is_some_and(|&byte| byte != b'\n');
        u32::try_from(ends + usize::from(open)).unwrap_or(u32::MAX)
    }
}

/// Reads what `dump` wrote.
fn dumped<'t>(mut table: Table<'t>, options: &Options) -> Vec<Part<'t>> {
    let mut rows = Rows::new(options);
    let mut record = ByteRecord::new();
    while table.next(&mut record) {
        let line = table.line;
        let fields: Vec<&[u8]> = record.iter().collect();
        let [zone, key, a, text] = fields.as_slice() else {
            if let Some(piece) = rows.at(b"@", line) {
                piece.note_about(Class::BadEntry, &fields.join(&b","[..]), "not four fields");
            }
            continue;
        };
        let address = std::str::from_utf8(a).ok().and_then(|a| a.parse().ok());
        if address.is_none() && !a.is_empty() {
            if let Some(piece) = rows.at(zone, line) {
                piece.note_about(Class::BadA, a, "");
            }
            continue;
        }
        let hidden = a.is_empty() && text.is_empty();
        let text = (!text.is_empty()).then(|| Cow::Owned(unescaped(text)));
        let record = (!hidden).then_some(RowRecord { a: address, text });
        rows.add((zone, key), record, line);
    }
    let lines = table.lines();
    rows.finish(lines)
}
