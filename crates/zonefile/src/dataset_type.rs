//! The types of datasets: how the files of a spec are read.

/// How the files of a dataset are read.
///
/// See the example of [`Spec`](crate::Spec).
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
    /// Domain names, as in the rbldnsd of rspamd: the last line of a name counts.
    Dnhash,
    /// Names behind an address that is nowhere, as in `/etc/hosts`.
    Hosts,
    /// Rows of columns (RFC 4180).
    Csv,
    /// JSON: objects one a line, in arrays, or anywhere in documents.
    Json,
    /// Ranges of addresses, in the many ways that people write them.
    Ranges,
    /// The rules of Adblock filters that are about whole domains.
    Adblock,
    /// The lines of a dnsmasq configuration that block domains.
    Dnsmasq,
    /// A response policy zone.
    Rpz,
    /// A cidr or access table of Postfix.
    Postfix,
    /// The list of exit addresses of Tor.
    Tor,
    /// The delegation statistics of a regional registry.
    Rir,
    /// What `ipset save` writes.
    Ipset,
    /// Sets as `nft list ruleset` writes them.
    Nft,
    /// Whatever of these the file looks like.
    Auto,
}

impl DatasetType {
    /// Every type there is, by the word for it.
    pub const NAMES: [(&'static str, DatasetType); 24] = [
        ("ip4set", DatasetType::Ip4set),
        ("ip4trie", DatasetType::Ip4trie),
        ("ip4tset", DatasetType::Ip4tset),
        ("ip6trie", DatasetType::Ip6trie),
        ("ip6tset", DatasetType::Ip6tset),
        ("dnset", DatasetType::Dnset),
        ("dnhash", DatasetType::Dnhash),
        ("generic", DatasetType::Generic),
        ("combined", DatasetType::Combined),
        ("plain", DatasetType::Plain),
        ("plain-json", DatasetType::PlainJson),
        ("hosts", DatasetType::Hosts),
        ("csv", DatasetType::Csv),
        ("json", DatasetType::Json),
        ("ranges", DatasetType::Ranges),
        ("adblock", DatasetType::Adblock),
        ("dnsmasq", DatasetType::Dnsmasq),
        ("rpz", DatasetType::Rpz),
        ("postfix", DatasetType::Postfix),
        ("tor", DatasetType::Tor),
        ("rir", DatasetType::Rir),
        ("ipset", DatasetType::Ipset),
        ("nft", DatasetType::Nft),
        ("auto", DatasetType::Auto),
    ];

    /// Whether the type alone makes mapped IPv6 addresses a matter of IPv4 data.
    pub(crate) fn is_v4(self) -> bool {
        matches!(
            self,
            DatasetType::Ip4set | DatasetType::Ip4trie | DatasetType::Ip4tset
        )
    }

    /// Whether the type is one of our own: rbldnsd does not know it.
    pub(crate) fn is_list(self) -> bool {
        match self {
            DatasetType::Ip4set
            | DatasetType::Ip4trie
            | DatasetType::Ip4tset
            | DatasetType::Ip6trie
            | DatasetType::Ip6tset
            | DatasetType::Dnset
            | DatasetType::Dnhash
            | DatasetType::Generic
            | DatasetType::Combined => false,
            DatasetType::Plain
            | DatasetType::PlainJson
            | DatasetType::Hosts
            | DatasetType::Csv
            | DatasetType::Json
            | DatasetType::Ranges
            | DatasetType::Adblock
            | DatasetType::Dnsmasq
            | DatasetType::Rpz
            | DatasetType::Postfix
            | DatasetType::Tor
            | DatasetType::Rir
            | DatasetType::Ipset
            | DatasetType::Nft
            | DatasetType::Auto => true,
        }
    }

    /// Whether a line may depend on lines far from it, so that a source is read as a whole.
    pub(crate) fn reads_whole(self) -> bool {
        matches!(
            self,
            DatasetType::Combined
                | DatasetType::Csv
                | DatasetType::Json
                | DatasetType::Rpz
                | DatasetType::Postfix
                | DatasetType::Nft
                | DatasetType::Auto
        )
    }

    /// Whether what is read of a source refers to no text in it, so that the source need not be kept.
    pub(crate) fn owns_texts(self) -> bool {
        self == DatasetType::Csv
    }

    /// Whether sources of the type are read in another way with an option.
    pub fn reads(self, option: SourceOption) -> bool {
        use DatasetType as T;
        match option {
            SourceOption::Names => {
                matches!(self, T::Plain | T::PlainJson | T::Hosts | T::Csv | T::Json)
            }
            SourceOption::Text => {
                matches!(
                    self,
                    T::Plain | T::Csv | T::Ranges | T::Postfix | T::Ipset | T::Nft | T::Rir
                )
            }
            SourceOption::TextAfter => matches!(self, T::Plain | T::Hosts | T::Ranges),
            SourceOption::MinCount => matches!(self, T::Plain | T::Ranges),
            SourceOption::Padded => {
                matches!(
                    self,
                    T::Plain | T::PlainJson | T::Csv | T::Json | T::Ranges | T::Tor
                )
            }
            SourceOption::Templates => matches!(
                self,
                T::Plain
                    | T::PlainJson
                    | T::Hosts
                    | T::Csv
                    | T::Json
                    | T::Ranges
                    | T::Postfix
                    | T::Ipset
                    | T::Nft
            ),
            SourceOption::Value => self.is_list(),
            SourceOption::HostBits => !matches!(
                self,
                T::Dnset
                    | T::Dnhash
                    | T::Generic
                    | T::Ip4tset
                    | T::Ip6tset
                    | T::Hosts
                    | T::Tor
                    | T::Rir
                    | T::Rpz
                    | T::Dnsmasq
            ),
            SourceOption::JsonKey | SourceOption::JsonText => {
                matches!(self, T::PlainJson | T::Json)
            }
            SourceOption::Column
            | SourceOption::TextColumn
            | SourceOption::Header
            | SourceOption::Delimiter => self == T::Csv,
        }
    }
}

/// An option that says how sources are read.
///
/// ```
/// use rblmap_zonefile::{DatasetType, SourceOption};
/// assert_eq!(SourceOption::JsonKey.flag(), "--json-key");
/// assert!(DatasetType::Json.reads(SourceOption::JsonKey));
/// assert!(!DatasetType::Plain.reads(SourceOption::JsonKey));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceOption {
    /// `--names`
    Names,
    /// `--text`
    Text,
    /// `--text-after`
    TextAfter,
    /// `--min-count`
    MinCount,
    /// `--padded`
    Padded,
    /// `--templates`
    Templates,
    /// `--value`
    Value,
    /// `--host-bits`
    HostBits,
    /// `--json-key`
    JsonKey,
    /// `--json-text`
    JsonText,
    /// `--column`
    Column,
    /// `--text-column`
    TextColumn,
    /// `--header`
    Header,
    /// `--delimiter`
    Delimiter,
}

impl SourceOption {
    /// The option as it is written on the command line.
    pub fn flag(self) -> &'static str {
        match self {
            SourceOption::Names => "--names",
            SourceOption::Text => "--text",
            SourceOption::TextAfter => "--text-after",
            SourceOption::MinCount => "--min-count",
            SourceOption::Padded => "--padded",
            SourceOption::Templates => "--templates",
            SourceOption::Value => "--value",
            SourceOption::HostBits => "--host-bits",
            SourceOption::JsonKey => "--json-key",
            SourceOption::JsonText => "--json-text",
            SourceOption::Column => "--column",
            SourceOption::TextColumn => "--text-column",
            SourceOption::Header => "--header",
            SourceOption::Delimiter => "--delimiter",
        }
    }
}
