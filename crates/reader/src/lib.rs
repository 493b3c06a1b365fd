//! Looks mail clients up in block list images: memory-mapped files that `rblmap build` makes and
//! `rblmap mirror` keeps up to date. No DNS, no daemon, nobody told who mails whom.
//!
//! ```
//! use rblmap::{Image, TextBuf};
//!
//! let image = Image::read("../../testdata/golden/three.rbl")?;
//! let zone = image.base();
//! let answer = zone.lookup("192.0.2.1".parse::<std::net::IpAddr>()?);
//! if answer.is_listed() {
//!     let mut buffer = TextBuf::new();
//!     for record in answer.records() {
//!         let text = record.txt(&mut buffer).unwrap_or_default();
//!         println!("{:?} {}", record.a(), String::from_utf8_lossy(text));
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An image is opened in a few microseconds, whatever its size: only header and section table are
//! read. Lookups take two cache misses beyond the first table, allocate nothing, take no lock and
//! call no system function. Any number of threads may use one [`Image`].
//!
//! Not listed, no such zone, damaged and expired are different answers: [`Answer::is_listed`],
//! [`Image::zone`], [`Error`] and [`Zone::expired_at`].
//!
//! Damaged or hostile images never cause a panic, an endless loop or a read outside the file.
//! They may cause a wrong answer, so verify what comes from outside: the mirror does, before an
//! image gets its name, and `Image::verify` does (feature `verify`, which adds blake3).
//!
//! Building and comparing images is not for this crate: see `rblmap-image` and the `rblmap`
//! command.

mod answer;
mod error;
mod image;
#[cfg(unix)]
mod live;
mod many;
mod network;
mod owned;
mod query;
mod set;
mod status;
mod text;
mod time;
#[cfg(feature = "verify")]
mod verify;
mod zone;
mod zone_parts;

pub use answer::{Answer, Record};
pub use error::{Error, ErrorKind};
pub use image::Image;
#[cfg(unix)]
pub use live::{Current, Live, LiveAnswers, LiveBuilder, LiveReader, LiveSet, Status};
pub use network::Network;
pub use owned::OwnedZone;
pub use rblmap_format::{
    Key, MAX_KEY, MAX_WIRE, NameError, NameKey, NamePointBuf, Run, Slot, TextBuf, Value, ValueId,
};
pub use set::{Answers, ImageSet};
#[doc(hidden)]
pub use status::layout as status_layout;
pub use status::{Freshness, StatusPage};
pub use text::{Name, Query, QueryError};
pub use time::Timestamp;
#[cfg(feature = "verify")]
#[doc(hidden)]
pub use verify::root as root_digest;
pub use zone::Zone;
