//! The folder of a history: segments are added, merged and thrown away as a whole.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rblmap::{Image, NameKey};
use rblmap_image::{TEMP_PREFIX, place};

use crate::change::{Change, Place, Says, changes};
use crate::error::Error;
use crate::key;
use crate::query::History;
use crate::retention::Retention;
use crate::segment::{Said, Segment, Step, Version, Writer, merge};

/// A folder of segments. One writer at a time: the caller holds a lock of its own.
///
/// See the example of [the crate](crate).
#[derive(Debug, Clone)]
pub struct Log {
    folder: PathBuf,
}

/// What an update added to a log.
///
/// See the example of [`History`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    /// How many networks and names changed.
    pub changes: u64,
    /// Why segments could not be read. They stay where they are.
    pub failed: Vec<String>,
    /// The history began anew, since the serial did not rise.
    pub began_anew: bool,
}

/// The segments of a folder.
struct Read {
    /// Those that count, in order.
    segments: Vec<Segment>,
    /// Files whose updates are all in one of them.
    held: Vec<PathBuf>,
}

/// So many neighbours of one level are merged to one of the next.
const FAN: usize = 4;
/// No segment of more bytes is made by merging, so that no update waits for long.
const MERGED: u64 = 32 << 20;
const EXTENSION: &str = "rbh";

