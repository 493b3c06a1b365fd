//! Serves a feed on: the same files, byte for byte, verified, and never in a state in which a
//! pointer leads to a file that is not there.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rblmap_content::ZoneName;
use rblmap_image::TEMP_PREFIX;
use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::chain;
use crate::check::{self, Checked, Look};
use crate::delta_file::DeltaFile;
use crate::digest::FileHash;
use crate::disk::Dir;
use crate::error::Error;
use crate::fetcher::{Fetcher, Pointers};
use crate::ids::Zone;
use crate::key::{PublicKey, Role};
use crate::manifest::{DeltaIndex, DeltaIndexFile, INDEX_LIMIT, Index, MANIFEST_LIMIT, Manifest};
use crate::path::{self, FeedPath};
use crate::pointer::POINTER_LIMIT;
use crate::publish::{STATE, Tree, prune, referenced};
use crate::state::{self, Failure, State};
use crate::transport::{Options, Partials, Remarks, Source, Want, WantKind};
use crate::trust::TrustFile;

/// What a relay remembers of a zone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct RelayState {
    /// As a mirror does.
    pub(crate) state: State,
    /// When the zone was last looked at with success, seconds since 1970.
    #[serde(default)]
    pub(crate) checked: u64,
    #[serde(default)]
    unreferenced: BTreeMap<String, u64>,
    /// Whether files are missing that the manifest names, and that no way has to lead over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    incomplete: bool,
}

impl RelayState {
    /// What it is called in `.state`.
    pub(crate) fn name(zone: &ZoneName) -> String {
        format!("{zone}.relay.json")
    }
}

/// How to relay.
///
/// See the example of [`relay`].
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// Where the feed is served.
    pub source: Source,
    /// The keys of the key file.
    pub keys: Vec<(PublicKey, Role)>,
    /// Trust these keys in place of those that were trusted.
    pub new_trust: bool,
    /// How to fetch.
    pub options: Options,
    /// How long to wait for another run to end.
    pub wait: Duration,
}

impl RelaySettings {
    /// The defaults.
    pub fn new(source: Source, keys: Vec<(PublicKey, Role)>) -> RelaySettings {
        RelaySettings {
            source,
            keys,
            new_trust: false,
            options: Options::default(),
            wait: Duration::ZERO,
        }
    }
}

/// What a run of a relay brought.
///
/// See the example of [`relay`].
#[derive(Debug, Default)]
pub struct Relayed {
    /// Zones whose pointer moved.
    pub zones: usize,
    /// Files that were fetched.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What failed: zones by name, and what concerns the index.
    pub failed: Vec<(Option<ZoneName>, Error)>,
}

/// Room that is left beside what a relay fetches, bytes.
const MARGIN: u64 = 1 << 20;

/// Brings the tree at `to` up to date with a source, once: for each zone the new files first, the
/// pointer last, the index after all zones. `now` is in seconds since 1970. A zone that fails does
/// not keep the others, and its tree then leads where it led. A delta that the source does not have
/// keeps the pointer only where no way leads around it: mirrors take the snapshot instead. It is told,
/// and asked for again in each run.
///
/// ```
/// # use rblmap_feed::{PublishOptions, SigningKey, keygen, publish};
/// use rblmap_feed::{RelaySettings, Source, read_public, relay};
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// # let now = 1_790_000_000;
/// # let keys = keygen(&dir.join("ops"), None)?;
/// # let key = SigningKey::read(&keys.online, None)?;
/// # publish(&dir.join("feed"), &["testdata/three.rbl".into()], &key, &PublishOptions::default(), now)?;
/// let source = Source::Local(dir.join("feed"));
/// let settings = RelaySettings::new(source, read_public(&keys.public)?);
/// let relayed = relay(&settings, &dir.join("relay"), now)?;
/// assert_eq!((relayed.zones, relayed.failed.len()), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What concerns all zones: a folder that cannot be written or is locked by another run, a source
/// without an index that may be followed.
pub fn relay(settings: &RelaySettings, to: &Path, now: u64) -> Result<Relayed, Error> {
    let tree = Tree::new(to);
    let _lock = tree.lock(settings.wait)?;
    tree.clean()?;
    let home = Dir::open(&to.join(STATE))?;
    home.clean()?;
    Partials::clean(&home)?;
    let names = [settings.source.name()];
    let trust = TrustFile::find(&home, &settings.keys, &names, settings.new_trust)?;
    let spool_name = format!("{TEMP_PREFIX}{:016x}", fastrand::u64(..));
    let spool = home.make_child(&spool_name)?;
    let pointers = Pointers::default();
    let mut relay = Relay {
        tree,
        home: &home,
        fetcher: Fetcher {
            source: &settings.source,
            spool: &spool,
            lasting: Some(&home),
            options: &settings.options,
            pointers: &pointers,
        },
        trust,
        now,
        relayed: Relayed::default(),
    };
    let done = relay.run();
    let _ = home.remove_all(&spool_name);
    done.map(|()| relay.relayed)
}

