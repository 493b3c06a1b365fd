//! How a mirror's folder, a relay or a publisher's feed is: what monitoring asks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rblmap::StatusPage;
use rblmap_content::{ContentId, ZoneName};
use rblmap_history::Version;

use crate::counts::Counts;
use crate::disk::Dir;
use crate::error::{Error, chain, reading};
use crate::folder::{Folder, map_image, status_name, zones_in};
use crate::history_place::HistoryPlace;
use crate::manifest::Manifest;
use crate::mirror::{Record, records};
use crate::publish::{STATE, Tree};
use crate::relay::RelayState;
use crate::state::{self, Failure, State};
use crate::status_page;
use crate::time::{duration_text, time_text};
use crate::trust;

/// How bad it is, in the numbers of Nagios.
///
/// See the example of [`Health`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// All is well.
    Ok = 0,
    /// Somebody should look; answers are good.
    Warning = 1,
    /// Answers are old, or there are none.
    Critical = 2,
    /// There is nothing to tell.
    Unknown = 3,
}

/// What a folder is.
///
/// See the example of [`Health`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A mirror keeps images in it.
    Mirror,
    /// A feed, published here.
    Publisher,
    /// A feed that is served on.
    Relay,
}

/// A folder.
///
/// ```
/// # use rblmap_feed::{PublishOptions, Settings, SigningKey, Source, keygen, mirror, publish, read_public};
/// use rblmap_feed::{Folder, Health, Kind, Level};
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// # let now = 1_790_000_000;
/// # let keys = keygen(&dir.join("ops"), None)?;
/// # let key = SigningKey::read(&keys.online, None)?;
/// # publish(&dir.join("feed"), &["testdata/three.rbl".into()], &key, &PublishOptions::default(), now)?;
/// # let settings = Settings::new(vec![Source::Local(dir.join("feed"))], read_public(&keys.public)?);
/// let folder = Folder::new(dir.join("mirror"));
/// mirror(&folder, &settings, now)?;
///
/// let health = Health::of(&folder, now + 60)?;
/// assert_eq!((health.kind, health.level()), (Kind::Mirror, Level::Ok));
/// let zone = &health.zones[0];
/// assert_eq!((zone.zone.as_str(), zone.counts.v4), ("ops.example", 1));
/// assert_eq!(zone.image.as_ref().map(|image| image.serial), Some(1));
/// assert_eq!((zone.state.totals.updates, zone.state.sizes[0].v4), (1, 1));
/// assert!(zone.state.failure.is_none() && zone.state.refused.is_none());
/// let seen = zone.state.seen.as_ref().ok_or("a manifest was followed")?;
/// assert_eq!((seen.generated, seen.deltas.len(), seen.texts.title.clone()), (now, 0, None));
/// println!("manifest {} of {}, signed by {}", seen.hash, seen.publisher, seen.key.id());
/// assert!(seen.retired.is_none() && zone.state.held.is_none());
/// for (source, record) in &health.sources {
///     println!("{source}: {} failures", record.failures_total);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Health {
    /// What it is.
    pub kind: Kind,
    /// Its zones, by name.
    pub zones: Vec<ZoneHealth>,
    /// Its sources, by name.
    pub sources: BTreeMap<String, Record>,
    /// What concerns all zones: an index that cannot be had, a damaged trust.
    pub trouble: Vec<String>,
}

/// A zone of a folder.
///
/// See the example of [`Health`].
#[derive(Debug, Clone)]
pub struct ZoneHealth {
    /// The zone.
    pub zone: ZoneName,
    /// How bad it is.
    pub level: Level,
    /// Why, one reason each.
    pub reasons: Vec<String>,
    /// The image that runs.
    pub image: Option<ImageHealth>,
    /// What the page says; of a feed, what its pointer says.
    pub page: StatusPage,
    /// What the mirror remembers.
    pub state: State,
    /// How much it lists.
    pub counts: Counts,
    /// Where its history begins, if there is one.
    pub since: Option<Version>,
}

/// An image that runs.
///
/// See the example of [`Health`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageHealth {
    /// Its serial.
    pub serial: u64,
    /// When its content was made, seconds since 1970.
    pub created: u64,
    /// Its content.
    pub content: String,
    /// Its length, bytes.
    pub bytes: u64,
}

/// A zone that was not looked at for so many poll intervals has no mirror that runs.
const MISSED: u64 = 3;
/// But this long a mirror may be late, whatever the interval: timers and restarts, seconds.
const LATE: u64 = 900;

