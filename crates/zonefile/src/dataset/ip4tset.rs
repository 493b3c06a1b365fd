//! `ip4tset`: whole addresses, all with the first default of the dataset.

use super::note_unread;
use crate::address4::{self, Range};
use crate::piece::Piece;
use crate::warning::Class;

pub(super) fn entry<'t>(piece: &mut Piece<'t>, text: &'t [u8]) -> Result<(), Class> {
    let (prefix, rest) = address4::prefix(text).ok_or(Class::BadAddress)?;
    if prefix.octets != 4 || !address4::ends_key(rest) {
        return Err(Class::BadAddress);
    }
    note_unread(piece, rest);
    let value = piece.default_value();
    let (start, end) = (prefix.address, prefix.address);
    piece.push_v4(Range { start, end }, value);
    Ok(())
}
