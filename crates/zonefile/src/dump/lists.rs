//! Content as lists for other programs, and what these cannot hold.

use std::io::{self, Write};

use rblmap_content::{Content, ZoneContent};

use super::list::List;
use super::loss::Omitted;
use super::{mmdb, plain, programs, rows};

/// What a list looks like.
///
/// See the example of [`write_list`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// One key a line, as `plain` sources have it: `KEY`, `KEY A` or `KEY :A:TXT`.
    Plain,
    /// The listed networks in CIDR notation, one a line, as few as possible, without values.
    Cidr,
    /// One row a record: zone, key, A, TXT; a name that is hidden has neither.
    Csv,
    /// One JSON object a key: zone, key, records.
    Json,
    /// The listed names behind 0.0.0.0.
    Hosts,
    /// A response policy zone.
    Rpz,
    /// What `ipset restore` reads.
    Ipset,
    /// What `nft -f` reads.
    Nft,
    /// A cidr table of Postfix.
    Postfix,
    /// A database for libmaxminddb, with the A records as data.
    Mmdb,
}

impl ListFormat {
    /// Whether the format has a place for the names of zones.
    pub fn has_zones(self) -> bool {
        matches!(self, ListFormat::Csv | ListFormat::Json)
    }
}

/// Writes zones of some content as a list; what had to be left out.
///
/// ```
/// use rblmap_zonefile::{ListFormat, Options, Spec, build, write_list};
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("list.txt");
/// # std::fs::write(&path, "192.0.2.1\n192.0.2.0\n*.a.example\n")?;
/// let spec: Spec = format!("ops.example:plain:{}", path.display()).parse()?;
/// let content = build(&[spec], &Options::default())?.content;
/// let mut out = Vec::new();
/// write_list(&content, content.zones(), ListFormat::Plain, &mut out)?;
/// assert_eq!(out, b"192.0.2.0/31\n*.a.example\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of `out`, and more networks than a database of libmaxminddb can hold.
pub fn write_list(
    content: &Content,
    zones: &[ZoneContent],
    format: ListFormat,
    out: &mut impl Write,
) -> io::Result<Omitted> {
    let mut omitted = Omitted::default();
    if format == ListFormat::Csv {
        out.write_all(b"zone,key,a,txt\n")?;
    }
    for zone in zones {
        let mut list = List {
            content,
            zone,
            out: &mut *out,
            omitted: &mut omitted,
        };
        match format {
            ListFormat::Plain => plain::write(&mut list)?,
            ListFormat::Csv => rows::csv(&mut list)?,
            ListFormat::Json => rows::json(&mut list)?,
            ListFormat::Cidr => programs::cidr(&mut list)?,
            ListFormat::Hosts => programs::hosts(&mut list)?,
            ListFormat::Rpz => programs::rpz(&mut list)?,
            ListFormat::Ipset => programs::ipset(&mut list)?,
            ListFormat::Nft => programs::nft(&mut list)?,
            ListFormat::Postfix => programs::postfix(&mut list)?,
            ListFormat::Mmdb => mmdb::write(&mut list)?,
        }
    }
    Ok(omitted)
}
