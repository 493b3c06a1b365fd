//! Why a feed was not published, or not mirrored.

use std::io;
use std::path::{Path, PathBuf};

use rblmap_content::ZoneName;

use crate::time::{duration_text, time_text};

/// What an error is about: what a script decides by.
///
/// See the example of [`accept`](crate::accept).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The disk here: full, read-only, no permission.
    Disk,
    /// A file or an argument given here that is not what it should be.
    Config,
    /// An address or a use that makes no sense.
    Usage,
    /// Another run holds the lock.
    Locked,
    /// A source that cannot be reached, gives up, or serves something else in place of a feed.
    Transport,
    /// A source that lags behind what was seen before.
    Behind,
    /// A pointer past its time.
    Expired,
    /// A clock that cannot be right.
    Clock,
    /// A signature by nobody who is trusted.
    Signature,
    /// Bytes or statements that cannot be those of an honest publisher.
    Damaged,
    /// A guard refused it.
    Guard,
    /// What was asked for does not exist or cannot be done.
    NotPossible,
    /// An image that was given.
    Image,
    /// The run was asked to stop.
    Stopped,
}

impl Class {
    /// The word for metrics and logs.
    pub fn word(self) -> &'static str {
        match self {
            Class::Disk => "disk",
            Class::Config => "config",
            Class::Usage | Class::NotPossible => "usage",
            Class::Locked => "locked",
            Class::Transport => "transport",
            Class::Behind => "behind",
            Class::Expired => "expired",
            Class::Clock => "clock",
            Class::Signature => "signature",
            Class::Damaged => "damaged",
            Class::Guard => "guard",
            Class::Image => "image",
            Class::Stopped => "stopped",
        }
    }
}

/// How far a failure of transport reaches.
///
/// ```
/// use rblmap_feed::{Error, Reach};
/// fn is_hopeless(error: &Error) -> bool {
///     matches!(error, Error::Transport { reach: Reach::Source, .. })
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The whole source: it is not asked again in this run.
    Source,
    /// One file: the others may be well.
    File,
}

/// What went wrong, and with what.
///
/// See the example of [`accept`](crate::accept).
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
    #[error("source {text:?}: {hint}")]
    BadSource {
        /// The address, without its password.
        text: String,
        /// What it should be.
        hint: String,
    },
    /// Another run works on the folder.
    #[error("{path}: locked by another run (--wait waits for its end)", path = path.display())]
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
        /// Whether the other files of the source can be had.
        reach: Reach,
    },
    /// A source that asked to be left alone, and is.
    #[error("{source_name}: asked to be left alone until {}", time_text(*until))]
    Resting {
        /// The source.
        source_name: String,
        /// Until when, seconds since 1970.
        until: u64,
    },
    /// The run was asked to stop.
    #[error("stopped")]
    Stopped,
    /// The source has no such file, or something that is no feed file in its place.
    #[error("{source_name}: {path}: {what}")]
    NotAFeed {
        /// The source.
        source_name: String,
        /// The file.
        path: String,
        /// What was found, with what the source said of it.
        what: String,
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

    /// Content of another session that is older than the content that was seen before: a second
    /// publisher that hangs.
    #[error(
        "{source_name}: {path}: its content was made at {}, before that of {}, which was seen before",
        time_text(*found), time_text(*known)
    )]
    OlderContent {
        /// The source.
        source_name: String,
        /// The file in the feed.
        path: String,
        /// When its content was made, seconds since 1970.
        found: u64,
        /// When the newest content seen was made.
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
    #[error(
        "{path}: not signed by a key that is trusted here; if its publisher lost both keys and you \
         have the new ones from a source that you trust: --key NEW.pub --new-trust"
    )]
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
    /// The pointer of another zone than the one asked for.
    #[error("{path}: of zone {found}, not {expected}")]
    WrongZone {
        /// The file in the feed.
        path: String,
        /// The one asked for.
        expected: String,
        /// The one found.
        found: String,
    },
    /// A number that no honest publisher reaches: taken, it would shut out all that comes after.
    #[error("{path}: {what} {found} is beyond {limit}, the most that can be right")]
    OutOfBounds {
        /// The file in the feed.
        path: String,
        /// Issue or expiry.
        what: &'static str,
        /// The number.
        found: u64,
        /// The highest one that is taken.
        limit: u64,
    },
    /// A pointer past its time: the source is frozen or the publisher gone.
    #[error("{path}: expired {} ago", duration_text(*ago))]
    ExpiredPointer {
        /// The file in the feed.
        path: String,
        /// Seconds since.
        ago: u64,
    },
    /// A clock that cannot be right.
    #[error(
        "{path}: made at {}, but the clock here says {}", time_text(*generated), time_text(*now)
    )]
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
    /// The publisher gives the zone up, and its offline key did not say so.
    #[error(
        "zone {zone}: refused: given up by its publisher without the word of the offline key, see \
         {url}; to obey: rblmap accept DIR {zone} {id}"
    )]
    RetirementRefused {
        /// The zone.
        zone: ZoneName,
        /// Where to read more.
        url: String,
        /// What `accept` takes.
        id: String,
    },
    /// More zones than a mirror takes from an index.
    #[error(
        "the index names {found} zones, more than {limit}; those that are new are left out: name \
         the zones that you want with --zone"
    )]
    TooManyZones {
        /// How many it names.
        found: usize,
        /// How many are taken.
        limit: usize,
    },
    /// The publisher's own guard.
    #[error("zone {zone}: {what}; to publish it nevertheless: --force")]
    UnlikelyContent {
        /// The zone.
        zone: ZoneName,
        /// What is unlikely.
        what: String,
    },
    /// A publication by a key that mirrors have not heard of.
    #[error(
        "signed by key {key}, which was not announced: mirrors that know the feed refuse it \
         (rblmap keys FEED --announce, or --new-trust there if both keys are lost)"
    )]
    StrangeKey {
        /// The id of the key.
        key: String,
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
    /// The history of a zone could not be written; its image is in place.
    #[error("{zone}: history: {what}")]
    History {
        /// The zone.
        zone: ZoneName,
        /// Why.
        what: String,
    },
    /// A part of the history of a zone is gone.
    #[error("{zone}: history: {what}")]
    HistoryLost {
        /// The zone.
        zone: ZoneName,
        /// What is gone, and why.
        what: String,
    },
}

