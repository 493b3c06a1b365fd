//! What the logs say of a client.

use std::net::IpAddr;

/// What one client did.
///
/// See the example of [`Tally`](crate::Tally).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientCounts {
    /// The client.
    pub client: IpAddr,
    /// How often it connected.
    pub connections: u64,
    /// How many of its messages were accepted.
    pub accepted: u64,
    /// How many of its commands or messages were refused.
    pub refused: u64,
}
