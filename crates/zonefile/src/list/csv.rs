//! `csv`: rows of columns (RFC 4180), one of which holds keys.

use std::borrow::Cow;
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};
use rayon::prelude::*;

use super::rows::{HEADER, RowRecord, Rows, unescaped};
use super::words::{printable, text_value};
use super::{Part, add, verdict};
use crate::error::Error;
use crate::key::{self, KeyRules};
use crate::line::cut;
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
    let (columns, is_header) = Columns::of(&first, path, (text, table.line), options)?;
    let (header, rest) = table.split(is_header);
    let delimiter = options.reading.csv.delimiter;
    let texts = match cut(rest) {
        // A row may go over lines: then only who reads all before knows where it begins.
        texts if texts.par_iter().all(|text| is_by_line(text, delimiter)) => texts,
        _ => vec![rest],
    };
    let pieces: Vec<Piece<'t>> = texts
        .into_par_iter()
        .map(|text| rows(text, &columns, options))
        .collect();
    let header = Piece::without_entries(lines_of(header));
    let pieces = std::iter::once(header).chain(pieces);
    Ok(pieces.flat_map(Part::of_all).collect())
}

/// Reads rows.
fn rows<'t>(text: &'t [u8], columns: &Columns, options: &Options) -> Piece<'t> {
    let mut table = Table::new(text, options);
    let delimiter = options.reading.csv.delimiter;
    let mut piece = Piece::default();
    let mut record = ByteRecord::new();
    let mut from = 0;
    while table.next(&mut record) {
        piece.at(table.line, b"");
        piece.cut_line = table.is_cut();
        let raw = text.get(from..table.at()).unwrap_or_default();
        from = table.at();
        let before = piece.entries();
        let key = record.get(columns.key).unwrap_or_default();
        // Only a row over several lines can hold other rows.
        let breaks = memchr::memchr_iter(b'\n', record.as_slice()).count();
        let lost = breaks > 0 && !quotes_are_whole(raw, delimiter);
        if lost {
            let then = format!("a quote in it takes {breaks} lines, which are not read");
            piece.note_about(Class::Unread, key, &then);
        }
        // The text would be other rows.
        let columns = if lost {
            columns.without_text()
        } else {
            *columns
        };
        if let Err(class) = row(&mut piece, &record, columns, options) {
            piece.note_about(class, key, "");
        }
        if piece.cut_line && !lost {
            cut_off(&mut piece, before);
        }
    }
    piece.lines = lines_of(text);
    piece
}

/// Whether each line is a row, as it is where quotes that a line opens are closed in it.
fn is_by_line(text: &[u8], delimiter: u8) -> bool {
    let has_quote = |line: &&[u8]| memchr::memchr(b'"', line).is_some();
    let mut quoted = text
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .filter(has_quote);
    memchr::memchr(b'"', text).is_none() || quoted.all(|line| closes_quotes(line, delimiter))
}

/// Whether a line that begins outside of quotes ends so. A quote is one at the head of a field only.
fn closes_quotes(line: &[u8], delimiter: u8) -> bool {
    let mut rest = line;
    if delimiter != b'#' && rest.starts_with(b"#") {
        return true;
    }
    loop {
        while let Some(quoted) = rest.strip_prefix(b"\"") {
            let Some(end) = memchr::memchr(b'"', quoted) else {
                return false;
            };
            // A quote right behind it would be a part of the field, which goes on.
            rest = quoted.get(end + 1..).unwrap_or_default();
        }
        match memchr::memchr(delimiter, rest) {
            Some(at) => rest = rest.get(at + 1..).unwrap_or_default(),
            None => return true,
        }
    }
}

/// Whether each quote that opens a field of a row is closed at the end of a field. One that a feed
/// forgot takes all lines up to the next quote.
fn quotes_are_whole(row: &[u8], delimiter: u8) -> bool {
    let mut rest = row.trim_ascii_start();
    // Comments before a row are passed over with it.
    while delimiter != b'#' && rest.starts_with(b"#") {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        rest = rest.get(end..).unwrap_or_default();
    }
    loop {
        let Some(quoted) = rest.strip_prefix(b"\"") else {
            match memchr::memchr(delimiter, rest) {
                Some(at) => rest = rest.get(at + 1..).unwrap_or_default(),
                None => return true,
            }
            continue;
        };
        rest = quoted;
        loop {
            let Some(end) = memchr::memchr(b'"', rest) else {
                return false;
            };
            rest = rest.get(end + 1..).unwrap_or_default();
            match rest.strip_prefix(b"\"") {
                Some(after) => rest = after,
                None => break,
            }
        }
        match rest.first() {
            None | Some(b'\r' | b'\n') => return true,
            Some(byte) if *byte == delimiter => rest = rest.get(1..).unwrap_or_default(),
            Some(_) => return false,
        }
    }
}

