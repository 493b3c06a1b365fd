//! What can go wrong when a page is built.

use std::io;
use std::path::PathBuf;

/// Why a site was not built or written.
///
/// See the example of [`Config`](crate::page::Config).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration cannot be read.
    #[error("{}: {cause}", path.display())]
    Reading {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A line of the configuration is not understood.
    #[error("{}:{line}: {what}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what would be right.
        what: String,
    },
    /// The feed or folder has no image of a zone.
    #[error(
        "{}: no image of zone {zone} is here; give a publisher's feed with its .state folder, or \
         a mirror's folder",
        source_folder.display()
    )]
    NoZone {
        /// The feed or folder.
        source_folder: PathBuf,
        /// The zone.
        zone: String,
    },
    /// An image cannot be used.
    #[error("{}: {cause}", path.display())]
    Image {
        /// The image.
        path: PathBuf,
        /// What the reader said.
        cause: rblmap::Error,
    },
    /// A history cannot be read.
    #[error(transparent)]
    History(#[from] rblmap_history::Error),
    /// A file of the site cannot be written.
    #[error("{}: {cause}", path.display())]
    Writing {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A template does not fit its data. This is a fault of ours.
    #[error("a template of the page is wrong: {0}")]
    Template(#[from] minijinja::Error),
}
