//! The protocols' bytes: pure functions that read one request from the front of what has arrived.
//! Each has a limit on every length and allocates nothing that a peer can make large.

pub(crate) mod http;
pub(crate) mod milter;
pub(crate) mod netstring;
pub(crate) mod opensmtpd;
pub(crate) mod policy;
pub(crate) mod query;

/// What the front of the bytes that have arrived is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame<T> {
    /// The beginning of a request; more bytes must come.
    Partial,
    /// A request, and how many bytes it takes.
    Whole(T, usize),
    /// No request, and never the beginning of one: there is no way to find the next.
    Broken,
}
