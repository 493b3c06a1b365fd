//! As much of HTTP as a scrape of metrics needs (RFC 9112): a request line and headers.

use super::Frame;

/// The longest request.
pub(crate) const MAX_REQUEST: usize = 8 * 1024;

/// Reads the request line and passes over the headers; gives the path of a GET or HEAD, without
/// what stands after `?`.
pub(crate) fn read(input: &[u8]) -> Frame<Request<'_>> {
    let end = input
        .windows(4)
        .take(MAX_REQUEST)
        .position(|four| four == b"\r\n\r\n");
    let end = end.map(|at| at + 4).or_else(|| {
        let bare = input
            .windows(2)
            .take(MAX_REQUEST)
            .position(|two| two == b"\n\n");
        bare.map(|at| at + 2)
    });
    let Some(end) = end else {
        return if input.len() > MAX_REQUEST {
            Frame::Broken
        } else {
            Frame::Partial
        };
    };
    let line = input
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else {
        return Frame::Broken;
    };
    let mut words = line.split_ascii_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Frame::Broken;
    };
    let path = target.split(['?', '#']).next().unwrap_or_default();
    Frame::Whole(Request { method, path }, end)
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    /// `GET`, or another one.
    pub(crate) method: &'a str,
    /// The path.
    pub(crate) path: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_scrape_is_read() {
        let input = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        let Frame::Whole(request, 34) = read(input) else {
            panic!()
        };
        assert_eq!(request.path, "/metrics");
    }
}
