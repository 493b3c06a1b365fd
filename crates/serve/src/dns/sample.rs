//! Writes one of many queries to the log, where that is asked for.

use std::net::SocketAddr;

use domain::base::iana::Rtype;

use super::answer::Outcome;
use super::query::{Over, Query};

/// Which queries are written: one of so many.
#[derive(Debug)]
pub(crate) struct Sample {
    every: u64,
    count: u64,
}

impl Sample {
    /// One of `every` queries; 0 for none.
    pub(crate) fn new(every: u64) -> Sample {
        Sample { every, count: 0 }
    }

    /// Counts a query, and gives its line if it is one that is written.
    pub(crate) fn line(
        &mut self,
        packet: &[u8],
        client: SocketAddr,
        over: Over,
        outcome: Outcome,
    ) -> Option<String> {
        if self.every == 0 {
            return None;
        }
        self.count += 1;
        if self.count < self.every {
            return None;
        }
        self.count = 0;
        let (name, rtype) = match Query::read(packet, over) {
            Some(query) => (shown(&query), query.rtype),
            None => ("-".to_owned(), Rtype::from_int(0)),
        };
        let over = match over {
            Over::Udp => "udp",
            Over::Tcp => "tcp",
        };
        let answer = outcome.kind.as_str();
        let cut = if outcome.truncated {
            " truncated=yes"
        } else {
            ""
        };
        Some(format!(
            "event=dns client={} over={over} name={name} type={rtype} answer={answer}{cut}",
            client.ip()
        ))
    }
}

/// The name in dotted form; bytes that might disturb a log or a terminal as `\xNN`.
fn shown(query: &Query<'_>) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for number in 0..query.labels.label_count() {
        for &byte in query.labels.label(number) {
            let _ = match byte {
                b'.' | b'"' | b'\\' | b'=' | 0..=32 | 127.. => write!(text, "\\x{byte:02x}"),
                plain => text.write_char(plain.into()),
            };
        }
        text.push('.');
    }
    if text.is_empty() {
        text.push('.');
    }
    text
}
