//! OpenSMTPD: a session is named by 16 hexadecimal digits, and only its first line has the address.

use crate::log::address::whole;
use crate::log::fields::{after, has, word};
use crate::log::line::{Apart, Line, Step};

/// A message of `smtpd`.
pub(super) fn read(message: &[u8]) -> Line {
    let (id, rest) = word(message);
    let Some(session) = session(id) else {
        return Line::Other;
    };
    let Some(event) = rest.strip_prefix(b"smtp ") else {
        return Line::Other;
    };
    // Versions before 6.4 write `event=connected`.
    let event = event.strip_prefix(b"event=").unwrap_or(event);
    let (name, fields) = word(event);
    let step = match name {
        b"connected" => match client(fields) {
            Client::Address(client) => Step::Connected(client),
            Client::Local => return Line::Apart(Apart::NoAddress),
            Client::No => return Line::Unread,
        },
        b"message" => Step::Accepted,
        b"failed-command" => Step::Refused,
        b"authentication" if has(fields, b"result=ok") => Step::Authenticated,
        b"disconnected" | b"closed" => Step::Ended,
        _ => return Line::Other,
    };
    Line::Session(session, step)
}

enum Client {
    Address(std::net::IpAddr),
    Local,
    No,
}

/// `address=192.0.2.1 host=…`, `address=[2001:db8::1]`, `address=local`.
fn client(fields: &[u8]) -> Client {
    let Some(value) = after(fields, b"address=") else {
        return Client::No;
    };
    let value = word(value).0;
    let value = value.strip_prefix(b"[").unwrap_or(value);
    let value = value.strip_suffix(b"]").unwrap_or(value);
    let value = value.strip_prefix(b"IPv6:").unwrap_or(value);
    if value == b"local" {
        return Client::Local;
    }
    whole(value).map_or(Client::No, Client::Address)
}

fn session(id: &[u8]) -> Option<u64> {
    if id.len() != 16 || !id.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(id).ok()?, 16).ok()
}
