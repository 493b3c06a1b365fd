//! The query protocol: one line `ZONES ADDRESS` in, the reply text or nothing out, then closed.

use super::Frame;

/// The longest line.
pub(crate) const MAX_LINE: usize = 1024;

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Query<'a> {
    /// A zone, several joined by `+`, or `*`.
    pub(crate) zones: &'a str,
    /// The client's address.
    pub(crate) address: &'a str,
}

/// Reads a line; `None` in it if it is no question.
pub(crate) fn read(input: &[u8]) -> Frame<Option<Query<'_>>> {
    let Some(end) = input.iter().take(MAX_LINE).position(|byte| *byte == b'\n') else {
        return if input.len() > MAX_LINE {
            Frame::Broken
        } else {
            Frame::Partial
        };
    };
    Frame::Whole(input.get(..end).and_then(question), end + 1)
}

/// Reads a line without its end.
pub(crate) fn question(line: &[u8]) -> Option<Query<'_>> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let (zones, address) = (words.next()?, words.next()?);
    words.next().is_none().then_some(Query { zones, address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_a_zone_and_an_address() {
        let Frame::Whole(Some(question), 14) = read(b"ops 192.0.2.1\n") else {
            panic!()
        };
        assert_eq!((question.zones, question.address), ("ops", "192.0.2.1"));
        assert_eq!(read(b"ops\n"), Frame::Whole(None, 4));
    }
}
