//! `plain-json`: one JSON object a line.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::line::trim;
use crate::piece::Piece;
use crate::plain;
use crate::spec::Options;
use crate::value::{MAX_SOURCE_TEXT, Stated, Text};
use crate::warning::Class;

/// Reads a line.
pub(crate) fn line<'t>(
    piece: &mut Piece<'t>,
    line: &'t [u8],
    options: &Options,
) -> Result<(), Class> {
    let line = trim(plain::bare(line));
    if line.is_empty() {
        return Ok(());
    }
    let object: Map<String, Value> = serde_json::from_slice(line).map_err(|_| Class::BadJson)?;
    let keys: Vec<&str> = options
        .json
        .keys
        .iter()
        .filter_map(|key| object.get(key)?.as_str())
        .collect();
    if keys.is_empty() {
        // Lists close with a line about themselves.
        let about_itself = object.get("type").and_then(Value::as_str) == Some("metadata");
        return if about_itself {
            Ok(())
        } else {
            Err(Class::BadJson)
        };
    }
    let value = match options
        .json
        .text
        .as_ref()
        .and_then(|field| object.get(field))
    {
        Some(field) => value_of(piece, field)?,
        None => piece.values.default_id(),
    };
    for key in keys {
        if let Err(class) = plain::entry(piece, key.as_bytes(), value, options) {
            piece.note(class);
        }
    }
    Ok(())
}

fn value_of(piece: &mut Piece<'_>, field: &Value) -> Result<u32, Class> {
    let text = match field {
        Value::Null => return Ok(piece.values.default_id()),
        Value::String(text) => Cow::Borrowed(text.as_bytes()),
        Value::Number(_) | Value::Bool(_) => Cow::Owned(field.to_string().into_bytes()),
        Value::Array(_) | Value::Object(_) => return Err(Class::BadJson),
    };
    let mut kept: Vec<u8> = text
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_control())
        .collect();
    if kept.len() < text.len() {
        piece.note(Class::ControlBytes);
    }
    if kept.len() > MAX_SOURCE_TEXT {
        kept.truncate(MAX_SOURCE_TEXT);
        piece.note(Class::TxtCut);
    }
    if kept.is_empty() {
        return Ok(piece.values.default_id());
    }
    Ok(piece.values.id(Stated {
        a: None,
        text: Text::Bytes(Cow::Owned(kept)),
    }))
}
