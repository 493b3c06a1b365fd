//! What to build from: the specs of rbldnsd's command line, and how to read them.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;

use rblmap_content::ZoneName;

use crate::error::Error;
use crate::mask::Mask;

/// How the files of a dataset are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DatasetType {
    /// IPv4 addresses, networks and ranges, answered by octet level.
    Ip4set,
    /// IPv4 networks, the longest prefix answers.
    Ip4trie,
    /// Single IPv4 addresses that share one value.
    Ip4tset,
    /// IPv6 networks, the longest prefix answers.
    Ip6trie,
    /// IPv6 /64 networks that share one value.
    Ip6tset,
    /// Domain names.
    Dnset,
    /// DNS records, as in a zone file of a name server.
    Generic,
    /// Several datasets in one file.
    Combined,
    /// Addresses, networks, ranges and names as lists have them.
    Plain,
    /// One JSON object a line.
    PlainJson,
}

impl DatasetType {
    const NAMES: [(&'static str, DatasetType); 10] = [
        ("ip4set", DatasetType::Ip4set),
        ("ip4trie", DatasetType::Ip4trie),
        ("ip4tset", DatasetType::Ip4tset),
        ("ip6trie", DatasetType::Ip6trie),
        ("ip6tset", DatasetType::Ip6tset),
        ("dnset", DatasetType::Dnset),
        ("generic", DatasetType::Generic),
        ("combined", DatasetType::Combined),
        ("plain", DatasetType::Plain),
        ("plain-json", DatasetType::PlainJson),
    ];

    /// Whether the type alone makes mapped IPv6 addresses a matter of IPv4 data.
    pub(crate) fn is_v4(self) -> bool {
        matches!(
            self,
            DatasetType::Ip4set | DatasetType::Ip4trie | DatasetType::Ip4tset
        )
    }

    /// Whether the type is one of our own: rbldnsd does not know it.
    pub(crate) fn is_plain(self) -> bool {
        matches!(self, DatasetType::Plain | DatasetType::PlainJson)
    }
}

impl FromStr for DatasetType {
    type Err = Error;

    fn from_str(text: &str) -> Result<DatasetType, Error> {
        let known = DatasetType::NAMES.iter().find(|(name, _)| *name == text);
        match known {
            Some((_, kind)) => Ok(*kind),
            None if text == "acl" => Err(Error::Acl),
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
        })
    }
}

/// How sources are read. [`Options::default`] reads as rbldnsd does without options.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The time that `$TIMESTAMP` is compared with, in seconds since 1970.
    pub now: u64,
    /// Mask host bits off instead of skipping the line (`-e` of rbldnsd).
    pub host_bits: bool,
    /// Refuse compressed files (`-C` of rbldnsd).
    pub refuse_gzip: bool,
    /// How `plain` and `plain-json` are read.
    pub plain: PlainOptions,
    /// The fields of `plain-json`.
    pub json: JsonOptions,
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

/// How `plain` and `plain-json` sources are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainOptions {
    /// What a name without `*.` or `.` before it lists.
    pub names: NameScope,
    /// Whether what follows the key is its text.
    pub text: bool,
    /// Read what follows the key as a number, and skip the line if it is lower.
    pub min_count: Option<u64>,
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
            min_count: None,
            a: Ipv4Addr::new(127, 0, 0, 2),
            template: None,
        }
    }
}

/// What a name lists: itself, the names below it, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NameScope {
    /// The name alone.
    #[default]
    Exact,
    /// The names below it, at any depth.
    Below,
    /// The name and those below it.
    Both,
}

impl FromStr for NameScope {
    type Err = Error;

    fn from_str(text: &str) -> Result<NameScope, Error> {
        match text {
            "exact" => Ok(NameScope::Exact),
            "below" => Ok(NameScope::Below),
            "both" => Ok(NameScope::Both),
            _ => Err(Error::BadSpec {
                text: text.to_owned(),
            }),
        }
    }
}

/// The fields of `plain-json` objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonOptions {
    /// Fields that hold keys; every one that an object has is an entry.
    pub keys: Vec<String>,
    /// The field that holds the text.
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
