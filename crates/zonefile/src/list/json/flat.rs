//! The short way through objects of the simplest kind, which most lines of most lists are: fields that
//! hold strings without escapes, short whole numbers, `true`, `false` or `null`. It takes a fraction of
//! the time of a parser for all of JSON, and leaves all else to that one.

use std::borrow::Cow;

use super::paths::Node;
use super::walk::Found;

/// So many digits are a number for every parser.
const MAX_DIGITS: usize = 15;

/// What a line says, as the walk over it would find it; none if it is not of this kind.
pub(super) fn read<'t>(line: &'t str, root: &Node) -> Option<Found<'t>> {
    let mut rest = after(line, '{')?;
    let mut found = Found::odd(root);
    if let Some(end) = after(rest, '}') {
        return spaces(end).is_empty().then_some(found);
    }
    loop {
        let (name, value) = string(after(rest, '"')?)?;
        let value = spaces(after(value, ':')?);
        let node = root.field(name);
        rest = match (value.strip_prefix('"'), node) {
            (Some(text), Some(node)) => {
                let (word, rest) = string(text)?;
                found.add(Found::of_word(node, false, Cow::Borrowed(word)));
                rest
            }
            (Some(text), None) => string(text)?.1,
            (None, None) => scalar(value)?,
            (None, Some(_)) => return None,
        };
        match after(rest, ',') {
            Some(more) => rest = more,
            None => return spaces(after(rest, '}')?).is_empty().then_some(found),
        }
    }
}

/// What follows a mark, which white space may stand before.
fn after(text: &str, mark: char) -> Option<&str> {
    spaces(text).strip_prefix(mark)
}

fn spaces(text: &str) -> &str {
    // Nearly always there are none.
    if text.as_bytes().first().is_some_and(|byte| *byte > b' ') {
        return text;
    }
    text.trim_start_matches([' ', '\t', '\r', '\n'])
}

/// A string up to its end, and what follows; none where it has an escape or a byte that JSON forbids.
fn string(text: &str) -> Option<(&str, &str)> {
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    let end = text.as_bytes().iter().position(ends)?;
    let (word, rest) = text.split_at_checked(end)?;
    Some((word, rest.strip_prefix('"')?))
}

/// What follows a short whole number, `true`, `false` or `null`.
fn scalar(text: &str) -> Option<&str> {
    for word in ["true", "false", "null"] {
        if let Some(rest) = text.strip_prefix(word) {
            return Some(rest);
        }
    }
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = text.len() - rest.len();
    let is_number = (1..=MAX_DIGITS).contains(&digits) && (digits == 1 || !text.starts_with('0'));
    is_number.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::super::paths::Paths;
    use super::super::walk::{Record, Sink, Walk};
    use super::*;
    use crate::spec::JsonOptions;
    use serde::de::DeserializeSeed;

    struct NoSink;

    impl<'t> Sink<'t> for NoSink {
        fn record(&mut self, _: Record<'t>) {}
        fn nothing(&mut self) {}
    }

    fn walked<'t>(line: &'t str, root: &Node) -> Result<Found<'t>, serde_json::Error> {
        let mut json = serde_json::Deserializer::from_str(line);
        let walk = Walk {
            node: root,
            sink: &mut NoSink,
            top: true,
            item: false,
        };
        let found = walk.deserialize(&mut json)?;
        json.end().map(|()| found)
    }

    const PARTS: [&str; 29] = [
        "{",
        "}",
        ",",
        ":",
        " ",
        "\t",
        "\"ip\"",
        "\"why\"",
        "\"a\"",
        "\"deep\"",
        "\"list\"",
        "\"198.51.100.1\"",
        "\"ü\"",
        "\"\"",
        "\"x\\n\"",
        "1",
        "01",
        "1e5",
        "-1",
        "true",
        "nul",
        "null",
        "false",
        "[",
        "]",
        "1234567890123456789012",
        "\"ip\":\"",
        "\"",
        "\u{1}",
    ];

    /// An object with a few fields, or one with something out of place.
    fn random_line(rng: &mut fastrand::Rng) -> String {
        let mut line = String::from("{");
        for at in 0..rng.usize(0..4) {
            line += if at == 0 { "" } else { "," };
            line += PARTS[rng.usize(6..11)];
            line += ":";
            line += PARTS[rng.usize(11..22)];
        }
        line += "}";
        if rng.bool() {
            let places = (0..=line.len()).filter(|at| line.is_char_boundary(*at));
            let places: Vec<usize> = places.collect();
            line.insert_str(places[rng.usize(..places.len())], PARTS[rng.usize(..29)]);
        }
        line
    }

    #[test]
    fn the_short_way_finds_what_the_walk_finds() {
        let keys = ["ip", "a", "deep.ip", "list[].ip"];
        let paths = Paths::of(&JsonOptions {
            keys: keys.map(str::to_owned).to_vec(),
            text: Some("why".into()),
        });
        let mut short = 0;
        for seed in 0..20_000 {
            let line = random_line(&mut fastrand::Rng::with_seed(seed));
            if let Some(found) = read(&line, paths.root()) {
                short += 1;
                let walked = walked(&line, paths.root()).expect(&line);
                assert_eq!(format!("{found:?}"), format!("{walked:?}"), "{line}");
            }
        }
        assert!(short > 2_000, "{short}");
    }
}
