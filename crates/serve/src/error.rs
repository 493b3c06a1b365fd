//! Why the server cannot start or go on.

use std::io;
use std::path::PathBuf;

/// What ended the server.
///
/// See the example of [`serve`](crate::serve).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The policy file.
    #[error(transparent)]
    Policy(#[from] rblmap_policy::Error),
    /// A listener that cannot be opened.
    #[error("{}:{line}: {address}: cannot be listened at", path.display())]
    Listen {
        /// The policy file.
        path: PathBuf,
        /// The line of the listener, from 1.
        line: usize,
        /// The address.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Another process serves at this socket.
    #[error("{}:{line}: {address}: another process listens there", path.display())]
    Taken {
        /// The policy file.
        path: PathBuf,
        /// The line of the listener, from 1.
        line: usize,
        /// The address.
        address: String,
    },
    /// There is nothing to listen at.
    #[error("{}: [listen] names no address", path.display())]
    NothingToDo {
        /// The policy file.
        path: PathBuf,
    },
    /// The process has the rights of root.
    #[error("will not run as root: run it as a user of its own, or give --allow-root")]
    Root,
    /// The system did not give what the server needs.
    #[error("{what}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// Why it was not given.
        source: io::Error,
    },
}
