//! `generic`: DNS records, of which A and TXT are kept.

use std::borrow::Cow;

use rblmap::NameKey;

use crate::address4;
use crate::directive;
use crate::line::{digits, is_space, trim_start, word};
use crate::piece::{Piece, Said, What};
use crate::spec::NameScope;
use crate::value::{MAX_SOURCE_TEXT, Stated, Text, Words};
use crate::warning::Class;

pub(super) fn entry<'t>(piece: &mut Piece<'t>, text: &'t [u8]) -> Result<(), Class> {
    let (name, rest) = word(text);
    let key = match name {
        b"@" => NameKey::ROOT,
        name => NameKey::parse(name)
            .ok()
            .filter(|key| key.label_count() > 0)
            .ok_or(Class::BadEntry)?,
    };
    let rest = match rest {
        [b'0'..=b'9', ..] => match directive::time(rest) {
            Some((_, rest)) => rest,
            None => {
                piece.event(What::Refuse(Class::BadTtl));
                return Ok(());
            }
        },
        rest => rest,
    };
    let (class, after) = word(rest);
    let rest = if class.eq_ignore_ascii_case(b"IN") {
        after
    } else {
        rest
    };
    let (kind, data) = word(rest);
    match kind.to_ascii_uppercase().as_slice() {
        // Nothing may follow but white space, before a NUL.
        _ if kind.len() == rest.len() => Err(Class::BadEntry),
        b"A" => address(piece, &key, data),
        b"TXT" => text_record(piece, &key, data),
        b"MX" => mail_exchanger(piece, data),
        _ => Err(Class::BadEntry),
    }
}

fn address<'t>(piece: &mut Piece<'t>, key: &NameKey, data: &'t [u8]) -> Result<(), Class> {
    let (prefix, _) = address4::prefix(data).ok_or(Class::BadEntry)?;
    let value = piece.values.id(Stated {
        a: Some(prefix.as_inet()),
        text: Text::None,
    });
    piece.push_name(key.as_bytes(), NameScope::Exact, Said::Value(value));
    Ok(())
}

fn text_record<'t>(piece: &mut Piece<'t>, key: &NameKey, data: &'t [u8]) -> Result<(), Class> {
    let text = match data {
        [b'"', inner @ .., b'"'] => inner,
        text => text,
    };
    let kept = text.get(..MAX_SOURCE_TEXT).unwrap_or(text);
    if kept.len() < text.len() {
        piece.note(Class::TxtCut);
    }
    let value = piece.values.id(Stated {
        a: None,
        text: Text::Words(Words::Data(Cow::Borrowed(kept))),
    });
    piece.push_name(key.as_bytes(), NameScope::Exact, Said::Value(value));
    Ok(())
}

/// Nothing is kept of an MX record, but a malformed one refuses the load.
fn mail_exchanger<'t>(piece: &mut Piece<'t>, data: &'t [u8]) -> Result<(), Class> {
    let (preference, rest) = digits(data).ok_or(Class::BadEntry)?;
    if preference > 0xffff || rest.first().is_some_and(|&b| !is_space(b)) {
        return Err(Class::BadEntry);
    }
    let (name, rest) = word(trim_start(rest));
    // `.` is good: the mail exchanger of a domain that has none (RFC 7505).
    let good = !name.is_empty() && NameKey::parse(name).is_ok();
    if !good || !rest.is_empty() {
        piece.event(What::Refuse(Class::BadMx));
    }
    Ok(())
}
