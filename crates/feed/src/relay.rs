//! Serves a feed on: the same files, byte for byte, verified, and never in a state in which a
//! pointer leads to a file that is not there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rblmap_content::ZoneName;
use serde::{Deserialize, Serialize};

use crate::check::{self, Checked, Fetcher, Look};
use crate::digest::FileHash;
use crate::error::{Error, writing};
use crate::folder;
use crate::key::{PublicKey, Role};
use crate::keyset::KeySet;
use crate::manifest::{Edge, INDEX_LIMIT, Index, Ladder, MANIFEST_LIMIT};
use crate::names::FeedPath;
use crate::publish::{STATE, Tree, prune, referenced};
use crate::state::{self, State};
use crate::transport::{Options, Source, Want};

/// What a relay remembers of a zone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Memory {
    state: State,
    #[serde(default)]
    unreferenced: BTreeMap<String, u64>,
}

/// What a run of a relay brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Relayed {
    /// Zones whose pointer moved.
    pub zones: usize,
    /// Files that were fetched.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Brings the tree at `to` up to date with a source, once: for each zone the new files first, the
/// pointer last, the index after all zones. `now` is in seconds since 1970.
///
/// # Errors
/// Whatever [`crate::mirror`] refuses up to the manifest; files that are not those of the manifest;
/// a folder that cannot be written or is locked by another run. The tree then leads where it led.
pub fn relay(
    source: &Source,
    to: &Path,
    keys: &[(PublicKey, Role)],
    options: &Options,
    now: u64,
) -> Result<Relayed, Error> {
    let home = to.join(STATE);
    let _lock = folder::lock(&home)?;
    folder::clean(to, true)?;
    let relay = Relay {
        tree: Tree::new(to),
        home: &home,
        fetcher: Fetcher {
            source,
            spool: &home.join("spool"),
            options,
        },
        keys: KeySet::new(keys.iter().cloned()),
        now,
    };
    let mut relayed = Relayed::default();
    let done = relay.run(&mut relayed);
    let spool = relay.fetcher.spool;
    if spool.exists() && !matches!(done, Err(Error::Transport { .. })) {
        fs::remove_dir_all(spool).map_err(writing(spool))?;
    }
    done.map(|()| relayed)
}

struct Relay<'a> {
    tree: Tree,
    home: &'a Path,
    fetcher: Fetcher<'a>,
    keys: KeySet,
    now: u64,
}

impl Relay<'_> {
    fn run(&self, relayed: &mut Relayed) -> Result<(), Error> {
        let path = self.home.join("index.json");
        let mut index: state::IndexState = state::read(&path)?.unwrap_or_default();
        let keys = self.known_or_given(&index.keys);
        let look = check::index(self.fetcher, &keys, index.seen.as_ref(), self.now)?;
        let zones = match &look {
            Look::Same => index
                .seen
                .iter()
                .flat_map(|seen| seen.zones.clone())
                .collect(),
            Look::New(checked) => checked
                .document
                .zones
                .iter()
                .map(|z| z.zone.clone())
                .collect(),
        };
        let zones: Vec<crate::manifest::Zone> = zones;
        for zone in &zones {
            self.zone(&zone.0, relayed)?;
        }
        if let Look::New(checked) = look {
            self.index(&checked, relayed)?;
            index.seen = Some(checked.seen());
            index.keys = checked.keys;
            state::write(&path, &index)?;
        }
        Ok(())
    }

    fn known_or_given(&self, known: &KeySet) -> KeySet {
        match known.is_empty() {
            true => self.keys.clone(),
            false => known.clone(),
        }
    }

    fn index(&self, checked: &Checked<Index>, relayed: &mut Relayed) -> Result<(), Error> {
        let path = FeedPath::index(checked.document.issue, checked.hash);
        self.bring(&path, None, INDEX_LIMIT, checked.hash, relayed)?;
        self.move_pointer(&FeedPath::index_pointer())
    }

    fn zone(&self, zone: &ZoneName, relayed: &mut Relayed) -> Result<(), Error> {
        let path = self.home.join(format!("{zone}.json"));
        let mut memory: Memory = state::read(&path)?.unwrap_or_default();
        memory.state.keys = self.known_or_given(&memory.state.keys);
        let Look::New(checked) = check::zone(self.fetcher, zone, &memory.state, self.now)? else {
            return Ok(());
        };
        let manifest = &checked.document;
        let snapshot = &manifest.snapshot;
        let len = Some(snapshot.bytes);
        self.bring(
            &snapshot.path(zone),
            len,
            snapshot.bytes,
            snapshot.hash,
            relayed,
        )?;
        let mut edges: Vec<Edge> = [&manifest.steps[..], &manifest.squashes[..]].concat();
        if let Some(file) = &manifest.ladder {
            let path = file.path(zone);
            self.bring(&path, Some(file.bytes), INDEX_LIMIT, file.hash, relayed)?;
            let bytes = self.tree.checked(&path, INDEX_LIMIT, file.hash)?;
            edges.extend(Ladder::read(&path, &bytes, manifest)?.edges);
        }
        for edge in &edges {
            self.bring(
                &edge.path(zone),
                Some(edge.bytes),
                edge.bytes,
                edge.hash,
                relayed,
            )?;
        }
        let target = FeedPath::manifest(zone, manifest.issue, checked.hash);
        self.bring(&target, None, MANIFEST_LIMIT, checked.hash, relayed)?;
        self.tree.verify(manifest)?;
        self.move_pointer(&FeedPath::pointer(zone))?;
        relayed.zones += 1;
        let mut referenced = referenced(&self.tree, manifest)?;
        referenced.insert(target);
        let since = &mut memory.unreferenced;
        prune(
            &self.tree,
            zone,
            &referenced,
            since,
            manifest.poll,
            self.now,
        )?;
        memory.state.seen = Some(checked.seen(self.now));
        memory.state.keys = checked.keys;
        state::write(&path, &memory)
    }

    /// A file that is not in the tree yet, as it was published.
    fn bring(
        &self,
        path: &FeedPath,
        len: Option<u64>,
        limit: u64,
        hash: FileHash,
        relayed: &mut Relayed,
    ) -> Result<(), Error> {
        if self.tree.checked(path, limit, hash).is_ok() {
            return Ok(());
        }
        let want = Want {
            path: path.clone(),
            limit: len.unwrap_or(limit),
            changes: false,
        };
        let Fetcher {
            source,
            spool,
            options,
        } = self.fetcher;
        source.fetch(std::slice::from_ref(&want), spool, options)?;
        let bytes = source.take(&want, spool)?;
        if FileHash::of(&bytes) != hash {
            return Err(Error::Hash {
                path: path.to_string(),
                what: "hash",
            });
        }
        relayed.files += 1;
        relayed.bytes += bytes.len() as u64;
        self.tree.put(path, &bytes)
    }

    /// The pointer that was checked lies in the spool.
    fn move_pointer(&self, path: &FeedPath) -> Result<(), Error> {
        let spooled = crate::transport::in_spool(self.fetcher.spool, path);
        let bytes = folder::read_limited(&spooled, crate::pointer::POINTER_LIMIT)?;
        self.tree.put(path, &bytes)
    }
}
