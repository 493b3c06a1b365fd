//! Content as lists for other programs: keys, networks, or rows with all that is said.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use rblmap::{NameKey, Run, Slot, Value};
use rblmap_content::{Content, ZoneContent};
use rblmap_format::{NamePoint, Part, RawRecord, Template};
use serde_json::json;

use super::addresses::v4_key;
use super::names::printed;
use super::record;
use crate::plain::networks;

/// What a list looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// One key a line, as `plain` sources have it: `KEY`, `KEY A` or `KEY :A:TXT`.
    Plain,
    /// The listed networks in CIDR notation, one a line, as few as possible, without values.
    Cidr,
    /// One row a record: zone, key, A, TXT; a name that is hidden has neither.
    Csv,
    /// One JSON object a key: zone, key, records.
    Json,
}

/// What a list could not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Omitted {
    /// Names that are not listed although a name above lists those below it.
    pub hidden: u64,
    /// Texts that lines of the format cannot hold.
    pub texts: u64,
    /// Names, where only networks are asked for.
    pub names: u64,
}

/// Writes zones of some content as a list; what had to be left out.
///
/// ```
/// use rblmap_zonefile::{ListFormat, Options, Spec, build, write_list};
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("list.txt");
/// # std::fs::write(&path, "192.0.2.1\n192.0.2.0\n*.a.example\n")?;
/// let spec: Spec = format!("ops.example:plain:{}", path.display()).parse()?;
/// let content = build(&[spec], &Options::default())?.content;
/// let mut out = Vec::new();
/// write_list(&content, content.zones(), ListFormat::Plain, &mut out)?;
/// assert_eq!(out, b"192.0.2.0/31\n*.a.example\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of `out`.
pub fn write_list(
    content: &Content,
    zones: &[ZoneContent],
    format: ListFormat,
    out: &mut impl Write,
) -> io::Result<Omitted> {
    let mut omitted = Omitted::default();
    if format == ListFormat::Csv {
        out.write_all(b"zone,key,a,txt\n")?;
    }
    for zone in zones {
        if format == ListFormat::Cidr {
            cidr(zone, out)?;
            omitted.names += zone.names().len() as u64;
            continue;
        }
        let mut list = List {
            content,
            zone: printed(zone.name()),
            format,
            out,
            omitted: &mut omitted,
        };
        for run in zone.v4() {
            list.row(
                &v4_key(run.start, run.end),
                content.values().get(run.value),
                None,
            )?;
        }
        for run in zone.v6() {
            list.row(&v6_key(run), content.values().get(run.value), None)?;
        }
        for point in zone.names().iter() {
            list.point(&point)?;
        }
    }
    Ok(omitted)
}

struct List<'a, W> {
    content: &'a Content,
    zone: String,
    format: ListFormat,
    out: &'a mut W,
    omitted: &'a mut Omitted,
}

