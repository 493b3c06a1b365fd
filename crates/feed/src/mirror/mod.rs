//! Keeps images up to date from a feed.

mod audit;
mod events;
mod install;
mod running;
mod sources;
mod unfold;
mod update;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rblmap_content::ZoneName;
use rblmap_delta::Limits;
use rblmap_history::Retention;
use rblmap_image::TEMP_PREFIX;

use crate::check::{self, Look};
use crate::counts::Counts;
use crate::disk::{Dir, Hold, LOCK};
use crate::error::{Class, Error};
use crate::fetcher::Fetcher;
use crate::folder::Folder;
use crate::guard::Guards;
use crate::key::{PublicKey, Role};
use crate::path::{self, FeedPath};
use crate::state::{Event, Failure, State};
use crate::transport::{Options, Partials, Source};
use crate::trust::TrustFile;

pub use events::{hook_told, pending_events};
pub use sources::Record;
pub(crate) use sources::records;
use sources::{Failed, Sources};

/// What to mirror, from where, and how.
///
/// See the example of [the crate](crate).
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the feed is served; one after the other is tried.
    pub sources: Vec<Source>,
    /// The keys of the key file, trusted until the mirror has a trust of its own.
    pub keys: Vec<(PublicKey, Role)>,
    /// Trust these keys in place of those that were trusted.
    pub new_trust: bool,
    /// The zones to mirror; if empty, all in the feed's index.
    pub zones: Vec<ZoneName>,
    /// Zones that are not looked at this time.
    pub skip: BTreeSet<ZoneName>,
    /// Limits above which an update is refused.
    pub guards: Guards,
    /// How long after the last good manifest ran out answers go on, seconds.
    pub grace: u64,
    /// How to fetch.
    pub options: Options,
    /// What snapshots and deltas may ask for.
    pub limits: Limits,
    /// How long to wait for another run to end.
    pub wait: Duration,
    /// How long `ZONE.history` is kept.
    pub history: Retention,
}

/// Seven days.
pub const GRACE: u64 = 7 * 24 * 3600;
/// So many zones are taken from an index at most.
const ZONES: usize = 1000;

impl Settings {
    /// The defaults: all zones, the usual guards, a week of grace.
    pub fn new(sources: Vec<Source>, keys: Vec<(PublicKey, Role)>) -> Settings {
        Settings {
            sources,
            keys,
            new_trust: false,
            zones: Vec::new(),
            skip: BTreeSet::new(),
            guards: Guards::default(),
            grace: GRACE,
            options: Options::default(),
            limits: Limits::default(),
            wait: Duration::ZERO,
            history: Retention::default(),
        }
    }
}

/// What became of a zone.
///
/// See the example of [`mirror`].
#[derive(Debug)]
pub struct Report {
    /// The zone; none if the feed's index could not be had, or of what concerns all.
    pub zone: Option<ZoneName>,
    /// What was done.
    pub result: Result<Outcome, Error>,
    /// What went wrong before it went well: sources that failed, deltas that did not fit, files that
    /// were damaged.
    pub trouble: Vec<Error>,
    /// The publisher's poll interval, seconds, if known.
    pub poll: Option<u64>,
}

/// What was done for a zone.
///
/// See the example of [`mirror`].
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
    /// The zone is mirrored here, and the feed's index does not name it any more.
    Left,
    /// Other keys are trusted from now on, as was asked for.
    NewTrust {
        /// The ids of the keys.
        keys: Vec<String>,
    },
}

/// A new image in place.
///
/// See the example of [`mirror`].
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
    pub(crate) dir: &'a Dir,
    pub(crate) settings: &'a Settings,
    pub(crate) now: u64,
    pub(crate) started: Instant,
}

