//! Snapshots and deltas: content in compact form for the wire, and the change from one content to
//! another.
//!
//! ```
//! use rblmap::Image;
//! use rblmap_delta::{Session, Limits, apply, diff, pack, unpack};
//! # use rblmap_content::Draft;
//! # use rblmap_image::{Stamp, encode};
//! # let content = Draft::new("ops.example".parse()?).finish()?;
//! # let old = Image::from_vec(encode(&content, Stamp { serial: 1, created: 1 })?)?;
//! # let new = Image::read("testdata/three.rbl")?;
//!
//! let snapshot = pack(&new, Session(1))?;
//! assert_eq!(unpack(&snapshot, &Limits::default())?, new.as_bytes());
//!
//! let delta = diff(&old, &new, Session(1))?;
//! assert_eq!(apply(&old, &[&delta], &Limits::default())?, new.as_bytes());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every result is compared with the image hash, or with the content id, that the file names, so
//! damage ends as an [`Error`], never as another list. Who made the file
//! is not this crate's question: the manifest of a feed is signed. `docs/delta.md` describes every
//! byte.

mod apply;
mod changes;
mod codec;
mod container;
mod diff;
mod edit;
mod error;
mod merge;
mod streams;

pub use apply::{apply, apply_to, unpack, unpack_to};
pub use changes::{Change, Changed, Says, Scope, changes};
pub use container::header::{Header, Kind};
pub use container::ids::{IdPrefix, ImageRoot, Session};
pub use container::limits::Limits;
pub use container::summary::{Summary, ZoneSummary};
pub use diff::{diff, pack};
pub use error::Error;
pub use merge::merge;
