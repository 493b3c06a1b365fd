//! Opens what a command is given by its path.

use std::path::{Path, PathBuf};

use rblmap::{ErrorKind, Image, Zone};
use rblmap_delta::Header;

use crate::exit::Exit;
use crate::failure::Failure;

/// Maps the image at `path`.
pub(crate) fn image(path: &Path) -> Result<Image, Failure> {
    map(path).map_err(|error| Failure::at(path, error))
}

/// The same, for a caller that looks at what went wrong and says the path itself.
pub(crate) fn map(path: &Path) -> Result<Image, rblmap::Error> {
    #[expect(unsafe_code, reason = "mapping is a promise about the file")]
    // SAFETY: the command's documentation says that an image is replaced by rename only, as all of
    // its own subcommands do. Who breaks that gets a wrong answer or SIGBUS from a short run.
    let image = unsafe { Image::map(path) };
    image.map_err(rblmap::Error::without_path)
}

/// Reads a snapshot or a delta.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::reading(path, &error))
}

/// A file of ours, by its first bytes.
pub(crate) enum Opened {
    Image(Image),
    /// A snapshot or delta whose check holds, and what its header says.
    Packed(Vec<u8>, Header),
}

/// Opens an image, or reads a snapshot or delta.
pub(crate) fn any(path: &Path) -> Result<Opened, Failure> {
    match map(path) {
        Ok(image) => Ok(Opened::Image(image)),
        Err(error) if *error.kind() == ErrorKind::NotAnImage => {
            let bytes = bytes(path)?;
            match Header::read(&bytes) {
                Ok(header) => Ok(Opened::Packed(bytes, header)),
                Err(rblmap_delta::Error::Foreign) => {
                    let what = format!("{}: not an image, snapshot or delta", path.display());
                    Err(Failure::new(Exit::BadInput, what))
                }
                Err(error) => Err(Failure::at(path, error)),
            }
        }
        Err(error) => Err(Failure::at(path, error)),
    }
}

/// Reads deltas in their order.
pub(crate) fn deltas(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, Failure> {
    paths.iter().map(|path| bytes(path)).collect()
}

/// A zone of an image, by its name below the base.
pub(crate) fn zone<'i>(image: &'i Image, path: &Path, name: &str) -> Result<Zone<'i>, Failure> {
    let zone = image.zone(name).map_err(|error| Failure::at(path, error))?;
    zone.ok_or_else(|| {
        let what = format!("{}: no zone {name:?}", path.display());
        Failure::new(Exit::BadInput, what)
    })
}

/// The lines of a text file without comments, which begin with `#`, and without empty ones.
pub(crate) fn lines(path: &Path) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::reading(path, &error))?;
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    Ok(lines
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect())
}
