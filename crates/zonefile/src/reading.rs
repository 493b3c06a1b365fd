//! Reads the lines of a piece of a source, each on its own, so that pieces can be read at the same
//! time.

use crate::address4;
use crate::dataset::{self, Rules};
use crate::dataset_type::DatasetType;
use crate::line::{self, LONG_LINE, Line};
use crate::list;
use crate::piece::{Piece, What};
use crate::warning::Class;

/// Reads lines.
pub(crate) fn read<'t>(text: &'t [u8], rules: &Rules<'_>) -> Piece<'t> {
    let mut piece = Piece::default();
    let mut rest = text;
    let bare_lines = rules.takes_bare_lines();
    let is_list = rules.kind.is_list();
    while !rest.is_empty() {
        if bare_lines {
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

/// Reads bare addresses as long as there are any.
fn bare_addresses<'t>(piece: &mut Piece<'t>, text: &'t [u8]) -> &'t [u8] {
    let Some((address, mut rest)) = address4::bare(text, b'\n') else {
        return text;
    };
    piece.next_line(&[]);
    let value = piece.default_value();
    piece.push_single(address, value);
    while let Some((address, after)) = address4::bare(rest, b'\n') {
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
