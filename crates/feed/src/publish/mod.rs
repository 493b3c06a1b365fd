//! Makes a feed, and every new issue of it.
//!
//! Files are written first, read back and checked as a mirror would, and only then do the pointers
//! move. A run that is killed leaves files that nobody refers to; a later run removes them. A zone
//! that cannot be published does not keep the others.

mod compared;
mod config;
mod content;
mod critical;
mod deltas;
mod facts;
mod history;
mod index;
mod kept;
mod keys;
mod prune;
mod tree;
mod zone;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rblmap_content::ZoneName;

use crate::check::ISSUE_AHEAD;
use crate::counts::Counts;
use crate::error::Error;
use crate::ids::Zone;
use crate::key::{Role, SigningKey};
use crate::keyset::Statement;
use crate::manifest::{Manifest, Retired};
use crate::time::DAY;

pub use config::{FeedConfig, seconds};
use critical::Critical;
pub use critical::Lookalike;
use facts::FeedFacts;
pub(crate) use history::{folder as history_folder, newest_image};
pub(crate) use kept::STATE;
pub use keys::{KeyChange, change_keys};
pub(crate) use prune::prune;
pub(crate) use tree::{Tree, referenced};

/// How to publish.
///
/// See the example of [`publish`].
#[derive(Debug, Clone, Default)]
pub struct PublishOptions {
    /// What is said beside the listings.
    pub config: FeedConfig,
    /// How long a pointer holds, seconds; none: as the configuration says, else as long as before.
    pub expires: Option<u64>,
    /// Publish what looks like a mistake.
    pub force: bool,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
    /// Put the image itself beside the snapshot.
    pub with_image: bool,
    /// Begin a new line of serials.
    pub new_session: bool,
    /// Give zones up; the URL says more.
    pub retire: Option<String>,
    /// Which zones to give up; none: all.
    pub retire_zones: Vec<ZoneName>,
    /// How long to wait for another run to end.
    pub wait: Duration,
}

/// A pointer holds so long, if nothing else is said, seconds.
const EXPIRES: u64 = DAY;

/// What was published for a zone.
///
/// See the example of [`publish`].
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Published {
    /// The zone.
    #[serde(serialize_with = "as_text")]
    pub zone: ZoneName,
    /// The issue of its pointer.
    pub issue: u64,
    /// The serial of its content.
    pub serial: u64,
    /// Whether the content is new; else the pointer was signed afresh.
    pub new_content: bool,
    /// How much it lists.
    pub counts: Counts,
    /// How much the content before listed.
    pub before: Option<Counts>,
    /// Bytes of the delta, if one was made.
    pub delta: Option<u64>,
    /// Bytes of the snapshot, if one was made.
    pub snapshot: Option<u64>,
    /// Whether files of the feed that were missing or damaged were made again or left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mended: bool,
    /// Names that are new and look like one that the configuration calls critical.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lookalikes: Vec<Lookalike>,
}

fn as_text<S: serde::Serializer>(zone: &ZoneName, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(zone.as_str())
}

/// What became of one zone of a publication.
///
/// See the example of [`publish`].
#[derive(Debug)]
pub struct PublishReport {
    /// The zone; none if it could not be told, or of the index.
    pub zone: Option<ZoneName>,
    /// What was done.
    pub result: Result<Published, Error>,
    /// What went wrong beside it: the history could not be written.
    pub trouble: Vec<Error>,
}

impl PublishReport {
    fn new(zone: Option<ZoneName>, result: Result<Published, Error>) -> PublishReport {
        PublishReport {
            zone,
            result,
            trouble: Vec::new(),
        }
    }

    fn failed(zone: Option<ZoneName>, error: Error) -> PublishReport {
        PublishReport::new(zone, Err(error))
    }
}

/// What signs: the feed, what holds for all of it, and when.
#[derive(Debug, Clone, Copy)]
struct Issuer<'a> {
    tree: &'a Tree,
    facts: &'a FeedFacts,
    key: &'a SigningKey,
    options: &'a PublishOptions,
    critical: &'a Critical,
    now: u64,
}

/// Publishes images in the feed at `feed`, which is made if it is not there; without images, signs
/// the pointers of all its zones afresh. `now` is in seconds since 1970. Each zone has its own
/// report.
///
/// ```
/// use rblmap_feed::{FeedConfig, PublishOptions, SigningKey, keygen, publish, zones_of_feed};
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// # let (feed, now) = (dir.join("feed"), 1_790_000_000);
/// let key = SigningKey::read(&keygen(&dir.join("ops"), None)?.online, None)?;
/// let options = PublishOptions {
///     config: FeedConfig { poll: Some(60), ..FeedConfig::default() },
///     ..PublishOptions::default()
/// };
/// for report in publish(&feed, &["testdata/three.rbl".into()], &key, &options, now)? {
///     let published = report.result?;
///     assert!(published.new_content && published.snapshot.is_some());
///     for near in &published.lookalikes {
///         eprintln!("{} looks like {}", near.listed, near.critical);
///     }
/// }
/// assert_eq!(zones_of_feed(&feed)?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What concerns all zones: a feed that cannot be written, or is locked by another run; no zones.
pub fn publish(
    feed: &Path,
    images: &[PathBuf],
    key: &SigningKey,
    options: &PublishOptions,
    now: u64,
) -> Result<Vec<PublishReport>, Error> {
    let tree = Tree::new(feed);
    let critical = Critical::of(&options.config)?;
    let new = options.dry_run && !feed.exists();
    let _lock = match new {
        true => None,
        false => Some(tree.lock(options.wait)?),
    };
    if !new {
        tree.clean()?;
    }
    let mut facts = FeedFacts::of(&tree, key, options)?;
    if options.retire.is_some() && key.role() == Role::Offline {
        let mut text = facts.statement_text();
        text.number += 1;
        for zone in tree
            .zones()?
            .into_iter()
            .filter(|zone| options.retires(zone))
        {
            let zone = Zone(zone);
            if !text.retired.contains(&zone) {
                text.retired.push(zone);
            }
        }
        facts.statement = Some(Statement::sign(&text, key)?);
    }
    let issuer = Issuer {
        tree: &tree,
        facts: &facts,
        key,
        options,
        critical: &critical,
        now,
    };
    // Asked before the index is signed by it.
    let stranger = facts.is_strange(&tree, key);
    let mut reports = match images.is_empty() {
        true => issuer.refresh_all()?,
        false => issuer.publish_all(images),
    };
    if let Some(report) = reports.first_mut().filter(|_| stranger) {
        let key = key.public().id();
        report.trouble.push(Error::StrangeKey { key });
    }
    Ok(reports)
}

