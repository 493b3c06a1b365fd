//! `ip4set`: addresses, networks and ranges; answered by octet level.

use super::{Rules, exclusion, value_of};
use crate::address4::{self, Grammar};
use crate::piece::{BAD_A, BAD_VALUE, Piece};
use crate::warning::Class;

pub(super) fn entry<'t>(
    piece: &mut Piece<'t>,
    text: &'t [u8],
    rules: &Rules<'_>,
) -> Result<(), Class> {
    let grammar = Grammar {
        ranges: true,
        zero_length: false,
        mask_host_bits: rules.options.host_bits,
    };
    network(piece, text, grammar)
}

/// Reads an entry of `ip4set` or `ip4trie`. A bad value is kept: rbldnsd looks at the size of the
/// network first, and `$MAXRANGE4` is not known here.
pub(super) fn network<'t>(
    piece: &mut Piece<'t>,
    text: &'t [u8],
    grammar: Grammar,
) -> Result<(), Class> {
    let (excluded, text) = exclusion(text);
    let (range, rest) = address4::key(text, grammar)?;
    let value = match value_of(piece, excluded, rest) {
        Ok(value) => value,
        Err(Class::BadValue) => BAD_VALUE,
        Err(_) => BAD_A,
    };
    piece.push_v4(range, value);
    Ok(())
}
