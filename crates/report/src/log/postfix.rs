//! Postfix: smtpd, postscreen, and refusals of milters that cleanup logs.

use crate::log::address::{Bracket, closed};
use crate::log::fields::{after, has, word};
use crate::log::line::{Apart, Line, What, event};

/// The message of a Postfix service. `instance` ends with a slash: `postfix/`,
/// `postfix/submission/`.
#[inline]
pub(super) fn read(instance: &[u8], service: &[u8], message: &[u8]) -> Line {
    match service {
        b"smtpd" => smtpd(instance, message),
        b"cleanup" => match word(message).1.strip_prefix(b"milter-reject: ") {
            Some(reject) => refusal(reject, instance),
            None => Line::Other,
        },
        b"postscreen" => postscreen(message),
        // The others deliver, queue and sort: what they log is not about clients.
        _ => Line::Other,
    }
}

fn smtpd(instance: &[u8], message: &[u8]) -> Line {
    if let Some(host) = message.strip_prefix(b"connect from ") {
        return if is_for_users(instance) {
            Line::Apart(Apart::Authenticated)
        } else {
            of_host(host, What::Connect)
        };
    }
    if let Some(host) = message.strip_prefix(b"disconnect from ") {
        return disconnect(host, instance);
    }
    let (id, rest) = word(message);
    if !id.ends_with(b":") {
        return Line::Other;
    }
    if let Some(host) = rest.strip_prefix(b"client=") {
        return client(host, instance);
    }
    let kinds = [&b"reject: "[..], b"milter-reject: "];
    let reject = kinds.iter().find_map(|kind| rest.strip_prefix(*kind));
    reject.map_or(Line::Other, |reject| refusal(reject, instance))
}

/// `client=HOST[ADDRESS]`, perhaps with who logged in, or where the message came from before a
/// content filter gave it back.
fn client(host: &[u8], instance: &[u8]) -> Line {
    let Some(open) = memchr::memchr(b'[', host) else {
        return Line::Unread;
    };
    match closed(host.get(open + 1..).unwrap_or_default()) {
        // Nothing follows in nearly all lines.
        Bracket::Address(_, rest) if has(rest, b"orig_client=") => Line::Apart(Apart::Reinjected),
        Bracket::Address(_, rest) if has(rest, b"sasl_") || is_for_users(instance) => {
            Line::Apart(Apart::Authenticated)
        }
        Bracket::Address(client, _) => event(Some(client), What::Accepted),
        Bracket::Unknown => Line::Apart(Apart::NoAddress),
        Bracket::No => Line::Unread,
    }
}

/// `RCPT from HOST[ADDRESS]: …`. At END-OF-MESSAGE the message has been logged as `client=` before.
fn refusal(reject: &[u8], instance: &[u8]) -> Line {
    let Some(host) = after(reject, b" from ") else {
        return Line::Unread;
    };
    if is_for_users(instance) {
        return Line::Apart(Apart::Authenticated);
    }
    let what = if reject.starts_with(b"END-OF-MESSAGE ") {
        What::Withdrawn
    } else {
        What::Refused
    };
    of_host(host, what)
}

/// `disconnect from HOST[ADDRESS] ehlo=2 auth=1 mail=1 …`: `auth=1` is a login, `auth=0/1` a failed
/// one.
fn disconnect(host: &[u8], instance: &[u8]) -> Line {
    let Some(counts) = after(host, b" auth=") else {
        return Line::Other;
    };
    if is_for_users(instance) || counts.first().is_none_or(|&first| first == b'0') {
        return Line::Other;
    }
    of_host(host, What::EndedAuthenticated)
}

fn postscreen(message: &[u8]) -> Line {
    let (first, rest) = word(message);
    let (what, client) = match first {
        b"CONNECT" => (What::Screened, rest.strip_prefix(b"from [")),
        b"PASS" => (What::ScreenPassed, word(rest).1.strip_prefix(b"[")),
        b"DISCONNECT" => (What::ScreenEnded, rest.strip_prefix(b"[")),
        b"NOQUEUE:" if rest.starts_with(b"reject: ") => (What::Refused, after(rest, b" from [")),
        _ => return Line::Other,
    };
    match client.map(closed) {
        Some(Bracket::Address(client, _)) => event(Some(client), what),
        Some(Bracket::Unknown) => Line::Apart(Apart::NoAddress),
        Some(Bracket::No) | None => Line::Unread,
    }
}

/// `HOST[ADDRESS]…`; names of hosts hold no brackets.
#[inline]
fn of_host(host: &[u8], what: What) -> Line {
    let open = memchr::memchr(b'[', host);
    match open.map(|open| closed(host.get(open + 1..).unwrap_or_default())) {
        Some(Bracket::Address(client, _)) => event(Some(client), what),
        Some(Bracket::Unknown) => Line::Apart(Apart::NoAddress),
        Some(Bracket::No) | None => Line::Unread,
    }
}

/// Whether the service is one of the ports for people who log in (RFC 8314), by the name that
/// master.cf gives it.
#[inline]
fn is_for_users(instance: &[u8]) -> bool {
    let service = instance.strip_suffix(b"/").unwrap_or(instance);
    let name = memchr::memrchr(b'/', service).map_or(service, |slash| {
        service.get(slash + 1..).unwrap_or_default()
    });
    name.starts_with(b"submission") || name == b"smtps"
}
