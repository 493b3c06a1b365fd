//! `nft`: the elements of sets, as `nft list set` and `nft list ruleset` write them.

use std::borrow::Cow;

use super::add;
use super::verdict::{is_pass, is_set_of_passes};
use super::words::text_value;
use crate::address4;
use crate::key::{self, Dress, Key, KeyRules};
use crate::line::{trim, word};
use crate::piece::Piece;
use crate::reading::cut_off;
use crate::spec::Options;
use crate::warning::Class;

/// Statements that say how a set is made, not what is in it.
const ABOUT: [&[u8]; 12] = [
    b"table",
    b"set",
    b"map",
    b"type",
    b"typeof",
    b"flags",
    b"size",
    b"timeout",
    b"gc-interval",
    b"policy",
    b"counter",
    b"comment",
];

/// Reads a source.
pub(crate) fn read<'t>(text: &'t [u8], options: &Options) -> Piece<'t> {
    let mut ruleset = Ruleset {
        piece: Piece::default(),
        options,
        elements: false,
        lets_in: false,
    };
    let mut line = 1u32;
    let mut rest = text;
    while !rest.is_empty() {
        if ruleset.elements && !ruleset.lets_in {
            (rest, line) = ruleset.bare_addresses(rest, line);
        }
        let (statement, mark, after) = statement(rest, ruleset.elements);
        let lead = statement.len() - statement.trim_ascii_start().len();
        let taken = rest.get(..rest.len() - after.len()).unwrap_or_default();
        let (lead, taken) = taken.split_at_checked(lead).unwrap_or((taken, &[]));
        let first = line.saturating_add(breaks(lead));
        ruleset.piece.at(first, statement.trim_ascii());
        ruleset.piece.cut_line = ruleset.elements && mark.is_none();
        let before = ruleset.piece.entries();
        ruleset.take(statement.trim_ascii(), mark);
        if ruleset.piece.cut_line {
            cut_off(&mut ruleset.piece, before);
        }
        line = first.saturating_add(breaks(taken));
        rest = after;
    }
    let mut piece = ruleset.piece;
    let open = text.last().is_some_and(|&byte| byte != b'\n');
    piece.lines = if open { line } else { line.saturating_sub(1) };
    piece
}

/// How many lines end in a short text.
fn breaks(text: &[u8]) -> u32 {
    let ends = text.iter().filter(|byte| **byte == b'\n');
    u32::try_from(ends.count()).unwrap_or(u32::MAX)
}

/// A statement or an element, the mark that ends it, and the rest of the text.
fn statement(text: &[u8], in_elements: bool) -> (&[u8], Option<u8>, &[u8]) {
    let mut quoted = false;
    for (at, &byte) in text.iter().enumerate() {
        let ends = match byte {
            b'"' => {
                quoted = !quoted;
                false
            }
            _ if quoted => false,
            b'{' | b'}' | b';' => true,
            b',' => in_elements,
            b'\n' | b'#' => !in_elements,
            _ => false,
        };
        if ends {
            let (statement, rest) = text.split_at_checked(at).unwrap_or((text, &[]));
            let rest = if byte == b'#' {
                let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                rest.get(end..).unwrap_or_default()
            } else {
                rest.get(1..).unwrap_or_default()
            };
            return (statement, Some(byte), rest);
        }
    }
    (text, None, &[])
}

struct Ruleset<'t, 'o> {
    piece: Piece<'t>,
    options: &'o Options,
    /// Whether the elements of a set are being read.
    elements: bool,
    /// Whether the set that is being read is one of those that are let in.
    lets_in: bool,
}