impl Health {
    /// Looks at a folder; takes no lock and writes nothing. What is damaged is said, and does not
    /// keep the rest from being told.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn of(folder: &Folder, now: u64) -> Result<Health, Error> {
        let path = folder.path();
        if !path.is_dir() {
            return Err(reading(path)(std::io::ErrorKind::NotFound.into()));
        }
        match path.join(STATE).is_dir() {
            true => Health::of_feed(path, now),
            false => Health::of_mirror(path, now),
        }
    }

    fn of_mirror(path: &Path, now: u64) -> Result<Health, Error> {
        let dir = Dir::open(path)?;
        let mut trouble = Vec::new();
        let mut named: BTreeSet<ZoneName> = zones_in(&dir)?.into_iter().collect();
        match trust::all(&dir) {
            Ok(trusts) => {
                for (_, trust, _) in trusts {
                    trouble.extend(trust.failure.as_ref().map(|failure| said(failure, now)));
                    let zones = trust.index.into_iter().flat_map(|index| index.zones);
                    // Without --zone all of them are wanted; with it, those that have a state.
                    let wanted = zones.filter(|_| trust.failure.is_none());
                    named.extend(
                        wanted
                            .map(|zone| zone.0)
                            .filter(|zone| dir.stat(&State::name(zone)).is_some()),
                    );
                }
            }
            Err(error) => trouble.push(format!(
                "{}: --new-trust begins anew from --key",
                chain(&error)
            )),
        }
        let zones = named.into_iter();
        Ok(Health {
            kind: Kind::Mirror,
            zones: zones.map(|zone| ZoneHealth::of(&dir, zone, now)).collect(),
            sources: records(&dir),
            trouble,
        })
    }

    fn of_feed(path: &Path, now: u64) -> Result<Health, Error> {
        let tree = Tree::new(path);
        let home = Dir::open(&path.join(STATE))?;
        let trusts = trust::all(&home).unwrap_or_default();
        let kind = match trusts.is_empty() {
            true => Kind::Publisher,
            false => Kind::Relay,
        };
        let failures = trusts
            .iter()
            .filter_map(|(_, trust, _)| trust.failure.as_ref());
        let mut trouble: Vec<String> = failures.map(|failure| said(failure, now)).collect();
        match tree.index() {
            Ok(Some(index)) if index.expires <= now => {
                trouble.push(format!("the index expired {}", ago(index.expires, now)));
            }
            Ok(Some(_)) => {}
            Ok(None) => trouble.push("there is no index".to_owned()),
            Err(error) => trouble.push(format!("the index: {}", chain(&error))),
        }
        let mut named: BTreeSet<ZoneName> = tree.zones()?.into_iter().collect();
        let relayed = trusts.into_iter().filter_map(|(_, trust, _)| trust.index);
        named.extend(relayed.flat_map(|index| index.zones).map(|zone| zone.0));
        let zones = named.into_iter();
        let zones = zones.map(|zone| ZoneHealth::of_feed(&tree, &home, kind, zone, now));
        Ok(Health {
            kind,
            zones: zones.collect(),
            sources: BTreeMap::new(),
            trouble,
        })
    }

    /// The worst of all zones; unknown where there is nothing to tell.
    pub fn level(&self) -> Level {
        let worst = self.zones.iter().map(|zone| zone.level).max();
        let all = match self.trouble.is_empty() {
            true => None,
            false => Some(Level::Warning),
        };
        worst.into_iter().chain(all).max().unwrap_or(Level::Unknown)
    }
}

impl ZoneHealth {
    fn new(zone: ZoneName) -> ZoneHealth {
        ZoneHealth {
            zone,
            level: Level::Ok,
            reasons: Vec::new(),
            image: None,
            page: StatusPage::default(),
            state: State::default(),
            counts: Counts::default(),
            since: None,
        }
    }

    fn of(dir: &Dir, zone: ZoneName, now: u64) -> ZoneHealth {
        let mut health = ZoneHealth::new(zone);
        health.since = HistoryPlace::of(dir.path(), &health.zone).since();
        match State::read(dir, &health.zone) {
            Ok(state) => health.state = state.unwrap_or_default(),
            Err(error) => health.add(Level::Warning, chain(&error)),
        }
        match status_page::read(dir, &status_name(&health.zone)) {
            Ok(Some(page)) => health.page = page,
            Ok(None) => health.without_page(),
            Err(error) => health.add(Level::Warning, chain(&error)),
        }
        let path = Folder::new(dir.path()).image(&health.zone);
        match map_image(&path) {
            Ok(image) => {
                health.image = Some(ImageHealth {
                    serial: image.serial(),
                    created: image.created(),
                    content: ContentId::from_bytes(image.content_id()).to_string(),
                    bytes: image.as_bytes().len() as u64,
                });
            }
            Err(error) => health.add(Level::Critical, format!("no image: {error}")),
        }
        health.counts = health
            .state
            .seen
            .as_ref()
            .map_or(Counts::default(), |s| s.counts);
        health.judge_time(now);
        health.judge_state(now);
        health
    }

