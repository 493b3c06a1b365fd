//! Lists as people have them: what a line, a row, a record or a document of each type says. One file
//! a type; `docs/lists.md` has their grammars.

mod adblock;
pub(crate) mod auto;
pub(crate) mod csv;
mod dnsmasq;
mod hosts;
mod ipset;
pub(crate) mod json;
pub(crate) mod nft;
mod plain;
pub(crate) mod postfix;
mod ranges;
mod rir;
mod rows;
pub(crate) mod rpz;
mod tor;
mod verdict;
pub(crate) mod words;

use rblmap::NameKey;

use crate::dataset::Rules;
use crate::dataset_type::DatasetType;
use crate::key::{self, Dress, Key, KeyRules};
use crate::piece::{Piece, Said};
use crate::warning::Class;

pub(crate) use words::{bare, without_comment};

/// Reads a line of a type that is read line by line.
pub(crate) fn line<'t>(
    piece: &mut Piece<'t>,
    line: &'t [u8],
    rules: &Rules<'_>,
) -> Result<(), Class> {
    match rules.kind {
        DatasetType::PlainJson | DatasetType::Json => json::line(piece, line, rules),
        DatasetType::Hosts => hosts::line(piece, line, rules.options),
        DatasetType::Ranges => ranges::line(piece, line, rules.options),
        DatasetType::Adblock => adblock::line(piece, line, rules.options),
        DatasetType::Dnsmasq => dnsmasq::line(piece, line, rules.options),
        DatasetType::Tor => tor::line(piece, line, rules.options),
        DatasetType::Rir => rir::line(piece, line, rules.options),
        DatasetType::Ipset => ipset::line(piece, line, rules.options),
        _ => plain::line(piece, line, rules.options),
    }
}

/// What was read of a source that is read as a whole, and the subzone that it is for, where the
/// source names one.
#[derive(Debug)]
pub(crate) struct Part<'t> {
    pub(crate) subzone: Option<NameKey>,
    pub(crate) piece: Piece<'t>,
}

impl<'t> Part<'t> {
    /// The same without its source; none if later lines depend on a text in there.
    pub(crate) fn into_owned<'s>(self) -> Option<Part<'s>> {
        let Part { subzone, piece } = self;
        let piece = piece.into_owned()?;
        Some(Part { subzone, piece })
    }

    pub(crate) fn of_all(piece: Piece<'t>) -> Vec<Part<'t>> {
        vec![Part {
            subzone: None,
            piece,
        }]
    }
}

/// Adds a key of a list, and counts what it was found in. A network on a line that may have been
/// cut is not used: it would be wider than it was.
fn add(piece: &mut Piece<'_>, (key, dress): (Key, Dress), value: Said) {
    if piece.cut_line && !key.is_single() {
        piece.cut_network = true;
        return;
    }
    match dress {
        Dress::Bare => {}
        Dress::Port => piece.tally.ports += 1,
        Dress::Url => piece.tally.urls += 1,
    }
    key::push(piece, key, value);
}

/// Reads a key and adds it.
fn entry(piece: &mut Piece<'_>, text: &[u8], value: Said, rules: &KeyRules) -> Result<(), Class> {
    let key = key::parse(text, rules)?;
    add(piece, key, value);
    Ok(())
}
