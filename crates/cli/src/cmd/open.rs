//! Opens what a command is given by its path.

use std::path::{Path, PathBuf};

use rblmap::Image;

use crate::failure::Failure;

/// Maps the image at `path`.
pub(crate) fn image(path: &Path) -> Result<Image, Failure> {
    Image::open(path).map_err(|error| Failure::at(path, error))
}

/// Reads a snapshot or a delta.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::reading(path, &error))
}

/// Reads deltas in their order.
pub(crate) fn deltas(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, Failure> {
    paths.iter().map(|path| bytes(path)).collect()
}
