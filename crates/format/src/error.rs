//! What the format cannot hold.

use std::fmt;

/// Content with more of something than the format has room for.
///
/// ```
/// use rblmap_format::error::u32_of;
/// let error = u32_of("bytes of names", 1 << 33).unwrap_err();
/// assert_eq!((error.what, error.limit), ("bytes of names", u32::MAX.into()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge {
    /// What there is too much of.
    pub what: &'static str,
    /// How much there is.
    pub size: u64,
    /// How much the format can hold.
    pub limit: u64,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooLarge { what, size, limit } = self;
        write!(
            f,
            "{what}: {size} is more than the image format holds ({limit})"
        )
    }
}

impl std::error::Error for TooLarge {}

/// A size as a number of 32 bits.
///
/// # Errors
/// A larger size.
pub fn u32_of(what: &'static str, size: usize) -> Result<u32, TooLarge> {
    u32::try_from(size).map_err(|_| TooLarge {
        what,
        size: size as u64,
        limit: u32::MAX.into(),
    })
}
