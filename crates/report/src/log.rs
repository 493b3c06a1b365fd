//! Lines of mail logs: which client a line is about, and what happened to it.
//!
//! A line is read by itself: nothing is remembered from one to the next, so logs may be cut at any
//! line and read in any order. What belongs together (OpenSMTPD's sessions) is put together where
//! lines are counted.

mod address;
mod exim;
mod fields;
mod journal;
mod line;
mod opensmtpd;
mod postfix;
mod recipient;
mod rspamd;
mod sendmail;
mod syslog;

use journal::Inside;
pub(crate) use line::{Apart, Event, Line, Step, What};
pub(crate) use recipient::{Mail, read as read_mail};
use syslog::Tagged;

/// A container's log has the container's name before the line, within this many bytes.
const PREFIX_LIMIT: usize = 96;

/// Reads a line, which must be without its newline. Linear in its length.
#[inline]
pub(crate) fn read(line: &[u8]) -> Line {
    if let Some(tagged) = Tagged::find(line) {
        return of_program(tagged);
    }
    untagged(line, true)
}

/// A line of syslog, by the program that wrote it.
#[inline]
fn of_program(tagged: Tagged<'_>) -> Line {
    if let Some(slash) = memchr::memrchr(b'/', tagged.program) {
        let (instance, service) = tagged.program.split_at(slash + 1);
        return postfix::read(instance, service, tagged.message);
    }
    match tagged.program {
        b"smtpd" => opensmtpd::read(tagged.message),
        b"sm-mta" | b"sendmail" | b"sm-msp" | b"sm-mta-in" => sendmail::read(tagged.message),
        b"rspamd" => rspamd::read(tagged.message),
        b"exim" | b"exim4" => exim::after_date(exim::without_date(tagged.message)),
        _ => Line::Other,
    }
}

/// A line without a syslog tag. With `outermost`, a container's prefix may stand before it.
fn untagged(line: &[u8], outermost: bool) -> Line {
    let line = line.trim_ascii();
    let Some(&first) = line.first() else {
        return Line::Other;
    };
    if first == b'{' {
        return of_object(line);
    }
    if let Some(rest) = exim::dated(line) {
        return match rest.first() {
            Some(b'#') => rspamd::read(rest),
            _ => exim::after_date(rest),
        };
    }
    if let Some(client) = address::alone(line) {
        let what = What::Connect;
        return Line::Event(Event { client, what });
    }
    if first == b'#' || syslog::dated(line) {
        return Line::Other;
    }
    let prefix = line.get(..PREFIX_LIMIT.min(line.len())).unwrap_or(line);
    let inner = [&b" | "[..], b" stdout F ", b" stderr F "]
        .into_iter()
        .find_map(|mark| Some(memchr::memmem::find(prefix, mark)? + mark.len()));
    match inner.and_then(|at| line.get(at..)) {
        Some(inner) if outermost => untagged(inner, false),
        _ => Line::Unread,
    }
}

/// A JSON object that holds a message, or a line as another program wrote it.
fn of_object(object: &[u8]) -> Line {
    match journal::read(object) {
        Inside::Message { program, message } => of_program(Tagged {
            program: &program,
            message: &message,
        }),
        Inside::Line(line) => match Tagged::find(&line) {
            Some(tagged) => of_program(tagged),
            // An object in an object is of nobody we know.
            None if line.first() == Some(&b'{') => Line::Unread,
            None => untagged(&line, true),
        },
        Inside::Other => Line::Other,
        Inside::Unread => Line::Unread,
    }
}

#[cfg(test)]
mod tests;
