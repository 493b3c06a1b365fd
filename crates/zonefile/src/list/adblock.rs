//! `adblock`: the lines of Adblock filters that are about whole domains.

use super::add;
use super::words::bare;
use crate::key::{self, Dress, Key, KeyRules};
use crate::line::trim;
use crate::piece::{Piece, Said};
use crate::spec::Options;
use crate::warning::Class;
use rblmap_content::NameScope;

/// Reads a line.
pub(super) fn line<'t>(
    piece: &mut Piece<'t>,
    line: &'t [u8],
    options: &Options,
) -> Result<(), Class> {
    let line = trim(bare(line));
    match line {
        [] | [b'!', ..] | [b'#'] | [b'#', b' ' | b'\t', ..] => return Ok(()),
        [b'[', .., b']'] => return Ok(()),
        _ => {}
    }
    let (rule, excepted) = match line.strip_prefix(b"@@") {
        Some(rule) => (rule, true),
        None => (line, false),
    };
    let Some((domain, more)) = domain(rule) else {
        let then = if excepted {
            "an exception; nothing is listed"
        } else {
            "not listed"
        };
        piece.note_about(Class::Unread, line, then);
        return Ok(());
    };
    let key = key_of(domain, options)?;
    match (excepted, more.is_empty()) {
        (true, true) => add(piece, (key, Dress::Bare), Said::Excluded),
        (true, false) => {
            piece.note_about(
                Class::Unread,
                line,
                "the options are not for mail; excepted",
            );
            add(piece, (key, Dress::Bare), Said::Excluded);
        }
        (false, false) if more == b"$badfilter" => {
            piece.note_about(Class::Unread, line, "it takes a filter back; excepted");
            add(piece, (key, Dress::Bare), Said::Excluded);
        }
        (false, true) => {
            let value = piece.default_value();
            add(piece, (key, Dress::Bare), value);
        }
        (false, false) => {
            piece.note_about(
                Class::Unread,
                line,
                "the options are not for mail; not listed",
            );
        }
    }
    Ok(())
}

/// The key of a domain or address.
fn key_of(domain: &[u8], options: &Options) -> Result<Key, Class> {
    let rules = KeyRules {
        names: NameScope::Both,
        ..KeyRules::of(options)
    };
    let (key, Dress::Bare) = key::parse(domain, &rules)? else {
        return Err(Class::BadName);
    };
    let is_domain = match key {
        Key::Name(_, scope) => scope != NameScope::Exact,
        Key::V4(_) | Key::V6 { .. } => key.is_single(),
    };
    if is_domain {
        Ok(key)
    } else {
        Err(Class::BadName)
    }
}

/// The domain of `||DOMAIN^`, and what follows it.
fn domain(rule: &[u8]) -> Option<(&[u8], &[u8])> {
    let rule = rule.strip_prefix(b"||")?;
    let at = memchr::memchr(b'^', rule)?;
    let (domain, rest) = rule.split_at_checked(at)?;
    let rest = rest.get(1..)?;
    let rest = rest.strip_prefix(b"|").unwrap_or(rest);
    let whole = rest.is_empty() || rest.starts_with(b"$");
    (whole && !domain.is_empty()).then_some((domain, rest))
}
