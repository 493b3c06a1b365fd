//! Publishes and mirrors block lists as trees of plain, signed files, which any rsync daemon, web
//! server or disk serves.
//!
//! ```
//! use rblmap_feed::{Folder, PublishOptions, Settings, SigningKey, Source};
//! use rblmap_feed::{keygen, mirror, publish, read_public};
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path();
//! let now = 1_790_000_000;
//! let keys = keygen(&dir.join("ops"), None)?;
//! let key = SigningKey::read(&keys.online, None)?;
//! let image = "testdata/three.rbl".into();
//! for report in publish(&dir.join("feed"), &[image], &key, &PublishOptions::default(), now)? {
//!     report.result?;
//! }
//!
//! let folder = Folder::new(dir.join("mirror"));
//! let source = Source::Local(dir.join("feed"));
//! let settings = Settings::new(vec![source], read_public(&keys.public)?);
//! for report in mirror(&folder, &settings, now)? {
//!     report.result?;
//! }
//! let image = rblmap::Image::read(folder.image(&"ops.example".parse()?))?;
//! assert!(image.base().lookup("192.0.2.1".parse::<std::net::IpAddr>()?).is_listed());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `docs/feed.md` describes the tree, the checks and the mirror's folder. This crate does not serve
//! files: rsync, nginx, an object store or a disk do that.
//!
//! | to find | look in |
//! |---|---|
//! | what a publisher writes, and in which order | `publish/` |
//! | one run of a mirror, zone by zone | `mirror/`, its settings in `mirror_config.rs` |
//! | the checks of pointers and manifests, and where signatures are verified | `check.rs`, `pointer.rs`, `manifest.rs` |
//! | which keys count, and what an offline key says about them | `keyset.rs`, `trust.rs`, `key.rs` |
//! | how far an update may go | `guard.rs` |
//! | rsync, HTTP, a folder; how fast, how much | `transport/`, `fetcher.rs`, `network.rs` |
//! | what is remembered, and on which disk; who may read it | `state.rs`, `folder.rs`, `disk.rs`, `access.rs` |
//! | deltas from the content in use to the newest | `chain.rs`, `delta_file.rs` |
//! | a relay; the way back; a mirror that waits | `relay.rs`, `rollback.rs`, `watch.rs` |

mod access;
mod chain;
mod check;
mod counts;
mod delta_file;
mod digest;
mod disk;
mod error;
mod fetcher;
mod folder;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod guard;
mod health;
mod history;
mod history_place;
mod ids;
mod key;
mod keyset;
mod manifest;
mod mirror;
mod mirror_config;
mod network;
mod path;
mod pointer;
mod publish;
mod reach;
mod relay;
mod rollback;
mod state;
mod status_page;
mod time;
mod toml_file;
mod transport;
mod trust;
mod watch;

pub use check::HOLDS_AT_MOST;
pub use counts::Counts;
pub use delta_file::DeltaFile;
pub use digest::FileHash;
pub use error::{Class, Error, Reach};
pub use folder::Folder;
pub use guard::{Guards, Measured, Refusal};
pub use health::{Health, ImageHealth, Kind, Level, ZoneHealth};
pub use history_place::HistoryPlace;
pub use key::{KeyFiles, PublicKey, Role, SigningKey, keygen, read_public};
pub use manifest::{Retired, Texts};
pub use mirror::{
    GRACE, Outcome, Pending, Record, Report, Settings, Update, hook_told, mirror, pending_events,
};
pub use mirror_config::MirrorConfig;
pub use network::{Network, Range};
pub use pointer::Publisher;
pub use publish::{
    FeedConfig, KeyChange, Lookalike, PublishOptions, PublishReport, Published, change_keys,
    publish, seconds, zones_of_feed,
};
pub use relay::{RelaySettings, Relayed, relay};
pub use rollback::{accept, release, rollback};
pub use state::{Event, Failure, Held, RefusedUpdate, Seen, State, Totals};
pub use time::{duration_text, time_text};
pub use transport::{Options, Secret, Source, Stop};
pub use watch::{Hook, Schedule, notify};
