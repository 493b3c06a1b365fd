//! What can go wrong while an image is made or read back.

/// Why there is no image, or no content of one.
///
/// ```
/// use rblmap_image::{Error, decode};
/// let damaged = rblmap::Image::from_vec(vec![0; 100]).map_err(Error::from);
/// let image = rblmap::Image::read("testdata/three.rbl").map_err(Error::from)?;
/// assert!(matches!(damaged, Err(Error::Image(_))));
/// decode(&image)?; // Error::NotNormal and Error::Content tell of an image that rblmap did not write
/// # Ok::<(), Error>(())
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
    /// What the image holds is no content.
    #[error(transparent)]
    Content(#[from] rblmap_content::Error),
    /// The image could not be read.
    #[error(transparent)]
    Image(#[from] rblmap::Error),
}
