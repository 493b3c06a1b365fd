//! Lines: where they end, and what a line is before any type looks at it.

/// rbldnsd's buffer: it cuts lines that are longer, and says so.
pub(crate) const LONG_LINE: usize = 65_536;

/// Pieces have about this many bytes: small enough to share the work and to stay in a core's own
/// cache, large enough to forget what a piece costs.
pub(crate) const PIECE_BYTES: usize = 512 * 1024;
/// A line by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'t> {
    /// Nothing to read.
    Blank,
    /// A directive, without what marks it.
    Directive(&'t [u8]),
    /// An entry, or a default line.
    Entry(&'t [u8]),
}

/// Splits the first line off: the line without its LF, and the rest; whether there was an LF.
pub(crate) fn split(text: &[u8]) -> (&[u8], &[u8], bool) {
    match memchr::memchr(b'\n', text) {
        Some(at) => {
            let (line, rest) = text.split_at_checked(at).unwrap_or((text, &[]));
            (line, rest.get(1..).unwrap_or_default(), true)
        }
        None => (text, &[], false),
    }
}

/// Cuts a text into pieces at line ends.
pub(crate) fn cut(text: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::with_capacity(text.len() / PIECE_BYTES + 1);
    let mut rest = text;
    while rest.len() > PIECE_BYTES {
        let tail = rest.get(PIECE_BYTES..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', tail) else {
            break;
        };
        let Some((piece, after)) = rest.split_at_checked(PIECE_BYTES + end + 1) else {
            break;
        };
        pieces.push(piece);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

/// Says what a line is, by the rules of rbldnsd: it ends at a NUL or where the buffer does, white
/// space at both ends is nothing, and a directive may stand behind a comment mark.
pub(crate) fn classify(line: &[u8]) -> Line<'_> {
    let line = trim(line.get(..line.len().min(LONG_LINE)).unwrap_or_default());
    // After that, so white space before a NUL stays.
    let line = match memchr::memchr(0, line) {
        Some(end) => line.get(..end).unwrap_or_default(),
        None => line,
    };
    match line {
        [] => Line::Blank,
        [b'$', rest @ ..] | [b'#' | b';' | b':', b'$', rest @ ..] => Line::Directive(rest),
        [b'#' | b';', ..] => Line::Blank,
        entry => Line::Entry(entry),
    }
}

/// Whether a byte is white space: only space and tab are.
pub(crate) fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Removes white space at the head.
pub(crate) fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

/// Removes white space at both ends.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let mut text = trim_start(text);
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Splits the first word off, and the white space after it.
pub(crate) fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&b| is_space(b)).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    (word, trim_start(rest))
}

/// Reads decimal digits: the number and the rest; `None` if there is no digit, or if the number
/// has more than 32 bits.
pub(crate) fn digits(text: &[u8]) -> Option<(u32, &[u8])> {
    let mut rest = text;
    let mut number = 0u32;
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        number = number
            .checked_mul(10)?
            .checked_add(u32::from(digit - b'0'))?;
        rest = after;
    }
    (rest.len() < text.len()).then_some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart_by_their_first_bytes() {
        let cases: [(&[u8], Line<'_>); 9] = [
            (b" \t", Line::Blank),
            (b"# c", Line::Blank),
            (b"# $TTL 1", Line::Blank),
            (b"#$TTL 1 ", Line::Directive(b"TTL 1")),
            (b" :$1 x", Line::Directive(b"1 x")),
            (b":1:x", Line::Entry(b":1:x")),
            (b"\t1.2.3.4 x \0y", Line::Entry(b"1.2.3.4 x ")),
            (b"1.2.3.4\r", Line::Entry(b"1.2.3.4\r")),
            (b"a x \0", Line::Entry(b"a x ")),
        ];
        for (text, line) in cases {
            assert_eq!(classify(text), line);
        }
    }
}
