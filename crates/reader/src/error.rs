//! Why an image cannot be opened, or is not what it says.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// What is wrong with an image.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// One of several images.
    Of {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        cause: Box<Error>,
    },
    /// The file could not be read or mapped.
    Io(io::Error),
    /// The first bytes are not those of an image.
    Foreign,
    /// The image has a newer format than this reader knows.
    NewerFormat {
        /// The image's format.
        found: u16,
        /// The newest format that this reader knows.
        known: u16,
    },
    /// The image has a format that this reader no longer knows.
    OlderFormat {
        /// The image's format.
        found: u16,
        /// The oldest format that this reader knows.
        known: u16,
    },
    /// The file has another length than its header says.
    Length {
        /// Bytes there are.
        found: u64,
        /// Bytes that the header names.
        expected: u64,
    },
    /// A field that should be zero is not, or holds what the format does not allow.
    Field {
        /// Which field.
        what: &'static str,
        /// Where, in bytes from the start of the file.
        offset: u64,
    },
    /// A section that does not lie where the format wants it.
    Section {
        /// Which section.
        what: &'static str,
        /// Its offset in the file.
        offset: u64,
        /// Its length.
        len: u64,
    },
    /// The image is of another zone than asked for.
    OtherZone {
        /// The zone that the image names.
        found: String,
        /// The zone that was asked for.
        expected: String,
    },
    /// Why a newer image is not in use.
    Live(std::sync::Arc<Error>),
    /// Bytes that are not those that the digests in the file stand for.
    Digest {
        /// Offset of the first chunk that differs.
        offset: u64,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Of { path, .. } => write!(f, "{}", path.display()),
            Error::Io(_) => f.write_str("cannot be read"),
            Error::Foreign => f.write_str("not an rblmap image"),
            Error::NewerFormat { found, known } => {
                write!(
                    f,
                    "image format {found} is newer than this reader ({known})"
                )
            }
            Error::OlderFormat { found, known } => {
                write!(
                    f,
                    "image format {found} is older than this reader ({known}): build it anew, or let the mirror fetch it"
                )
            }
            Error::Length { found, expected } => {
                write!(f, "image of {expected} bytes is {found} bytes long")
            }
            Error::Field { what, offset } => {
                write!(f, "image header: bad {what} at offset {offset}")
            }
            Error::Section { what, offset, len } => {
                write!(
                    f,
                    "image: bad {what} section of {len} bytes at offset {offset}"
                )
            }
            Error::OtherZone { found, expected } => {
                write!(f, "image of {found}, not of {expected}")
            }
            Error::Live(_) => f.write_str("the image in place is not used"),
            Error::Digest { offset } => {
                write!(f, "image is damaged: digest differs at offset {offset}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Of { cause, .. } => Some(cause),
            Error::Io(cause) => Some(cause),
            Error::Live(cause) => Some(cause.as_ref()),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(cause: io::Error) -> Error {
        Error::Io(cause)
    }
}
