//! `rir`: the delegation statistics of the regional registries,
//! `registry|country|type|start|value|date|status`.

use super::add;
use super::words::{bare, text_value};
use crate::address4::Range;
use crate::key::{Dress, Key, v4_address, v6_address};
use crate::line::{digits, trim};
use crate::piece::Piece;
use crate::spec::Options;
use crate::warning::Class;

/// Reads a line. With `--text`, the text is the country.
pub(super) fn line<'t>(
    piece: &mut Piece<'t>,
    line: &'t [u8],
    options: &Options,
) -> Result<(), Class> {
    let line = trim(bare(line));
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(());
    }
    let mut fields = line.split(|&byte| byte == b'|').map(trim);
    let mut next = || fields.next();
    let (Some(registry), Some(country), Some(kind)) = (next(), next(), next()) else {
        return Err(Class::BadEntry);
    };
    let (Some(start), Some(value)) = (next(), next()) else {
        return Err(Class::BadEntry);
    };
    let (date, status) = (next(), next());
    let is_version = |field: &[u8]| field.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    let is_summary = country == b"*" && date == Some(b"summary") && status.is_none();
    // Numbers of autonomous systems are no addresses.
    if is_summary || is_version(registry) || kind == b"asn" {
        return Ok(());
    }
    if !matches!(status, Some(b"allocated" | b"assigned")) {
        piece.note_about(Class::Unread, line, "nobody has it; not listed");
        return Ok(());
    }
    let key = match kind {
        b"ipv4" => ipv4(start, value),
        b"ipv6" => ipv6(start, value),
        _ => return Err(Class::BadEntry),
    };
    let said = match options.reading.plain.text {
        true => text_value(piece, None, country.into(), options),
        false => piece.default_value(),
    };
    add(piece, (key.ok_or(Class::BadAddress)?, Dress::Bare), said);
    Ok(())
}

/// A first address and how many there are: any number, not only powers of two.
fn ipv4(start: &[u8], count: &[u8]) -> Option<Key> {
    let start = v4_address(start)?;
    let more = number(count)?.checked_sub(1)?;
    let end = start.checked_add(more)?;
    Some(Key::V4(Range { start, end }))
}

/// A network and its prefix length.
fn ipv6(start: &[u8], bits: &[u8]) -> Option<Key> {
    let start = v6_address(start)?;
    let bits = number(bits).filter(|bits| *bits <= 128)?;
    let host = u128::MAX.checked_shr(bits).unwrap_or(0);
    (start & host == 0).then_some(Key::V6 {
        start,
        end: start | host,
    })
}

fn number(text: &[u8]) -> Option<u32> {
    digits(text)
        .filter(|(_, rest)| rest.is_empty())
        .map(|(number, _)| number)
}
