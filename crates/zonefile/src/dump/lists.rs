//! Content as lists for other programs, and what these cannot hold.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::Ipv4Addr;

use rblmap::{NameKey, Run, Slot, Value, ValueId};
use rblmap_content::{Content, ZoneContent};
use rblmap_format::RawRecord;

use super::names::printed;
use super::{mmdb, plain, programs, rows};
use crate::address6::unmapped;
use crate::key::{self, Key, KeyRules, networks};
use crate::spec::NameScope;

/// What a list looks like.
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

/// Something that a format cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// Names that are hidden although a name above lists those below it.
    Hidden,
    /// Records without an A: what lists nothing.
    Unlisted,
    /// Texts that the format cannot hold.
    Texts,
    /// Values other than 127.0.0.2 without a text.
    Values,
    /// Names, where only addresses can be listed.
    Names,
    /// Names that the format cannot write.
    OddNames,
    /// Entries for all names below a name.
    Below,
    /// Runs of addresses, where only names can be listed.
    Addresses,
    /// IPv6 addresses that the format has for IPv4.
    Mapped,
}

impl Loss {
    /// What was left out.
    pub fn what(self) -> &'static str {
        match self {
            Loss::Hidden => "names that are not listed although a name above lists those below it",
            Loss::Unlisted => "records without an A, which list nothing",
            Loss::Texts => "texts that the format cannot hold",
            Loss::Values => "values (other than 127.0.0.2 without a text)",
            Loss::Names => "names",
            Loss::OddNames => "names that the format cannot write",
            Loss::Below => "entries for all names below a name",
            Loss::Addresses => "runs of addresses",
            Loss::Mapped => "runs of IPv6 addresses that stand for IPv4 ones",
        }
    }
}

/// What a list could not say, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Omitted(BTreeMap<Loss, u64>);

impl Omitted {
    /// How often something was left out.
    pub fn get(&self, loss: Loss) -> u64 {
        self.0.get(&loss).copied().unwrap_or(0)
    }

    /// All that was left out.
    pub fn iter(&self) -> impl Iterator<Item = (Loss, u64)> + '_ {
        self.0.iter().map(|(loss, count)| (*loss, *count))
    }

    pub(super) fn add(&mut self, loss: Loss) {
        self.add_all(loss, 1);
    }

    pub(super) fn add_all(&mut self, loss: Loss, count: u64) {
        if count > 0 {
            *self.0.entry(loss).or_default() += count;
        }
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

/// A zone that is being written.
pub(super) struct List<'a, W> {
    pub(super) content: &'a Content,
    pub(super) zone: &'a ZoneContent,
    pub(super) out: &'a mut W,
    pub(super) omitted: &'a mut Omitted,
}

/// What a point says in one of its two tables.
pub(super) struct NameEntry<'a> {
    pub(super) name: NameKey,
    pub(super) scope: NameScope,
    /// None: hidden.
    pub(super) value: Option<Value<'a>>,
}

impl NameEntry<'_> {
    /// The name in the escapes of zone files, behind what says which names are meant.
    pub(super) fn shown(&self) -> String {
        let name = match self.name.label_count() {
            0 => String::new(),
            _ => printed(&self.name),
        };
        match self.scope {
            NameScope::Exact => name,
            NameScope::Below => format!("*.{name}"),
            NameScope::Both => format!(".{name}"),
        }
    }

    /// The name as lists write it; none if they would read something else, or nothing.
    pub(super) fn plain(&self, labels: usize) -> Option<String> {
        let shown = self.shown();
        let rules = KeyRules {
            names: NameScope::Exact,
            host_bits: false,
            padded: false,
            labels,
        };
        let read = key::parse(shown.as_bytes(), &rules);
        let same = matches!(read, Ok((Key::Name(name, scope), _)) if name == self.name && scope == self.scope);
        same.then_some(shown)
    }
}

impl<'a, W: Write> List<'a, W> {
    /// The value of an id.
    pub(super) fn value(&self, id: ValueId) -> Value<'a> {
        self.content.values().get(id)
    }

    /// What the points of the zone say, in order; where a point says the same in both tables, it
    /// is one entry.
    pub(super) fn names(&self) -> impl Iterator<Item = NameEntry<'a>> + 'a {
        let content = self.content;
        self.zone.names().iter().flat_map(move |point| {
            let scopes = if point.exact == point.below {
                [
                    (NameScope::Both, point.exact),
                    (NameScope::Below, Slot::Inherit),
                ]
            } else {
                [
                    (NameScope::Exact, point.exact),
                    (NameScope::Below, point.below),
                ]
            };
            // Content holds names only.
            let name = NameKey::from_key(point.key).unwrap_or(NameKey::ROOT);
            scopes.into_iter().filter_map(move |(scope, slot)| {
                let value = match slot {
                    Slot::Inherit => return None,
                    Slot::Nothing => None,
                    Slot::Value(id) => Some(content.values().get(id)),
                };
                Some(NameEntry { name, scope, value })
            })
        })
    }

    /// Counts what is lost of a value where none can be given; whether it lists its key.
    pub(super) fn is_listed(&mut self, value: Value<'_>) -> bool {
        let mut records = value.records();
        let is_default = |record: &RawRecord<'_>| {
            record.a == Some(Ipv4Addr::new(127, 0, 0, 2)) && record.template.is_none()
        };
        let simple =
            records.next().is_some_and(|first| is_default(&first)) && records.next().is_none();
        let loss = match (value.is_listed(), simple) {
            (false, _) => Some(Loss::Unlisted),
            (true, false) => Some(Loss::Values),
            (true, true) => None,
        };
        loss.into_iter().for_each(|loss| self.omitted.add(loss));
        value.is_listed()
    }

    /// The listed IPv4 runs, neighbours as one.
    pub(super) fn v4(&mut self) -> Vec<(u128, u128)> {
        let runs: Vec<Run<u32>> = self.zone.v4().to_vec();
        let runs = runs
            .into_iter()
            .filter(|run| self.is_listed(self.content.values().get(run.value)));
        joined(runs.map(|run| (run.start.into(), run.end.into())))
    }

    /// The listed IPv6 runs, neighbours as one, without those that are read back as IPv4.
    pub(super) fn v6(&mut self) -> Vec<(u128, u128)> {
        let mut kept = Vec::new();
        for run in self.zone.v6() {
            for (start, end) in networks(run.start, run.end, 128) {
                if unmapped(start, end).is_some() {
                    self.omitted.add(Loss::Mapped);
                } else if self.is_listed(self.content.values().get(run.value)) {
                    kept.push((start, end));
                }
            }
        }
        joined(kept.into_iter())
    }
}

/// Neighbours as one, whatever their values.
fn joined(runs: impl Iterator<Item = (u128, u128)>) -> Vec<(u128, u128)> {
    let mut out: Vec<(u128, u128)> = Vec::new();
    for (start, end) in runs {
        match out.last_mut() {
            Some(last) if last.1.checked_add(1) == Some(start) => last.1 = end,
            _ => out.push((start, end)),
        }
    }
    out
}
