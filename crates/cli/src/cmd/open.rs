//! Opens what a command is given: an image by its path.

use std::path::Path;

use rblmap::Image;

use crate::failure::Failure;

/// Maps the image at `path`.
pub(crate) fn image(path: &Path) -> Result<Image, Failure> {
    Image::open(path).map_err(|error| Failure::at(path, error))
}
