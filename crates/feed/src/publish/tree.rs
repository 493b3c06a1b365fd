//! The files of a feed on the publisher's disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rblmap_content::ZoneName;
use rblmap_image::place;

use crate::digest::FileHash;
use crate::error::{Error, reading, writing};
use crate::folder::{read_if_there, read_limited};
use crate::key::SigningKey;
use crate::keyset::Statement;
use crate::manifest::{
    Edge, FORMAT, INDEX_LIMIT, Index, IndexZone, Ladder, MANIFEST_LIMIT, Manifest, Zone,
};
use crate::names::FeedPath;
use crate::pointer::{POINTER_LIMIT, Pointer, Publisher};

use super::{PublishOptions, next_issue};

/// A feed on this disk.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    root: PathBuf,
}

/// A week: the index holds at least as long.
const INDEX_HOLDS: u64 = 7 * 24 * 3600;

impl Tree {
    pub(crate) fn new(root: &Path) -> Tree {
        Tree {
            root: root.to_owned(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn on_disk(&self, path: &FeedPath) -> PathBuf {
        self.root.join(path.as_str())
    }

    /// The zones that have a pointer.
    pub(crate) fn zones(&self) -> Result<Vec<ZoneName>, Error> {
        let mut zones = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(reading(&self.root))? {
            let name = entry.map_err(reading(&self.root))?.file_name();
            let Ok(zone) = name.to_string_lossy().parse::<ZoneName>() else {
                continue;
            };
            if self.on_disk(&FeedPath::pointer(&zone)).exists() {
                zones.push(zone);
            }
        }
        zones.sort();
        Ok(zones)
    }

    /// Puts a file in place; its folder is made if need be.
    pub(crate) fn put(&self, path: &FeedPath, bytes: &[u8]) -> Result<(), Error> {
        let path = self.on_disk(path);
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(writing(folder))?;
        place(&path, bytes).map_err(writing(&path))
    }

    /// Puts a file whose name is its hash, unless it is there.
    pub(crate) fn put_once(&self, path: &FeedPath, bytes: &[u8]) -> Result<(), Error> {
        let there = fs::read(self.on_disk(path)).is_ok_and(|there| there == bytes);
        match there {
            true => Ok(()),
            false => self.put(path, bytes),
        }
    }

    /// The pointer at a path, if there is one.
    pub(crate) fn pointer(&self, path: &FeedPath) -> Result<Option<Pointer>, Error> {
        let bytes = read_if_there(&self.on_disk(path), POINTER_LIMIT)?;
        bytes.map(|bytes| Pointer::read(path, &bytes)).transpose()
    }

    /// The current manifest of a zone, its hash compared. It is the publisher's own: who signed it
    /// does not matter here.
    pub(crate) fn manifest(&self, zone: &ZoneName) -> Result<Option<Manifest>, Error> {
        let Some(pointer) = self.pointer(&FeedPath::pointer(zone))? else {
            return Ok(None);
        };
        let path = pointer.comment().target();
        let bytes = self.checked(&path, MANIFEST_LIMIT, pointer.comment().hash)?;
        Manifest::read(&path, &bytes, pointer.comment()).map(Some)
    }

    /// The current index.
    pub(crate) fn index(&self) -> Result<Option<Index>, Error> {
        let Some(pointer) = self.pointer(&FeedPath::index_pointer())? else {
            return Ok(None);
        };
        let path = pointer.comment().target();
        let bytes = self.checked(&path, INDEX_LIMIT, pointer.comment().hash)?;
        Index::read(&path, &bytes, pointer.comment()).map(Some)
    }

    /// The ladder that a manifest names.
    pub(crate) fn ladder(&self, manifest: &Manifest) -> Result<Vec<Edge>, Error> {
        let Some(file) = &manifest.ladder else {
            return Ok(Vec::new());
        };
        let path = file.path(&manifest.zone.0);
        let bytes = self.checked(&path, INDEX_LIMIT, file.hash)?;
        Ok(Ladder::read(&path, &bytes, manifest)?.edges)
    }

    /// A file, if its bytes have the hash of its name.
    pub(crate) fn checked(
        &self,
        path: &FeedPath,
        limit: u64,
        hash: FileHash,
    ) -> Result<Vec<u8>, Error> {
        let bytes = read_limited(&self.on_disk(path), limit)?;
        if FileHash::of(&bytes) != hash {
            let what = "hash";
            let path = path.to_string();
            return Err(Error::Hash { path, what });
        }
        Ok(bytes)
    }

    /// Whether all that a manifest names is there, to the hash: what is asked before its pointer
    /// moves.
    pub(crate) fn verify(&self, manifest: &Manifest) -> Result<(), Error> {
        let zone = &manifest.zone.0;
        let snapshot = &manifest.snapshot;
        self.checked(&snapshot.path(zone), snapshot.bytes, snapshot.hash)?;
        let ladder = self.ladder(manifest)?;
        for edge in manifest
            .steps
            .iter()
            .chain(&manifest.squashes)
            .chain(&ladder)
        {
            self.checked(&edge.path(zone), edge.bytes, edge.hash)?;
        }
        Ok(())
    }
}

/// All files of a zone that its manifest refers to, pointer and manifest included.
pub(crate) fn referenced(tree: &Tree, manifest: &Manifest) -> Result<BTreeSet<FeedPath>, Error> {
    let zone = &manifest.zone.0;
    let mut paths = BTreeSet::from([
        FeedPath::pointer(zone),
        FeedPath::image(zone),
        manifest.snapshot.path(zone),
    ]);
    if let Some(pointer) = tree.pointer(&FeedPath::pointer(zone))? {
        paths.insert(pointer.comment().target());
    }
    paths.extend(manifest.ladder.iter().map(|file| file.path(zone)));
    let ladder = tree.ladder(manifest)?;
    let edges = manifest
        .steps
        .iter()
        .chain(&manifest.squashes)
        .chain(&ladder);
    paths.extend(edges.map(|edge| edge.path(zone)));
    Ok(paths)
}

/// Signs the index afresh if the zones, their texts or the keys changed, or if half of its time is
/// over.
pub(super) fn publish_index(
    tree: &Tree,
    key: &SigningKey,
    options: &PublishOptions,
    now: u64,
) -> Result<(), Error> {
    let mut zones = Vec::new();
    let mut common: Option<(Publisher, Option<crate::key::PublicKey>, Option<Statement>)> = None;
    for zone in tree.zones()? {
        let Some(manifest) = tree.manifest(&zone)? else {
            continue;
        };
        zones.push(IndexZone {
            zone: Zone(zone),
            texts: manifest.texts,
        });
        common = Some((manifest.publisher, manifest.next_key, manifest.statement));
    }
    let Some((publisher, next_key, statement)) = common else {
        return Ok(());
    };
    let before = tree.index()?;
    let holds = options.expires.max(INDEX_HOLDS);
    let signed_by_us = || -> Result<bool, Error> {
        let Some(pointer) = tree.pointer(&FeedPath::index_pointer())? else {
            return Ok(false);
        };
        let path = pointer.comment().target();
        let bytes = tree.checked(&path, INDEX_LIMIT, pointer.comment().hash)?;
        Ok(pointer.verify(&bytes, [key.public()]).is_ok())
    };
    if let Some(before) = &before {
        let same = (&before.zones, &before.publisher) == (&zones, &publisher)
            && (&before.next_key, &before.statement) == (&next_key, &statement);
        if same && before.expires.saturating_sub(now) > holds / 2 && signed_by_us()? {
            return Ok(());
        }
    }
    let index = Index {
        format: FORMAT,
        publisher,
        issue: next_issue(before.map(|index| index.issue), now),
        generated: now,
        expires: now.saturating_add(holds),
        zones,
        next_key,
        statement,
    };
    let bytes = index.to_bytes();
    let comment = index.comment(&bytes);
    tree.put(&comment.target(), &bytes)?;
    let pointer = Pointer::sign(&comment, &bytes, key)?;
    tree.put(&FeedPath::index_pointer(), pointer.as_bytes())
}
