//! Networks so wide that each of them is told.

use crate::dump::{v4_key, v6_key};
use crate::piece::{Piece, Said};
use crate::warning::{Class, Note, excerpt};

/// So wide a network is said even where nobody looks for mistakes.
const ALWAYS_WIDE: u32 = 8;

/// Remarks about listed networks with a prefix length below eight.
pub(super) fn wide(piece: &Piece<'_>) -> Vec<Note> {
    let listed = |said: Said| matches!(said, Said::Value(_));
    let v4 = piece.v4.nets.iter().filter(|net| listed(net.value));
    let v4 = v4.filter(|net| net.end - net.start > u32::MAX >> ALWAYS_WIDE);
    let v4 = v4.map(|net| (net.line, v4_key(net.start, net.end)));
    let v6 = piece.v6.iter().filter(|net| listed(net.value));
    let v6 = v6.filter(|net| net.end - net.start > u128::MAX >> ALWAYS_WIDE);
    let v6 = v6.map(|net| (net.line, v6_key(net.start, net.end)));
    let mut notes: Vec<Note> = v4
        .chain(v6)
        .map(|(line, key)| Note {
            line,
            class: Class::Wide,
            detail: Some(excerpt(key.as_bytes(), "")),
        })
        .collect();
    // A range is several networks of one line.
    notes.dedup_by_key(|note| note.line);
    notes
}
