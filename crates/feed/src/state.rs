//! What a mirror remembers of a zone between runs, and of the index. Written after success alone.

use std::path::Path;

use rblmap_image::place;
use serde::{Deserialize, Serialize};

use crate::counts::Counts;
use crate::digest::FileHash;
use crate::error::{Error, writing};
use crate::folder::read_if_there;
use crate::keyset::KeySet;
use crate::manifest::{Edge, Id, Retired, Texts, Zone};
use crate::pointer::Publisher;

/// What is remembered of a zone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// Whom to trust.
    pub keys: KeySet,
    /// The last manifest that was followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// Set by `rollback`: the image does not change until it is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// Set by `accept`: first digits of the content id that no guard refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// The last refusal, until an update is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedUpdate>,
    /// Counters for metrics.
    #[serde(default)]
    pub totals: Totals,
}

/// The last manifest that was followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Who publishes.
    pub publisher: Publisher,
    /// The line of serials.
    pub epoch: u64,
    /// The issue.
    pub issue: u64,
    /// Hash of the manifest.
    pub hash: FileHash,
    /// The highest serial.
    pub serial: u64,
    /// Its content.
    pub content: Id,
    /// When the manifest was made.
    pub generated: u64,
    /// Until when it holds.
    pub expires: u64,
    /// How often to look.
    pub poll: u64,
    /// How much the zone lists.
    pub counts: Counts,
    /// The deltas that are known, which never change.
    #[serde(default)]
    pub edges: Vec<Edge>,
    /// What people are told.
    #[serde(default)]
    pub texts: Texts,
    /// The zone is given up.
    #[serde(default)]
    pub retired: Option<Retired>,
    /// When the running image was put in place, seconds since 1970.
    #[serde(default)]
    pub updated: u64,
}

/// That an image was rolled back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Since when, seconds since 1970.
    pub since: u64,
    /// The content that was taken back.
    pub from: Id,
}

/// An update that a guard refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefusedUpdate {
    /// When first, seconds since 1970.
    pub at: u64,
    /// Its content.
    pub content: Id,
    /// Why.
    pub why: String,
}

/// Counters that only rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Images put in place.
    pub updates: u64,
    /// Bytes of snapshots taken.
    pub snapshot_bytes: u64,
    /// Bytes of deltas taken.
    pub delta_bytes: u64,
    /// Deltas that did not lead to the content, so that the snapshot was taken.
    pub fallbacks: u64,
    /// Contents that a guard refused.
    pub refusals: u64,
}

/// What is remembered of an index.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct IndexState {
    /// Whom to trust.
    pub keys: KeySet,
    /// The last index that was followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<SeenIndex>,
}

/// The last index that was followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SeenIndex {
    /// Who publishes.
    pub publisher: Publisher,
    /// The issue.
    pub issue: u64,
    /// Hash of the index.
    pub hash: FileHash,
    /// When it was made.
    pub generated: u64,
    /// Until when it holds.
    pub expires: u64,
    /// The zones.
    pub zones: Vec<Zone>,
}

/// Far above what either takes.
const STATE_LIMIT: u64 = 16 << 20;

/// Reads a state; none if there is no file.
pub(crate) fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>, Error> {
    let Some(bytes) = read_if_there(path, STATE_LIMIT)? else {
        return Ok(None);
    };
    let state = serde_json::from_slice(&bytes);
    state.map(Some).map_err(|error| Error::Config {
        path: path.to_owned(),
        what: format!("damaged: {error}; move it away to begin anew"),
    })
}

/// Puts a state in place.
pub(crate) fn write(path: &Path, state: &impl Serialize) -> Result<(), Error> {
    let mut bytes = serde_json::to_vec_pretty(state).unwrap_or_default();
    bytes.push(b'\n');
    place(path, &bytes).map_err(writing(path))
}
