//! Where the keys of a document are in which none was found.

use std::collections::BTreeSet;

use serde_json::{Deserializer, Value};

use crate::key::{self, Key, KeyRules};
use crate::spec::Options;

/// Larger documents are not read again.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// So many elements of an array are looked at.
const ELEMENTS: usize = 100;
/// So many places are named.
const PLACES: usize = 6;

/// Names the places of addresses in the first document of a text, as `--json-key` takes them;
/// nothing if there are none.
pub(crate) fn hint(text: &[u8], options: &Options) -> String {
    if text.len() > MOST_BYTES {
        return String::new();
    }
    let mut documents = Deserializer::from_slice(text).into_iter::<Value>();
    let Some(Ok(document)) = documents.next() else {
        return String::new();
    };
    let mut places = BTreeSet::new();
    let rules = KeyRules::of(options);
    match &document {
        // An array at the top is gone through anyway.
        Value::Array(elements) => {
            for element in elements.iter().take(ELEMENTS) {
                look(element, "", &rules, &mut places);
            }
        }
        document => look(document, "", &rules, &mut places),
    }
    let places: Vec<String> = places.into_iter().take(PLACES).collect();
    if places.is_empty() {
        return String::new();
    }
    let places = places.join(",");
    format!("there are addresses at other places: --json-key '{places}'")
}

/// Adds the paths of addresses and networks. A document nests at most 128 deep, as its parser allows.
fn look(value: &Value, path: &str, rules: &KeyRules, places: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let parsed = key::parse(text.trim().as_bytes(), rules);
            if matches!(parsed, Ok((Key::V4(_) | Key::V6 { .. }, _))) {
                places.insert(path.to_owned());
            }
        }
        Value::Array(elements) => {
            let each = format!("{path}[]");
            for element in elements.iter().take(ELEMENTS) {
                look(element, &each, rules, places);
            }
        }
        Value::Object(fields) => {
            // A path has no way to say a point in the name of a field.
            for (name, value) in fields.iter().filter(|(name, _)| !name.contains(['.', ','])) {
                let dot = if path.is_empty() { "" } else { "." };
                look(value, &format!("{path}{dot}{name}"), rules, places);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
