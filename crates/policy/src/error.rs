//! Why a policy cannot be used.

use std::io;
use std::path::PathBuf;

/// What is wrong with a policy file, or with a file that it names.
///
/// ```
/// use std::path::Path;
/// use rblmap_policy::{Error, Policy};
/// let error = Policy::parse("[[zone]]\nname = 7\n", Path::new("mail.toml"), "mx").unwrap_err();
/// assert!(matches!(error, Error::Config { line: 2, .. }));
/// assert!(error.to_string().starts_with("mail.toml:2: "));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line that cannot be used.
    #[error("{}:{line}: {what}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there, and what would be right.
        what: String,
    },
}
