//! `ip6tset`: /64 networks, all with the first default of the dataset, and /128 exclusions.

use super::{exclusion, note_unread};
use crate::address4::ends_key;
use crate::address6;
use crate::piece::{Piece, Said};
use crate::warning::Class;

pub(super) fn entry<'t>(piece: &mut Piece<'t>, text: &'t [u8]) -> Result<(), Class> {
    let (excluded, text) = exclusion(text);
    let (words, rest) = address6::words(text).ok_or(Class::BadAddress)?;
    if !ends_key(rest) {
        return Err(Class::BadAddress);
    }
    if excluded {
        if !words.is_full() {
            return Err(Class::BadLength);
        }
        piece.push_v6(words.address, words.address, Said::Excluded);
        return Ok(());
    }
    if words.gap || words.count != 4 {
        return Err(Class::BadLength);
    }
    note_unread(piece, rest);
    let value = piece.default_value();
    piece.push_v6(words.address, words.address | u128::from(u64::MAX), value);
    Ok(())
}
