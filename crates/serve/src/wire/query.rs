//! The query protocol: one line `ZONES ADDRESS` in, the reply text or nothing out, then closed.

use super::Frame;

/// The longest line.
pub const MAX_LINE: usize = 1024;

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// A zone, several joined by `+`, or `*`.
    pub zones: &'a str,
    /// The client's address.
    pub address: &'a str,
}

/// Reads a line; `None` in it if it is no question.
///
/// ```
/// use rblmap_serve::wire::{Frame, query};
/// let Frame::Whole(Some(question), 14) = query::read(b"ops 192.0.2.1\n") else { panic!() };
/// assert_eq!((question.zones, question.address), ("ops", "192.0.2.1"));
/// assert_eq!(query::read(b"ops\n"), Frame::Whole(None, 4));
/// ```
pub fn read(input: &[u8]) -> Frame<Option<Query<'_>>> {
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
pub fn question(line: &[u8]) -> Option<Query<'_>> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let (zones, address) = (words.next()?, words.next()?);
    words.next().is_none().then_some(Query { zones, address })
}
