//! Why a history was not read or written.

use std::io;
use std::path::PathBuf;

/// What went wrong, and with which file.
///
/// See the example of [`Segment::read`](crate::Segment::read).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder that cannot be read.
    #[error("{path}: cannot be read", path = path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder that cannot be written or removed.
    #[error("{path}: cannot be written", path = path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that is no segment of a history.
    #[error("{path}: not a segment of a history", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A segment of another version.
    #[error("{path}: segment of version {found}; this program reads version {known}", path = path.display())]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u8,
        /// The version that is known.
        known: u8,
    },
    /// A segment that was cut or altered.
    #[error("{path}: damaged: {what}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// An image that does not say what an image says.
    #[error("the image is damaged")]
    Image(#[from] rblmap::Error),
    /// More changes at once than a segment holds.
    #[error("{0} are more than a segment of a history holds")]
    TooLarge(&'static str),
    /// An expression that is none.
    #[error("not an expression: {0}")]
    Expression(String),
}