    /// A mirror has run, and its page is gone or says nothing: a cut of the power can do that.
    fn without_page(&mut self) {
        if let Some(seen) = &self.state.seen {
            self.page.serial = seen.serial;
            self.page.stale_from = seen.expires;
            let what = "its status page is gone or damaged, and readers learn of no new image and of no \
                        age until the next run of the mirror";
            self.add(Level::Warning, what.to_owned());
        }
    }

    fn of_feed(tree: &Tree, home: &Dir, kind: Kind, zone: ZoneName, now: u64) -> ZoneHealth {
        let mut health = ZoneHealth::new(zone);
        health.since = HistoryPlace::of(tree.root(), &health.zone).since();
        let memory = state::read_in::<RelayState>(home, &RelayState::name(&health.zone));
        let memory = memory.ok().flatten().unwrap_or_default();
        health.state = memory.state;
        match tree.manifest(&health.zone) {
            Ok(Some(manifest)) => health.judge_manifest(tree, &manifest, now),
            Ok(None) => health.add(Level::Critical, "not here yet".to_owned()),
            Err(error) => health.add(Level::Critical, chain(&error)),
        }
        if kind == Kind::Relay {
            health.page.checked = memory.checked;
            health.judge_late(now);
            if let Some(failure) = health.state.failure.clone() {
                health.add(Level::Warning, said(&failure, now));
            }
        }
        health
    }

    fn judge_manifest(&mut self, tree: &Tree, manifest: &Manifest, now: u64) {
        self.counts = manifest.counts;
        self.page = StatusPage {
            serial: manifest.serial,
            stale_from: manifest.expires,
            checked: manifest.generated,
            retired: manifest.retired.is_some(),
            ..StatusPage::default()
        };
        let holds = manifest.expires.saturating_sub(manifest.generated);
        if manifest.expires <= now {
            let when = ago(manifest.expires, now);
            self.add(Level::Critical, format!("its pointer expired {when}"));
        } else if manifest.expires - now < holds / 4 {
            let left = duration_text(manifest.expires - now);
            let what = format!("its pointer expires in {left}: sign it afresh");
            self.add(Level::Warning, what);
        }
        if let Err(error) = tree.verify(manifest) {
            self.add(Level::Critical, chain(&error));
        }
    }

    fn judge_time(&mut self, now: u64) {
        let page = self.page;
        if page.expired_from != 0 && now >= page.expired_from {
            let since = duration_text(now.saturating_sub(page.stale_from));
            self.add(
                Level::Critical,
                format!("expired: no word of the publisher for {since}"),
            );
        } else if page.stale_from != 0 && now >= page.stale_from {
            let when = ago(page.stale_from, now);
            self.add(
                Level::Critical,
                format!("stale: its last pointer ran out {when}"),
            );
        }
        if page.checked != 0 {
            self.judge_late(now);
        }
    }

    fn judge_late(&mut self, now: u64) {
        let poll = self.state.seen.as_ref().map_or(0, |seen| seen.poll);
        let late = now.saturating_sub(self.page.checked);
        if late > poll.saturating_mul(MISSED).saturating_add(LATE) {
            let since = duration_text(late);
            self.add(Level::Warning, format!("not checked for {since}"));
        }
    }

    fn judge_state(&mut self, now: u64) {
        let state = self.state.clone();
        if let Some(refused) = &state.refused {
            let id = refused.id.get(..12).unwrap_or_default();
            let why = &refused.why;
            self.add(Level::Warning, format!("update {id} refused: {why}"));
        }
        if let Some(failure) = &state.failure
            && state.refused.is_none()
        {
            self.add(Level::Warning, said(failure, now));
        }
        if state.held.is_some() {
            self.add(Level::Warning, "held by a rollback".to_owned());
        }
        if state.left_index {
            let what = "the index of its feed does not name it any more";
            self.add(Level::Warning, what.to_owned());
        }
        let event = state.event.as_ref().filter(|event| !event.told);
        if let Some(error) = event.and_then(|event| event.error.as_ref()) {
            self.add(Level::Warning, error.clone());
        }
        if let Some(retired) = state.seen.and_then(|seen| seen.retired) {
            self.add(
                Level::Warning,
                format!("given up by its publisher, see {}", retired.url),
            );
        }
    }

    fn add(&mut self, level: Level, reason: String) {
        self.level = self.level.max(level);
        self.reasons.push(reason);
    }
}

/// A failure, and how long it goes on.
fn said(failure: &Failure, now: u64) -> String {
    let for_long = now.saturating_sub(failure.since);
    match for_long {
        0..60 => failure.error.clone(),
        _ => format!("{} (for {})", failure.error, duration_text(for_long)),
    }
}

fn ago(time: u64, now: u64) -> String {
    let since = duration_text(now.saturating_sub(time));
    format!("{since} ago ({})", time_text(time))
}
