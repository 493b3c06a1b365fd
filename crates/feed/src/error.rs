//! Why a feed was not published, or not mirrored.

use std::io;
use std::path::PathBuf;

use rblmap_content::ZoneName;

/// What went wrong, and with what.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A local file that cannot be read.
    #[error("{path}: cannot be read", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A local file or folder that cannot be written: full, read-only, no permission.
    #[error("{path}: cannot be written", path = path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Less room on the disk than the update needs.
    #[error("{path}: {needed} bytes are needed, {free} are free", path = path.display())]
    Full {
        /// The folder.
        path: PathBuf,
        /// What the update needs at most.
        needed: u64,
        /// What there is.
        free: u64,
    },
    /// A file that holds no key, or not the one that is wanted.
    #[error("{path}: {what}", path = path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A local file that does not say what it should.
    #[error("{path}: {what}", path = path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// An address that is no source.
    #[error("source {0:?}: not rsync://HOST/MODULE…, http(s)://… or a path")]
    BadSource(String),
    /// Another run works on the folder.
    #[error("{path}: locked by another run", path = path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },

    /// The source could not be reached, or gave up.
    #[error("{source_name}: {what}")]
    Transport {
        /// The source.
        source_name: String,
        /// What it said.
        what: String,
        /// How long it asked to be left alone, seconds.
        retry_after: Option<u64>,
    },
    /// The source has no such file, or something that is no feed file in its place.
    #[error("{source_name}: {path}: {what}")]
    NotAFeed {
        /// The source.
        source_name: String,
        /// The file.
        path: String,
        /// What was found.
        what: &'static str,
    },
    /// A source that is behind what was seen before.
    #[error("{source_name}: issue {found} is older than {known}, which was seen before")]
    Behind {
        /// The source.
        source_name: String,
        /// Its issue.
        found: u64,
        /// The newest one seen.
        known: u64,
    },

    /// A signature file that is none.
    #[error("{path}: {what}")]
    Pointer {
        /// The file in the feed.
        path: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A signature by a key that is not trusted, or a wrong one.
    #[error("{path}: not signed by a key that is trusted here")]
    Signature {
        /// The signed file in the feed.
        path: String,
    },
    /// Other bytes than the name of the file, or the manifest, says.
    #[error("{path}: its bytes are not those that were published ({what})")]
    Hash {
        /// The file in the feed.
        path: String,
        /// What differs.
        what: &'static str,
    },
    /// A signed manifest or index that does not say what it should.
    #[error("{path}: {what}")]
    Manifest {
        /// The file in the feed.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// The feed of another zone or publisher than the one asked for.
    #[error("{path}: of {what} {found}, not {expected}")]
    Other {
        /// The file in the feed.
        path: String,
        /// Zone or publisher.
        what: &'static str,
        /// The one asked for.
        expected: String,
        /// The one found.
        found: String,
    },
    /// A pointer past its time: the source is frozen or the publisher gone.
    #[error("{path}: expired {ago} seconds ago")]
    ExpiredPointer {
        /// The file in the feed.
        path: String,
        /// Seconds since.
        ago: u64,
    },
    /// A clock that cannot be right.
    #[error("{path}: made at {generated}, but the clock here says {now}")]
    Clock {
        /// The file in the feed.
        path: String,
        /// When the manifest was made, or the newest one seen.
        generated: u64,
        /// What the clock says.
        now: u64,
    },
    /// One issue or serial with two contents: someone tells different things to different people.
    #[error("{path}: {what} {number} was seen before with other content")]
    Equivocation {
        /// The file in the feed.
        path: String,
        /// Issue or serial.
        what: &'static str,
        /// Its number.
        number: u64,
    },
    /// A serial below the one that runs.
    #[error("{path}: serial {found} is below {known}, which was seen before")]
    SerialBack {
        /// The file in the feed.
        path: String,
        /// The serial.
        found: u64,
        /// The one seen before.
        known: u64,
    },
    /// What was made from snapshot or deltas is not what the manifest says.
    #[error("zone {zone}: the result is not what the manifest says: {what}")]
    Result {
        /// The zone.
        zone: ZoneName,
        /// What differs.
        what: String,
    },

    /// A guard refused an update.
    #[error("zone {zone}: refused: {refusal}; to take it: rblmap accept DIR {zone} {id}")]
    Refused {
        /// The zone.
        zone: ZoneName,
        /// Why.
        refusal: Box<crate::guard::Refusal>,
        /// First digits of the content id.
        id: String,
    },
    /// The publisher's own guard.
    #[error("zone {zone}: {what}; to publish it nevertheless: --force")]
    Unlikely {
        /// The zone.
        zone: ZoneName,
        /// What is unlikely.
        what: String,
    },
    /// Something that is asked for and cannot be done.
    #[error("zone {zone}: {what}")]
    NotPossible {
        /// The zone.
        zone: ZoneName,
        /// Why not.
        what: String,
    },
    /// A snapshot or delta that is none or does not apply.
    #[error("{path}")]
    Delta {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: rblmap_delta::Error,
    },
    /// An image that cannot be read.
    #[error("{path}", path = path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rblmap_image::Error,
    },
}

impl Error {
    /// Whether another source may do better: everything that is wrong with what a source serves,
    /// nothing that is wrong here.
    pub fn is_of_source(&self) -> bool {
        !matches!(
            self,
            Error::Read { .. }
                | Error::Write { .. }
                | Error::Full { .. }
                | Error::Key { .. }
                | Error::Config { .. }
                | Error::BadSource(_)
                | Error::Locked { .. }
                | Error::Refused { .. }
                | Error::Unlikely { .. }
                | Error::NotPossible { .. }
                | Error::Image { .. }
        )
    }

    /// A short word for metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Error::Read { .. } | Error::Write { .. } | Error::Full { .. } => "disk",
            Error::Key { .. } | Error::Config { .. } | Error::BadSource(_) => "config",
            Error::Locked { .. } => "locked",
            Error::Transport { .. } | Error::NotAFeed { .. } => "transport",
            Error::Behind { .. } => "behind",
            Error::ExpiredPointer { .. } => "expired",
            Error::Clock { .. } => "clock",
            Error::Signature { .. } | Error::Pointer { .. } => "signature",
            Error::Refused { .. } | Error::Unlikely { .. } => "guard",
            Error::NotPossible { .. } => "usage",
            Error::Image { .. } => "image",
            _ => "damaged",
        }
    }
}

/// Names the file that could not be written.
pub(crate) fn writing(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    |source| Error::Write { path, source }
}

/// Names the file that could not be read.
pub(crate) fn reading(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    |source| Error::Read { path, source }
}
