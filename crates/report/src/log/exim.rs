//! Exim's main log.

use memchr::memmem;

use crate::log::address::{Bracket, closed};
use crate::log::fields::{has, word};
use crate::log::line::{Apart, Line, What, event};
use crate::log::syslog::is_form;

/// What follows `2026-11-28 17:45:19 `, with the fraction, zone and process id that options of Exim
/// put there.
pub(super) fn dated(line: &[u8]) -> Option<&[u8]> {
    if !is_form(line, b"0000-00-00 00:00:00") {
        return None;
    }
    let mut rest = line.get(19..)?;
    if rest.first() == Some(&b'.') {
        rest = word(rest).1;
    }
    rest = rest.trim_ascii_start();
    if is_form(rest, b"+0000 ") || is_form(rest, b"-0000 ") {
        rest = rest.get(6..)?;
    }
    if rest.first() == Some(&b'[') && is_form(rest.get(1..)?, b"0") {
        let end = memmem::find(rest, b"] ")?;
        let is_pid = rest.get(1..end)?.iter().all(u8::is_ascii_digit);
        rest = if is_pid { rest.get(end + 2..)? } else { rest };
    }
    Some(rest)
}

/// A message as Exim gives it to syslog, with its own date or without.
pub(super) fn without_date(message: &[u8]) -> &[u8] {
    dated(message).unwrap_or(message)
}

/// A line of the main log, less its date.
pub(super) fn after_date(text: &[u8]) -> Line {
    let (first, after_first) = word(text);
    let (has_id, rest) = if is_message_id(first) {
        (true, after_first)
    } else {
        (false, text)
    };
    if let Some(message) = rest.strip_prefix(b"<= ") {
        return if has_id {
            arrival(message)
        } else {
            Line::Unread
        };
    }
    if let Some(client) = rest.strip_prefix(b"SMTP connection from ") {
        return connection(client);
    }
    match rest.strip_prefix(b"H=") {
        Some(host) if has(host, b" rejected ") || has(host, b"temporarily rejected ") => {
            of_host(host, What::RefusedUnopened)
        }
        // Deliveries, completions, notices.
        _ => Line::Other,
    }
}

/// `SENDER H=HOST (HELO) [ADDRESS]:PORT I=[OURS]:25 P=esmtps …`; without H the message is of this
/// machine.
fn arrival(message: &[u8]) -> Line {
    let fields = after_sender(message);
    match fields.strip_prefix(b"H=") {
        Some(host) => of_host(host, What::AcceptedUnopened),
        // Fields that options put before it do not hold texts of the client.
        None => match memmem::find(fields, b" H=") {
            Some(at) => of_host(
                fields.get(at + 3..).unwrap_or_default(),
                What::AcceptedUnopened,
            ),
            None => Line::Other,
        },
    }
}

/// What follows the sender, whose local part may be quoted and hold spaces.
fn after_sender(message: &[u8]) -> &[u8] {
    let mut quoted = false;
    let mut escaped = false;
    for (at, &byte) in message.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b' ' if !quoted => return message.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    &[]
}

/// `[ADDRESS]:PORT … (TCP/IP connection count = 1)` is a new one; what is closed or lost was logged
/// before.
fn connection(client: &[u8]) -> Line {
    if !has(client, b"(TCP/IP connection count = ") {
        return Line::Other;
    }
    match address(client) {
        Bracket::Address(client, _) => event(Some(client), What::Opened),
        Bracket::Unknown => Line::Apart(Apart::NoAddress),
        Bracket::No => Line::Unread,
    }
}

/// `HOST (HELO) [ADDRESS]:PORT FIELDS`.
fn of_host(host: &[u8], what: What) -> Line {
    match address(host) {
        Bracket::Address(_, fields) if is_authenticated(fields) => {
            Line::Apart(Apart::Authenticated)
        }
        Bracket::Address(client, _) => event(Some(client), what),
        Bracket::Unknown => Line::Apart(Apart::NoAddress),
        Bracket::No => Line::Unread,
    }
}

/// The address after host name and HELO. The HELO may be an address in brackets of its own, inside
/// the parentheses.
fn address(host: &[u8]) -> Bracket<'_> {
    let mut rest = host;
    if rest
        .first()
        .is_some_and(|&byte| byte != b'[' && byte != b'(')
    {
        rest = word(rest).1;
    }
    if rest.first() == Some(&b'(') {
        let Some(end) = memmem::find(rest, b") [") else {
            return Bracket::No;
        };
        rest = rest.get(end + 2..).unwrap_or_default();
    }
    rest.strip_prefix(b"[").map_or(Bracket::No, closed)
}

/// `A=plain:user` and `P=esmtpa`, `P=esmtpsa` are of those who logged in; `I=` and others stand
/// between.
fn is_authenticated(fields: &[u8]) -> bool {
    // Quoted texts of clients (subjects) come after these.
    let own = fields
        .split(|&byte| byte == b'"')
        .next()
        .unwrap_or_default();
    let mut words = own.split(|&byte| byte == b' ');
    words.any(|word| {
        let protocol = word.strip_prefix(b"P=").unwrap_or_default();
        word.starts_with(b"A=")
            || protocol == b"esmtpa"
            || protocol == b"esmtpsa"
            || protocol == b"asmtp"
    })
}

/// `1vOabc-000000001AB-0Cd2`, and of older versions `1vOabc-0001AB-2x`.
fn is_message_id(word: &[u8]) -> bool {
    is_form_of_id(word, &[6, 11, 4]) || is_form_of_id(word, &[6, 6, 2])
}

fn is_form_of_id(word: &[u8], lens: &[usize]) -> bool {
    let mut parts = word.split(|&byte| byte == b'-');
    let fits = lens.iter().all(|&len| {
        parts
            .next()
            .is_some_and(|part| part.len() == len && part.iter().all(u8::is_ascii_alphanumeric))
    });
    fits && parts.next().is_none()
}