impl<'t> Ruleset<'t, '_> {
    /// Reads elements that are a bare address, as most are; what follows them, and its line.
    fn bare_addresses(&mut self, text: &'t [u8], line: u32) -> (&'t [u8], u32) {
        let (mut text, mut line) = (text, line);
        loop {
            let element = text.trim_ascii_start();
            let Some((address, after)) = address4::v4_before(element, b',') else {
                return (text, line);
            };
            let lead = text.get(..text.len() - element.len()).unwrap_or_default();
            line = line.saturating_add(breaks(lead));
            self.piece.at(line, b"");
            let value = self.piece.default_value();
            self.piece.push_single(address, value);
            text = after;
        }
    }

    fn take(&mut self, statement: &'t [u8], mark: Option<u8>) {
        if self.elements {
            if !statement.is_empty() {
                self.element(statement);
            }
            self.elements = mark == Some(b',') || mark == Some(b'{');
            return;
        }
        let (first, rest) = word(statement);
        let (second, _) = word(rest);
        let opens = mark == Some(b'{');
        let is_element = matches!(first, b"add" | b"create") && second == b"element";
        let is_list = first == b"elements" || first.starts_with(b"elements=");
        if opens && (is_element || is_list) {
            if is_element {
                let mut words = statement.rsplit(u8::is_ascii_whitespace);
                self.lets_in = words.next().is_some_and(is_set_of_passes);
            }
            self.elements = true;
            return;
        }
        if opens && matches!(first, b"set" | b"map") {
            self.lets_in = is_set_of_passes(second);
        }
        let is_about = |word: &[u8]| ABOUT.contains(&word) || word == b"auto-merge";
        let adds_set = matches!(first, b"add" | b"create") && is_about(second);
        if statement.is_empty() || is_about(first) || adds_set || first == b"flush" {
            return;
        }
        self.piece
            .note_about(Class::Unread, statement, "not listed");
    }

    fn element(&mut self, element: &'t [u8]) {
        let (text, rest) = head(element);
        if self.lets_in {
            let why = "the name of its set says that it lets in, so it is not listed";
            self.piece.note_about(Class::Unread, element, why);
            return;
        }
        let parsed = key::parse(text, &KeyRules::of(self.options));
        let Ok((key @ (Key::V4(_) | Key::V6 { .. }), Dress::Bare)) = parsed else {
            self.piece
                .note_about(parsed.err().unwrap_or(Class::BadAddress), element, "");
            return;
        };
        // In a map a verdict stands behind the colon; in a concatenation more of the key behind a
        // point.
        let verdict = rest.strip_prefix(b":").map(trim);
        let is_part = rest.starts_with(b".");
        if is_part || verdict.is_some_and(|verdict| is_pass(word(verdict).0)) {
            let why = if is_part {
                "a part of a key"
            } else {
                "this lets it in"
            };
            self.piece
                .note_about(Class::Unread, element, &format!("{why}; not listed"));
            return;
        }
        let comment = comment(rest).filter(|_| self.options.reading.plain.text);
        let text = Cow::Borrowed(comment.unwrap_or_default());
        let value = text_value(&mut self.piece, None, text, self.options);
        add(&mut self.piece, (key, Dress::Bare), value);
    }
}

/// The key of an element and what follows it.
fn head(element: &[u8]) -> (&[u8], &[u8]) {
    let end = element.iter().position(u8::is_ascii_whitespace);
    let (key, rest) = element
        .split_at_checked(end.unwrap_or(element.len()))
        .unwrap_or((element, &[]));
    (key, rest.trim_ascii())
}

fn comment(rest: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(rest, b"comment \"")?;
    let text = rest.get(at + b"comment \"".len()..)?;
    text.split(|&byte| byte == b'"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_addresses_and_others_stand_side_by_side() {
        let text = b"table inet t {\n\tset bl {\n\t\telements = { 192.0.2.1, 192.0.2.2,\n\
            \t\t\t192.0.2.300, 192.0.2.3 comment \"a, b\", 192.0.2.4,\n\
            \t\t\t198.51.100.0/24, 203.0.113.1 }\n\t}\n\
            \tset trusted {\n\t\telements = { 192.0.2.8, 192.0.2.9 }\n\t}\n}\n";
        let piece = read(text, &Options::default());
        let first = 0xc000_0201;
        let singles = [first, first + 1, first + 2, first + 3, 0xcb00_7101];
        assert_eq!(piece.v4.singles, singles);
        assert_eq!(piece.v4.nets.len(), 1);
        let told: Vec<(u32, Class)> = piece
            .notes
            .iter()
            .map(|note| (note.line, note.class))
            .collect();
        let let_in = (8, Class::Unread);
        assert_eq!(told, [(4, Class::BadAddress), let_in, let_in]);
        assert_eq!(piece.lines, 10);
        assert_eq!(piece.v4.breaks, [(0, 3), (1, 3), (3, 4)]);
    }
}
