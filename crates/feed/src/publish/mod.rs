//! Makes a feed, and every new issue of it.
//!
//! Files are written first, read back and checked as a mirror would, and only then do the pointers
//! move. A run that is killed leaves files that nobody refers to; a later run removes them.

mod config;
mod keys;
mod prune;
mod shelf;
mod steps;
mod tree;
mod zone;

use std::path::{Path, PathBuf};

use rblmap_content::ZoneName;

use crate::counts::Counts;
use crate::error::Error;
use crate::folder;
use crate::key::SigningKey;

pub use config::FeedConfig;
pub use keys::{KeyChange, change_keys};
pub(crate) use prune::prune;
pub(crate) use shelf::STATE;
pub(crate) use tree::{Tree, referenced};

/// How to publish.
#[derive(Debug, Clone)]
pub struct PublishOptions {
    /// What is said beside the listings.
    pub config: FeedConfig,
    /// How long a pointer holds, seconds.
    pub expires: u64,
    /// Publish what looks like a mistake.
    pub force: bool,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
    /// Put the image itself beside the snapshot.
    pub with_image: bool,
    /// Begin a new line of serials.
    pub new_epoch: bool,
    /// Give the zones up; the URL says more.
    pub retire: Option<String>,
}

impl Default for PublishOptions {
    /// Pointers that hold for a day, and nothing out of the ordinary.
    fn default() -> PublishOptions {
        PublishOptions {
            config: FeedConfig::default(),
            expires: 24 * 3600,
            force: false,
            dry_run: false,
            with_image: false,
            new_epoch: false,
            retire: None,
        }
    }
}

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
}

fn as_text<S: serde::Serializer>(zone: &ZoneName, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(zone.as_str())
}

/// Publishes images in the feed at `feed`, which is made if it is not there; without images, signs
/// the pointers of all its zones afresh. `now` is in seconds since 1970.
///
/// # Errors
/// Images that cannot be read; a serial that does not rise; an empty or halved zone, unless forced;
/// a feed that cannot be written, or is locked by another run; output that does not verify.
pub fn publish(
    feed: &Path,
    images: &[PathBuf],
    key: &SigningKey,
    options: &PublishOptions,
    now: u64,
) -> Result<Vec<Published>, Error> {
    let state = feed.join(STATE);
    if options.dry_run && !feed.exists() {
        return zone::dry_run(feed, images, key, options, now);
    }
    let _lock = folder::lock(&state)?;
    folder::clean(feed, true)?;
    if options.dry_run {
        return zone::dry_run(feed, images, key, options, now);
    }
    let tree = Tree::new(feed);
    let mut published = Vec::new();
    if images.is_empty() {
        let zones = tree.zones()?;
        if zones.is_empty() {
            return Err(Error::Config {
                path: feed.to_owned(),
                what: "no zones to sign afresh: give an image".to_owned(),
            });
        }
        for zone in zones {
            published.push(zone::refresh(&tree, &zone, key, options, now)?);
        }
    }
    for image in images {
        published.push(zone::publish(&tree, image, key, options, now)?);
    }
    tree::publish_index(&tree, key, options, now)?;
    Ok(published)
}

/// The issue after `last`: above it, and above all that a publisher without memory can have used.
pub(crate) fn next_issue(last: Option<u64>, now: u64) -> u64 {
    last.map_or(0, |last| last.saturating_add(1)).max(now / 60)
}
