//! Content back to sources: zone files that build the same content, and lists for other programs.
//!
//! A zone becomes a `combined` file: its address runs, disjoint already, become `ip4set` and
//! `ip6trie`, its names `dnset`, and what only a record of its own can say `generic`.

mod addresses;
mod list;
mod lists;
mod loss;
mod mmdb;
mod names;
mod plain;
mod programs;
mod record;
mod rows;

use std::io::Write;

use rblmap::NameKey;
use rblmap_content::{Content, DEFAULT_TTL, Facts, ZoneContent, ZoneName};

use crate::directive::civil;
use crate::error::Error;

pub(crate) use addresses::{v4_key, v6_key};
pub use lists::{ListFormat, write_list};
pub use loss::{Loss, Omitted};

/// A zone file and the zone that it is for.
///
/// See the example of [`zone_files`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneFile {
    /// The zone of its spec; the type is `combined`.
    pub zone: ZoneName,
    /// The file.
    pub text: Vec<u8>,
}

/// Writes content as zone files of type `combined`: built as specs in this order they give content
/// of the same id.
///
/// One file does, but where a subzone has an expiry or facts of its own, where IPv6 data answers
/// for mapped addresses beside IPv4 data, or where names of the zone answer in a subzone.
///
/// ```
/// use rblmap_zonefile::{Options, Spec, build, zone_files};
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("list.txt");
/// # std::fs::write(&path, "192.0.2.1\n192.0.2.2\n")?;
/// let spec: Spec = format!("ops.example:plain:{}", path.display()).parse()?;
/// let built = build(&[spec], &Options::default())?;
/// let files = zone_files(&built.content)?;
/// assert!(files[0].text.ends_with(b"$DATASET ip4set @\n:127.0.0.2:\n192.0.2.1-192.0.2.2\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Content that no zone file can state, such as a line feed in a text.
pub fn zone_files(content: &Content) -> Result<Vec<ZoneFile>, Error> {
    let mut files: Vec<Open<'_>> = Vec::new();
    for zone in content.zones() {
        let owner = files
            .iter()
            .rposition(|file| zone.name().is_within(file.owner.name()));
        let with_owner = owner.filter(|&at| {
            files
                .get(at)
                .is_some_and(|file| file.owner.expires() == zone.expires() && is_part(zone.facts()))
        });
        let at = match with_owner {
            Some(at) => at,
            None => {
                files.push(Open::new(content, zone)?);
                files.len() - 1
            }
        };
        if let Some(file) = files.get_mut(at) {
            file.add(content, zone)?;
        }
    }
    Ok(files.into_iter().flat_map(Open::finish).collect())
}

/// Whether a subzone of these facts may stand in the file of the zone above it.
fn is_part(facts: &Facts) -> bool {
    !facts.own && facts.soa.is_none() && facts.ns.is_none()
}

/// A file that is being written.
struct Open<'c> {
    owner: &'c ZoneContent,
    zone: ZoneName,
    text: Vec<u8>,
    /// What needs a file of its own: IPv6 data that answers for mapped addresses.
    mapped: Vec<u8>,
    /// The same: names that stand in the zone and answer in its subzones.
    outer: Vec<u8>,
}

