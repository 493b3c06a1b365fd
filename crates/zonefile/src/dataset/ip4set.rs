//! `ip4set`: addresses, networks and ranges; answered by octet level.

use super::{Rules, Tail, exclusion, value_of};
use crate::address4::{self, Grammar};
use crate::piece::{Piece, Said};
use crate::warning::Class;

pub(super) fn entry<'t>(
    piece: &mut Piece<'t>,
    text: &'t [u8],
    rules: &Rules<'_>,
) -> Result<(), Class> {
    let grammar = Grammar {
        ranges: true,
        zero_length: false,
        mask_host_bits: rules.options.reading.host_bits,
    };
    network(piece, text, grammar, Tail::Value)
}

/// Reads an entry of `ip4set` or `ip4trie`. A bad value is kept: rbldnsd looks at the size of the
/// network first, and `$MAXRANGE4` is not known here.
pub(super) fn network<'t>(
    piece: &mut Piece<'t>,
    text: &'t [u8],
    grammar: Grammar,
    tail: Tail,
) -> Result<(), Class> {
    let (excluded, text) = exclusion(text);
    let (range, rest) = address4::key(text, grammar)?;
    let value = match value_of(piece, excluded, rest, tail) {
        Ok(value) => value,
        Err(Class::BadValue) => Said::BadValue,
        Err(_) => Said::BadA,
    };
    piece.push_v4(range, value);
    Ok(())
}
