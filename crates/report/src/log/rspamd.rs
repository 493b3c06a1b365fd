//! rspamd's task log: one line for each message that was scanned.

use crate::log::address::whole;
use crate::log::fields::{after, has};
use crate::log::line::{Apart, Line, What, event};

/// A message of rspamd: `… rspamd_task_write_log: id: <…>, qid: <…>, ip: ADDRESS, user: …,
/// (default: F (no action): [SCORE/LIMIT] […]), …`.
pub(super) fn read(message: &[u8]) -> Line {
    let Some(task) = after(message, b"rspamd_task_write_log: ") else {
        return Line::Other;
    };
    // The message id is the sender's own text; it ends at the first `>`.
    let fields = after(task, b">, ").unwrap_or(task);
    let ip = match fields.strip_prefix(b"ip: ") {
        Some(ip) => Some(ip),
        None => after(fields, b", ip: "),
    };
    let Some(ip) = ip else {
        return Line::Apart(Apart::NoAddress);
    };
    let end = memchr::memchr(b',', ip).unwrap_or(ip.len());
    let (address, rest) = ip.split_at(end);
    if rest.starts_with(b", user: ") {
        return Line::Apart(Apart::Authenticated);
    }
    let refused = after(rest, b"(default: ").is_some_and(|verdict| {
        let action = verdict.get(..verdict.len().min(32)).unwrap_or(verdict);
        [&b"(reject)"[..], b"(soft reject)", b"(greylist)"]
            .iter()
            .any(|name| has(action, name))
    });
    let what = if refused {
        What::ConnectRefused
    } else {
        What::ConnectAccepted
    };
    match address {
        b"unknown" | b"undef" | b"" => Line::Apart(Apart::NoAddress),
        address => event(whole(address), what),
    }
}
