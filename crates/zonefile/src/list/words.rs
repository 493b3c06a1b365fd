//! What the types of lists share: lines without what editors put at their ends, comments, texts.

use std::borrow::Cow;

use crate::line::{is_space, trim};
use crate::piece::{Piece, Said};
use crate::spec::Options;
use crate::value::{MAX_SOURCE_TEXT, Stated, Text, Words};
use crate::warning::Class;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// A line without what editors put at its ends.
pub(crate) fn bare(line: &[u8]) -> &[u8] {
    let line = without_bom(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A text without the mark of UTF-8 at its head.
pub(crate) fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(BOM).unwrap_or(text)
}

/// A line up to a comment, which begins at its start or after white space.
pub(crate) fn without_comment(line: &[u8]) -> &[u8] {
    cut_at(line, |rest| {
        matches!(rest, [b'#' | b';', ..] | [b'/', b'/', ..])
    })
}

/// A line up to a comment that begins with `#`.
pub(super) fn without_hash_comment(line: &[u8]) -> &[u8] {
    cut_at(line, |rest| rest.first() == Some(&b'#'))
}

fn cut_at(line: &[u8], begins: impl Fn(&[u8]) -> bool) -> &[u8] {
    let mut space_before = true;
    for (at, &byte) in line.iter().enumerate() {
        if space_before && begins(line.get(at..).unwrap_or_default()) {
            return trim(line.get(..at).unwrap_or_default());
        }
        space_before = is_space(byte);
    }
    line
}

/// What stands before and after a mark; all of it and nothing where there is none.
pub(super) fn split_at_mark<'t>(line: &'t [u8], mark: &[u8]) -> (&'t [u8], Option<&'t [u8]>) {
    let at = memchr::memmem::find(line, mark).filter(|_| !mark.is_empty());
    let parts = at.and_then(|at| line.split_at_checked(at));
    match parts {
        Some((before, after)) => (trim(before), after.get(mark.len()..).map(trim)),
        None => (line, None),
    }
}

/// The value of an entry with a text of other people: `$` in it is a dollar sign, unless texts are
/// said to be templates.
pub(super) fn text_value<'t>(
    piece: &mut Piece<'t>,
    a: Option<u32>,
    text: Cow<'t, [u8]>,
    options: &Options,
) -> Said {
    let text = if text.is_empty() {
        Text::Default
    } else {
        piece.tally.texts += 1;
        Text::Words(words(piece, text, options))
    };
    let stated = Stated { a, text };
    if stated == Stated::DEFAULT {
        return piece.default_value();
    }
    Said::Value(piece.values.id(stated))
}

fn words<'t>(piece: &mut Piece<'t>, text: Cow<'t, [u8]>, options: &Options) -> Words<'t> {
    if options.reading.plain.templates {
        return Words::Marked(text);
    }
    if text.len() < MAX_SOURCE_TEXT {
        return Words::Data(text);
    }
    piece.note(Class::TxtCut);
    let most = MAX_SOURCE_TEXT - 1;
    Words::Data(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..most).unwrap_or(text)),
        Cow::Owned(mut text) => {
            text.truncate(most);
            Cow::Owned(text)
        }
    })
}

/// A text without control bytes; their loss is told.
pub(super) fn printable<'t>(piece: &mut Piece<'_>, text: Cow<'t, [u8]>) -> Cow<'t, [u8]> {
    if !text.iter().any(u8::is_ascii_control) {
        return text;
    }
    piece.note(Class::ControlBytes);
    let kept = text.iter().copied().filter(|byte| !byte.is_ascii_control());
    Cow::Owned(kept.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_begin_after_white_space() {
        let cases: [(&[u8], &[u8]); 5] = [
            (b"# x", b""),
            (b"// x", b""),
            (b"a.example // x", b"a.example"),
            (b"http://a.example/#x ;c", b"http://a.example/#x"),
            (b"a#b", b"a#b"),
        ];
        for (line, kept) in cases {
            assert_eq!(without_comment(line), kept);
        }
    }
}
