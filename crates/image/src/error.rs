//! What can go wrong while an image is made or read back.

/// Why there is no image, or no content of one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A section that the format cannot hold.
    #[error("{what}: {size} is more than the image format holds ({limit})")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// Its size.
        size: u64,
        /// The largest size.
        limit: u64,
    },
    /// The image holds bytes that are no content in normal form.
    #[error("image holds {what} that the format does not allow")]
    NotNormal {
        /// What it holds.
        what: &'static str,
    },
    /// What the image holds is no content.
    #[error(transparent)]
    Content(#[from] rblmap_content::Error),
    /// The image could not be read.
    #[error(transparent)]
    Image(#[from] rblmap::Error),
}
