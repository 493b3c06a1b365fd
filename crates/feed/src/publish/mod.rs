//! Makes a feed, and every new issue of it.
//!
//! Files are written first, read back and checked as a mirror would, and only then do the pointers
//! move. A run that is killed leaves files that nobody refers to; a later run removes them. A zone
//! that cannot be published does not keep the others.

mod config;
mod content;
mod deltas;
mod facts;
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
use facts::FeedFacts;
pub(crate) use kept::STATE;
pub use keys::{KeyChange, change_keys};
pub(crate) use prune::prune;
pub(crate) use tree::{Tree, referenced};

/// How to publish.
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
}

fn as_text<S: serde::Serializer>(zone: &ZoneName, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(zone.as_str())
}

/// What became of one zone of a publication.
#[derive(Debug)]
pub struct PublishReport {
    /// The zone; none if it could not be told, or of the index.
    pub zone: Option<ZoneName>,
    /// What was done.
    pub result: Result<Published, Error>,
}

impl PublishReport {
    fn failed(zone: Option<ZoneName>, error: Error) -> PublishReport {
        let result = Err(error);
        PublishReport { zone, result }
    }
}

/// What signs: the feed, what holds for all of it, and when.
#[derive(Debug, Clone, Copy)]
struct Issuer<'a> {
    tree: &'a Tree,
    facts: &'a FeedFacts,
    key: &'a SigningKey,
    options: &'a PublishOptions,
    now: u64,
}

/// Publishes images in the feed at `feed`, which is made if it is not there; without images, signs
/// the pointers of all its zones afresh. `now` is in seconds since 1970. Each zone has its own
/// report.
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
        now,
    };
    if images.is_empty() {
        return issuer.refresh_all();
    }
    let mut reports: Vec<PublishReport> = images.iter().map(|image| issuer.report(image)).collect();
    if !options.dry_run {
        issuer.index(&mut reports);
    }
    Ok(reports)
}

/// The zones of a feed, by name.
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
        let refresh = |zone: ZoneName| PublishReport {
            result: zone::refresh(self, &zone),
            zone: Some(zone),
        };
        let mut reports: Vec<PublishReport> = zones.into_iter().map(refresh).collect();
        if !self.options.dry_run {
            self.index(&mut reports);
        }
        Ok(reports)
    }

    fn report(&self, image: &Path) -> PublishReport {
        match content::prepare(self, image) {
            Ok(prepared) => PublishReport {
                zone: Some(prepared.zone().clone()),
                result: zone::publish(self, prepared),
            },
            Err((zone, error)) => PublishReport::failed(zone, error),
        }
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