/// Brings the zones of a folder up to date, once. `now` is in seconds since 1970.
///
/// Each zone has its own report; one that fails does not keep the others. Whatever fails leaves
/// the image of the zone as it was.
///
/// ```
/// # use rblmap_feed::{Folder, PublishOptions, SigningKey, keygen, publish, read_public};
/// use rblmap_feed::{Outcome, Settings, Source, mirror};
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// # let now = 1_790_000_000;
/// # let keys = keygen(&dir.join("ops"), None)?;
/// # let key = SigningKey::read(&keys.online, None)?;
/// # publish(&dir.join("feed"), &["testdata/three.rbl".into()], &key, &PublishOptions::default(), now)?;
/// # let folder = Folder::new(dir.join("mirror"));
/// let sources = vec![Source::Local(dir.join("feed"))];
/// let mut settings = Settings::new(sources, read_public(&keys.public)?);
/// settings.zones = vec!["ops.example".parse()?];
/// for report in mirror(&folder, &settings, now)? {
///     let zone = report.zone.ok_or("the index is not asked for")?;
///     match report.result? {
///         Outcome::Updated(update) => {
///             assert_eq!((update.from, update.to, update.snapshot), (None, 1, true));
///             println!("{zone}: {} bytes from {}", update.bytes, update.source);
///         }
///         other => println!("{zone}: {other:?}"),
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What concerns all zones: the folder, its lock, and a trust that is damaged.
pub fn mirror(folder: &Folder, settings: &Settings, now: u64) -> Result<Vec<Report>, Error> {
    for zone in &settings.zones {
        path::allowed(zone)?;
    }
    let dir = Dir::make(folder.path())?;
    let _shared = dir.lock(LOCK, Hold::Shared, settings.wait)?;
    let names: Vec<String> = settings.sources.iter().map(Source::name).collect();
    let find = || TrustFile::find(&dir, &settings.keys, &names, settings.new_trust);
    let _feed = dir.lock(&find()?.lock_name(), Hold::Alone, settings.wait)?;
    // As the run left it that was waited for.
    let mut trust = find()?;
    dir.clean()?;
    Partials::clean(&dir)?;
    let spool_name = format!("{TEMP_PREFIX}{:016x}", fastrand::u64(..));
    let reports = in_spool(&dir, &spool_name, settings, &mut trust, now);
    // A spool that cannot be removed is removed by a later run, and must not end this one.
    let removed = dir.remove_all(&spool_name);
    let removed = removed.map_err(crate::error::writing(dir.path().join(&spool_name)));
    let mut reports = reports?;
    reports.extend(removed.err().map(|error| Report::failed(None, error)));
    crate::history::record_all(&dir, settings, &mut reports, now);
    Ok(reports)
}

/// Brings all zones up to date, with what is fetched in a folder of this name.
fn in_spool(
    dir: &Dir,
    name: &str,
    settings: &Settings,
    trust: &mut TrustFile,
    now: u64,
) -> Result<Vec<Report>, Error> {
    let spool = dir.make_child(name)?;
    let _held = spool.lock_itself()?;
    let mut sources = Sources::read(dir, &spool, &settings.sources, &settings.options, now)?;
    let run = Run {
        dir,
        settings,
        now,
        started: Instant::now(),
    };
    let mut reports = run.all(trust, &mut sources);
    let done = sources.write();
    reports.extend(done.err().map(|error| Report::failed(None, error)));
    Ok(reports)
}

impl Report {
    fn failed(zone: Option<ZoneName>, error: Error) -> Report {
        Report {
            zone,
            result: Err(error),
            trouble: Vec::new(),
            poll: None,
        }
    }
}

/// The zones of an index, as far as they are taken.
struct Listed {
    zones: Vec<ZoneName>,
    /// What was left out, and why.
    left_out: Vec<Error>,
}

