//! What to build from: the specs of rbldnsd's command line, and how to read them.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;

use rblmap_content::{NameScope, ZoneName};

use crate::dataset_type::{DatasetType, SourceOption};
use crate::error::Error;
use crate::mask::Mask;

impl FromStr for DatasetType {
    type Err = Error;

    fn from_str(text: &str) -> Result<DatasetType, Error> {
        let known = DatasetType::NAMES.iter().find(|(name, _)| *name == text);
        match known {
            Some((_, kind)) => Ok(*kind),
            None if text == "acl" => Err(Error::Acl),
            None if text == "aclkey" => Err(Error::Aclkey),
            None => Err(Error::UnknownType {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for DatasetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = DatasetType::NAMES.iter().find(|(_, kind)| kind == self);
        f.write_str(name.map_or("?", |(name, _)| name))
    }
}

/// One dataset: its zone, its type and its files, in order.
///
/// ```
/// use rblmap_zonefile::{DatasetType, Spec};
/// let spec: Spec = "ops.example:ip4set:common.zone,today.zone".parse()?;
/// assert_eq!(spec.zone.as_str(), "ops.example");
/// assert_eq!(spec.kind, DatasetType::Ip4set);
/// assert_eq!(spec.files.len(), 2);
/// assert!("ops.example:acl:clients".parse::<Spec>().is_err());
/// # Ok::<(), rblmap_zonefile::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The zone that the dataset answers in.
    pub zone: ZoneName,
    /// How the files are read.
    pub kind: DatasetType,
    /// The files, read as if joined; at least one.
    pub files: Vec<PathBuf>,
    /// How they are read, where that differs from the other sources of the build.
    pub reading: Option<Box<Reading>>,
}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Spec, Error> {
        let bad = || Error::BadSpec {
            text: text.to_owned(),
        };
        let (zone, rest) = text.split_once(':').ok_or_else(bad)?;
        let (kind, files) = rest.split_once(':').ok_or_else(bad)?;
        if files.is_empty() || files.split(',').any(str::is_empty) {
            return Err(bad());
        }
        Ok(Spec {
            zone: zone.parse()?,
            kind: kind.parse()?,
            files: files.split(',').map(PathBuf::from).collect(),
            reading: None,
        })
    }
}

/// How sources are read. [`Options::default`] reads as rbldnsd does without options.
///
/// ```
/// use rblmap_zonefile::{Check, CsvOptions, Limits, NameScope, Options, PlainOptions, Reading};
/// use rblmap_zonefile::{Class, Column, JsonOptions, build_text};
///
/// let options = Options {
///     check: Some(Check { widest_v4: 16, ..Check::default() }),
///     reading: Reading {
///         plain: PlainOptions { names: NameScope::Both, ..PlainOptions::default() },
///         csv: CsvOptions { column: Some(Column::Name("ip".to_owned())), ..CsvOptions::default() },
///         json: JsonOptions { keys: vec!["prefixes[].ip_prefix".to_owned()], text: None },
///         ..Reading::default()
///     },
///     limits: Limits { entries: 1_000_000, ..Limits::default() },
///     ..Options::default()
/// };
/// let built = build_text(&"ops.example:plain:list.txt".parse()?, "20.0.0.0/8\n", &options)?;
/// assert_eq!(built.warnings[0].class, Class::Wide);
/// # Ok::<(), rblmap_zonefile::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The time that `$TIMESTAMP` is compared with, in seconds since 1970.
    pub now: u64,
    /// Refuse compressed files (`-C` of rbldnsd).
    pub refuse_gzip: bool,
    /// How the lines of sources are read.
    pub reading: Reading,
    /// What is too much.
    pub limits: Limits,
    /// The bit-mask union of the zones named.
    pub mask: Option<Mask>,
    /// Add the test points of RFC 5782 to each zone that lacks them.
    pub test_points: bool,
    /// Look for what an operator may have meant otherwise; findings are warnings.
    pub check: Option<Check>,
}

