//! Reads the lines of a piece of a source, each on its own, so that pieces can be read at the same
//! time.

use crate::address4;
use crate::dataset::{self, Rules};
use crate::dataset_type::DatasetType;
use crate::line::{self, LONG_LINE, Line};
use crate::list;
use crate::piece::{Piece, Said, What};
use crate::value;
use crate::warning::Class;

/// Reads lines.
pub(crate) fn read<'t>(text: &'t [u8], rules: &Rules<'_>) -> Piece<'t> {
    let mut piece = Piece::default();
    let mut rest = text;
    let bare_lines = rules.takes_bare_lines();
    let is_list = rules.kind.is_list();
    let mut written = takes_values(rules).then(Written::new);
    while !rest.is_empty() {
        if let Some(written) = &mut written {
            if let Some(after) = written.line(&mut piece, rest) {
                rest = after;
                continue;
            }
        } else if bare_lines {
            rest = bare_addresses(&mut piece, rest);
        }
        let (line, after, ended) = line::split(rest);
        if rest.is_empty() {
            break;
        }
        rest = after;
        piece.next_line(line);
        let done = if is_list {
            list_line(&mut piece, line, ended, rules)
        } else {
            zone_line(&mut piece, line, ended, rules)
        };
        if let Err(class) = done {
            piece.note(class);
        }
    }
    piece
}

/// Whether a value behind a space and a single address is all that a line says.
fn takes_values(rules: &Rules<'_>) -> bool {
    rules.entries && matches!(rules.kind, DatasetType::Ip4set | DatasetType::Ip4trie)
}

/// The values of a piece, by how lines write them: short ones come again and again, and need not be read
/// each time.
struct Written<'t> {
    known: [Option<(&'t [u8], Said)>; PLACES],
    /// How many events the piece had: with another default they mean something else.
    events: usize,
}

/// How many values are known at most: several times as many as lists have, since two with one place
/// replace each other each time.
const PLACES: usize = 256;
/// So many bytes a value has at most that is known.
const WRITTEN: usize = 15;

impl<'t> Written<'t> {
    fn new() -> Written<'t> {
        Written {
            known: [None; PLACES],
            events: 0,
        }
    }

    /// Reads a line of an address and a value about which there is nothing to remark, or lines of bare
    /// addresses; what follows. Other lines are left to the careful way.
    fn line(&mut self, piece: &mut Piece<'t>, text: &'t [u8]) -> Option<&'t [u8]> {
        match address4::v4_word(text)? {
            (address, b' ', rest) => {
                let (said, len) = self.value(piece, rest)?;
                piece.next_line(&[]);
                piece.push_single(address, said);
                rest.get(len + 1..)
            }
            (address, b'\n', rest) => Some(bare_address(piece, address, rest)),
            _ => None,
        }
    }

    /// Reads a value up to the end of its line; how many bytes it has, too.
    fn value(&mut self, piece: &mut Piece<'t>, rest: &'t [u8]) -> Option<(Said, usize)> {
        // Where most values are new there is nothing to know.
        let near = match piece.values.most_are_new() {
            true => &[],
            false => rest.get(..=WRITTEN).unwrap_or(rest),
        };
        let Some(len) = near.iter().position(|&byte| byte == b'\n') else {
            let value = rest.get(..memchr::memchr(b'\n', rest)?)?;
            return Some((plain_value(piece, value)?, value.len()));
        };
        let value = rest.get(..len)?;
        if self.events != piece.events.len() {
            self.events = piece.events.len();
            self.known = [None; PLACES];
        }
        let slot = self.known.get_mut(place(value))?;
        let said = match *slot {
            Some((known, said)) if known == value => said,
            _ => {
                let said = plain_value(piece, value)?;
                *slot = Some((value, said));
                said
            }
        };
        Some((said, len))
    }
}

/// Reads a value that stands as it is, and about which there is nothing to remark. A function of its own, so that the
/// loop over lines whose values are known stays short.
#[inline(never)]
fn plain_value<'t>(piece: &mut Piece<'t>, value: &'t [u8]) -> Option<Said> {
    let is_whole = match value {
        // White space and carriage returns at the end are no part of it.
        [] | [.., b' ' | b'\t' | b'\r'] => false,
        // Of a line that is too long a part is the value.
        _ => value.len() < LONG_LINE / 2,
    };
    // The value ends at a NUL, behind an `@` may stand parameters, and a comment may have been meant
    // behind the others. All bytes are looked at, several at once: there are few.
    let marks = value
        .iter()
        .filter(|byte| matches!(byte, 0 | b'@' | b'#' | b';'));
    if !is_whole || marks.count() > 0 {
        return None;
    }
    match value::parse(value) {
        Ok((stated, false)) => Some(Said::Value(piece.values.id(stated))),
        _ => None,
    }
}

