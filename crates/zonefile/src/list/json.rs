//! `json` and `plain-json`: objects with keys, one a line, in arrays, or anywhere in documents.

mod flat;
mod hint;
mod lines;
mod paths;
mod walk;

use std::borrow::Cow;
use std::path::Path;

use rayon::prelude::*;
use serde::de::DeserializeSeed;
use serde_json::de::Read;
use serde_json::{Deserializer, StreamDeserializer, Value};

use super::words::{bare, printable, text_value};
use super::{Part, add, rows};
use crate::dataset::Rules;
use crate::dataset_type::DatasetType;
use crate::error::Error;
use crate::key::{self, KeyRules};
use crate::line::{cut, trim};
use crate::piece::{Piece, Said};
use crate::reading;
use crate::value::MAX_SOURCE_TEXT;
use crate::warning::Class;

pub(crate) use hint::hint;
use lines::Lines;
pub(crate) use paths::Paths;
use walk::{Found, Record, Sink, Walk, Words};

/// Reads a line: one object.
pub(super) fn line<'t>(
    piece: &mut Piece<'t>,
    line: &'t [u8],
    rules: &Rules<'_>,
) -> Result<(), Class> {
    let line = trim(bare(line));
    if line.is_empty() {
        return Ok(());
    }
    let mut sink = LineSink {
        piece,
        rules,
        found: false,
    };
    // What is known to be UTF-8 is not looked at again for each string.
    let done = match std::str::from_utf8(line) {
        Ok(text) => match flat::read(text, rules.paths.root()) {
            Some(found) => Ok(found),
            None => walk_line(Deserializer::from_str(text), &mut sink),
        },
        Err(_) => walk_line(Deserializer::from_slice(line), &mut sink),
    };
    let done = done.map_err(|_| Class::BadJson)?;
    sink.record(done.record);
    if sink.found || done.found || is_about_the_list(line) {
        return Ok(());
    }
    Err(Class::BadJson)
}

fn walk_line<'t, R: Read<'t>>(
    mut deserializer: Deserializer<R>,
    sink: &mut LineSink<'_, 't, '_>,
) -> serde_json::Result<Found<'t>> {
    let rules = sink.rules;
    let walk = Walk {
        node: rules.paths.root(),
        sink,
        top: true,
        item: false,
    };
    let last = walk.deserialize(&mut deserializer)?;
    deserializer.end().map(|()| last)
}

/// Lists close with a line about themselves.
fn is_about_the_list(line: &[u8]) -> bool {
    let read: Result<Value, _> = serde_json::from_slice(line);
    read.is_ok_and(|value| value.get("type").and_then(Value::as_str) == Some("metadata"))
}

/// Takes the records of a line.
struct LineSink<'p, 't, 'o> {
    piece: &'p mut Piece<'t>,
    rules: &'p Rules<'o>,
    found: bool,
}

impl<'t> Sink<'t> for LineSink<'_, 't, '_> {
    fn record(&mut self, record: Record<'t>) {
        self.found |= !record.keys.is_empty();
        take(self.piece, record, self.rules);
    }

    fn nothing(&mut self) {
        self.piece.note(Class::BadJson);
        self.found = true;
    }
}

/// Adds the keys of a record with its text.
fn take<'t>(piece: &mut Piece<'t>, record: Record<'t>, rules: &Rules<'_>) {
    if record.keys.is_empty() {
        return;
    }
    let value = match record.text {
        Words::Nothing => piece.default_value(),
        Words::Odd => {
            piece.tally.texts += 1;
            piece.note(Class::BadText);
            piece.default_value()
        }
        Words::Text(text) => text_of(piece, text, rules),
    };
    let key_rules = KeyRules::of(rules.options);
    for key in record.keys.iter() {
        match key::parse(key.trim().as_bytes(), &key_rules) {
            Ok(key) => add(piece, key, value),
            Err(class) => piece.note_about(class, key.as_bytes(), ""),
        }
    }
}

fn text_of<'t>(piece: &mut Piece<'t>, text: Cow<'t, str>, rules: &Rules<'_>) -> Said {
    let bytes = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    let text = printable(piece, bytes);
    if text.len() > MAX_SOURCE_TEXT && rules.options.reading.plain.templates {
        piece.note(Class::TxtCut);
    }
    text_value(piece, None, text, rules.options)
}