/// Limits of the lint.
///
/// See the example of [`Options`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// The prefix length of the widest IPv4 network that is not remarked upon.
    pub widest_v4: u8,
    /// The same for IPv6.
    pub widest_v6: u8,
}

impl Default for Check {
    fn default() -> Check {
        Check {
            widest_v4: 8,
            widest_v6: 16,
        }
    }
}

/// How the lines of sources are read.
///
/// See the example of [`Options`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// Mask host bits off instead of skipping the line (`-e` of rbldnsd).
    pub host_bits: bool,
    /// How our own types are read.
    pub plain: PlainOptions,
    /// Where `json` and `plain-json` have their keys.
    pub json: JsonOptions,
    /// The columns of `csv`.
    pub csv: CsvOptions,
    /// Which of all these were asked for: it is told if no source reads them.
    pub given: Vec<SourceOption>,
}

/// How our own types are read.
///
/// See the example of [`Options`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainOptions {
    /// What a name without `*.` or `.` before it lists.
    pub names: NameScope,
    /// Whether what follows the key is its text.
    pub text: bool,
    /// The mark that texts begin behind, such as `;`.
    pub text_after: Option<Vec<u8>>,
    /// Read what follows the key as a number, and skip the line if it is lower.
    pub min_count: Option<u64>,
    /// Whether leading zeros of octets mean nothing.
    pub padded: bool,
    /// Whether `$` in the texts of lists is the key and `$$` a dollar sign; else it is a dollar sign.
    pub templates: bool,
    /// The A record of a line that has none.
    pub a: Ipv4Addr,
    /// The text of a line that has none, a template as in zone files.
    pub template: Option<Vec<u8>>,
}

impl Default for PlainOptions {
    fn default() -> PlainOptions {
        PlainOptions {
            names: NameScope::Exact,
            text: false,
            text_after: None,
            min_count: None,
            padded: false,
            templates: false,
            a: Ipv4Addr::new(127, 0, 0, 2),
            template: None,
        }
    }
}

/// A column of a row.
///
/// See the example of [`Options`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// By its place, from 1.
    Number(usize),
    /// By the name that the first row gives it.
    Name(String),
}

impl Column {
    /// The name, unless the column is given by its place.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Column::Number(_) => None,
            Column::Name(name) => Some(name),
        }
    }
}

impl FromStr for Column {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Column, Self::Err> {
        let number = text.parse().ok().filter(|&number| number > 0);
        Ok(number.map_or_else(|| Column::Name(text.to_owned()), Column::Number))
    }
}

/// The columns of `csv`.
///
/// See the example of [`Options`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvOptions {
    /// The column of the keys; the first one if not given.
    pub column: Option<Column>,
    /// The column of the texts.
    pub text_column: Option<Column>,
    /// Whether the first row names the columns.
    pub header: bool,
    /// What stands between columns.
    pub delimiter: u8,
}

impl Default for CsvOptions {
    fn default() -> CsvOptions {
        CsvOptions {
            column: None,
            text_column: None,
            header: false,
            delimiter: b',',
        }
    }
}

/// Where JSON has its keys and texts.
///
/// See the example of [`Options`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonOptions {
    /// Paths of the fields that hold keys, such as `ip` or `prefixes[].ip_prefix`; every one that a
    /// record has is an entry.
    pub keys: Vec<String>,
    /// The path of the text, from the record or from the top.
    pub text: Option<String>,
}

impl Default for JsonOptions {
    fn default() -> JsonOptions {
        JsonOptions {
            keys: ["cidr", "ip", "domain"].map(str::to_owned).to_vec(),
            text: None,
        }
    }
}

/// What is too much: a build ends with an error there.
///
/// See the example of [`Options`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one source, decompressed.
    pub source_bytes: u64,
    /// Entries of all sources.
    pub entries: u64,
    /// Records of all answers that overlapping entries share.
    pub records: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            source_bytes: 4 << 30,
            entries: 200_000_000,
            records: 100_000_000,
        }
    }
}
