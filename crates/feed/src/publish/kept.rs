//! What a publisher keeps for itself in `.state/`: the images that deltas are made from, and which
//! files nobody refers to any more. All of it can be made again from the feed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rblmap::Image;
use rblmap_content::ZoneName;
use rblmap_delta::Limits;
use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::delta_file::DeltaFile;
use crate::disk::Dir;
use crate::error::{Error, reading, writing};
use crate::folder::{map_image, map_image_if_there};
use crate::manifest::Manifest;
use crate::path::FeedPath;
use crate::state;

/// The folder of a feed that is not served.
pub(crate) const STATE: &str = ".state";

const MEMORY: &str = "memory.json";

fn image_name(session: u64, serial: u64) -> String {
    format!("{session}-{serial}.rbl")
}

/// What is remembered of a zone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// The line of serials that this is about.
    pub(super) session: u64,
    /// How many contents were published in it before the current one.
    pub(super) steps: u64,
    /// All deltas that are offered, oldest first.
    pub(super) deltas: Vec<DeltaFile>,
    /// The serials of which images are kept, by step number.
    pub(super) images: BTreeMap<u64, u64>,
    /// When the snapshot was made, seconds since 1970.
    pub(super) snapshot_made: u64,
    /// Files that nobody refers to, and since when.
    pub(super) unreferenced: BTreeMap<String, u64>,
}

/// A zone's part of `.state/`.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    folder: PathBuf,
}

impl Memory {
    pub(super) fn new(session: u64, unreferenced: BTreeMap<String, u64>) -> Memory {
        Memory {
            session,
            unreferenced,
            ..Memory::default()
        }
    }

    /// Forgets what a killed run had begun after `serial`: its pointer never moved.
    pub(super) fn go_back_to(&mut self, serial: u64) {
        self.deltas.retain(|delta| delta.to <= serial);
        self.images.retain(|_, kept| *kept <= serial);
        match self.images.iter().find(|(_, kept)| **kept == serial) {
            Some((&step, _)) => self.steps = step,
            None => {
                self.images.clear();
                self.steps = 0;
            }
        }
    }
}

impl Kept {
    pub(super) fn new(feed: &Path, zone: &ZoneName) -> Kept {
        Kept {
            folder: feed.join(STATE).join(zone.as_str()),
        }
    }

    fn read(&self) -> Result<Option<Memory>, Error> {
        if !self.folder.is_dir() {
            return Ok(None);
        }
        let dir = Dir::open(&self.folder)?;
        match state::read_in(&dir, MEMORY) {
            // All of it can be made again from the feed.
            Err(Error::Config { .. }) => Ok(None),
            read => read,
        }
    }

    pub(super) fn memory(&self) -> Result<Option<Memory>, Error> {
        self.read()
    }

    pub(super) fn remember(&self, memory: &Memory) -> Result<(), Error> {
        let dir = Dir::make(&self.folder)?;
        dir.place(MEMORY, &state::to_bytes(memory), &Access::public())
    }

    pub(super) fn image_path(&self, session: u64, serial: u64) -> PathBuf {
        self.folder.join(image_name(session, serial))
    }

    /// Keeps an image for later deltas.
    pub(super) fn keep(&self, session: u64, image: &Image) -> Result<(), Error> {
        let name = image_name(session, image.serial());
        let dir = Dir::make(&self.folder)?;
        dir.place(&name, image.as_bytes(), &Access::public())
    }

    /// A kept image; an error if it may be there and cannot be read now.
    pub(super) fn image_if_there(
        &self,
        session: u64,
        serial: u64,
    ) -> Result<Option<Image>, rblmap::Error> {
        map_image_if_there(&self.image_path(session, serial))
    }

    /// A kept image.
    pub(super) fn image(&self, session: u64, serial: u64) -> Option<Image> {
        map_image(&self.image_path(session, serial)).ok()
    }

    /// The current image, if it is kept and whole.
    pub(super) fn current_kept(&self, manifest: &Manifest) -> Option<Image> {
        let id = *manifest.content.0.as_bytes();
        let fits = |image: &Image| {
            (image.content_id(), image.serial()) == (id, manifest.serial) && image.verify().is_ok()
        };
        self.image(manifest.session, manifest.serial).filter(fits)
    }

    /// The current image: the kept one, else made again from the feed's own files.
    pub(super) fn current(&self, feed: &Path, manifest: &Manifest) -> Result<Image, Error> {
        match self.current_kept(manifest) {
            Some(image) => Ok(image),
            None => rebuild(feed, manifest),
        }
    }

    /// Removes images that no delta is made from any more, but for that of `recorded`, the last serial
    /// of the history: it knows the change from there on only once it was written.
    pub(super) fn forget(
        &self,
        memory: &Memory,
        serial: u64,
        recorded: Option<u64>,
    ) -> Result<(), Error> {
        let mut kept: BTreeSet<PathBuf> = memory
            .images
            .values()
            .map(|&s| self.image_path(memory.session, s))
            .collect();
        kept.insert(self.image_path(memory.session, serial));
        kept.extend(recorded.map(|serial| self.image_path(memory.session, serial)));
        for entry in fs::read_dir(&self.folder).map_err(reading(&self.folder))? {
            let path = entry.map_err(reading(&self.folder))?.path();
            if path.extension().is_some_and(|end| end == "rbl") && !kept.contains(&path) {
                fs::remove_file(&path).map_err(writing(&path))?;
            }
        }
        Ok(())
    }
}

/// Makes the image of a manifest from snapshot and deltas of the feed.
pub(super) fn rebuild(feed: &Path, manifest: &Manifest) -> Result<Image, Error> {
    let zone = &manifest.zone.0;
    let read = |path: &FeedPath| {
        let path = feed.join(path.as_str());
        fs::read(&path).map_err(reading(path))
    };
    let path = manifest.snapshot.path(zone);
    let limits = Limits::default();
    let bytes = rblmap_delta::unpack(&read(&path)?, &limits);
    let path = path.to_string();
    let bytes = bytes.map_err(|source| Error::Delta { path, source })?;
    let damaged = |error: rblmap::Error| Error::Result {
        zone: zone.clone(),
        what: error.to_string(),
    };
    let base = Image::from_vec(bytes).map_err(damaged)?;
    let mut deltas = [&manifest.deltas[..], &manifest.merged[..]].concat();
    if let Some(file) = &manifest.delta_index {
        let path = file.path(zone);
        deltas.extend(crate::manifest::DeltaIndex::read(&path, &read(&path)?, manifest)?.deltas);
    }
    let from = manifest.snapshot.serial;
    let way = crate::chain::cheapest(from, manifest.serial, &deltas);
    let way = way.ok_or_else(|| Error::Result {
        zone: zone.clone(),
        what: "no way from the snapshot to the serial".to_owned(),
    })?;
    if way.is_empty() {
        return Ok(base);
    }
    let paths: Vec<FeedPath> = way.iter().map(|delta| delta.path(zone)).collect();
    let files = paths.iter().map(read);
    let files = files.collect::<Result<Vec<_>, _>>()?;
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let bytes = rblmap_delta::apply(&base, &files, &limits)
        .map_err(|error| Error::of_deltas(error, paths.iter()))?;
    Image::from_vec(bytes).map_err(damaged)
}
