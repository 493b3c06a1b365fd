//! Sendmail.

use crate::log::address::{Bracket, closed};
use crate::log::fields::{after, after_last, has, word};
use crate::log::line::{Apart, Line, What, event};

/// A message of `sm-mta` or `sendmail`.
pub(super) fn read(message: &[u8]) -> Line {
    let (first, after_id) = word(message);
    let rest = if first.ends_with(b":") {
        after_id
    } else {
        message
    };
    if rest.starts_with(b"from=") {
        return from(rest);
    }
    if rest.starts_with(b"ruleset=") {
        return ruleset(rest);
    }
    if rest.starts_with(b"AUTH=server, ") {
        return relay(rest, What::BeganAuthenticated);
    }
    match rest.strip_prefix(b"connect from ") {
        // Its own notices begin alike: "connect from localhost" has an address too.
        Some(_) => host(rest, What::Opened),
        None => Line::Other,
    }
}

/// `from=<…>, size=…, nrcpts=N, …, daemon=MTA, relay=HOST [ADDRESS]`. With no recipients all were
/// refused, and logged before.
fn from(message: &[u8]) -> Line {
    if after_last(message, b", daemon=").is_some_and(|daemon| daemon.starts_with(b"MSA,")) {
        return Line::Apart(Apart::Authenticated);
    }
    let none = after(message, b", nrcpts=").is_some_and(|count| count.starts_with(b"0,"));
    relay(
        message,
        if none {
            What::NothingUnopened
        } else {
            What::AcceptedUnopened
        },
    )
}

/// `ruleset=check_rcpt, arg1=…, relay=HOST [ADDRESS], reject=550 …`.
fn ruleset(message: &[u8]) -> Line {
    let Some(at) = memchr::memmem::find(message, b", reject=") else {
        return Line::Other;
    };
    let head = message.get(..at).unwrap_or_default();
    // check_relay refuses the connection: nothing else is logged of it.
    let what = if has(head, b"ruleset=check_relay,") {
        What::RefusedUnopened
    } else {
        What::Refused
    };
    relay(head, what)
}

/// The client of the last `relay=`: what the client says itself stands before it.
fn relay(message: &[u8], what: What) -> Line {
    let Some(relay) = after_last(message, b", relay=") else {
        return Line::Unread;
    };
    host(relay, what)
}

fn host(text: &[u8], what: What) -> Line {
    let open = memchr::memchr(b'[', text);
    match open.map(|open| closed(text.get(open + 1..).unwrap_or_default())) {
        Some(Bracket::Address(client, _)) => event(Some(client), what),
        Some(Bracket::Unknown) => Line::Apart(Apart::NoAddress),
        Some(Bracket::No) => Line::Unread,
        // `relay=root@localhost`: a message of this machine.
        None => Line::Apart(Apart::NoAddress),
    }
}