impl<'c> Open<'c> {
    fn new(content: &Content, owner: &'c ZoneContent) -> Result<Open<'c>, Error> {
        let zone = match owner.name().label_count() {
            0 => content.name().clone(),
            _ => format!("{}.{}", owner.name(), content.name()).parse()?,
        };
        let mut text = Vec::new();
        put(
            &mut text,
            format_args!("# {zone}: a zone file of type combined\n"),
        );
        facts(&mut text, owner.facts());
        let expires = expiry(owner.expires())?;
        text.extend_from_slice(expires.as_bytes());
        Ok(Open {
            owner,
            zone,
            text,
            mapped: Vec::new(),
            outer: Vec::new(),
        })
    }

    fn add(&mut self, content: &Content, zone: &ZoneContent) -> Result<(), Error> {
        let subzone = self.relative(zone);
        let deeper = content
            .zones()
            .iter()
            .filter(|other| other.name().is_within(zone.name()) && other.name() != zone.name());
        let scene = Scene {
            content,
            zone,
            subzone: &subzone,
            deeper: deeper.map(|zone| self.relative(zone)).collect(),
            ttl: Some(zone.facts().ttl).filter(|ttl| *ttl != self.owner.facts().ttl),
        };
        let before = self.text.len();
        addresses::v4(&scene, &mut self.text)?;
        addresses::v6(&scene, &mut self.text, &mut self.mapped)?;
        names::write(&scene, &mut self.text, &mut self.outer)?;
        mail(&scene, &mut self.text);
        if self.text.len() == before && subzone != "@" {
            scene.open("dnset", &mut self.text);
        }
        Ok(())
    }

    /// The name of a zone in the file.
    fn relative(&self, zone: &ZoneContent) -> String {
        let owner = self.owner.name().as_bytes();
        let rest = zone.name().as_bytes().get(owner.len()..);
        let name = NameKey::from_key(rest.unwrap_or_default());
        name.map_or_else(|_| "@".to_owned(), |name| names::printed(&name))
    }

    fn finish(self) -> Vec<ZoneFile> {
        let mut files = vec![ZoneFile {
            zone: self.zone.clone(),
            text: self.text,
        }];
        let apart = [self.mapped, self.outer].into_iter();
        files.extend(apart.filter(|text| !text.is_empty()).map(|text| ZoneFile {
            zone: self.zone.clone(),
            text,
        }));
        files
    }
}

/// What is being written: a zone of some content, under its name in the file.
struct Scene<'c> {
    content: &'c Content,
    zone: &'c ZoneContent,
    subzone: &'c str,
    /// The zones below it, under their names in the file.
    deeper: Vec<String>,
    /// The TTL, where it is not that of the file.
    ttl: Option<Option<u32>>,
}

impl Scene<'_> {
    /// Begins a dataset.
    fn open(&self, kind: &str, out: &mut Vec<u8>) {
        put(out, format_args!("$DATASET {kind} {}\n", self.subzone));
        if let Some(ttl) = self.ttl {
            put(out, format_args!("$TTL {}\n", ttl.unwrap_or(DEFAULT_TTL)));
        }
    }

    fn cannot(&self, key: impl std::fmt::Display, what: &'static str) -> Error {
        Error::Inexpressible {
            zone: self.subzone.to_owned(),
            key: key.to_string(),
            what,
        }
    }
}

/// MX records, which only `generic` has.
fn mail(scene: &Scene<'_>, out: &mut Vec<u8>) {
    let records = &scene.zone.facts().mail;
    if !records.is_empty() {
        scene.open("generic", out);
    }
    for record in records {
        // Facts hold names only.
        let name = NameKey::from_key(&record.key).unwrap_or(NameKey::ROOT);
        let (name, ttl, preference) = (names::printed(&name), record.ttl, record.preference);
        put(out, format_args!("{name} {ttl} MX {preference} "));
        out.extend_from_slice(&record.exchange);
        out.push(b'\n');
    }
}

fn facts(out: &mut Vec<u8>, facts: &Facts) {
    if let Some(soa) = &facts.soa {
        put(out, format_args!("$SOA {} ", soa.ttl));
        out.extend_from_slice(&soa.origin);
        out.push(b' ');
        out.extend_from_slice(&soa.person);
        let [refresh, retry, expire, minimum] = soa.timers;
        let serial = soa.serial;
        put(
            out,
            format_args!(" {serial} {refresh} {retry} {expire} {minimum}\n"),
        );
    }
    if let Some(ns) = &facts.ns {
        put(out, format_args!("$NS {}", ns.ttl));
        for name in &ns.names {
            out.push(b' ');
            out.extend_from_slice(name);
        }
        out.push(b'\n');
    }
    if let Some(ttl) = facts.ttl {
        put(out, format_args!("$TTL {ttl}\n"));
    }
}

/// The last year that a stamp can name.
const LAST_YEAR: u64 = 2038;

fn expiry(expires: Option<u64>) -> Result<String, Error> {
    let Some(time) = expires else {
        return Ok(String::new());
    };
    let (year, month, day) = civil(time / 86_400);
    if year <= LAST_YEAR {
        let (hour, minute, second) = (time / 3_600 % 24, time / 60 % 60, time % 60);
        return Ok(format!(
            "$TIMESTAMP 0 {year:04}:{month:02}:{day:02}:{hour:02}:{minute:02}:{second:02}\n"
        ));
    }
    if time <= u32::MAX.into() {
        return Ok(format!("$TIMESTAMP 1970:01:01 +{time}\n"));
    }
    Err(Error::Inexpressible {
        zone: "@".to_owned(),
        key: time.to_string(),
        what: "an expiry after the year 2106",
    })
}

/// Writing to memory cannot fail.
fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
