//! How far counting has come.

use std::sync::atomic::AtomicU64;

/// How far counting has come.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of files that were read, packed as they are.
    pub done: AtomicU64,
}
