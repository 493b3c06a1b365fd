//! Exit codes: a contract with scripts.

use std::process::ExitCode;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Exit {
    /// All is well; for lookups: at least one key is listed.
    #[default]
    Done = 0,
    /// Lookups: none is listed.
    NotListed = 1,
    /// Arguments that make no sense.
    Usage = 2,
    /// Input that is not there or not what it should be.
    BadInput = 3,
    /// Damaged, or not what its signature, hash or serial says.
    Damaged = 4,
    /// A source that cannot be reached.
    Transport = 5,
    /// A disk that is full, read-only or closed to us.
    Disk = 6,
    /// Another run holds the lock.
    Locked = 7,
    /// A guard refused an update.
    Refused = 8,
    /// Data past its time.
    Expired = 9,
    /// A hook failed.
    Hook = 10,
}

/// The worst first.
const PRECEDENCE: [Exit; 11] = [
    Exit::Damaged,
    Exit::Disk,
    Exit::Transport,
    Exit::Refused,
    Exit::Expired,
    Exit::Locked,
    Exit::Hook,
    Exit::BadInput,
    Exit::Usage,
    Exit::NotListed,
    Exit::Done,
];

impl Exit {
    /// The one of two that the run ends with.
    pub(crate) fn or_worse(self, other: Exit) -> Exit {
        let first = PRECEDENCE
            .into_iter()
            .find(|&exit| exit == self || exit == other);
        first.unwrap_or(self)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_wins() {
        assert_eq!(Exit::Done.or_worse(Exit::BadInput), Exit::BadInput);
        assert_eq!(Exit::Damaged.or_worse(Exit::Disk), Exit::Damaged);
        assert_eq!(Exit::Locked.or_worse(Exit::Expired), Exit::Expired);
    }
}
