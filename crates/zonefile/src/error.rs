//! Why sources give no content.

use std::path::PathBuf;

use rblmap_content::{ZoneName, ZoneNameError};

use crate::dataset_type::DatasetType;
use crate::warning::Class;

/// Why there is no content. Every variant means bad input, exit code 3 of the command.
///
/// ```
/// use rblmap_zonefile::{Error, Options, build_text};
/// let spec = "ops.example:generic:ops.zone".parse()?;
/// let error = build_text(&spec, "spam 5x A 127.0.0.2\n", &Options::default()).unwrap_err();
/// assert!(matches!(&error, Error::Refused { line: 1, .. }));
/// let (class, file, line) = error.refusal().expect("it is a line that rbldnsd refuses");
/// assert_eq!((class.as_str(), file, line), ("bad-ttl", "ops.zone".as_ref(), 1));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A spec that is not `ZONE:TYPE:FILE[,FILE...]`.
    #[error("{text:?}: not ZONE:TYPE:FILE[,FILE...]")]
    BadSpec {
        /// The spec.
        text: String,
    },
    /// A zone name that is none.
    #[error(transparent)]
    BadZone(#[from] ZoneNameError),
    /// A dataset type that there is not.
    #[error("dataset type {text:?}: not one of {}", types())]
    UnknownType {
        /// The type.
        text: String,
    },
    /// Access lists are about clients of a DNS server.
    #[error(
        "dataset type acl: says what a client of rbldnsd is told, by its address; a program that \
         looks up by itself has no clients, so leave it out"
    )]
    Acl,
    /// Keys in the names that are asked for.
    #[error(
        "dataset type aclkey: says what a client of rbldnsd is told, by a key in the name that it \
         asks for; a program that looks up by itself has no clients, so leave it out"
    )]
    Aclkey,
    /// No spec at all.
    #[error("no spec: nothing to build")]
    NoSpecs,
    /// A zone that is neither the base nor below it.
    #[error("zone {zone}: neither {base} nor below it")]
    Outside {
        /// The zone.
        zone: ZoneName,
        /// The zone of the first spec.
        base: ZoneName,
    },
    /// A mask that is not `ZONE=BIT,...`.
    #[error("mask {text:?}: not ZONE=BIT,... with bits that are 1 2 4 8 16 32 64 or 128")]
    BadMask {
        /// The mask.
        text: String,
    },
    /// A zone without a bit, or a bit without a zone.
    #[error("zone {zone}: has {}", if *.named { "a bit but no spec" } else { "a spec but no bit" })]
    MaskZone {
        /// The zone.
        zone: ZoneName,
        /// Whether the mask names it.
        named: bool,
    },
    /// A source that cannot be read.
    #[error("{}: cannot be read", .path.display())]
    Read {
        /// The source.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A source that changed while it was read.
    #[error("{}: changed while it was read", .path.display())]
    Changed {
        /// The source.
        path: PathBuf,
    },
    /// A damaged gzip file.
    #[error("{}: damaged gzip stream", .path.display())]
    Gzip {
        /// The source.
        path: PathBuf,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// A gzip file where none is wanted.
    #[error("{}: compressed, and compressed files are refused", .path.display())]
    Compressed {
        /// The source.
        path: PathBuf,
    },
    /// A damaged zstd file.
    #[error("{}: damaged zstd stream", .path.display())]
    Zstd {
        /// The source.
        path: PathBuf,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// A file in a compression that is not read.
    #[error("{}: compressed with {kind}, which is not read here; unpack it: {command}", .path.display())]
    Packed {
        /// The source.
        path: PathBuf,
        /// What it is compressed with.
        kind: &'static str,
        /// How to unpack it.
        command: &'static str,
    },
    /// A source of type `auto` that could be several things, or nothing.
    #[error("{}: its type cannot be told: {why}", .path.display())]
    Unsure {
        /// The source.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A column that there is not.
    #[error("{}:{line}: no column {column:?}; there are: {columns}", .path.display())]
    NoColumn {
        /// The source.
        path: PathBuf,
        /// The line that names the columns.
        line: u64,
        /// The column.
        column: String,
        /// The columns that there are.
        columns: String,
    },
    /// A document that is malformed or cut short.
    #[error("{}:{line}: no JSON document: {what}", .path.display())]
    BadJson {
        /// The source.
        path: PathBuf,
        /// The line.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A document where one object a line is expected.
    #[error(
        "{}: a JSON document, where plain-json takes one object a line: take the type json with \
         paths such as --json-key 'data[].ip', or make lines of it with jq -c '.data[]'",
        .path.display()
    )]
    NotLines {
        /// The source.
        path: PathBuf,
    },
    /// A source over the limit.
    #[error("{}: more than {limit} bytes", .path.display())]
    SourceTooLarge {
        /// The source.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// A plain source with a NUL near its head.
    #[error("{}: not a text: a NUL byte at offset {offset}", .path.display())]
    NotText {
        /// The source.
        path: PathBuf,
        /// Where the byte is.
        offset: usize,
    },
    /// More entries than the limit.
    #[error("more than {limit} entries")]
    TooManyEntries {
        /// The limit.
        limit: u64,
    },
    /// Overlapping entries with so many different values that the answers do not fit.
    #[error("overlapping entries: answers of more than {limit} records in all")]
    TooManyRecords {
        /// The limit.
        limit: u64,
    },
    /// A line for which rbldnsd refuses the load.
    #[error("{}:{line}: {}; the load is refused", .path.display(), .class.message())]
    Refused {
        /// The source.
        path: PathBuf,
        /// The line.
        line: u64,
        /// What is wrong with it.
        class: Class,
    },
    /// Content that no zone file can state.
    #[error("zone {zone}: {key}: {what}, which no zone file can state")]
    Inexpressible {
        /// The zone, `@` for the base.
        zone: String,
        /// The key.
        key: String,
        /// What cannot be stated.
        what: &'static str,
    },
    /// The content cannot be made.
    #[error(transparent)]
    Content(#[from] rblmap_content::Error),
}

fn types() -> String {
    let names = DatasetType::NAMES.map(|(name, _)| name);
    names.join(" ")
}

impl Error {
    /// The class, file and line that the TSV of warnings has for a refused load.
    pub fn refusal(&self) -> Option<(Class, &std::path::Path, u64)> {
        match self {
            Error::Refused { path, line, class } => Some((*class, path, *line)),
            Error::Compressed { path } => Some((Class::Compressed, path, 0)),
            Error::Gzip { path, .. } => Some((Class::ReadError, path, 0)),
            _ => None,
        }
    }
}
