//! Since when a block list has listed a key, and names that look like others.
//!
//! A [`Log`] is a folder of segments, to which each update of an image adds what it changed. From
//! it a [`History`] tells what happened to an address, a network or a name, oldest first, as far
//! back as the log reaches. `docs/history.md` describes every byte.
//!
//! ```
//! use rblmap::Image;
//! use rblmap_history::{Log, Retention, Subject};
//! # use rblmap_content::Draft;
//! # use rblmap_image::{Stamp, encode};
//! # let old = Draft::new("ops.example".parse()?).finish()?;
//! # let old = Image::from_vec(encode(&old, Stamp { serial: 0, created: 0 })?)?;
//! let dir = tempfile::tempdir()?;
//! let log = Log::new(dir.path().join("ops.example.history"));
//! let new = Image::read("testdata/three.rbl")?;
//! log.append(Some(&old), &new, 1_700_000_000, &Retention::default())?;
//!
//! let history = log.open()?;
//! let subject = Subject::Address("192.0.2.1".parse()?);
//! let events = history.events(&rblmap::NameKey::ROOT, &subject);
//! assert_eq!((events.len(), events[0].serial), (1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod change;
mod error;
mod key;
mod log;
pub mod names;
mod parts;
mod query;
mod retention;
mod segment;

pub use change::{Change, Place, Says, changes};
pub use error::Error;
pub use key::Scope;
pub use log::{Appended, Log};
pub use parts::{Parts, Span};
pub use query::{Event, Gap, History, Subject};
pub use retention::Retention;
pub use segment::{Segment, Version};
