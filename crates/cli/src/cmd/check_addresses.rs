//! The addresses that `rblmap check` is asked about.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use rblmap_policy::client_address;

use crate::failure::Failure;

/// The addresses of a log, of the arguments, or of standard input, one by one.
pub(crate) fn each_address(
    log: Option<&Path>,
    keys: &[String],
    mut each: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    keys.iter().try_for_each(|key| each(key))?;
    if !keys.is_empty() && log.is_none() {
        return Ok(());
    }
    let (mut lines, name): (Box<dyn BufRead>, &Path) = match log {
        Some(path) => {
            let file = std::fs::File::open(path).map_err(|error| Failure::reading(path, &error))?;
            (Box::new(BufReader::new(file)), path)
        }
        None => (
            Box::new(BufReader::new(io::stdin().lock())),
            Path::new("standard input"),
        ),
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines
            .read_until(b'\n', &mut line)
            .map_err(|error| Failure::reading(name, &error))?
            == 0
        {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line);
        if !text.trim().is_empty() {
            each(text.trim())?;
        }
    }
}

/// The first address in a line of a log.
pub(crate) fn address_in(line: &str) -> Option<&str> {
    let divides = |letter: char| {
        letter.is_whitespace()
            || matches!(
                letter,
                '[' | ']' | '(' | ')' | ',' | ';' | '=' | '"' | '<' | '>'
            )
    };
    line.split(divides)
        .find(|word| !word.is_empty() && client_address(word).is_some())
}
