//! What tells one publication of a content from another.

/// Serial and creation time of a publication; both 0 for an image that is not published yet.
///
/// See the example of [`encode`](crate::encode).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// The number of the content in its publisher's line, rising.
    pub serial: u64,
    /// When the content was made, in seconds since 1970.
    pub created: u64,
}
