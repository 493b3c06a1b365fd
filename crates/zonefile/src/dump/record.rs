//! Records as the values of zone files.

use rblmap_format::{MAX_TEXT, Part, RawRecord, Template};

use super::put;

/// How a record can be written after a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Tail {
    /// As a value: `:A:TXT`.
    Value(Vec<u8>),
    /// Only by a base template of its dataset, beside a value that has no text.
    Base { template: Vec<u8>, value: Vec<u8> },
}

/// Longest text of a source.
const MAX_SOURCE_TEXT: usize = crate::value::MAX_SOURCE_TEXT;

/// The way to write a record of an address or of a `dnset`; else why there is none.
pub(super) fn tail(record: &RawRecord<'_>) -> Result<Tail, &'static str> {
    let Some(a) = record.a else {
        return Err("a text without an A record");
    };
    if a.is_unspecified() {
        return Err("an A record of 0.0.0.0");
    }
    let mut value = Vec::new();
    put(&mut value, format_args!(":{a}:"));
    let Some(template) = record.template else {
        return Ok(Tail::Value(value));
    };
    check(&template)?;
    if let Some(text) = direct(&template) {
        value.extend_from_slice(&text);
        return Ok(Tail::Value(value));
    }
    let template = base(&template)?;
    Ok(Tail::Base { template, value })
}

/// A text without a key, if that is all that a record is.
pub(super) fn literal(record: &RawRecord<'_>) -> Option<Vec<u8>> {
    if record.a.is_some() {
        return None;
    }
    let mut text = Vec::new();
    for part in record.template?.parts() {
        match part {
            // The longest texts take two parts.
            Part::Literal(bytes) if !has_line_end(bytes) => text.extend_from_slice(bytes),
            _ => return None,
        }
    }
    Some(text)
}

fn has_line_end(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, 0 | b'\n'))
}

fn check(template: &Template<'_>) -> Result<(), &'static str> {
    let mut shortest = 0;
    for part in template.parts() {
        match part {
            Part::Literal(text) if has_line_end(text) => {
                return Err("a line feed or NUL in a text");
            }
            Part::Literal(text) => shortest += text.len(),
            Part::Key => shortest += 1,
            Part::KeyLess(_) => return Err("a text that names a name above the one it stands at"),
        }
    }
    if shortest > MAX_TEXT {
        return Err("a text of 255 bytes with an A record");
    }
    Ok(())
}

/// The template as the text of a value, unless it is too long for one, or a key in it would run
/// into what follows.
fn direct(template: &Template<'_>) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let mut after_key = false;
    for part in template.parts() {
        match part {
            Part::Literal(bytes) => {
                if after_key && matches!(bytes, [b'$' | b'=' | b'0'..=b'9', ..]) {
                    return None;
                }
                if text.is_empty() && matches!(bytes, [b'=' | b' ' | b'\t', ..]) {
                    text.push(b'=');
                }
                escape(bytes, &mut text);
                after_key = false;
            }
            Part::Key | Part::KeyLess(_) => {
                if after_key {
                    return None;
                }
                text.push(b'$');
                after_key = true;
            }
        }
    }
    guard_end(&mut text);
    (text.len() <= MAX_SOURCE_TEXT).then_some(text)
}

/// The template as a base template, beside entries without a text: there `$=` is the key, whatever
/// follows it.
fn base(template: &Template<'_>) -> Result<Vec<u8>, &'static str> {
    let mut text = Vec::new();
    for part in template.parts() {
        match part {
            Part::Literal(bytes) => escape(bytes, &mut text),
            Part::Key | Part::KeyLess(_) => text.extend_from_slice(b"$="),
        }
    }
    if matches!(text.as_slice(), [b' ' | b'\t', ..]) {
        return Err("a text of this length that begins with white space");
    }
    guard_end(&mut text);
    Ok(text)
}

fn escape(bytes: &[u8], text: &mut Vec<u8>) {
    for &byte in bytes {
        if byte == b'$' {
            text.push(b'$');
        }
        text.push(byte);
    }
}

/// White space at the end of a line is nothing, but not before a NUL, which ends the line.
fn guard_end(text: &mut Vec<u8>) {
    if matches!(text.as_slice(), [.., b' ' | b'\t']) {
        text.push(0);
    }
}

impl Tail {
    /// The value after the key.
    pub(super) fn value(&self) -> &[u8] {
        match self {
            Tail::Value(value) | Tail::Base { value, .. } => value,
        }
    }

    /// The base template that its dataset must have.
    pub(super) fn base(&self) -> Option<&[u8]> {
        match self {
            Tail::Value(_) => None,
            Tail::Base { template, .. } => Some(template),
        }
    }
}