/// The zones of a feed, by name.
///
/// See the example of [`publish`].
///
/// # Errors
/// A feed that cannot be read.
pub fn zones_of_feed(feed: &Path) -> Result<Vec<ZoneName>, Error> {
    Tree::new(feed).zones()
}

impl PublishOptions {
    /// Whether this zone is given up now.
    fn retires(&self, zone: &ZoneName) -> bool {
        let named = self.retire_zones.is_empty() || self.retire_zones.contains(zone);
        self.retire.is_some() && named
    }

    /// How long a pointer holds; `before` is how long the last one did.
    fn holds(&self, before: Option<u64>) -> u64 {
        let said = self.expires.or(self.config.expires);
        said.or(before.filter(|&before| before > 0))
            .unwrap_or(EXPIRES)
    }
}

impl Issuer<'_> {
    /// Signs the pointers of all zones afresh, and the index where it must be.
    fn refresh_all(&self) -> Result<Vec<PublishReport>, Error> {
        let zones = self.tree.zones()?;
        let missing = self.options.retire_zones.iter();
        if let Some(zone) = missing.into_iter().find(|zone| !zones.contains(zone)) {
            return Err(Error::NotPossible {
                zone: zone.clone(),
                what: "the feed has no such zone".to_owned(),
            });
        }
        if zones.is_empty() {
            return Err(Error::Config {
                path: self.tree.root().to_owned(),
                what: "no zones to sign afresh: give an image".to_owned(),
            });
        }
        let refresh = |zone: ZoneName| {
            let result = zone::refresh(self, &zone);
            PublishReport::new(Some(zone), result)
        };
        let mut reports: Vec<PublishReport> = zones.into_iter().map(refresh).collect();
        if !self.options.dry_run {
            self.index(&mut reports);
        }
        Ok(reports)
    }

    fn publish_all(&self, images: &[PathBuf]) -> Vec<PublishReport> {
        let mut reports: Vec<PublishReport> =
            images.iter().map(|image| self.report(image)).collect();
        if !self.options.dry_run {
            self.index(&mut reports);
        }
        reports
    }

    fn report(&self, image: &Path) -> PublishReport {
        let prepared = match content::prepare(self, image) {
            Ok(prepared) => prepared,
            Err((zone, error)) => return PublishReport::failed(zone, error),
        };
        let zone = Some(prepared.zone().clone());
        let result = self.critical.judge(&prepared, self.options.force);
        let result = result.and_then(|lookalikes| {
            let published = zone::publish(self, &prepared)?;
            Ok(Published {
                lookalikes,
                ..published
            })
        });
        let mut report = PublishReport::new(zone, result);
        if report.result.is_ok() && !self.options.dry_run {
            report.trouble = history::record(self, &prepared);
        }
        report
    }

    fn index(&self, reports: &mut Vec<PublishReport>) {
        if let Err(error) = index::publish(self) {
            reports.push(PublishReport::failed(None, error));
        }
    }

    /// The next issue of a manifest, with what the configuration and the feed say now.
    fn renewed(&self, mut manifest: Manifest) -> Manifest {
        let (config, now) = (&self.options.config, self.now);
        let held = manifest.expires.saturating_sub(manifest.generated);
        manifest.issue = next_issue(Some(manifest.issue), now);
        manifest.generated = now;
        manifest.expires = now.saturating_add(self.options.holds(Some(held)));
        manifest.publisher.clone_from(&self.facts.publisher);
        manifest.next_key.clone_from(&self.facts.next_key);
        manifest.statement.clone_from(&self.facts.statement);
        manifest.poll = config.poll.unwrap_or(manifest.poll);
        if let Some(texts) = config.zone.get(manifest.zone.0.as_str()) {
            manifest.texts = texts.clone();
        }
        if let Some(url) = &self.options.retire
            && self.options.retires(&manifest.zone.0)
        {
            let (at, url) = (now, url.clone());
            manifest.retired = Some(Retired { at, url });
        }
        manifest
    }
}

/// The issue after `last`: above it, and above all that a publisher without memory can have used.
/// One so far ahead that no mirror can have taken it was made by a clock that was wrong: it does
/// not count.
pub(crate) fn next_issue(last: Option<u64>, now: u64) -> u64 {
    let minutes = now / 60;
    let sane = last.filter(|&last| last <= minutes.saturating_add(ISSUE_AHEAD));
    sane.map_or(0, |last| last.saturating_add(1)).max(minutes)
}
