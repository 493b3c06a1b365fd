//! Writes the files that commands make: whole or not at all.

use std::io;
use std::path::Path;
use std::sync::OnceLock;

use rblmap_image::{NewFile, Put, place};

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

/// Puts an image in place that `make` writes, and tells its length to those who ask for more.
pub(crate) fn image(
    path: &Path,
    output: &Output,
    make: impl FnOnce(&Put<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::writing(path, &error);
    let new = NewFile::beside(path).map_err(failed)?;
    // What `make` says of it does not name the path.
    let not_written = OnceLock::new();
    let made = make(&|offset, part| {
        new.put(offset, part).inspect_err(|error| {
            not_written.get_or_init(|| Failure::writing(path, error));
        })
    });
    if let Some(failure) = not_written.into_inner() {
        return Err(failure);
    }
    made?;
    let len = new.place().map_err(failed)?;
    output.detail(format_args!("{}: {len} bytes", path.display()));
    Ok(())
}
