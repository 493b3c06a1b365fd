//! JSON lines: of `journalctl -o json`, and of containers.

use std::borrow::Cow;

use memchr::memmem;

use crate::log::fields::after;

/// What an object holds.
#[derive(Debug)]
pub(super) enum Inside<'l> {
    /// A message, and the program that wrote it.
    Message {
        program: Cow<'l, [u8]>,
        message: Cow<'l, [u8]>,
    },
    /// A line of another log.
    Line(Cow<'l, [u8]>),
    /// A message of no program: the kernel's, for example.
    Other,
    /// Nothing we know.
    Unread,
}

/// A JSON object with `SYSLOG_IDENTIFIER` and `MESSAGE`, or with `log`.
pub(super) fn read(object: &[u8]) -> Inside<'_> {
    if let Some(message) = field(object, b"\"MESSAGE\"") {
        let program = field(object, b"\"SYSLOG_IDENTIFIER\"").and_then(text);
        return match (program, text(message)) {
            (Some(program), Some(message)) => Inside::Message { program, message },
            (None, Some(_)) => Inside::Other,
            (_, None) => Inside::Unread,
        };
    }
    let inner = [&b"\"log\""[..], b"\"message\"", b"\"msg\""]
        .into_iter()
        .find_map(|name| text(field(object, name)?));
    match inner {
        Some(line) => Inside::Line(trimmed(line)),
        None => Inside::Unread,
    }
}

/// Docker keeps the newline of a line.
fn trimmed(line: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match line {
        Cow::Borrowed(line) => Cow::Borrowed(line.trim_ascii()),
        Cow::Owned(line) => Cow::Owned(line.trim_ascii().to_vec()),
    }
}

/// What follows the colon after a name. A quote inside of a string has a backslash before it, so a
/// name with its quotes is never part of another text; but it may be a value itself.
fn field<'l>(object: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let mut rest = object;
    while let Some(value) = after(rest, name) {
        if let Some(value) = value.trim_ascii_start().strip_prefix(b":") {
            return Some(value.trim_ascii_start());
        }
        rest = value;
    }
    None
}

/// A string, or an array of bytes, which journald writes where a message is not UTF-8.
fn text(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    if let Some(string) = value.strip_prefix(b"\"") {
        let plain = memchr::memchr2(b'"', b'\\', string)?;
        if string.get(plain) == Some(&b'"') {
            return string.get(..plain).map(Cow::Borrowed);
        }
        let mut values = serde_json::Deserializer::from_slice(value).into_iter::<String>();
        let string = values.next()?.ok()?;
        return Some(Cow::Owned(string.into_bytes()));
    }
    let end = memmem::find(value, b"]")?;
    let bytes: Vec<u8> = serde_json::from_slice(value.get(..=end)?).ok()?;
    Some(Cow::Owned(bytes))
}
