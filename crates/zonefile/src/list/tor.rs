//! `tor`: the list of exit addresses as TorDNSEL writes it, or bare addresses.

use super::entry;
use super::words::{bare, without_hash_comment};
use crate::key::KeyRules;
use crate::line::{trim, word};
use crate::piece::Piece;
use crate::spec::Options;
use crate::warning::Class;

/// Reads a line.
pub(super) fn line<'t>(
    piece: &mut Piece<'t>,
    line: &'t [u8],
    options: &Options,
) -> Result<(), Class> {
    let line = without_hash_comment(trim(bare(line)));
    let (first, rest) = word(line);
    let address = match first {
        b"" | b"ExitNode" | b"Published" | b"LastStatus" => return Ok(()),
        b"ExitAddress" => word(rest).0,
        address if rest.is_empty() => address,
        _ => return Err(Class::BadEntry),
    };
    let is_address = |b: &u8| b.is_ascii_hexdigit() || matches!(b, b'.' | b':' | b'[' | b']');
    let value = piece.default_value();
    let done = if address.iter().all(is_address) {
        entry(piece, address, value, &KeyRules::of(options))
    } else {
        Err(Class::BadAddress)
    };
    if let Err(class) = done {
        piece.note_about(class, address, "");
    }
    Ok(())
}
