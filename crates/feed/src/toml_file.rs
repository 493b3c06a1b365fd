//! Configuration files in TOML: read whole, with the line of whatever is wrong.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::{Error, reading};

const LIMIT: u64 = 1 << 20;

/// Reads a file.
///
/// # Errors
/// A file that cannot be read, is no TOML, or has fields that are not known: named with its line.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let mut text = String::new();
    let file = File::open(path).map_err(reading(path))?;
    let read = file.take(LIMIT).read_to_string(&mut text);
    read.map_err(|error| wrong(path, None, &error.to_string()))?;
    toml::from_str(&text).map_err(|error| {
        let at = error.span().map(|span| span.start);
        let line = at.map(|at| line_of(&text, at));
        wrong(path, line, error.message())
    })
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    1 + before.filter(|&&byte| byte == b'\n').count()
}

/// What is wrong, and where.
pub(crate) fn wrong(path: &Path, line: Option<usize>, what: &str) -> Error {
    let place = line.map_or(String::new(), |line| format!(":{line}"));
    Error::Config {
        path: format!("{}{place}", path.display()).into(),
        what: what.to_owned(),
    }
}