struct Relay<'a> {
    tree: Tree,
    home: &'a Dir,
    fetcher: Fetcher<'a>,
    trust: TrustFile,
    now: u64,
    relayed: Relayed,
}

impl Relay<'_> {
    fn run(&mut self) -> Result<(), Error> {
        let known = self.trust.trust.index.iter().flat_map(|index| &index.zones);
        let known: Vec<FeedPath> = known.map(|zone| FeedPath::pointer(&zone.0)).collect();
        self.fetcher.pointers.want(known);
        let look = check::index(self.fetcher, &mut self.trust.trust, self.now);
        let look = match look {
            Ok(look) => look,
            Err(error) => {
                let before = self.trust.trust.failure.as_ref();
                self.trust.trust.failure = Some(Failure::of(&error, before, self.now));
                if self.trust.is_known() {
                    self.trust.write(self.home)?;
                }
                return Err(error);
            }
        };
        self.trust.trust.failure = None;
        let zones: Vec<Zone> = match &look {
            Look::Same => {
                let index = self.trust.trust.index.iter();
                index.flat_map(|index| index.zones.clone()).collect()
            }
            Look::New(checked) => {
                let zones = checked.document.zones.iter();
                zones.map(|zone| zone.zone.clone()).collect()
            }
        };
        let pointers = zones.iter().map(|zone| FeedPath::pointer(&zone.0));
        self.fetcher.pointers.want(pointers);
        for zone in &zones {
            if let Err(error) = self.zone_or_note(&zone.0) {
                self.relayed.failed.push((Some(zone.0.clone()), error));
            }
        }
        if let Look::New(checked) = look {
            match self.index(&checked) {
                Ok(()) => self.trust.trust.index = Some(checked.seen()),
                Err(error) => self.relayed.failed.push((None, error)),
            }
        }
        let name = self.fetcher.source.name();
        self.trust.trust.sources.insert(name);
        self.trust.write(self.home)
    }

    fn index(&mut self, checked: &Checked<Index>) -> Result<(), Error> {
        let path = FeedPath::index(checked.document.issue, checked.hash);
        self.bring(&path, None, INDEX_LIMIT, checked.hash)?;
        self.move_pointer(&FeedPath::index_pointer())
    }

    /// A zone; what fails is remembered until it does not.
    fn zone_or_note(&mut self, zone: &ZoneName) -> Result<(), Error> {
        path::allowed(zone)?;
        let name = RelayState::name(zone);
        let memory = state::read_in::<RelayState>(self.home, &name);
        // One that is damaged is begun anew: what is served is verified all the same.
        let mut memory = memory.ok().flatten().unwrap_or_default();
        let done = self.zone(zone, &mut memory);
        match &done {
            Ok(()) => {
                memory.state.failure = None;
                memory.checked = self.now;
            }
            Err(error) => {
                let before = memory.state.failure.as_ref();
                memory.state.failure = Some(Failure::of(error, before, self.now));
            }
        }
        let bytes = state::to_bytes(&memory);
        let written = self.home.place(&name, &bytes, &Access::public());
        done.and(written)
    }

    fn zone(&mut self, zone: &ZoneName, memory: &mut RelayState) -> Result<(), Error> {
        let (trust, state) = (&mut self.trust.trust, &memory.state);
        let checked = match check::zone(self.fetcher, zone, trust, state, self.now)? {
            Look::New(checked) => checked,
            Look::Same if memory.incomplete => return self.complete(zone, memory),
            Look::Same => return Ok(()),
        };
        let manifest = &checked.document;
        self.room(manifest.snapshot.bytes)?;
        let snapshot = &manifest.snapshot;
        let len = Some(snapshot.bytes);
        self.bring(&snapshot.path(zone), len, snapshot.bytes, snapshot.hash)?;
        let missing = self.bring_deltas(zone, manifest)?;
        let target = FeedPath::manifest(zone, manifest.issue, checked.hash);
        self.bring(&target, None, MANIFEST_LIMIT, checked.hash)?;
        if missing.is_none() {
            self.tree.verify(manifest)?;
        }
        self.move_pointer(&FeedPath::pointer(zone))?;
        self.relayed.zones += 1;
        memory.state.seen = Some(checked.seen(self.now));
        memory.incomplete = missing.is_some();
        if let Some(missing) = missing {
            // Nothing is pruned meanwhile: what refers to what is not known.
            return Err(missing);
        }
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
        )
    }

    /// Asks once more for what was missing of the manifest that is served.
    fn complete(&mut self, zone: &ZoneName, memory: &mut RelayState) -> Result<(), Error> {
        if let Some(manifest) = self.tree.manifest(zone)?
            && let Some(missing) = self.bring_deltas(zone, &manifest)?
        {
            return Err(missing);
        }
        memory.incomplete = false;
        Ok(())
    }

    /// Brings all deltas that a manifest names. Gives why some are missing, where the others and the
    /// snapshot lead to its serial without them.
    fn bring_deltas(
        &mut self,
        zone: &ZoneName,
        manifest: &Manifest,
    ) -> Result<Option<Error>, Error> {
        let mut deltas: Vec<DeltaFile> = [&manifest.deltas[..], &manifest.merged[..]].concat();
        let mut missing = None;
        if let Some(file) = &manifest.delta_index {
            match self.bring_delta_index(zone, manifest, file) {
                Ok(more) => deltas.extend(more),
                Err(error) => note_missing(error, &mut missing)?,
            }
        }
        let mut there = Vec::new();
        for delta in deltas {
            let len = Some(delta.bytes);
            match self.bring(&delta.path(zone), len, delta.bytes, delta.hash) {
                Ok(()) => there.push(delta),
                Err(error) => note_missing(error, &mut missing)?,
            }
        }
        match missing {
            Some(error)
                if chain::cheapest(manifest.snapshot.serial, manifest.serial, &there).is_none() =>
            {
                Err(error)
            }
            missing => Ok(missing),
        }
    }

    fn bring_delta_index(
        &mut self,
        zone: &ZoneName,
        manifest: &Manifest,
        file: &DeltaIndexFile,
    ) -> Result<Vec<DeltaFile>, Error> {
        let path = file.path(zone);
        self.bring(&path, Some(file.bytes), INDEX_LIMIT, file.hash)?;
        let bytes = self.tree.checked(&path, INDEX_LIMIT, file.hash)?;
        Ok(DeltaIndex::read(&path, &bytes, manifest)?.deltas)
    }

    /// A file that is not in the tree yet, as it was published.
    fn bring(
        &mut self,
        path: &FeedPath,
        len: Option<u64>,
        limit: u64,
        hash: FileHash,
    ) -> Result<(), Error> {
        if self.tree.checked(path, limit, hash).is_ok() {
            return Ok(());
        }
        self.room(len.unwrap_or(limit))?;
        let mut want = Want {
            path: path.clone(),
            limit: len.unwrap_or(limit),
            kind: WantKind::Fixed,
        };
        let differs = || Error::Hash {
            path: path.to_string(),
            what: "hash",
        };
        let fetch = |want: &Want| -> Result<Vec<u8>, Error> {
            let remarks = self.fetcher.fetch(std::slice::from_ref(want))?;
            self.fetcher.take(want, &remarks)
        };
        let mut bytes = fetch(&want)?;
        if FileHash::of(&bytes) != hash {
            // It may have begun with what another run had of it.
            want.kind = WantKind::Anew;
            bytes = fetch(&want)?;
        }
        if FileHash::of(&bytes) != hash {
            return Err(differs());
        }
        self.relayed.files += 1;
        self.relayed.bytes += bytes.len() as u64;
        self.tree.put(path, &bytes)
    }

    /// Refuses early what would fill the disk.
    fn room(&self, bytes: u64) -> Result<(), Error> {
        let needed = bytes.saturating_add(MARGIN);
        let free = self.home.free_space()?;
        match free >= needed {
            true => Ok(()),
            false => Err(Error::Full {
                path: self.tree.root().to_owned(),
                needed,
                free,
            }),
        }
    }

    /// The pointer that was checked lies in the spool.
    fn move_pointer(&self, path: &FeedPath) -> Result<(), Error> {
        let want = Want {
            path: path.clone(),
            limit: POINTER_LIMIT,
            kind: WantKind::Pointer,
        };
        let bytes = self.fetcher.take(&want, &Remarks::default())?;
        self.tree.put(path, &bytes)
    }
}

/// Keeps the first error about a file that the source does not have, or has damaged; any other is the
/// end.
fn note_missing(error: Error, missing: &mut Option<Error>) -> Result<(), Error> {
    match error {
        Error::NotAFeed { .. } | Error::Hash { .. } => {
            missing.get_or_insert(error);
            Ok(())
        }
        error => Err(error),
    }
}
