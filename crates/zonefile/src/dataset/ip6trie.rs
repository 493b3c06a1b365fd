//! `ip6trie`: IPv6 networks, the longest prefix answers.

use super::{Rules, Tail, exclusion, value_of};
use crate::address6::{self, unmapped};
use crate::dataset_type::DatasetType;
use crate::piece::Piece;
use crate::warning::Class;

pub(super) fn entry<'t>(
    piece: &mut Piece<'t>,
    text: &'t [u8],
    rules: &Rules<'_>,
) -> Result<(), Class> {
    let (excluded, text) = exclusion(text);
    let (network, rest) = address6::network(text, rules.options.reading.host_bits)?;
    let now = rules.options.now;
    let value = value_of(piece, excluded, rest, Tail::Parameters { now })?;
    if network.odd {
        piece.note(Class::OddAddress);
    }
    // In a trie of both families the mapped addresses are the IPv4 ones.
    match unmapped(network.start, network.end) {
        Some(range) if rules.kind == DatasetType::Ip4trie => piece.push_v4(range, value),
        _ => piece.push_v6(network.start, network.end, value),
    }
    Ok(())
}
