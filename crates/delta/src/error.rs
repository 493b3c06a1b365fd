//! Why there is no snapshot or delta, or none that may be used.

use rblmap_content::ContentId;

use crate::container::ids::{IdPrefix, ImageRoot};

/// What is wrong with a snapshot or a delta, or with what it is used on.
///
/// ```
/// use rblmap_delta::{Error, Limits, Session, pack, unpack};
/// let image = rblmap::Image::read("testdata/three.rbl")?;
/// let mut snapshot = pack(&image, Session(0))?;
/// snapshot.pop();
/// assert!(matches!(unpack(&snapshot, &Limits::default()), Err(Error::Damaged { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first bytes are those of no snapshot or delta.
    #[error("not an rblmap snapshot or delta")]
    Foreign,
    /// A snapshot where a delta is wanted, or the other way round.
    #[error("{found}, not {expected}")]
    Kind {
        /// What the file is.
        found: &'static str,
        /// What is wanted.
        expected: &'static str,
    },
    /// The file has a newer format than this version knows.
    #[error("format {found} is newer than this version of rblmap knows ({known})")]
    NewerFormat {
        /// The file's format.
        found: u8,
        /// The newest format known.
        known: u8,
    },
    /// The file has a format that is no longer read.
    #[error("format {found} is older than this version of rblmap reads ({known}): make it again")]
    OlderFormat {
        /// The file's format.
        found: u8,
        /// The format that is read.
        known: u8,
    },
    /// The bytes are not those that were written: cut, or changed on the way.
    #[error("file is damaged: its check does not fit its {len} bytes")]
    Damaged {
        /// Length of the file.
        len: u64,
    },
    /// A header that nobody writes.
    #[error("header: bad {what} at offset {offset}")]
    Field {
        /// Which field.
        what: &'static str,
        /// Where, in bytes from the start of the file.
        offset: u64,
    },
    /// The frame around the payload is not one zstd frame of declared size.
    #[error("payload: not one zstd frame of known size")]
    Frame,
    /// More than the limits allow.
    #[error("{what}: {size} is over the limit of {limit}")]
    Limit {
        /// Which part.
        what: &'static str,
        /// Its size.
        size: u64,
        /// The largest size allowed.
        limit: u64,
    },
    /// A payload that nobody writes.
    #[error("payload: bad {what}")]
    Malformed {
        /// Which part.
        what: &'static str,
    },
    /// A delta of another zone.
    #[error("delta of zone {found}, image of zone {expected}")]
    Zone {
        /// The image's zone.
        expected: String,
        /// The delta's zone.
        found: String,
    },
    /// A delta for another content than the one it is used on.
    #[error("delta is for content {expected}, not for {found}")]
    Base {
        /// The content that the delta is for.
        expected: IdPrefix,
        /// The content it should be applied to.
        found: IdPrefix,
    },
    /// The result is not what the file says it is: a damaged or hostile file, or a damaged base.
    #[error("result is content {found}, not {expected}")]
    Result {
        /// The content that the file names.
        expected: ContentId,
        /// The content that came of it.
        found: ContentId,
    },
    /// As [`Error::Result`], seen by the image.
    #[error("result is image {found}, not {expected}")]
    ResultImage {
        /// The image that the file names.
        expected: ImageRoot,
        /// The image that came of it.
        found: ImageRoot,
    },
    /// No delta was given.
    #[error("no delta given")]
    NoDelta,
    /// The old image of a difference, or the image that deltas are used on, could not be read.
    #[error("the old image")]
    OldImage(#[source] rblmap_image::Error),
    /// The new image of a difference could not be read.
    #[error("the new image")]
    NewImage(#[source] rblmap_image::Error),
    /// One delta of a chain is none, is damaged, or does not fit what comes before it.
    #[error("delta {}", index + 1)]
    Delta {
        /// Which one, from 0.
        index: usize,
        /// Why.
        source: Box<Error>,
    },
    /// What came of the payload is no content.
    #[error(transparent)]
    Content(#[from] rblmap_content::Error),
    /// The content could not be read or encoded.
    #[error(transparent)]
    Image(#[from] rblmap_image::Error),
}

impl Error {
    /// The same, about one delta of a chain.
    pub(crate) fn of(self, index: usize) -> Error {
        let source = Box::new(self);
        Error::Delta { index, source }
    }

    /// The same, about the last delta of a chain: it names what shall come of all.
    pub(crate) fn of_last(self, deltas: &[&[u8]]) -> Error {
        self.of(deltas.len().saturating_sub(1))
    }
}
