//! Keeps images up to date from a feed.

mod install;
mod sources;
mod update;

use std::path::PathBuf;
use std::time::Instant;

use rblmap_content::ZoneName;
use rblmap_delta::Limits;

use crate::check::{self, Fetcher, Look};
use crate::counts::Counts;
use crate::error::Error;
use crate::folder::Folder;
use crate::guard::Guards;
use crate::key::{PublicKey, Role};
use crate::keyset::KeySet;
use crate::state::{self, IndexState, State};
use crate::transport::{Options, Source};

pub use sources::Record;
use sources::Sources;
pub(crate) use sources::records;

/// What to mirror, from where, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the feed is served; one after the other is tried.
    pub sources: Vec<Source>,
    /// The keys of the key file, trusted until the state has keys.
    pub keys: Vec<(PublicKey, Role)>,
    /// The zones; none: those of the feed's index.
    pub zones: Vec<ZoneName>,
    /// What is refused.
    pub guards: Guards,
    /// How long after the last good manifest ran out answers go on, seconds.
    pub grace: u64,
    /// How to fetch.
    pub options: Options,
    /// What snapshots and deltas may ask for.
    pub limits: Limits,
}

/// Seven days.
pub const GRACE: u64 = 7 * 24 * 3600;

impl Settings {
    /// The defaults: all zones, the usual guards, a week of grace.
    pub fn new(sources: Vec<Source>, keys: Vec<(PublicKey, Role)>) -> Settings {
        Settings {
            sources,
            keys,
            zones: Vec::new(),
            guards: Guards::default(),
            grace: GRACE,
            options: Options::default(),
            limits: Limits::default(),
        }
    }
}

/// What became of a zone.
#[derive(Debug)]
pub struct Report {
    /// The zone; none if the feed's index could not be had.
    pub zone: Option<ZoneName>,
    /// What was done.
    pub result: Result<Outcome, Error>,
    /// What went wrong before it went well: sources that failed, deltas that did not fit.
    pub trouble: Vec<Error>,
    /// The publisher's poll interval, seconds, if known.
    pub poll: Option<u64>,
}

/// What was done for a zone.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The image is the newest.
    Current {
        /// Its serial.
        serial: u64,
    },
    /// A new image is in place.
    Updated(Update),
    /// There is a newer content, but a rollback holds the image.
    Held {
        /// Serial of the image.
        serial: u64,
        /// Serial of what waits.
        waiting: u64,
    },
    /// The publisher gave the zone up.
    Retired {
        /// Where to read more.
        url: String,
    },
}

/// A new image in place.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Update {
    /// Serial of the image before, if there was one.
    pub from: Option<u64>,
    /// Serial of the image now.
    pub to: u64,
    /// The source.
    pub source: String,
    /// Whether a snapshot was taken.
    pub snapshot: bool,
    /// How many deltas were applied.
    pub deltas: usize,
    /// Bytes of snapshot and deltas.
    pub bytes: u64,
    /// What the image lists, and its length.
    pub counts: Counts,
    /// From the first look to the image in place, milliseconds.
    pub milliseconds: u64,
}

/// A run: what does not change between zones.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) settings: &'a Settings,
    pub(crate) spool: PathBuf,
    pub(crate) now: u64,
    pub(crate) started: Instant,
}

/// Brings the zones of a folder up to date, once. `now` is in seconds since 1970.
///
/// Each zone has its own report; one that fails does not keep the others. Whatever fails leaves
/// the image of the zone as it was.
///
/// # Errors
/// What concerns all zones: the folder, its lock, and damaged state.
pub fn mirror(folder: &Folder, settings: &Settings, now: u64) -> Result<Vec<Report>, Error> {
    let _lock = folder.lock()?;
    folder.clean(false)?;
    let mut sources = Sources::read(folder, &settings.sources, now)?;
    let run = Run {
        folder,
        settings,
        spool: folder.spool(),
        now,
        started: Instant::now(),
    };
    let mut reports = Vec::new();
    let zones = match settings.zones.is_empty() {
        false => settings.zones.clone(),
        true => match run.zones_of_index(&mut sources) {
            Ok(zones) => zones,
            // The zones that are known go on without the index, if a source answers at all.
            Err((error, trouble)) => {
                let zones = match error.reason() {
                    "transport" => Vec::new(),
                    _ => run.known_zones(),
                };
                reports.push(Report {
                    zone: None,
                    result: Err(error),
                    trouble,
                    poll: None,
                });
                zones
            }
        },
    };
    for zone in zones {
        let report = run.zone(&zone, &mut sources)?;
        reports.push(run.or_no_such_zone(report, &zone, &mut sources));
    }
    sources.write(folder)?;
    // A transfer that broke off goes on next time; everything else is of no use any more.
    let broken = reports
        .iter()
        .any(|report| matches!(report.result, Err(Error::Transport { .. })));
    folder.clean(!broken)?;
    Ok(reports)
}