impl Error {
    /// What it is about.
    pub fn class(&self) -> Class {
        match self {
            Error::Read { .. }
            | Error::Write { .. }
            | Error::Full { .. }
            | Error::History { .. }
            | Error::HistoryLost { .. } => Class::Disk,
            Error::Key { .. } | Error::StrangeKey { .. } | Error::Config { .. } => Class::Config,
            Error::BadSource { .. } => Class::Usage,
            Error::Locked { .. } => Class::Locked,
            Error::Transport { .. } | Error::NotAFeed { .. } | Error::Resting { .. } => {
                Class::Transport
            }
            Error::Stopped => Class::Stopped,
            Error::Behind { .. } | Error::OlderContent { .. } => Class::Behind,
            Error::ExpiredPointer { .. } => Class::Expired,
            Error::Clock { .. } => Class::Clock,
            Error::Signature { .. } | Error::Pointer { .. } => Class::Signature,
            Error::Hash { .. }
            | Error::Manifest { .. }
            | Error::WrongZone { .. }
            | Error::OutOfBounds { .. }
            | Error::Equivocation { .. }
            | Error::SerialBack { .. }
            | Error::Result { .. }
            | Error::Delta { .. } => Class::Damaged,
            Error::Refused { .. }
            | Error::RetirementRefused { .. }
            | Error::TooManyZones { .. }
            | Error::UnlikelyContent { .. } => Class::Guard,
            Error::NotPossible { .. } => Class::NotPossible,
            Error::Image { .. } => Class::Image,
        }
    }

    /// The file in the feed that it is about, if it is about one.
    pub(crate) fn file_of_feed(&self) -> Option<&str> {
        if let Error::NotAFeed { path, .. } | Error::Hash { path, .. } | Error::Delta { path, .. } =
            self
        {
            return Some(path);
        }
        None
    }

    /// What is wrong with a chain of deltas, about the one of these files that it is wrong with: the
    /// last one says what shall come of all.
    pub(crate) fn of_deltas(
        error: rblmap_delta::Error,
        mut paths: impl DoubleEndedIterator<Item: ToString>,
    ) -> Error {
        let (path, source) = match error {
            rblmap_delta::Error::Delta { index, source } => (paths.nth(index), *source),
            source => (paths.next_back(), source),
        };
        let path = path.map_or(String::new(), |path| path.to_string());
        Error::Delta { path, source }
    }

    /// What is wrong with an image. The reader names the file, too, and so it is named once.
    pub(crate) fn of_image(path: &Path, error: impl Into<rblmap_image::Error>) -> Error {
        let source = match error.into() {
            rblmap_image::Error::Image(cause) => cause.without_path().into(),
            source => source,
        };
        let path = path.to_owned();
        Error::Image { path, source }
    }

    /// Whether another source may do better: everything that is wrong with what a source serves,
    /// nothing that is wrong here.
    pub fn is_of_source(&self) -> bool {
        match self.class() {
            Class::Transport
            | Class::Behind
            | Class::Expired
            | Class::Clock
            | Class::Signature
            | Class::Damaged => true,
            Class::Disk
            | Class::Config
            | Class::Usage
            | Class::Locked
            | Class::Guard
            | Class::NotPossible
            | Class::Image
            | Class::Stopped => false,
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

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
