//! Why an image cannot be opened, or is not what it says.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is wrong, with which file, and why.
///
/// Displayed in one line with the path and the cause:
///
/// ```
/// use rblmap::{ErrorKind, Image};
///
/// let error = Image::read("/no/such.rbl").unwrap_err();
/// assert_eq!(error.kind(), &ErrorKind::NotFound);
/// assert!(error.to_string().starts_with("/no/such.rbl: cannot be read: "));
/// ```
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    path: Option<PathBuf>,
    source: Option<Arc<io::Error>>,
}

/// What kind of thing is wrong.
///
/// See the example of [`Error`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such file or folder.
    NotFound,
    /// The process may not read the file or folder.
    Permission,
    /// A folder or a pipe where a file should be, or a file where a folder should be.
    NotAFile,
    /// The system failed for another reason, such as too many open files.
    Io,
    /// The file has a name, but was removed or replaced elsewhere: a container has the file itself
    /// mounted, and no new one will ever come. Mount the folder instead.
    Detached,
    /// The first bytes are not those of an image or status page.
    NotAnImage,
    /// The image or status page has a newer format than this reader knows.
    NewerFormat {
        /// The format of the file.
        found: u16,
        /// The newest format that this reader knows.
        known: u16,
    },
    /// The image has a format that this reader no longer knows.
    OlderFormat {
        /// The format of the file.
        found: u16,
        /// The oldest format that this reader knows.
        known: u16,
    },
    /// The file has another length than it should.
    Length {
        /// Bytes there are.
        found: u64,
        /// Bytes that there should be.
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
    /// Bytes that are not those that the digests in the file stand for: the file was altered, or
    /// was read while somebody wrote it.
    Digest {
        /// Offset of the first chunk that differs.
        offset: u64,
    },
    /// The status page beside the image is cut short, or holds other bytes than a page.
    Page {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The status page beside the image is of a newer version: the mirror was upgraded first.
    NewerPage {
        /// The version of the page.
        found: u16,
        /// The version that this reader knows.
        known: u16,
    },
    /// The image is of another zone than asked for.
    OtherZone {
        /// The zone that the image names.
        found: String,
        /// The zone that was asked for.
        expected: String,
    },
    /// The image has no such zone.
    NoSuchZone {
        /// The zone that was asked for.
        name: String,
    },
    /// A text that is no name of a zone. Names of zones are written in lower case, as they are in
    /// the names of the files.
    ZoneName {
        /// The text.
        name: String,
    },
    /// More zones than a set can hold.
    TooMany {
        /// How many it can hold.
        most: usize,
    },
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Error {
        Error {
            kind,
            path: None,
            source: None,
        }
    }

    /// What kind of thing is wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The file or folder that it is wrong with.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What the system said, if it was the system. The message of this error has it already, so the
    /// [`std::error::Error::source`] is what lies behind it.
    pub fn io(&self) -> Option<&io::Error> {
        self.source.as_deref()
    }

    /// The same error without the path, for a program that says the path itself.
    #[must_use]
    pub fn without_path(mut self) -> Error {
        self.path = None;
        self
    }

    /// The same error about the file at `path`, unless it names one already.
    pub(crate) fn at(mut self, path: &Path) -> Error {
        self.path.get_or_insert_with(|| path.to_owned());
        self
    }

    /// Whether the same file, unchanged, would be refused again.
    pub(crate) fn is_of_the_bytes(&self) -> bool {
        !matches!(
            self.kind,
            ErrorKind::NotFound | ErrorKind::Permission | ErrorKind::Io | ErrorKind::Detached
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", path.display())?;
        }
        write!(f, "{}", self.kind)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::NotFound | ErrorKind::Permission | ErrorKind::NotAFile | ErrorKind::Io => {
                f.write_str("cannot be read")
            }
            ErrorKind::Detached => f.write_str(
                "was removed or replaced where it is kept, but is mounted here by itself: \
                 mount its folder",
            ),
            ErrorKind::NotAnImage => f.write_str("not an rblmap image"),
            ErrorKind::NewerFormat { found, known } => {
                write!(
                    f,
                    "image format {found} is newer than this reader ({known})"
                )
            }
            ErrorKind::OlderFormat { found, known } => write!(
                f,
                "image format {found} is older than this reader ({known}): build it anew, or let the mirror fetch it"
            ),
            ErrorKind::Length { found, expected } => {
                write!(f, "image of {expected} bytes is {found} bytes long")
            }
            ErrorKind::Field { what, offset } => {
                write!(f, "image header: bad {what} at offset {offset}")
            }
            ErrorKind::Section { what, offset, len } => write!(
                f,
                "image: bad {what} section of {len} bytes at offset {offset}"
            ),
            ErrorKind::Digest { offset } => {
                write!(f, "image is damaged: digest differs at offset {offset}")
            }
            ErrorKind::Page { what } => write!(f, "status page: {what}"),
            ErrorKind::NewerPage { found, known } => write!(
                f,
                "status page of version {found} is newer than this reader ({known})"
            ),
            ErrorKind::OtherZone { found, expected } => {
                write!(f, "image of {found}, not of {expected}")
            }
            ErrorKind::NoSuchZone { name } => write!(f, "no zone {name} in the image"),
            ErrorKind::ZoneName { name } => write!(
                f,
                "{name:?} is no name of a zone: lower case letters, digits, dots and hyphens, without a dot at the end"
            ),
            ErrorKind::TooMany { most } => write!(f, "a set holds at most {most} zones"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The message has what the system said; this is what lies behind that.
        self.source.as_deref()?.source()
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Error {
        Error::new(kind)
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Error {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied => ErrorKind::Permission,
            io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidInput => ErrorKind::NotAFile,
            _ => ErrorKind::Io,
        };
        Error {
            kind,
            path: None,
            source: Some(Arc::new(source)),
        }
    }
}