/// How many lines a text has, the last one with or without its end.
fn lines_of(text: &[u8]) -> u32 {
    let ends = memchr::memchr_iter(b'\n', text).count();
    let open = text.last().is_some_and(|&byte| byte != b'\n');
    u32::try_from(ends + usize::from(open)).unwrap_or(u32::MAX)
}

/// Reads a row.
fn row(
    piece: &mut Piece<'_>,
    record: &ByteRecord,
    columns: Columns,
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
    if let Some(pass) = record.iter().enumerate().find_map(|(at, field)| {
        let is_other = at != columns.key && columns.text != Some(at);
        (is_other && verdict::is_pass(field)).then_some(field)
    }) {
        let row = [field, b",", pass].concat();
        piece.note_about(Class::Unread, &row, "this lets it in, so it is not listed");
        return Ok(());
    }
    let text = columns
        .text
        .and_then(|at| record.get(at))
        .unwrap_or_default();
    // An empty one takes no memory.
    let text = printable(piece, Cow::Owned(text.trim_ascii().to_vec()));
    let value = text_value(piece, None, text, options);
    add(piece, key, value);
    Ok(())
}

/// Which columns are read.
#[derive(Clone, Copy)]
struct Columns {
    key: usize,
    text: Option<usize>,
}

impl Columns {
    fn without_text(self) -> Columns {
        Columns { text: None, ..self }
    }

    /// The columns that are asked for, and whether the first record names them.
    fn of(
        first: &ByteRecord,
        path: &Path,
        (text, line): (&[u8], u32),
        options: &Options,
    ) -> Result<(Columns, bool), Error> {
        let csv = &options.reading.csv;
        let asked = [&csv.column, &csv.text_column].into_iter().flatten();
        let names: Vec<&str> = asked.filter_map(Column::name).collect();
        let has_all =
            |record: &ByteRecord| names.iter().all(|name| place_of(record, name).is_some());
        // Some write the names of columns as a comment.
        let comments = || comments(text, csv.delimiter).into_iter().rfind(has_all);
        let commented = if has_all(first) { None } else { comments() };
        let is_header = csv.header || !names.is_empty() && commented.is_none();
        let place = |column: &Option<Column>| match column {
            None => Ok(None),
            Some(Column::Number(number)) => Ok(Some(number - 1)),
            Some(Column::Name(name)) => {
                let found = place_of(commented.as_ref().unwrap_or(first), name);
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
        Ok((Columns { key, text }, is_header))
    }
}

/// The place of a column in a record of names.
fn place_of(names: &ByteRecord, name: &str) -> Option<usize> {
    names.iter().position(|field| {
        let field = field.strip_prefix(b"#").unwrap_or(field);
        field.trim_ascii() == name.as_bytes()
    })
}

/// The comments at the head of a text, as the records that they may be.
fn comments(text: &[u8], delimiter: u8) -> Vec<ByteRecord> {
    let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let comments = lines.take_while(|line| line.is_empty() || line.starts_with(b"#"));
    let record = |line: &[u8]| {
        let line = line.strip_prefix(b"#").unwrap_or(line).trim_ascii_start();
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .delimiter(delimiter)
            .from_reader(line);
        let mut record = ByteRecord::new();
        let read = reader.read_byte_record(&mut record).unwrap_or(false);
        read.then_some(record)
    };
    comments.filter_map(record).collect()
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
        let ended = self.ends_line(self.at());
        let inside = memchr::memchr_iter(b'\n', record.as_slice()).count() as u64;
        let line = end.line().saturating_sub(u64::from(ended) + inside);
        self.line = u32::try_from(line).unwrap_or(u32::MAX);
        read
    }

    /// Where the last record ends.
    fn at(&self) -> usize {
        usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX)
    }

    /// Whether a line ends before an offset.
    fn ends_line(&self, at: usize) -> bool {
        let text = self.text.get(..at);
        text.is_some_and(|text| text.ends_with(b"\n"))
    }

    /// Whether the last record ends with the text, and not with the end of a line.
    fn is_cut(&self) -> bool {
        let open = self
            .text
            .last()
            .is_some_and(|byte| !matches!(byte, b'\n' | b'\r'));
        open && self.reader.position().byte() >= self.text.len() as u64
    }

    /// The header, if the record that was read is one, and the lines of the rows.
    fn split(&self, is_header: bool) -> (&'t [u8], &'t [u8]) {
        let mut at = self.at();
        // The reader stops between CR and LF.
        at += usize::from(self.text.get(at) == Some(&b'\n') && !self.ends_line(at));
        let header = self.text.split_at_checked(at).filter(|_| is_header);
        header.unwrap_or((&[], self.text))
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
    let lines = lines_of(table.text);
    rows.finish(lines)
}