type Failed = (Error, Vec<Error>);

impl Run<'_> {
    fn fetcher<'a>(&'a self, source: &'a Source) -> Fetcher<'a> {
        Fetcher {
            source,
            spool: &self.spool,
            options: &self.settings.options,
        }
    }

    /// The key set to begin with: that of the state, else the key file's.
    fn keys(&self, keys: &KeySet) -> KeySet {
        match keys.is_empty() {
            true => KeySet::new(self.settings.keys.iter().cloned()),
            false => keys.clone(),
        }
    }

    fn index_path(&self) -> PathBuf {
        let first = self.settings.keys.first().map(|(key, _)| key.id());
        self.folder.index_state(&first.unwrap_or_default())
    }

    /// The zones of the last index that was followed.
    fn known_zones(&self) -> Vec<ZoneName> {
        let state: Option<IndexState> = state::read(&self.index_path()).unwrap_or_default();
        let seen = state.and_then(|state| state.seen);
        let zones = seen.map(|seen| seen.zones).unwrap_or_default();
        zones.into_iter().map(|zone| zone.0).collect()
    }

    fn zones_of_index(&self, sources: &mut Sources) -> Result<Vec<ZoneName>, Failed> {
        let path = self.index_path();
        let alone = |error| (error, Vec::new());
        let mut state: IndexState = state::read(&path).map_err(alone)?.unwrap_or_default();
        let keys = self.keys(&state.keys);
        let seen = state.seen.clone();
        let look =
            |source: &Source| check::index(self.fetcher(source), &keys, seen.as_ref(), self.now);
        let (look, _) = sources.try_each(self.now, look)?;
        if let Look::New(checked) = look {
            state.seen = Some(checked.seen());
            state.keys = checked.keys;
            state::write(&path, &state).map_err(alone)?;
        }
        let zones = state.seen.map(|seen| seen.zones).unwrap_or_default();
        Ok(zones.into_iter().map(|zone| zone.0).collect())
    }

    /// A zone that cannot be fetched because the feed has none of that name is a mistake of the
    /// caller's, not trouble with the source: the signed index tells.
    fn or_no_such_zone(
        &self,
        mut report: Report,
        zone: &ZoneName,
        sources: &mut Sources,
    ) -> Report {
        if matches!(report.result, Err(Error::NotAFeed { .. }))
            && let Ok(zones) = self.zones_of_index(sources)
            && !zones.contains(zone)
        {
            report.result = Err(Error::NotPossible {
                zone: zone.clone(),
                what: "the feed has no such zone".to_owned(),
            });
        }
        report
    }

    fn zone(&self, zone: &ZoneName, sources: &mut Sources) -> Result<Report, Error> {
        let path = self.folder.state(zone);
        let mut state: State = state::read(&path)?.unwrap_or_default();
        state.keys = self.keys(&state.keys);
        let mut fallen_back = Vec::new();
        let tried = sources.try_each(self.now, |source| {
            update::attempt(self, source, zone, &mut state, &mut fallen_back)
        });
        let (result, mut trouble) = match tried {
            Ok((outcome, trouble)) => (Ok(outcome), trouble),
            Err((error, trouble)) => (Err(error), trouble),
        };
        trouble.append(&mut fallen_back);
        if let Err(Error::Refused { .. }) = &result {
            state::write(&path, &state)?;
        }
        Ok(Report {
            zone: Some(zone.clone()),
            result,
            trouble,
            poll: state.seen.map(|seen| seen.poll),
        })
    }
}