impl<W: Write> List<'_, W> {
    fn point(&mut self, point: &NamePoint<'_>) -> io::Result<()> {
        // Content holds names only.
        let Ok(name) = NameKey::from_key(point.key) else {
            return Ok(());
        };
        let shown = match name.label_count() {
            0 => String::new(),
            _ => printed(&name),
        };
        if point.exact == point.below {
            return self.slot(&format!(".{shown}"), point.exact, &name);
        }
        self.slot(&shown, point.exact, &name)?;
        self.slot(&format!("*.{shown}"), point.below, &name)
    }

    fn slot(&mut self, key: &str, slot: Slot, name: &NameKey) -> io::Result<()> {
        match slot {
            Slot::Inherit => Ok(()),
            Slot::Nothing => self.row(key, Value::new(&[]), Some(name)),
            Slot::Value(id) => self.row(key, self.content.values().get(id), Some(name)),
        }
    }

    fn row(&mut self, key: &str, value: Value<'_>, name: Option<&NameKey>) -> io::Result<()> {
        match self.format {
            ListFormat::Json => self.json(key, value, name),
            ListFormat::Csv => self.csv(key, value, name),
            ListFormat::Plain | ListFormat::Cidr => self.plain(key, value),
        }
    }

    fn plain(&mut self, key: &str, value: Value<'_>) -> io::Result<()> {
        if !value.is_listed() {
            self.omitted.hidden += 1;
            return Ok(());
        }
        for record in value.records() {
            let Some(a) = record.a else {
                self.omitted.texts += 1;
                continue;
            };
            let tail = record::tail(&record)
                .ok()
                .filter(|tail| tail.base().is_none());
            if record.template.is_some() && tail.is_none() {
                self.omitted.texts += 1;
            }
            match tail.filter(|_| record.template.is_some()) {
                Some(tail) => {
                    write!(self.out, "{key} ")?;
                    self.out.write_all(tail.value())?;
                    self.out.write_all(b"\n")?;
                }
                None if a == Ipv4Addr::new(127, 0, 0, 2) => writeln!(self.out, "{key}")?,
                None if a.is_loopback() => writeln!(self.out, "{key} {a}")?,
                None => writeln!(self.out, "{key} :{a}:")?,
            }
        }
        Ok(())
    }

    fn csv(&mut self, key: &str, value: Value<'_>, name: Option<&NameKey>) -> io::Result<()> {
        let zone = quoted(&self.zone);
        let key = quoted(key);
        let mut any = false;
        for record in value.records() {
            any = true;
            let a = record.a.map_or_else(String::new, |a| a.to_string());
            let text = record.template.map_or_else(Vec::new, |t| text(&t, name));
            let text = quoted(&printable(&text));
            writeln!(self.out, "{zone},{key},{a},{text}")?;
        }
        if !any {
            writeln!(self.out, "{zone},{key},,")?;
        }
        Ok(())
    }

    fn json(&mut self, key: &str, value: Value<'_>, name: Option<&NameKey>) -> io::Result<()> {
        let records: Vec<serde_json::Value> = value
            .records()
            .map(|record| json_record(&record, name))
            .collect();
        let row = json!({ "zone": self.zone, "key": key, "records": records });
        serde_json::to_writer(&mut *self.out, &row)?;
        self.out.write_all(b"\n")
    }
}

fn json_record(record: &RawRecord<'_>, name: Option<&NameKey>) -> serde_json::Value {
    let mut object = serde_json::Map::new();
    if let Some(a) = record.a {
        object.insert("a".to_owned(), json!(a.to_string()));
    }
    if let Some(template) = record.template {
        let text = text(&template, name);
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

/// A text with `$` for the key and `$$` for a dollar sign, as in zone files.
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
    if field.contains([',', '"']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

fn v6_key(run: &Run<u128>) -> String {
    let [first, last] = [run.start, run.end].map(Ipv6Addr::from_bits);
    let mut parts = networks(run.start, run.end, 128);
    let bits = (run.start ^ run.end).leading_zeros();
    parts.next();
    match parts.next() {
        None if bits == 128 => first.to_string(),
        None => format!("{first}/{bits}"),
        Some(_) => format!("{first}-{last}"),
    }
}

fn cidr(zone: &ZoneContent, out: &mut impl Write) -> io::Result<()> {
    for (start, end) in joined(
        zone.v4()
            .iter()
            .map(|run| (run.start.into(), run.end.into())),
    ) {
        for (first, last) in networks(start, end, 32) {
            // Parts of an IPv4 run.
            let address = Ipv4Addr::from_bits(u32::try_from(first).unwrap_or(u32::MAX));
            writeln!(out, "{address}/{}", (first ^ last).leading_zeros() - 96)?;
        }
    }
    for (start, end) in joined(zone.v6().iter().map(|run| (run.start, run.end))) {
        for (first, last) in networks(start, end, 128) {
            let address = Ipv6Addr::from_bits(first);
            writeln!(out, "{address}/{}", (first ^ last).leading_zeros())?;
        }
    }
    Ok(())
}

/// Neighbours as one, whatever their values.
fn joined(runs: impl Iterator<Item = (u128, u128)>) -> impl Iterator<Item = (u128, u128)> {
    let mut runs = runs.peekable();
    std::iter::from_fn(move || {
        let (start, mut end) = runs.next()?;
        while let Some((_, last)) = runs.next_if(|next| end.checked_add(1) == Some(next.0)) {
            end = last;
        }
        Some((start, end))
    })
}
