//! `ip4trie`: networks, the longest prefix answers. The rbldnsd of rspamd takes IPv6 networks, too.

use super::{Rules, Tail, exclusion, ip4set, ip6trie};
use crate::address4::Grammar;
use crate::piece::Piece;
use crate::warning::Class;

pub(super) fn entry<'t>(
    piece: &mut Piece<'t>,
    text: &'t [u8],
    rules: &Rules<'_>,
) -> Result<(), Class> {
    let (_, key) = exclusion(text);
    if begins_with_v6(key) {
        return ip6trie::entry(piece, text, rules);
    }
    let grammar = Grammar {
        ranges: false,
        zero_length: true,
        mask_host_bits: rules.options.reading.host_bits,
    };
    let now = rules.options.now;
    ip4set::network(piece, text, grammar, Tail::Parameters { now })
}

/// Whether a key is an IPv6 network and cannot be an IPv4 one: two colons stand in its first word,
/// none of them where a value of an IPv4 key would begin.
fn begins_with_v6(key: &[u8]) -> bool {
    let end = key
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\t' | b'/'));
    let word = key.get(..end.unwrap_or(key.len())).unwrap_or_default();
    let hex = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b':';
    word.iter().filter(|byte| **byte == b':').count() >= 2 && word.iter().all(hex)
}
