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
//! let image = "../../testdata/golden/three.rbl".into();
//! publish(&dir.join("feed"), &[image], &key, &PublishOptions::default(), now)?;
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
//! `docs/feed.md` describes the tree, the checks and the mirror's folder. Serving is not for this
//! crate: rsync, nginx, an object store or a disk do it.

mod check;
mod counts;
mod digest;
mod error;
mod folder;
mod guard;
mod health;
mod hold;
mod key;
mod keyset;
mod manifest;
mod mirror;
mod mirror_config;
mod names;
mod pointer;
mod publish;
mod relay;
mod route;
mod state;
mod status_page;
mod transport;
mod watch;

pub use counts::Counts;
pub use digest::FileHash;
pub use error::Error;
pub use folder::{Folder, Lock};
pub use guard::{Guards, Network, Range, Refusal};
pub use health::{Health, ImageHealth, Level, ZoneHealth};
pub use hold::{accept, release, rollback};
pub use key::{KeyFiles, PublicKey, Role, SigningKey, keygen, read_public};
pub use keyset::{KeySet, Statement};
pub use manifest::{Edge, Index, Ladder, Manifest, Retired, Snapshot, Texts};
pub use mirror::{GRACE, Outcome, Record, Report, Settings, Update, mirror};
pub use mirror_config::MirrorConfig;
pub use names::FeedPath;
pub use pointer::{Comment, Pointer, Publisher};
pub use publish::{FeedConfig, KeyChange, PublishOptions, Published, change_keys, publish};
pub use relay::{Relayed, relay};
pub use state::{Seen, State, Totals};
pub use transport::{Options, Source};
pub use watch::{Hook, notify, pause, went_well};
