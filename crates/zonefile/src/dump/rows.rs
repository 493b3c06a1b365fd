//! Content as rows, in CSV and JSON, with all that is said; `build` reads both back.

use std::io::{self, Write};

use rblmap::{NameKey, Value};
use rblmap_format::{Part, RawRecord, Template};
use serde_json::json;

use super::addresses::v4_key;
use super::list::{List, NameEntry};
use super::loss::Loss;
use super::names::printed;
use super::plain::v6_range;
use crate::key::{self, Key, KeyRules};
use rblmap_content::NameScope;

pub(super) fn csv<W: Write>(list: &mut List<'_, W>) -> io::Result<()> {
    each(list, csv_rows)
}

pub(super) fn json<W: Write>(list: &mut List<'_, W>) -> io::Result<()> {
    each(list, json_row)
}

/// A key with all that is said of it.
struct Row<'a> {
    zone: &'a str,
    key: &'a str,
    value: Value<'a>,
    /// The key, if it is a name.
    name: Option<NameKey>,
}

fn each<W: Write>(
    list: &mut List<'_, W>,
    write: impl Fn(&mut List<'_, W>, &Row<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let zone = printed(list.zone.name());
    let row = |list: &mut List<'_, W>, key: &str, value, name| {
        let zone = &zone;
        write(
            list,
            &Row {
                zone,
                key,
                value,
                name,
            },
        )
    };
    for run in list.zone.v4() {
        row(
            list,
            &v4_key(run.start, run.end),
            list.value(run.value),
            None,
        )?;
    }
    for run in list.zone.v6() {
        row(list, &v6_range(run), list.value(run.value), None)?;
    }
    for entry in list.names() {
        let value = entry.value.unwrap_or(Value::new(&[]));
        row(list, &name_of(&entry), value, Some(entry.name))?;
    }
    Ok(())
}

/// A name in the escapes of zone files; one that would read as an address begins with an escape.
fn name_of(entry: &NameEntry<'_>) -> String {
    let shown = entry.shown();
    let rules = KeyRules {
        names: NameScope::Exact,
        host_bits: true,
        padded: false,
        labels: 1,
    };
    let is_address = matches!(
        key::parse(shown.as_bytes(), &rules),
        Ok((Key::V4(_) | Key::V6 { .. }, _))
    );
    match shown.as_bytes().first() {
        Some(first) if is_address => format!("\\{first:03}{}", shown.get(1..).unwrap_or_default()),
        _ => shown,
    }
}

fn csv_rows<W: Write>(list: &mut List<'_, W>, row: &Row<'_>) -> io::Result<()> {
    let zone = quoted(row.zone);
    let key = quoted(row.key);
    let mut any = false;
    for record in row.value.records() {
        any = true;
        let a = record.a.map_or_else(String::new, |a| a.to_string());
        let text = text_of(list, &record, row.name.as_ref()).unwrap_or_default();
        let text = quoted(&printable(&text));
        writeln!(list.out, "{zone},{key},{a},{text}")?;
    }
    if !any {
        writeln!(list.out, "{zone},{key},,")?;
    }
    Ok(())
}

fn json_row<W: Write>(list: &mut List<'_, W>, row: &Row<'_>) -> io::Result<()> {
    let records: Vec<serde_json::Value> = row
        .value
        .records()
        .map(|record| json_record(list, &record, row.name.as_ref()))
        .collect();
    let row = json!({ "zone": row.zone, "key": row.key, "records": records });
    serde_json::to_writer(&mut *list.out, &row)?;
    list.out.write_all(b"\n")
}

fn json_record<W: Write>(
    list: &mut List<'_, W>,
    record: &RawRecord<'_>,
    name: Option<&NameKey>,
) -> serde_json::Value {
    let mut object = serde_json::Map::new();
    if let Some(a) = record.a {
        object.insert("a".to_owned(), json!(a.to_string()));
    }
    if let Some(text) = text_of(list, record, name) {
        match String::from_utf8(text) {
            Ok(text) => object.insert("txt".to_owned(), json!(text)),
            Err(bytes) => {
                let digits = bytes.as_bytes().iter().map(|byte| format!("{byte:02x}"));
                object.insert("txt_hex".to_owned(), json!(digits.collect::<String>()))
            }
        };
    }
    object.into()
}

/// The text of a record. What `$` and `$$` cannot say is counted: a name above the key, which is
/// written out, and a key with another one or a dollar sign right behind it.
fn text_of<W: Write>(
    list: &mut List<'_, W>,
    record: &RawRecord<'_>,
    name: Option<&NameKey>,
) -> Option<Vec<u8>> {
    let template = record.template?;
    let mut after_key = false;
    let mut lost = false;
    for part in template.parts() {
        lost |= match part {
            Part::Literal(text) => after_key && text.starts_with(b"$"),
            Part::Key => after_key,
            Part::KeyLess(_) => true,
        };
        after_key = part == Part::Key;
    }
    if lost {
        list.omitted.add(Loss::Texts);
    }
    Some(text(&template, name))
}

/// A text with `$` for the key and `$$` for a dollar sign.
fn text(template: &Template<'_>, name: Option<&NameKey>) -> Vec<u8> {
    let mut text = Vec::new();
    for part in template.parts() {
        match part {
            Part::Literal(bytes) => {
                for &byte in bytes {
                    text.extend_from_slice(if byte == b'$' { b"$" } else { b"" });
                    text.push(byte);
                }
            }
            Part::Key => text.push(b'$'),
            Part::KeyLess(less) => {
                let mut above = name.copied();
                for _ in 0..less {
                    above = above.and_then(|name| name.parent());
                }
                let above = above.map_or_else(String::new, |name| name.to_string());
                text.extend_from_slice(above.as_bytes());
            }
        }
    }
    text
}

fn printable(text: &[u8]) -> String {
    text.iter()
        .map(|&byte| match byte {
            b'\\' | ..=31 | 127.. => format!("\\x{byte:02x}"),
            byte => char::from(byte).to_string(),
        })
        .collect()
}

/// A field of a row (RFC 4180).
fn quoted(field: &str) -> String {
    if field.contains([',', '"']) || field.starts_with('#') {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
