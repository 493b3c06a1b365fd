//! `dnset`: domain names, exact, below, or both.

use rblmap::NameKey;

use super::{exclusion, value_of};
use crate::line::word;
use crate::piece::Piece;
use crate::spec::NameScope;
use crate::warning::Class;

pub(super) fn entry<'t>(piece: &mut Piece<'t>, text: &'t [u8]) -> Result<(), Class> {
    let (excluded, text) = exclusion(text);
    let (name, rest) = word(text);
    let (scope, name) = match name {
        [b'*', b'.', name @ ..] => (NameScope::Below, name),
        [b'.', name @ ..] => (NameScope::Both, name),
        name => (NameScope::Exact, name),
    };
    let key = NameKey::parse(name).map_err(|_| Class::BadName)?;
    if key.label_count() == 0 {
        return Err(Class::BadName);
    }
    let value = value_of(piece, excluded, rest)?;
    piece.push_name(key.as_bytes(), scope, value);
    Ok(())
}