/// Where a value is among the known ones.
fn place(value: &[u8]) -> usize {
    let hash = value.iter().fold(0u64, |hash, &byte| {
        hash.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    // The upper bits depend on all bytes, also where values differ in their last digits alone.
    let upper = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - PLACES.ilog2());
    usize::try_from(upper).unwrap_or(0)
}

/// Reads bare addresses as long as there are any.
fn bare_addresses<'t>(piece: &mut Piece<'t>, text: &'t [u8]) -> &'t [u8] {
    match address4::v4_before(text, b'\n') {
        Some((address, rest)) => bare_address(piece, address, rest),
        None => text,
    }
}

/// Adds a bare address and those on the lines that follow it.
fn bare_address<'t>(piece: &mut Piece<'t>, address: u32, mut rest: &'t [u8]) -> &'t [u8] {
    piece.next_line(&[]);
    let value = piece.default_value();
    piece.push_single(address, value);
    while let Some((address, after)) = address4::v4_before(rest, b'\n') {
        piece.push_more(address);
        rest = after;
    }
    rest
}

fn list_line<'t>(
    piece: &mut Piece<'t>,
    line: &'t [u8],
    ended: bool,
    rules: &Rules<'_>,
) -> Result<(), Class> {
    let is_json = matches!(rules.kind, DatasetType::Json | DatasetType::PlainJson);
    // An object that is closed is whole; a document may well end without a line end.
    piece.cut_line = !ended && !is_json;
    let open = !ended && rules.kind != DatasetType::Json;
    let before = piece.entries();
    let done = list::line(piece, line, rules);
    if open && !list::without_comment(list::bare(line).trim_ascii()).is_empty() {
        if let Err(class) = done {
            piece.note(class);
        }
        cut_off(piece, before);
        return Ok(());
    }
    done
}

/// Says what became of a line that may have been cut, before which there were so many entries.
pub(crate) fn cut_off(piece: &mut Piece<'_>, before: usize) {
    let then = if piece.cut_network {
        "a network that is cut is a wider one; not used"
    } else if piece.entries() == before {
        "not used"
    } else {
        "used"
    };
    piece.note_last(Class::NoNewline, then);
}

fn zone_line<'t>(
    piece: &mut Piece<'t>,
    line: &'t [u8],
    ended: bool,
    rules: &Rules<'_>,
) -> Result<(), Class> {
    if line.len() >= LONG_LINE || !ended {
        piece.note(Class::LongLine);
    }
    if !ended {
        piece.note_last(Class::NoNewline, "used");
    }
    if line.last() == Some(&b'\r') && !matches!(line, [b'#' | b';', ..] | b"\r") {
        piece.note(Class::Crlf);
    }
    match line::classify(line) {
        Line::Blank => Ok(()),
        Line::Directive(text) => {
            piece.event(What::Directive(text));
            if rules.directives_are_defaults() {
                piece.values.next_default();
            }
            Ok(())
        }
        Line::Entry(text) => dataset::entry(piece, text, rules),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::spec::Options;

    /// What a piece says of each single, by the value in its own words, with the networks, the lines and
    /// the remarks.
    fn seen(piece: &Piece<'_>) -> String {
        let mut seen = format!(
            "{} lines {:?} {:?}\n",
            piece.lines, piece.v4.nets, piece.notes
        );
        for (first, singles, said) in piece.v4.by_value() {
            let value = match said {
                Said::Value(id) => format!("{:?}", piece.values.values.get(id as usize)),
                said => format!("{said:?}"),
            };
            let _ = writeln!(seen, "{first} {singles:?} {value}");
        }
        let _ = writeln!(seen, "{:?}", piece.v4.breaks);
        seen
    }

    /// Values as lines write them, plain ones and others.
    const VALUES: [&str; 22] = [
        "",
        ":2:",
        ":3:",
        ":4",
        ":0:",
        "::",
        "x",
        "x # y",
        ":5:x ",
        "- 1",
        "# c",
        ":7: long, long, long",
        ":2:\r",
        "\0:2:",
        ":2:\0",
        ":2:long enough to be read each time",
        ":2:long enough # with a remark",
        "x @ delay=2s",
        "long enough to be read each time @ key=require",
        ":8:a text with white space behind it \t",
        ":9:a text with a carriage return\r",
        ":400:an A record that is none, and a text",
    ];

    #[test]
    fn a_value_that_is_known_says_what_it_said_when_it_was_read() {
        let options = Options::default();
        for seed in 0..200 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut text = String::new();
            for _ in 0..rng.usize(..80) {
                let value = VALUES[rng.usize(..VALUES.len())];
                let address = std::net::Ipv4Addr::from_bits(rng.u32(..));
                let _ = match rng.u8(..12) {
                    0 => writeln!(text, ":{}:default {}", rng.u8(1..4), rng.u8(..3)),
                    1 => writeln!(text, "!{address} {value}"),
                    2 => writeln!(text, "{address}/32 {value}"),
                    3 => writeln!(text, "$TTL 7"),
                    4 => writeln!(text, "{address}"),
                    _ => writeln!(text, "{address} {value}"),
                };
            }
            text.truncate(text.len() - rng.usize(..2).min(text.len()));
            // A tab says what a space says, and is left to the careful way.
            let careful = text
                .split_inclusive('\n')
                .map(|line| match line.as_bytes() {
                    [b'0'..=b'9', ..] => line.replacen(' ', "\t", 1),
                    _ => line.to_owned(),
                });
            let careful: String = careful.collect();
            for kind in [DatasetType::Ip4set, DatasetType::Ip4trie] {
                let rules = Rules::of(kind, &options);
                let quick = seen(&read(text.as_bytes(), &rules));
                assert_eq!(
                    quick,
                    seen(&read(careful.as_bytes(), &rules)),
                    "seed {seed}"
                );
            }
        }
    }
}
