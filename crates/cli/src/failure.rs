//! Why a run failed: what to say, and which exit code it has.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::exit::Exit;
use crate::output::visible;

/// A run that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    /// What went wrong, in one line; empty where there is nobody to tell.
    message: String,
}

/// Which exit code an error of one of the crates has.
pub(crate) trait Classify {
    fn exit(&self) -> Exit;
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Display) -> Failure {
        Failure {
            exit,
            message: message.to_string(),
        }
    }

    /// An error about the file at `path`.
    pub(crate) fn at(path: &Path, error: impl Classify + Error) -> Failure {
        Failure::new(
            error.exit(),
            format!("{}: {}", path.display(), chain(&error)),
        )
    }

    /// What went wrong with an image and deltas, about the one of these files that it went wrong with.
    pub(crate) fn with_deltas(
        old: &Path,
        deltas: &[impl AsRef<Path>],
        error: rblmap_delta::Error,
    ) -> Failure {
        use rblmap_delta::Error;
        match error {
            Error::OldImage(cause) => Failure::at(old, cause),
            Error::Delta { index, source } => match deltas.get(index) {
                Some(path) => Failure::at(path.as_ref(), *source),
                None => Failure::from(*source),
            },
            error => Failure::from(error),
        }
    }

    /// A file that could not be read.
    pub(crate) fn reading(path: &Path, error: &io::Error) -> Failure {
        Failure::new(
            reading(error),
            format!("{}: cannot be read: {error}", path.display()),
        )
    }

    /// A file that could not be written; what was there before is still there.
    pub(crate) fn writing(path: &Path, error: &io::Error) -> Failure {
        Failure::new(
            Exit::Disk,
            format!("{}: cannot be written: {error}", path.display()),
        )
    }

    /// Standard output that could not be written to. A reader who has seen enough is no failure.
    pub(crate) fn printing(error: &io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::new(Exit::Done, "");
        }
        Failure::new(Exit::Disk, format!("standard output: {error}"))
    }

    /// An error that is reported and does not end the run.
    pub(crate) fn of(error: &(impl Classify + Error)) -> Failure {
        Failure::new(error.exit(), chain(error))
    }

    /// What went wrong, in one line.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Says why on standard error and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        self.say();
        self.exit.into()
    }

    /// Says why on standard error; for what does not end the run.
    pub(crate) fn say(&self) {
        if !self.message.is_empty() {
            eprintln!("rblmap: {}", visible(&self.message));
        }
    }
}

impl<E: Classify + Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::new(error.exit(), chain(&error))
    }
}

impl Classify for rblmap::Error {
    fn exit(&self) -> Exit {
        use rblmap::ErrorKind;
        match (self.io(), self.kind()) {
            (Some(cause), _) => reading(cause),
            (
                None,
                ErrorKind::NotAnImage
                | ErrorKind::NewerFormat { .. }
                | ErrorKind::OlderFormat { .. }
                | ErrorKind::NoSuchZone { .. }
                | ErrorKind::ZoneName { .. },
            ) => Exit::BadInput,
            _ => Exit::Damaged,
        }
    }
}

impl Classify for rblmap_image::Error {
    fn exit(&self) -> Exit {
        match self {
            rblmap_image::Error::TooLarge { .. } | rblmap_image::Error::TooManyValues => {
                Exit::BadInput
            }
            rblmap_image::Error::Image(cause) => cause.exit(),
            rblmap_image::Error::Write(_) => Exit::Disk,
            // Content that is not in normal form.
            _ => Exit::Damaged,
        }
    }
}

impl Classify for rblmap_zonefile::Error {
    fn exit(&self) -> Exit {
        match self {
            rblmap_zonefile::Error::Read { source, .. } => reading(source),
            _ => Exit::BadInput,
        }
    }
}

impl Classify for rblmap_delta::Error {
    fn exit(&self) -> Exit {
        use rblmap_delta::Error;
        match self {
            Error::Foreign
            | Error::Kind { .. }
            | Error::NewerFormat { .. }
            | Error::OlderFormat { .. }
            | Error::Limit { .. }
            | Error::Zone { .. }
            | Error::Base { .. }
            | Error::NoDelta => Exit::BadInput,
            Error::Image(cause) | Error::OldImage(cause) | Error::NewImage(cause) => cause.exit(),
            Error::Delta { source, .. } => source.exit(),
            _ => Exit::Damaged,
        }
    }
}

impl Classify for rblmap_feed::Error {
    fn exit(&self) -> Exit {
        use rblmap_feed::{Class, Error};
        if let Error::Read { source, .. } = self {
            return reading(source);
        }
        if let Error::Image { source, .. } = self {
            return source.exit();
        }
        match self.class() {
            Class::Disk => Exit::Disk,
            Class::Config | Class::NotPossible | Class::Image => Exit::BadInput,
            Class::Usage => Exit::Usage,
            Class::Locked => Exit::Locked,
            Class::Transport | Class::Stopped => Exit::Transport,
            Class::Guard => Exit::Refused,
            Class::Behind | Class::Expired | Class::Clock | Class::Signature | Class::Damaged => {
                Exit::Damaged
            }
        }
    }
}

impl Classify for rblmap_policy::Error {
    fn exit(&self) -> Exit {
        match self {
            rblmap_policy::Error::Read { source, .. } => reading(source),
            _ => Exit::BadInput,
        }
    }
}

impl Classify for rblmap_serve::Error {
    fn exit(&self) -> Exit {
        use rblmap_serve::Error;
        match self {
            Error::Policy(cause) => cause.exit(),
            Error::Listen { source, .. } => reading(source),
            Error::Taken { .. } => Exit::Locked,
            Error::Root => Exit::Usage,
            Error::System { .. } => Exit::Disk,
            _ => Exit::BadInput,
        }
    }
}

impl Classify for rblmap_report::Error {
    fn exit(&self) -> Exit {
        use rblmap_report::Error;
        match self {
            Error::Read { source, .. } => reading(source),
            Error::Cut { .. }
            | Error::NotALog { .. }
            | Error::Foreign { .. }
            | Error::Newer { .. }
            | Error::TooManyLists { .. }
            | Error::Map(_)
            | Error::NothingToDraw(_)
            | Error::SameName(_) => Exit::BadInput,
            Error::Image(cause) => cause.exit(),
            Error::Compare(cause) => cause.exit(),
            Error::Write(_) => Exit::Disk,
            _ => Exit::Damaged,
        }
    }
}

impl Classify for rblmap_history::Error {
    fn exit(&self) -> Exit {
        use rblmap_history::Error;
        match self {
            Error::Read { source, .. } => reading(source),
            Error::Write { .. } => Exit::Disk,
            Error::Image(cause) => cause.exit(),
            Error::Foreign { .. }
            | Error::OtherVersion { .. }
            | Error::TooLarge(_)
            | Error::Expression(_) => Exit::BadInput,
            _ => Exit::Damaged,
        }
    }
}

/// A file that is not there, or that is not what it should be, is bad input; all else that keeps a
/// file from being read is a matter of the disk or of the machine.
pub(crate) fn reading(error: &io::Error) -> Exit {
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::InvalidData
        | io::ErrorKind::InvalidFilename
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::Other => Exit::BadInput,
        _ => Exit::Disk,
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
