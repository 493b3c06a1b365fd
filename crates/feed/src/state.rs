//! What a mirror remembers of a zone between runs. Written after success, and where a person has to
//! know: a refusal, a failure that goes on.

use rblmap_content::ZoneName;
use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::counts::Counts;
use crate::delta_file::DeltaFile;
use crate::digest::FileHash;
use crate::disk::Dir;
use crate::error::Error;
use crate::guard::Measured;
use crate::ids::Id;
use crate::key::PublicKey;
use crate::manifest::{Retired, Texts};
use crate::pointer::Publisher;

/// What is remembered of a zone.
///
/// See the example of [`Health`](crate::Health).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The feed that the zone comes from: the name of its trust.
    pub feed: String,
    /// The last manifest that was followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// When the zone was last looked at with success, seconds since 1970.
    pub checked: u64,
    /// What the zone listed at the swaps of the last day, and at the one before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<Measured>,
    /// The file of the running image when it was last found whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whole: Option<Whole>,
    /// The highest generation that the status page had.
    pub generation: u64,
    /// Set by `rollback`: the image does not change until it is released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// Set by `accept`: the refused update that no guard refuses again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<RefusedUpdate>,
    /// The last refusal, until an update is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedUpdate>,
    /// A content that called itself another: it was taken back, and is not taken again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_root: Option<String>,
    /// Why the last run failed, until one succeeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What a hook is to be told, or was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// The zone is no longer in the index of its feed.
    pub left_index: bool,
    /// Counters for metrics.
    pub totals: Totals,
}

/// The last manifest that was followed.
///
/// See the example of [`Health`](crate::Health).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Who publishes.
    pub publisher: Publisher,
    /// The line of serials.
    pub session: u64,
    /// The issue.
    pub issue: u64,
    /// Hash of the manifest.
    pub hash: FileHash,
    /// The key that signed it.
    pub key: PublicKey,
    /// The highest serial.
    pub serial: u64,
    /// When its content was made, seconds since 1970.
    pub created: u64,
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
    pub deltas: Vec<DeltaFile>,
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
///
/// See the example of [`Health`](crate::Health).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Since when, seconds since 1970.
    pub since: u64,
    /// The content that was taken back.
    pub from: Id,
}

/// An update that a guard refused: as a whole, so that nothing else passes for it.
///
/// See the example of [`Health`](crate::Health).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefusedUpdate {
    /// When first, seconds since 1970.
    pub at: u64,
    /// What `accept` names: the content id, or that of a retirement.
    pub id: String,
    /// Hash of the image, all of it; none of a retirement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Its serial.
    #[serde(default)]
    pub serial: u64,
    /// Why.
    pub why: String,
}

/// A failure that goes on.
///
/// See the example of [`Health`](crate::Health).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Since when, seconds since 1970.
    pub since: u64,
    /// What kind: the word of its class.
    pub reason: String,
    /// What was said last.
    pub error: String,
}

/// What a hook is told.
///
/// See the example of [`Hook`](crate::Hook).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// `updated`, `refused` or `retired`.
    pub outcome: String,
    /// The serial that it is about.
    pub serial: u64,
    /// What makes it another event: an event is told once.
    pub key: String,
    /// Whether the hook was told, with success.
    pub told: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A file that was verified, as far as the file system tells files apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whole {
    /// Inode.
    pub inode: u64,
    /// Length, bytes.
    pub bytes: u64,
    /// Time of the last change, nanoseconds since 1970.
    pub changed: i128,
    /// When it was verified, seconds since 1970.
    pub at: u64,
}

/// Counters that only rise.
///
/// See the example of [`Health`](crate::Health).
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
    /// Images that were found damaged on the disk.
    pub damaged: u64,
}

/// Far above what either takes.
const STATE_LIMIT: u64 = 16 << 20;

impl State {
    /// The name of a zone's state in its folder.
    pub(crate) fn name(zone: &ZoneName) -> String {
        format!("{zone}.state.json")
    }

    /// Reads the state of a zone; none if there is no file.
    pub(crate) fn read(dir: &Dir, zone: &ZoneName) -> Result<Option<State>, Error> {
        read_in(dir, &State::name(zone))
    }

    /// Puts it in place.
    pub(crate) fn write(&self, dir: &Dir, zone: &ZoneName) -> Result<(), Error> {
        dir.place(&State::name(zone), &to_bytes(self), &Access::public())
    }
}

impl Failure {
    /// The failure as it is now; since when, if it goes on.
    pub(crate) fn of(error: &Error, before: Option<&Failure>, now: u64) -> Failure {
        let reason = error.class().word().to_owned();
        let since = before.map_or(now, |before| before.since.min(now));
        Failure {
            since,
            reason,
            error: crate::error::chain(error),
        }
    }
}

/// Reads a file of ours; none if it is not there.
pub(crate) fn read_in<T: for<'a> Deserialize<'a>>(
    dir: &Dir,
    name: &str,
) -> Result<Option<T>, Error> {
    let Some(bytes) = dir.read(name, STATE_LIMIT)? else {
        return Ok(None);
    };
    let state = serde_json::from_slice(&bytes);
    state.map(Some).map_err(|error| Error::Config {
        path: dir.path().join(name),
        what: format!("damaged: {error}"),
    })
}

/// The bytes of a file of ours.
pub(crate) fn to_bytes(state: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(state).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