impl Run<'_> {
    fn all(&self, trust: &mut TrustFile, sources: &mut Sources<'_>) -> Vec<Report> {
        let mut reports = Vec::new();
        self.tell_of_trust(trust, &mut reports);
        let zones = match self.settings.zones.is_empty() {
            false => self.settings.zones.clone(),
            true => self.zones_by_index(trust, sources, &mut reports),
        };
        let due = |zone: &&ZoneName| !self.settings.skip.contains(*zone);
        let pointers: Vec<FeedPath> = zones.iter().filter(due).map(FeedPath::pointer).collect();
        sources.want(&pointers);
        for zone in zones.iter().filter(due) {
            if self.settings.options.stop.is_set() {
                reports.push(Report::failed(Some(zone.clone()), Error::Stopped));
                continue;
            }
            let report = self.zone(zone, trust, sources);
            let report = self.or_no_such_zone(report, zone, trust, sources);
            reports.push(report);
        }
        trust.trust.sources.extend(sources.served());
        if let Err(error) = self.write_trust(trust, &reports) {
            reports.push(Report::failed(None, error));
        }
        self.audit(&mut reports);
        reports
    }

    fn tell_of_trust(&self, trust: &TrustFile, reports: &mut Vec<Report>) {
        if trust.replaced {
            let keys = trust.trust.keys.keys().map(PublicKey::id).collect();
            reports.push(Report {
                zone: None,
                result: Ok(Outcome::NewTrust { keys }),
                trouble: Vec::new(),
                poll: None,
            });
        }
        if let Some(damage) = &trust.restored {
            reports.push(Report {
                zone: None,
                result: Ok(Outcome::Current { serial: 0 }),
                trouble: vec![Error::Config {
                    path: self.dir.path().to_owned(),
                    what: format!("{damage}; its copy was taken"),
                }],
                poll: None,
            });
        }
    }

    /// Writes the trust once something was verified with it: a key file of another feed must not
    /// become a trust.
    fn write_trust(&self, trust: &mut TrustFile, reports: &[Report]) -> Result<(), Error> {
        let refused = |report: &Report| match &report.result {
            Ok(Outcome::NewTrust { .. }) => false,
            Ok(_) => true,
            Err(error) => error.class() == Class::Guard,
        };
        match trust.is_known() || reports.iter().any(refused) {
            true => trust.write(self.dir),
            false => Ok(()),
        }
    }

    /// The zones of the index; of the last one, if there is no other.
    fn zones_by_index(
        &self,
        trust: &mut TrustFile,
        sources: &mut Sources<'_>,
        reports: &mut Vec<Report>,
    ) -> Vec<ZoneName> {
        let known = self.known_zones(trust);
        // Where all pointers come in one session, those of the zones come with that of the index.
        let pointers: Vec<FeedPath> = known.iter().map(FeedPath::pointer).collect();
        sources.want(&pointers);
        match self.index(trust, sources) {
            Ok(trouble) => {
                trust.trust.failure = None;
                let listed = self.listed(trust);
                let mut trouble = trouble;
                let mut left_out = listed.left_out.into_iter();
                if let Some(error) = left_out.next() {
                    reports.push(Report::failed(None, error));
                }
                reports.extend(left_out.map(|error| Report::failed(None, error)));
                if !trouble.is_empty() {
                    reports.push(Report {
                        zone: None,
                        result: Ok(Outcome::Current { serial: 0 }),
                        trouble: std::mem::take(&mut trouble),
                        poll: None,
                    });
                }
                self.left(&listed.zones, trust.id(), reports);
                listed.zones
            }
            Err((error, trouble)) => {
                let before = trust.trust.failure.as_ref();
                trust.trust.failure = Some(Failure::of(&error, before, self.now));
                reports.push(Report {
                    zone: None,
                    result: Err(error),
                    trouble,
                    poll: None,
                });
                // The zones that are known go on without the index, if a source answers at all.
                match sources.all_down() {
                    true => Vec::new(),
                    false => known,
                }
            }
        }
    }

    /// The zones of the last index that was followed.
    fn known_zones(&self, trust: &TrustFile) -> Vec<ZoneName> {
        let zones = trust.trust.index.iter().flat_map(|index| &index.zones);
        let allowed = zones.filter(|zone| path::allowed(&zone.0).is_ok());
        allowed.take(ZONES).map(|zone| zone.0.clone()).collect()
    }

    /// Follows the index.
    fn index(
        &self,
        trust: &mut TrustFile,
        sources: &mut Sources<'_>,
    ) -> Result<Vec<Error>, Failed> {
        let look = |fetcher: Fetcher<'_>| check::index(fetcher, &mut trust.trust, self.now);
        let (look, trouble) = sources.try_each(self.now, look)?;
        if let Look::New(checked) = look {
            trust.trust.index = Some(checked.seen());
        }
        Ok(trouble)
    }

    /// The zones to take: none under a name that our own files have, and not more than a mirror
    /// can mean to have.
    fn listed(&self, trust: &TrustFile) -> Listed {
        let index = trust.trust.index.iter().flat_map(|index| &index.zones);
        let mut zones: Vec<ZoneName> = index.map(|zone| zone.0.clone()).collect();
        let mut left_out = Vec::new();
        zones.retain(|zone| match path::allowed(zone) {
            Ok(()) => true,
            Err(error) => {
                left_out.push(error);
                false
            }
        });
        // One says it for all.
        left_out.truncate(1);
        let found = zones.len();
        if found > ZONES {
            let limit = ZONES;
            zones.retain(|zone| self.dir.stat(&State::name(zone)).is_some());
            zones.truncate(ZONES);
            left_out.push(Error::TooManyZones { found, limit });
        }
        Listed { zones, left_out }
    }

    /// Tells of zones that are mirrored here and that the index does not name any more.
    fn left(&self, zones: &[ZoneName], feed: &str, reports: &mut Vec<Report>) {
        let here = crate::folder::zones_in(self.dir).unwrap_or_default();
        for zone in here.into_iter().filter(|zone| !zones.contains(zone)) {
            let Ok(Some(mut state)) = State::read(self.dir, &zone) else {
                continue;
            };
            if state.feed != feed || state.seen.is_none() {
                continue;
            }
            let mut result = Ok(Outcome::Left);
            if !state.left_index {
                state.left_index = true;
                result = state.write(self.dir, &zone).map(|()| Outcome::Left);
            }
            reports.push(Report {
                zone: Some(zone),
                result,
                trouble: Vec::new(),
                poll: None,
            });
        }
    }

    /// A zone that cannot be fetched because the feed has none of that name is a mistake of the
    /// caller's, not trouble with the source: the signed index tells.
    fn or_no_such_zone(
        &self,
        mut report: Report,
        zone: &ZoneName,
        trust: &mut TrustFile,
        sources: &mut Sources<'_>,
    ) -> Report {
        if matches!(report.result, Err(Error::NotAFeed { .. }))
            && !self.settings.zones.is_empty()
            && self.index(trust, sources).is_ok()
            && !self.listed(trust).zones.contains(zone)
        {
            report.result = Err(Error::NotPossible {
                zone: zone.clone(),
                what: "the feed has no such zone".to_owned(),
            });
        }
        report
    }

    fn zone(&self, zone: &ZoneName, trust: &mut TrustFile, sources: &mut Sources<'_>) -> Report {
        let mut trouble = Vec::new();
        let mut state = match self.state(zone, trust.id(), &mut trouble) {
            Ok(state) => state,
            Err(error) => return Report::failed(Some(zone.clone()), error),
        };
        let before = state.clone();
        let tried = sources.try_each(self.now, |fetcher| {
            update::attempt(
                self,
                fetcher,
                zone,
                &mut trust.trust,
                &mut state,
                &mut trouble,
            )
        });
        let mut result = match tried {
            Ok((outcome, mut on_the_way)) => {
                trouble.append(&mut on_the_way);
                Ok(outcome)
            }
            Err((error, mut on_the_way)) => {
                trouble.append(&mut on_the_way);
                Err(error)
            }
        };
        // What the offline key said holds from now on, whatever became of the zone.
        if let Err(error) = self.write_trust(trust, &[]) {
            result = result.and(Err(error));
        }
        let known = matches!(result, Err(Error::Stopped));
        if let Err(error) = &result
            && !known
        {
            state.failure = Some(Failure::of(error, before.failure.as_ref(), self.now));
        }
        events::note(&mut state, zone, &result);
        if state != before
            && let Err(error) = state.write(self.dir, zone)
        {
            result = result.and(Err(error));
        }
        Report {
            zone: Some(zone.clone()),
            result,
            trouble,
            poll: state.seen.map(|seen| seen.poll),
        }
    }

    /// What is remembered of a zone. A damaged memory is put aside: the image and the trust of the
    /// feed are floor enough to go on from.
    fn state(&self, zone: &ZoneName, feed: &str, trouble: &mut Vec<Error>) -> Result<State, Error> {
        let mut state = match State::read(self.dir, zone) {
            Ok(state) => state.unwrap_or_default(),
            Err(Error::Config { path, what }) => {
                let name = State::name(zone);
                let aside = format!("{name}.damaged");
                let moved = self.dir.rename(&name, self.dir, &aside);
                moved.map_err(crate::error::writing(&path))?;
                let what = format!("{what}; put aside as {aside}, the zone goes on from its image");
                trouble.push(Error::Config { path, what });
                self.state_by_image(zone)
            }
            Err(error) => return Err(error),
        };
        if state.seen.is_some() && !state.feed.is_empty() && state.feed != feed {
            return Err(Error::NotPossible {
                zone: zone.clone(),
                what: format!(
                    "mirrored here from another feed (that of key {}); to take it from this one, \
                     remove its files first",
                    state.feed
                ),
            });
        }
        feed.clone_into(&mut state.feed);
        Ok(state)
    }
}

/// The event of a zone that a hook has not been told of yet.
///
/// See the example of [`Hook`](crate::Hook).
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// The zone.
    pub zone: ZoneName,
    /// The event.
    pub event: Event,
}
