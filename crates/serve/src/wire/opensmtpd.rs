//! The lines that OpenSMTPD sends to a filter (smtpd-filters(7)), versions 0.x.

/// A line of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// The configuration is complete: the filter registers now.
    Ready,
    /// Something happened in a session.
    Report {
        /// What, such as `link-auth`.
        event: &'a [u8],
        /// The session.
        session: &'a [u8],
        /// What belongs to it, divided by `|`.
        rest: &'a [u8],
    },
    /// The server waits for an answer.
    Filter {
        /// The step, such as `rcpt-to`.
        phase: &'a [u8],
        /// The session.
        session: &'a [u8],
        /// The number of the question.
        token: &'a [u8],
        /// What belongs to it, divided by `|`.
        rest: &'a [u8],
        /// Whether answers name the token before the session (before version 0.5).
        token_first: bool,
    },
    /// Anything else.
    Other,
}

/// Reads a line without its end.
pub(crate) fn read(line: &[u8]) -> Line<'_> {
    let mut words = line.splitn(8, |byte| *byte == b'|');
    let mut word = || words.next().unwrap_or_default();
    let (kind, version) = (word(), word());
    if kind == b"config" {
        return if version == b"ready" {
            Line::Ready
        } else {
            Line::Other
        };
    }
    let (_time, direction, what, session) = (word(), word(), word(), word());
    if direction != b"smtp-in" || session.is_empty() {
        return Line::Other;
    }
    match kind {
        b"report" => Line::Report {
            event: what,
            session,
            rest: after(line, 6),
        },
        b"filter" => {
            let token_first = matches!(version, b"0.1" | b"0.2" | b"0.3" | b"0.4");
            let token = word();
            let (session, token) = if token_first {
                (token, session)
            } else {
                (session, token)
            };
            Line::Filter {
                phase: what,
                session,
                token,
                rest: after(line, 7),
                token_first,
            }
        }
        _ => Line::Other,
    }
}

/// What stands after so many words.
fn after(line: &[u8], words: usize) -> &[u8] {
    let mut bars = line
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'|')
        .map(|(at, _)| at);
    bars.nth(words - 1)
        .and_then(|at| line.get(at + 1..))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_cut_into_its_parts() {
        let line = read(
            b"filter|0.6|1576147242.200225|smtp-in|connect|7641df9|1ef1c2|<unknown>|192.0.2.1",
        );
        let Line::Filter {
            phase,
            session,
            token,
            rest,
            ..
        } = line
        else {
            panic!()
        };
        assert_eq!(
            (phase, session, token),
            (&b"connect"[..], &b"7641df9"[..], &b"1ef1c2"[..])
        );
        assert_eq!(rest, b"<unknown>|192.0.2.1");
    }

    #[test]
    fn lines_of_other_kinds_are_told_apart() {
        assert_eq!(read(b"config|ready"), Line::Ready);
        assert_eq!(read(b"config|smtpd-version|6.8.0p2"), Line::Other);
        assert_eq!(read(b""), Line::Other);
        assert_eq!(read(b"report|0.6|1|smtp-out|link-connect|s|x"), Line::Other);
        assert_eq!(
            read(b"report|0.6|1|smtp-in|link-disconnect|s"),
            Line::Report {
                event: b"link-disconnect",
                session: b"s",
                rest: b""
            }
        );
        let Line::Filter { rest, .. } = read(b"filter|0.7|1|smtp-in|data-line|s|t|a|b|c") else {
            panic!("filter")
        };
        assert_eq!(rest, b"a|b|c");
        let Line::Filter { session, token, .. } = read(b"filter|0.4|1|smtp-in|helo|t|s|x") else {
            panic!("filter")
        };
        assert_eq!((session, token), (&b"s"[..], &b"t"[..]));
    }
}
