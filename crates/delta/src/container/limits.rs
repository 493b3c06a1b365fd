//! What a snapshot or delta may ask for.

/// Limits on what is unpacked, compared before memory is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the payload behind zstd, and of the texts and names that come of it.
    pub payload: u64,
    /// Edits and names that a file may hold.
    pub entries: u64,
}

impl Default for Limits {
    /// 4 GiB and 200 million, as `build` has them.
    fn default() -> Limits {
        Limits {
            payload: 4 << 30,
            entries: 200_000_000,
        }
    }
}
