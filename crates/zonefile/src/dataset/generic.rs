//! `generic`: DNS records: A and TXT, which answer, and MX, which only DNS tells.

use std::borrow::Cow;

use rblmap::NameKey;

use super::Taken;
use crate::address4;
use crate::directive;
use crate::line::{digits, is_space, trim_start, word};
use crate::piece::{Piece, Said, What};
use crate::ttls;
use crate::value::{MAX_SOURCE_TEXT, Stated, Text, Words};
use crate::warning::Class;
use rblmap_content::NameScope;

/// What stands before the data of a record.
struct Head {
    key: NameKey,
    /// The TTL, unless it is that of the dataset.
    ttl: Option<u32>,
    taken: Taken,
}

pub(super) fn entry<'t>(piece: &mut Piece<'t>, text: &'t [u8], taken: Taken) -> Result<(), Class> {
    let (name, rest) = word(text);
    let key = match name {
        b"@" => NameKey::ROOT,
        name => NameKey::parse(name)
            .ok()
            .filter(|key| key.label_count() > 0)
            .ok_or(Class::BadEntry)?,
    };
    let (ttl, rest) = match rest {
        [b'0'..=b'9', ..] => match directive::time(rest) {
            Some((ttl, rest)) => (Some(ttl).filter(|ttl| *ttl != 0), rest),
            None => {
                piece.event(What::Refuse(Class::BadTtl));
                return Ok(());
            }
        },
        rest => (None, rest),
    };
    let head = Head { key, ttl, taken };
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
        b"A" => address(piece, &head, data),
        b"TXT" => text_record(piece, &head, data),
        b"MX" => mail_exchanger(piece, &head, data),
        _ => Err(Class::BadEntry),
    }
}

fn address<'t>(piece: &mut Piece<'t>, head: &Head, data: &'t [u8]) -> Result<(), Class> {
    let (prefix, _) = address4::prefix(data).ok_or(Class::BadEntry)?;
    let stated = Stated {
        a: Some(prefix.as_inet()),
        text: Text::None,
    };
    push(piece, head, stated, Cow::Borrowed(ttls::A));
    Ok(())
}

/// Adds a record, or what its TTL is of.
fn push<'t>(piece: &mut Piece<'t>, head: &Head, stated: Stated<'t>, of: Cow<'t, [u8]>) {
    piece.tally.ttls += u64::from(head.ttl.is_some());
    let stated = match head.taken {
        Taken::Records => stated,
        Taken::Ttls => Stated {
            a: head.ttl,
            text: Text::Words(Words::Data(of)),
        },
    };
    let value = piece.values.id(stated);
    piece.push_name(head.key.as_bytes(), NameScope::Exact, Said::Value(value));
}

fn text_record<'t>(piece: &mut Piece<'t>, head: &Head, data: &'t [u8]) -> Result<(), Class> {
    let text = match data {
        [b'"', inner @ .., b'"'] => inner,
        text => text,
    };
    let kept = text.get(..MAX_SOURCE_TEXT).unwrap_or(text);
    if kept.len() < text.len() {
        piece.note(Class::TxtCut);
    }
    let stated = Stated {
        a: None,
        text: Text::Words(Words::Data(Cow::Borrowed(kept))),
    };
    push(piece, head, stated, Cow::Borrowed(ttls::TXT));
    Ok(())
}

/// An MX record is no listing, and a malformed one refuses the load.
fn mail_exchanger<'t>(piece: &mut Piece<'t>, head: &Head, data: &'t [u8]) -> Result<(), Class> {
    let (preference, rest) = digits(data).ok_or(Class::BadEntry)?;
    let Ok(preference) = u16::try_from(preference) else {
        return Err(Class::BadEntry);
    };
    if rest.first().is_some_and(|&b| !is_space(b)) {
        return Err(Class::BadEntry);
    }
    let (name, rest) = word(trim_start(rest));
    // `.` is good: the mail exchanger of a domain that has none (RFC 7505).
    let good = !name.is_empty() && NameKey::parse(name).is_ok();
    let kept = ttls::exchange(name).filter(|_| good && rest.is_empty());
    let Some(name) = kept else {
        piece.event(What::Refuse(Class::BadMx));
        return Ok(());
    };
    piece.tally.ttls += 1;
    if head.taken == Taken::Ttls {
        let of = ttls::of_mail(preference, name);
        push(piece, head, Stated::DEFAULT, Cow::Owned(of));
    }
    Ok(())
}
