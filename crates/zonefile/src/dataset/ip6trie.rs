//! `ip6trie`: IPv6 networks, the longest prefix answers.

use super::{Rules, exclusion, value_of};
use crate::address6;
use crate::piece::Piece;
use crate::warning::Class;

pub(super) fn entry<'t>(
    piece: &mut Piece<'t>,
    text: &'t [u8],
    rules: &Rules<'_>,
) -> Result<(), Class> {
    let (excluded, text) = exclusion(text);
    let (network, rest) = address6::network(text, rules.options.host_bits)?;
    let value = value_of(piece, excluded, rest)?;
    if network.odd {
        piece.note(Class::OddAddress);
    }
    piece.push_v6(network.start, network.end, value);
    Ok(())
}