/// Reads a source: one object a line, if the first line is one, else documents.
pub(crate) fn whole<'t>(
    text: &'t [u8],
    path: &Path,
    rules: &Rules<'_>,
) -> Result<Vec<Part<'t>>, Error> {
    let first = text
        .split(|&byte| byte == b'\n')
        .map(|line| trim(bare(line)))
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    if rows::is_row(first) {
        return rows::json(text, path, rules);
    }
    let is_object =
        first.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(first).is_ok();
    if is_object && text.trim_ascii().len() > first.len() {
        let pieces: Vec<Piece<'t>> = cut(text)
            .into_par_iter()
            .map(|text| reading::read(text, rules))
            .collect();
        return Ok(pieces.into_iter().flat_map(Part::of_all).collect());
    }
    documents(text, path, rules).map(Part::of_all)
}

/// Reads documents, one behind the other. A document that is cut short or malformed says nothing
/// that could be relied on.
fn documents<'t>(text: &'t [u8], path: &Path, rules: &Rules<'_>) -> Result<Piece<'t>, Error> {
    let mut sink = TextSink {
        piece: Piece::default(),
        rules,
        lines: Lines::new(text),
    };
    let mut from = 0;
    while let Some(rest) = text
        .get(from..)
        .filter(|rest| !rest.trim_ascii().is_empty())
    {
        let bad = |error: &serde_json::Error| Error::BadJson {
            path: path.to_path_buf(),
            line: line_of(text, from) + error.line() as u64 - 1,
            what: error.to_string(),
        };
        let mut deserializer = Deserializer::from_slice(rest);
        let walk = Walk {
            node: rules.paths.root(),
            sink: &mut sink,
            top: true,
            item: false,
        };
        let done = walk
            .deserialize(&mut deserializer)
            .map_err(|error| bad(&error))?;
        if done.is_array {
            // Its records are taken already.
        } else if done.record.keys.is_empty() && !done.found {
            sink.nothing();
        } else {
            sink.record(done.record);
        }
        if deserializer.end().is_ok() {
            break;
        }
        let mut ends: StreamDeserializer<'_, _, serde::de::IgnoredAny> =
            Deserializer::from_slice(rest).into_iter();
        if let Some(Err(error)) = ends.next() {
            return Err(bad(&error));
        }
        from += ends.byte_offset();
    }
    sink.piece.lines = u32::try_from(sink.lines.all()).unwrap_or(u32::MAX);
    Ok(sink.piece)
}

fn line_of(text: &[u8], at: usize) -> u64 {
    memchr::memchr_iter(b'\n', text.get(..at).unwrap_or_default()).count() as u64 + 1
}

/// Takes the records of a text, each with the line that it stands on.
struct TextSink<'t, 'r, 'o> {
    piece: Piece<'t>,
    rules: &'r Rules<'o>,
    lines: Lines<'t>,
}

impl<'t> Sink<'t> for TextSink<'t, '_, '_> {
    fn record(&mut self, record: Record<'t>) {
        if let Some(Cow::Borrowed(key)) = record.keys.iter().next() {
            self.lines.reach(key);
        }
        self.piece.at(self.lines.here(), b"");
        take(&mut self.piece, record, self.rules);
    }

    fn seen(&mut self, word: &'t str) {
        self.lines.reach(word);
    }

    fn nothing(&mut self) {
        self.piece.at(self.lines.here(), b"");
        let there = self.rules.paths.to_string();
        self.piece
            .note_about(Class::BadJson, b"", &format!("no {there}"));
    }
}

/// Refuses a source of type `plain-json` that is a document over several lines.
pub(crate) fn check_lines(head: &[u8], path: &Path, kind: DatasetType) -> Result<(), Error> {
    if kind != DatasetType::PlainJson {
        return Ok(());
    }
    let mut lines = head
        .split(|&byte| byte == b'\n')
        .map(|line| trim(bare(line)));
    let first = lines.find(|line| !line.is_empty()).unwrap_or_default();
    let is_whole = serde_json::from_slice::<serde::de::IgnoredAny>(first).is_ok();
    let is_document =
        first.starts_with(b"[") || first.starts_with(b"{") && !is_whole && lines.next().is_some();
    if is_document {
        return Err(Error::NotLines {
            path: path.to_path_buf(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
