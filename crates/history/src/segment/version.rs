//! Which content, and of when.

/// A content by its serial, and when it was made.
///
/// See the example of [`History`](crate::History).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Its serial.
    pub serial: u64,
    /// When it was made, in seconds since 1970.
    pub time: u64,
}
