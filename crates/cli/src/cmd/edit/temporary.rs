//! What `--until` has added, and when it is to go: `IMAGE.until`, a line `TIME<TAB>ZONE<TAB>KEY` for
//! each entry, TIME in seconds since 1970, `@` for the base zone.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use rblmap::NameKey;
use rblmap_content::{ListedKey, NameScope};
use rblmap_image::Additions;
use rblmap_zonefile::listed_key;

use crate::cmd::write;
use crate::exit::Exit;
use crate::failure::Failure;

/// An entry that is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) time: u64,
    pub(super) zone: NameKey,
    pub(super) key: ListedKey,
}

/// The entries of an image that are to go.
#[derive(Debug, Default)]
pub(super) struct Temporary {
    entries: Vec<Entry>,
}

impl Temporary {
    /// Reads the file beside an image; none is an empty one.
    pub(super) fn read(image: &Path) -> Result<Temporary, Failure> {
        let path = beside(image);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Temporary::default());
            }
            Err(error) => return Err(Failure::reading(&path, &error)),
        };
        let entries = text.lines().enumerate().map(|(at, line)| {
            entry(line).ok_or_else(|| {
                let what = format!("{}:{}: not TIME, ZONE and KEY", path.display(), at + 1);
                Failure::new(Exit::BadInput, what)
            })
        });
        Ok(Temporary {
            entries: entries.collect::<Result<_, _>>()?,
        })
    }

    /// Takes out what is due.
    pub(super) fn take_due(&mut self, now: u64) -> Vec<Entry> {
        let (due, later) = std::mem::take(&mut self.entries)
            .into_iter()
            .partition(|entry| entry.time <= now);
        self.entries = later;
        due
    }

    /// Adds entries.
    pub(super) fn keep(&mut self, entries: impl Iterator<Item = Entry>) {
        self.entries.extend(entries);
    }

    /// Leaves alone what is added for good.
    pub(super) fn forget(&mut self, zone: &NameKey, added: &Additions<'_>) {
        // A key has room for a name: those of millions of additions would take gigabytes.
        if self.entries.is_empty() {
            return;
        }
        let keys: Vec<ListedKey> = added.keys().collect();
        self.entries
            .retain(|entry| entry.zone != *zone || !keys.contains(&entry.key));
    }

    /// Writes the file beside an image, or takes it away if there is nothing for it.
    pub(super) fn write(&self, image: &Path) -> Result<(), Failure> {
        let path = beside(image);
        if self.entries.is_empty() {
            return match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(Failure::writing(&path, &error))
                }
                _ => Ok(()),
            };
        }
        let text = self.entries.iter().fold(String::new(), |mut text, entry| {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{}\t{}\t{}",
                entry.time,
                zone(&entry.zone),
                key(&entry.key)
            );
            text
        });
        write::file(&path, text.as_bytes())
    }
}

fn beside(image: &Path) -> PathBuf {
    let mut path = image.as_os_str().to_owned();
    path.push(".until");
    path.into()
}

fn entry(line: &str) -> Option<Entry> {
    let [time, zone, key] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
    Some(Entry {
        time: time.parse().ok()?,
        zone: match zone {
            "@" => NameKey::ROOT,
            name => NameKey::parse(name.as_bytes()).ok()?,
        },
        key: listed_key(key.as_bytes()).ok()?,
    })
}

fn zone(name: &NameKey) -> String {
    match name.label_count() {
        0 => "@".to_owned(),
        _ => name.to_string(),
    }
}

fn key(key: &ListedKey) -> String {
    match key {
        ListedKey::V4(start, end) => {
            let [start, end] = [*start, *end].map(Ipv4Addr::from_bits);
            format!("{start}-{end}")
        }
        ListedKey::V6(start, end) => {
            let [start, end] = [*start, *end].map(Ipv6Addr::from_bits);
            format!("{start}-{end}")
        }
        ListedKey::Name(name, NameScope::Exact) => name.to_string(),
        ListedKey::Name(name, NameScope::Below) => format!("*.{name}"),
        ListedKey::Name(name, NameScope::Both) => format!(".{name}"),
    }
}
