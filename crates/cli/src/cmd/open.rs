//! Opens what a command is given by its path.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;
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

/// From this length on a file is mapped: a smaller one takes no memory worth saving, and one that is
/// read cannot be cut short meanwhile.
const MAPPED_FROM: u64 = 16 << 20;

/// The bytes of a file.
pub(crate) enum Bytes {
    Read(Vec<u8>),
    /// Of a large one: pages that the system takes back where memory is short.
    Mapped(memmap2::Mmap),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Read(bytes) => bytes,
            Bytes::Mapped(map) => map,
        }
    }
}

/// Reads or maps a snapshot or a delta.
pub(crate) fn bytes(path: &Path) -> Result<Bytes, Failure> {
    read_or_map(path).map_err(|error| Failure::reading(path, &error))
}

fn read_or_map(path: &Path) -> io::Result<Bytes> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() < MAPPED_FROM {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        return Ok(Bytes::Read(bytes));
    }
    #[expect(unsafe_code, reason = "mapping is a promise about the file")]
    // SAFETY: as for images, the command's documentation says that a file is replaced by rename only,
    // as all of its own subcommands do. The mapping is read-only.
    let map = unsafe { memmap2::Mmap::map(&file) }?;
    Ok(Bytes::Mapped(map))
}

/// A file of ours, by its first bytes.
pub(crate) enum Opened {
    Image(Image),
    /// A snapshot or delta whose check holds, and what its header says.
    Packed(Bytes, Header),
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
pub(crate) fn deltas(paths: &[PathBuf]) -> Result<Vec<Bytes>, Failure> {
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
