//! Writes the files that commands make: whole or not at all.

use std::path::Path;

use rblmap_image::place;

use crate::failure::Failure;
use crate::output::Output;

/// Puts a file in place.
pub(crate) fn file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    place(path, bytes).map_err(|error| Failure::writing(path, &error))
}

/// Puts a file in place, and tells its length to those who ask for more.
pub(crate) fn result(path: &Path, bytes: &[u8], output: &Output) -> Result<(), Failure> {
    file(path, bytes)?;
    output.detail(format_args!("{}: {} bytes", path.display(), bytes.len()));
    Ok(())
}
