//! The files of a feed on the publisher's disk.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rblmap_content::ZoneName;
use rblmap_image::TEMP_PREFIX;

use crate::access::{Access, PUBLIC, PUBLIC_FOLDER, set_mode};
use crate::delta_file::DeltaFile;
use crate::digest::FileHash;
use crate::disk::{Dir, Hold, LOCK, Lock, make_folders};
use crate::error::{Error, reading, writing};
use crate::manifest::{DeltaIndex, INDEX_LIMIT, Index, MANIFEST_LIMIT, Manifest};
use crate::path::FeedPath;
use crate::pointer::{POINTER_LIMIT, Pointer};

use super::STATE;

/// A feed on this disk.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    root: PathBuf,
}

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

    /// Takes the lock of the feed, and makes the feed first if there is none.
    pub(crate) fn lock(&self, wait: Duration) -> Result<Lock, Error> {
        make_folders(&self.root)?;
        Dir::make(&self.root.join(STATE))?.lock(LOCK, Hold::Alone, wait)
    }

    /// Removes temporary files that killed runs left.
    pub(crate) fn clean(&self) -> Result<(), Error> {
        clean(&self.root)
    }

    /// The zones that have a pointer. A zone's folder may be a symbolic link to where it really is.
    pub(crate) fn zones(&self) -> Result<Vec<ZoneName>, Error> {
        let mut zones = Vec::new();
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(zones),
            entries => entries.map_err(reading(&self.root))?,
        };
        for entry in entries {
            let name = entry.map_err(reading(&self.root))?.file_name();
            let Ok(zone) = name.to_string_lossy().parse::<ZoneName>() else {
                continue;
            };
            let path = FeedPath::pointer(&zone);
            // A folder under another name, to which a zone's link leads, is no zone.
            let of_another = |pointer: Pointer| {
                let line = pointer.comment().zone.as_ref();
                line.is_none_or(|line| line.zone != zone)
            };
            match self.pointer(&path) {
                Ok(None) => {}
                Ok(Some(pointer)) if of_another(pointer.clone()) => {}
                Ok(Some(_)) | Err(_) => zones.push(zone),
            }
        }
        zones.sort();
        Ok(zones)
    }

    /// Puts a file in place; its folder is made if need be.
    pub(crate) fn put(&self, path: &FeedPath, bytes: &[u8]) -> Result<(), Error> {
        let path = self.on_disk(path);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(());
        };
        let name = name.to_string_lossy();
        Dir::make(folder)?.place(&name, bytes, &Access::public())
    }

    /// Puts a file whose name is its hash, unless it is there.
    pub(crate) fn put_once(&self, path: &FeedPath, bytes: &[u8]) -> Result<(), Error> {
        let there = fs::read(self.on_disk(path)).is_ok_and(|there| there == bytes);
        match there {
            true => Ok(()),
            false => self.put(path, bytes),
        }
    }

    fn read(&self, path: &FeedPath, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let path = self.on_disk(path);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(None);
        };
        match folder.is_dir() {
            true => Dir::open(folder)?.read(&name.to_string_lossy(), limit),
            false => Ok(None),
        }
    }

    /// The pointer at a path, if there is one.
    pub(crate) fn pointer(&self, path: &FeedPath) -> Result<Option<Pointer>, Error> {
        let bytes = self.read(path, POINTER_LIMIT)?;
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

    /// The delta_index that a manifest names.
    pub(crate) fn delta_index(&self, manifest: &Manifest) -> Result<Vec<DeltaFile>, Error> {
        let Some(file) = &manifest.delta_index else {
            return Ok(Vec::new());
        };
        let path = file.path(&manifest.zone.0);
        let bytes = self.checked(&path, INDEX_LIMIT, file.hash)?;
        Ok(DeltaIndex::read(&path, &bytes, manifest)?.deltas)
    }

    /// A file, if its bytes have the hash of its name.
    pub(crate) fn checked(
        &self,
        path: &FeedPath,
        limit: u64,
        hash: FileHash,
    ) -> Result<Vec<u8>, Error> {
        let bytes = self.read(path, limit)?;
        let missing = || std::io::ErrorKind::NotFound.into();
        let bytes = bytes.ok_or_else(|| reading(self.on_disk(path))(missing()))?;
        if FileHash::of(&bytes) != hash {
            let what = "hash";
            let path = path.to_string();
            return Err(Error::Hash { path, what });
        }
        Ok(bytes)
    }

    /// Whether a delta is there, to the hash.
    pub(crate) fn has(&self, zone: &ZoneName, delta: &DeltaFile) -> bool {
        let path = delta.path(zone);
        self.checked(&path, delta.bytes, delta.hash).is_ok()
    }

    /// Lets everybody read these files and look into their folders, whoever made them with which
    /// umask: what serves them may be anybody.
    pub(crate) fn open_up(&self, paths: &BTreeSet<FeedPath>) -> Result<(), Error> {
        let mut places = BTreeSet::new();
        for path in paths {
            let path = self.on_disk(path);
            places.extend(
                path.ancestors()
                    .take_while(|at| *at != self.root)
                    .map(Path::to_owned),
            );
        }
        places.insert(self.root.clone());
        for place in places {
            let Ok(found) = fs::metadata(&place) else {
                continue;
            };
            let mode = match found.is_dir() {
                true => PUBLIC_FOLDER,
                false => PUBLIC,
            };
            let wanted = mode & 0o555;
            if found.permissions().mode() & wanted != wanted {
                let opened = fs::File::open(&place).and_then(|file| set_mode(&file, mode));
                opened.map_err(writing(&place))?;
            }
        }
        Ok(())
    }

    /// Whether all that a manifest names is there, to the hash: what is asked before its pointer
    /// moves.
    pub(crate) fn verify(&self, manifest: &Manifest) -> Result<(), Error> {
        let zone = &manifest.zone.0;
        let snapshot = &manifest.snapshot;
        self.checked(&snapshot.path(zone), snapshot.bytes, snapshot.hash)?;
        let delta_index = self.delta_index(manifest)?;
        for delta in manifest
            .deltas
            .iter()
            .chain(&manifest.merged)
            .chain(&delta_index)
        {
            self.checked(&delta.path(zone), delta.bytes, delta.hash)?;
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
    paths.extend(manifest.delta_index.iter().map(|file| file.path(zone)));
    let delta_index = tree.delta_index(manifest)?;
    let deltas = manifest
        .deltas
        .iter()
        .chain(&manifest.merged)
        .chain(&delta_index);
    paths.extend(deltas.map(|delta| delta.path(zone)));
    Ok(paths)
}

/// Removes temporary files of a folder and of those in it.
fn clean(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(reading(folder))? {
        let entry = entry.map_err(reading(folder))?;
        let path = entry.path();
        // Only a link has to be followed: a feed has thousands of files.
        let kind = match entry.file_type() {
            Ok(kind) if !kind.is_symlink() => Ok(kind.is_dir()),
            _ => fs::metadata(&path).map(|found| found.is_dir()),
        };
        let temporary = entry.file_name().to_string_lossy().starts_with(TEMP_PREFIX);
        match kind {
            Ok(false) if temporary => fs::remove_file(&path).map_err(writing(&path))?,
            Ok(true) if !temporary => clean(&path)?,
            _ => {}
        }
    }
    Ok(())
}
