//! `ipset`: what `ipset save` writes.

use std::borrow::Cow;

use super::add;
use super::verdict;
use super::words::{bare, text_value};
use crate::key::{self, Dress, Key, KeyRules};
use crate::line::{trim, word};
use crate::piece::{Piece, Said};
use crate::spec::Options;
use crate::warning::Class;

/// Reads a line.
pub(super) fn line<'t>(
    piece: &mut Piece<'t>,
    line: &'t [u8],
    options: &Options,
) -> Result<(), Class> {
    let line = trim(bare(line));
    let (command, rest) = command(line);
    match command {
        b"flush" if piece.entries() > 0 => {
            let why = "what was added before is not taken out";
            piece.note_about(Class::Unread, line, why);
            return Ok(());
        }
        [] | [b'#', ..] | b"create" | b"COMMIT" | b"flush" | b"-N" | b"-F" => return Ok(()),
        b"add" | b"-A" => {}
        _ => return Err(Class::BadEntry),
    }
    let (set, rest) = word(rest);
    let (element, rest) = word(rest);
    if set.is_empty() || element.is_empty() {
        return Err(Class::BadEntry);
    }
    if verdict::is_set_of_passes(set) {
        let why = "its name says that it lets in, so it is not listed";
        piece.note_about(Class::Unread, line, why);
        return Ok(());
    }
    let parsed = key::parse(element, &KeyRules::of(options));
    let Ok((key @ (Key::V4(_) | Key::V6 { .. }), Dress::Bare)) = parsed else {
        // An address with a port, an interface or a second address is less than that address.
        piece.note_about(Class::BadAddress, element, "");
        return Ok(());
    };
    let value = match Extras::of(rest) {
        Extras { nomatch: true, .. } => Said::Excluded,
        Extras { unread: true, .. } => {
            piece.note_about(Class::Unread, line, "the key is listed");
            piece.default_value()
        }
        Extras { comment, .. } if options.reading.plain.text => {
            text_value(piece, None, Cow::Borrowed(comment), options)
        }
        Extras { .. } => piece.default_value(),
    };
    add(piece, (key, Dress::Bare), value);
    Ok(())
}

/// The command of a line, and what follows it, without what says that existing elements are no error.
fn command(line: &[u8]) -> (&[u8], &[u8]) {
    let is_exist = |word: &[u8]| matches!(word, b"-exist" | b"-!");
    let (mut command, mut rest) = word(line);
    if is_exist(command) {
        (command, rest) = word(rest);
    }
    if is_exist(word(rest).0) {
        rest = word(rest).1;
    }
    (command, rest)
}

/// What may follow an element.
#[derive(Default)]
struct Extras<'t> {
    nomatch: bool,
    comment: &'t [u8],
    /// Whether there is more than is known.
    unread: bool,
}

impl<'t> Extras<'t> {
    fn of(text: &'t [u8]) -> Extras<'t> {
        let mut extras = Extras::default();
        let mut rest = text;
        while !rest.is_empty() {
            let (option, after) = word(rest);
            rest = after;
            match option {
                b"nomatch" => extras.nomatch = true,
                b"-exist" | b"-!" => {}
                b"timeout" | b"packets" | b"bytes" | b"skbmark" | b"skbprio" | b"skbqueue" => {
                    rest = word(rest).1;
                }
                b"comment" => {
                    let quoted = rest.strip_prefix(b"\"");
                    let end = quoted.and_then(|rest| memchr::memchr(b'"', rest));
                    let parts = quoted
                        .zip(end)
                        .and_then(|(text, end)| text.split_at_checked(end));
                    let Some((comment, after)) = parts else {
                        extras.unread = true;
                        return extras;
                    };
                    extras.comment = comment;
                    rest = trim(after.get(1..).unwrap_or_default());
                }
                _ => extras.unread = true,
            }
        }
        extras
    }
}
