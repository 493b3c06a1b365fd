//! What can go wrong while an image is made or read back.

/// Why there is no image, or no content of one.
///
/// ```
/// use rblmap_image::{Error, decode};
/// let image = rblmap::Image::from_vec(vec![0; 100]);
/// let content = image.map_err(Error::from).and_then(|image| decode(&image));
/// assert!(matches!(content, Err(Error::Image(_))));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More of something than the image format can hold.
    #[error(transparent)]
    TooLarge(#[from] rblmap_format::TooLarge),
    /// The image holds bytes that are no content in normal form.
    #[error("image holds {what} that the format does not allow")]
    NotNormal {
        /// What it holds.
        what: &'static str,
    },
    /// More values than ids can number.
    #[error("more than 2^32 - 1 different values")]
    TooManyValues,
    /// Changes of IPv4 addresses that overlap, do not rise, or end before they begin.
    #[error("change {change} of IPv4 addresses does not rise")]
    Unordered {
        /// Which of the changes, from 0.
        change: usize,
    },
    /// What the image holds is no content.
    #[error(transparent)]
    Content(#[from] rblmap_content::Error),
    /// The image could not be read.
    #[error(transparent)]
    Image(#[from] rblmap::Error),
    /// The image could not be written to where it shall be.
    #[error("cannot be written: {0}")]
    Write(#[source] std::io::Error),
}
