//! The dataset types: what an entry line says. One file each; what entries together mean is for
//! `resolve`.

mod dnset;
mod generic;
mod ip4set;
mod ip4trie;
mod ip4tset;
mod ip6trie;
mod ip6tset;

use crate::line::trim_start;
use crate::piece::{EXCLUDED, Piece, What};
use crate::spec::{DatasetType, Options};
use crate::value;
use crate::warning::Class;
use crate::{json, plain};

/// How the lines of a dataset are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'o> {
    pub(crate) kind: DatasetType,
    pub(crate) options: &'o Options,
    /// Whether entries may stand here: not before the first `$DATASET` of a combined file.
    pub(crate) entries: bool,
}

impl Rules<'_> {
    /// Whether a line that is a bare IPv4 address is an entry with the default value.
    pub(crate) fn takes_bare_lines(&self) -> bool {
        let plain = self.kind == DatasetType::Plain && self.options.plain.min_count.is_none();
        self.entries && (self.kind.is_v4() || plain)
    }
}

/// Reads an entry or a default line of a type of rbldnsd.
pub(crate) fn entry<'t>(
    piece: &mut Piece<'t>,
    text: &'t [u8],
    rules: &Rules<'_>,
) -> Result<(), Class> {
    if !rules.entries {
        piece.event(What::Refuse(Class::NoDataset));
        return Ok(());
    }
    if is_default(text, rules.kind) {
        default_line(piece, text);
        return Ok(());
    }
    match rules.kind {
        DatasetType::Ip4set => ip4set::entry(piece, text, rules),
        DatasetType::Ip4trie => ip4trie::entry(piece, text, rules),
        DatasetType::Ip4tset => ip4tset::entry(piece, text),
        DatasetType::Ip6trie => ip6trie::entry(piece, text, rules),
        DatasetType::Ip6tset => ip6tset::entry(piece, text),
        DatasetType::Dnset => dnset::entry(piece, text),
        DatasetType::Generic => generic::entry(piece, text),
        // Entries of combined belong to the dataset inside; plain has a way of its own.
        DatasetType::Combined | DatasetType::Plain | DatasetType::PlainJson => Ok(()),
    }
}

/// Reads any line of one of our own types.
pub(crate) fn plain_line<'t>(
    piece: &mut Piece<'t>,
    line: &'t [u8],
    rules: &Rules<'_>,
) -> Result<(), Class> {
    match rules.kind {
        DatasetType::PlainJson => json::line(piece, line, rules.options),
        _ => plain::line(piece, line, rules.options),
    }
}

fn is_default(text: &[u8], kind: DatasetType) -> bool {
    match (kind, text) {
        (DatasetType::Generic, _) => false,
        (DatasetType::Ip6trie, [b':', b':', ..]) => false,
        (_, [b':', ..]) => true,
        _ => false,
    }
}

fn default_line<'t>(piece: &mut Piece<'t>, text: &'t [u8]) {
    match value::parse(text) {
        Ok((stated, cut)) => {
            piece.event(What::Default(stated, cut));
            piece.values.next_default();
        }
        Err(class) => piece.event(What::BadDefault(class)),
    }
}

/// Takes the `!` of an exclusion off.
fn exclusion(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'!', rest @ ..] => (true, trim_start(rest)),
        _ => (false, text),
    }
}

/// The value of an entry: none for an exclusion, whatever follows it.
fn value_of<'t>(piece: &mut Piece<'t>, excluded: bool, rest: &'t [u8]) -> Result<u32, Class> {
    if excluded {
        return Ok(EXCLUDED);
    }
    piece.value(rest)
}

/// Notes a value that the type does not read.
fn note_unread(piece: &mut Piece<'_>, rest: &[u8]) {
    if !matches!(trim_start(rest), [] | [b'#' | b';', ..]) {
        piece.note(Class::Unread);
    }
}
