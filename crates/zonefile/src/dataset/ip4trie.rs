//! `ip4trie`: networks, the longest prefix answers.

use super::{Rules, ip4set};
use crate::address4::Grammar;
use crate::piece::Piece;
use crate::warning::Class;

pub(super) fn entry<'t>(
    piece: &mut Piece<'t>,
    text: &'t [u8],
    rules: &Rules<'_>,
) -> Result<(), Class> {
    let grammar = Grammar {
        ranges: false,
        zero_length: true,
        mask_host_bits: rules.options.host_bits,
    };
    ip4set::network(piece, text, grammar)
}
