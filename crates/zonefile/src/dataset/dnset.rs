//! `dnset`: domain names, exact, below, or both.

use rblmap::NameKey;

use super::{Tail, exclusion, value_of};
use crate::line::word;
use crate::piece::Piece;
use crate::warning::Class;
use rblmap_content::NameScope;

/// The names below a name of more labels than this the hash of rspamd's rbldnsd cannot hold.
pub(super) const DNHASH_LABELS: usize = 5;

pub(super) fn entry<'t>(
    piece: &mut Piece<'t>,
    text: &'t [u8],
    tail: Tail,
    most_labels: usize,
) -> Result<(), Class> {
    let (excluded, text) = exclusion(text);
    let (name, rest) = word(text);
    let (scope, name) = match name {
        [b'*', b'.', name @ ..] => (NameScope::Below, name),
        [b'.', name @ ..] => (NameScope::Both, name),
        name => (NameScope::Exact, name),
    };
    let start = piece.arena.len();
    let labels = match NameKey::append_plain(name, &mut piece.arena) {
        Some(labels) => labels,
        None => {
            let key = NameKey::parse(name).map_err(|_| Class::BadName)?;
            piece.arena.extend_from_slice(key.as_bytes());
            key.label_count()
        }
    };
    let value = if labels == 0 || scope != NameScope::Exact && labels > most_labels {
        Err(Class::BadName)
    } else {
        value_of(piece, excluded, rest, tail)
    };
    match value {
        Ok(value) => {
            piece.push_name_at(start, scope, value);
            Ok(())
        }
        Err(class) => {
            piece.arena.truncate(start);
            Err(class)
        }
    }
}