impl Log {
    /// The log in this folder, which need not be there.
    pub fn new(folder: impl Into<PathBuf>) -> Log {
        Log {
            folder: folder.into(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether there is a log.
    pub fn exists(&self) -> bool {
        self.paths().is_ok_and(|paths| !paths.is_empty())
    }

    /// The last serial that is known, by the names of the segments; none is read.
    pub fn last_serial(&self) -> Option<u64> {
        let paths = self.paths().ok()?;
        let serials = paths.iter().filter_map(|path| {
            let (_, last) = path.file_stem()?.to_str()?.split_once('-')?;
            last.parse().ok()
        });
        serials.max()
    }

    /// Where the history begins, by its first segment that can be read.
    pub fn first(&self) -> Option<Version> {
        let paths = self.paths().ok()?;
        let mut segments = paths.iter().filter_map(|path| Segment::read(path).ok());
        segments.next().map(|segment| segment.base())
    }

    /// Adds what an update changed. Without an old image, or with one of another zone, the history
    /// begins with the new one. Killed at any moment, it leaves a log that can be read: segments get
    /// their names when they are complete, and one that was merged into another is known by that.
    ///
    /// Costs a walk over both images, and the merging of segments: of 2,000 updates each event is
    /// merged about five times.
    ///
    /// # Errors
    /// Images that are damaged; a folder that cannot be read or written.
    pub fn append(
        &self,
        old: Option<&Image>,
        new: &Image,
        now: u64,
        retention: &Retention,
    ) -> Result<Appended, Error> {
        let mut appended = Appended::default();
        let make = fs::create_dir_all(&self.folder);
        make.map_err(|source| writing(&self.folder, source))?;
        self.clean()?;
        let Read { mut segments, held } =
            self.segments(|error| appended.failed.push(error.to_string()))?;
        // A run that was killed did not come to remove them.
        held.iter().try_for_each(|path| remove(path))?;
        let to = version(new, now);
        let last = segments.last().map(Segment::last);
        if last.is_some_and(|last| last.serial == to.serial && new.created() == last.time) {
            // It was recorded before, and the run was stopped after that.
            return Ok(appended);
        }
        if last.is_some_and(|last| to.serial <= last.serial) {
            appended.began_anew = true;
            for segment in segments.drain(..) {
                remove(segment.path())?;
            }
        }
        let (name, bytes) = match old.filter(|old| old.name() == new.name()) {
            Some(old) if old.serial() < to.serial => {
                let from = version(old, now);
                let (bytes, changes) = of_update(old, new, from, to)?;
                appended.changes = changes;
                (name(from, to), bytes)
            }
            _ => {
                let bytes = Writer::new(new.name(), to, Vec::new()).finish()?;
                (name(to, to), bytes)
            }
        };
        segments.push(self.put(&name, bytes)?);
        self.merge(&mut segments, MERGED.min(retention.bytes / 8))?;
        prune(segments, now, retention)?;
        Ok(appended)
    }

    /// Opens the log for questions. Damaged segments are left out, and the history tells them.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn open(&self) -> Result<History, Error> {
        let mut failed = Vec::new();
        let read = self.segments(|error| failed.push(error))?;
        Ok(History::new(read.segments, failed))
    }

    /// The whole segments in order, without those that others hold; `fail` sees why others cannot be
    /// read.
    fn segments(&self, mut fail: impl FnMut(Error)) -> Result<Read, Error> {
        let mut segments = Vec::new();
        for path in self.paths()? {
            match Segment::read(&path) {
                Ok(segment) => segments.push(segment),
                // Another run merged it away meanwhile.
                Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => fail(error),
            }
        }
        // Of those that end alike the one that holds more comes last.
        segments.sort_by_key(|segment| (segment.last(), segment.versions().len()));
        let mut kept: Vec<Segment> = Vec::new();
        let mut held = Vec::new();
        for segment in segments.into_iter().rev() {
            if kept.last().is_some_and(|other| holds(other, &segment)) {
                held.push(segment.path().to_owned());
            } else {
                kept.push(segment);
            }
        }
        kept.reverse();
        Ok(Read {
            segments: kept,
            held,
        })
    }

    fn paths(&self) -> Result<Vec<PathBuf>, Error> {
        let reading = |source| Error::Read {
            path: self.folder.clone(),
            source,
        };
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(reading)?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(reading)?.path();
            if path.extension() == Some(OsStr::new(EXTENSION)) {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    /// Merges while the last four are of one level, follow each other, and are not too large together.
    fn merge(&self, segments: &mut Vec<Segment>, most: u64) -> Result<(), Error> {
        loop {
            let Some(last_level) = segments.last().map(level) else {
                return Ok(());
            };
            let alike = segments
                .iter()
                .rev()
                .take_while(|segment| level(segment) == last_level);
            let bytes: u64 = segments
                .iter()
                .rev()
                .take(FAN)
                .map(Segment::byte_count)
                .sum();
            let is_chain = is_chain(segments.iter().rev().take(FAN));
            if alike.count() < FAN || !is_chain || bytes > most {
                return Ok(());
            }
            let parts = segments.split_off(segments.len() - FAN);
            let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
                return Ok(());
            };
            let readable: Vec<_> = parts.iter().map(Segment::part).collect();
            let bytes = merge(first.zone(), first.base(), &readable)?;
            let merged = self.put(&name(first.base(), last.last()), bytes)?;
            for part in parts.iter().filter(|part| part.path() != merged.path()) {
                remove(part.path())?;
            }
            segments.push(merged);
        }
    }

    /// Removes what a killed run left.
    fn clean(&self) -> Result<(), Error> {
        let entries = fs::read_dir(&self.folder).map_err(|source| Error::Read {
            path: self.folder.clone(),
            source,
        })?;
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(TEMP_PREFIX) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<Segment, Error> {
        let path = self.folder.join(name);
        place(&path, &bytes).map_err(|source| writing(&path, source))?;
        Segment::from_bytes(&path, bytes)
    }
}

/// Throws the oldest segments away, never the last one.
fn prune(segments: Vec<Segment>, now: u64, retention: &Retention) -> Result<(), Error> {
    let mut bytes: u64 = segments.iter().map(Segment::byte_count).sum();
    let count = segments.len();
    for segment in segments.into_iter().take(count.saturating_sub(1)) {
        let age = now.saturating_sub(segment.last().time);
        if age <= retention.seconds && bytes <= retention.bytes {
            break;
        }
        bytes -= segment.byte_count();
        remove(segment.path())?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(writing(path, error)),
        _ => Ok(()),
    }
}

fn writing(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}

/// An image that was not published has no time of its own.
fn version(image: &Image, now: u64) -> Version {
    let created = image.created();
    Version {
        serial: image.serial(),
        time: if created == 0 { now } else { created },
    }
}

/// Zeros stand before the serials, so that names sort as the serials do.
fn name(from: Version, to: Version) -> String {
    format!("{:010}-{:010}.{EXTENSION}", from.serial, to.serial)
}

/// Whether each begins where the one before it ends; they come last to first.
fn is_chain<'s>(segments: impl Iterator<Item = &'s Segment>) -> bool {
    let mut base: Option<Version> = None;
    for segment in segments {
        if base.is_some_and(|base| base.serial != segment.last().serial) {
            return false;
        }
        base = Some(segment.base());
    }
    true
}

/// How often four were merged to make a segment.
fn level(segment: &Segment) -> u32 {
    segment.versions().len().max(1).ilog(FAN)
}

/// Whether one segment knows all updates of another.
fn holds(outer: &Segment, inner: &Segment) -> bool {
    let known: Vec<Version> = std::iter::once(outer.base())
        .chain(outer.versions())
        .collect();
    let whole = inner.versions().all(|version| known.contains(&version));
    whole && known.contains(&inner.base())
}

/// The segment of one update, and how many changes it has.
fn of_update(
    old: &Image,
    new: &Image,
    from: Version,
    to: Version,
) -> Result<(Vec<u8>, u64), Error> {
    let mut writer = Writer::new(new.name(), from, vec![to]);
    let mut rows: Vec<(Vec<u8>, Step)> = Vec::new();
    let mut zone = (NameKey::ROOT, Vec::new());
    changes(Some(old), new, |change: Change<'_>| {
        if zone.0 != change.zone {
            zone = (change.zone, key::prefix_of_zone(&change.zone));
        }
        let key = match &change.place {
            Place::Network(net) => key::of_network(&zone.1, net),
            Place::Name(name, scope) => key::of_name(&zone.1, name, *scope),
        };
        let mut said = |says: Says<'_>| match says {
            Says::Inherits => Said::Inherits,
            Says::Nothing => Said::Nothing,
            Says::Value(value) => Said::Value(writer.value(value.as_bytes())),
        };
        let (was, is) = (said(change.was), said(change.is));
        let version = 0;
        rows.push((key, Step { version, was, is }));
    })?;
    rows.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    let count = rows.len() as u64;
    for (key, step) in rows {
        writer.push(&key, &[step])?;
    }
    Ok((writer.finish()?, count))
}
