//! Why a log, a partial count or a picture could not be made.

use std::io;
use std::path::PathBuf;

/// What went wrong, and with what.
///
/// ```
/// use rblmap_report::{Error, Tally, partial};
/// let error = partial::read(b"no partial count", &Tally::new()).unwrap_err();
/// assert!(matches!(error, Error::Foreign { .. }));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A log that cannot be read, or that is cut inside of its compression.
    #[error("{path}: {what} after {bytes} bytes", path = path.display())]
    Cut {
        /// The log.
        path: PathBuf,
        /// What the file is: "the gzip data end or are damaged".
        what: &'static str,
        /// How many bytes of text were read and counted before.
        bytes: u64,
        /// Why.
        source: io::Error,
    },
    /// A file that cannot be opened or read.
    #[error("{path}: cannot be read", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that is no log.
    #[error("{path}: {what}", path = path.display())]
    NotALog {
        /// The file.
        path: PathBuf,
        /// What it is, and what to do.
        what: &'static str,
    },
    /// Bytes that are no partial count.
    #[error("not a partial count of `impact --partial`: {what}")]
    Foreign {
        /// What is not as it should be.
        what: String,
    },
    /// A partial count of a newer version.
    #[error("partial count of version {found}; this program reads version {known}")]
    Newer {
        /// The version of the file.
        found: u8,
        /// The version that is known.
        known: u8,
    },
    /// A partial count that was cut or altered.
    #[error("partial count is damaged: {what}")]
    Damaged {
        /// What is wrong.
        what: String,
    },
    /// More lists than one run can ask.
    #[error("{found} lists: at most {most} can be asked at once")]
    TooManyLists {
        /// How many were given.
        found: usize,
        /// How many are possible.
        most: usize,
    },
    /// Two lists of one name.
    #[error("two lists are called {0:?}")]
    SameName(String),
    /// A map that cannot be drawn so.
    #[error("map: {0}")]
    Map(&'static str),
    /// An image without addresses to draw.
    #[error("map: the image has no {0} addresses")]
    NothingToDraw(&'static str),
    /// An image that is damaged.
    #[error("the image is damaged")]
    Image(#[from] rblmap::Error),
    /// Images that could not be compared.
    #[error("the images cannot be compared")]
    Compare(#[from] rblmap_history::Error),
    /// A result that could not be written.
    #[error("cannot be written")]
    Write(#[from] io::Error),
}
