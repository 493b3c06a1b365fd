//! Looks mail clients up in block list images: memory-mapped files that `rblmap build` makes and
//! `rblmap mirror` keeps up to date. No DNS, no daemon, nobody told who mails whom.
//!
//! # One lookup
//!
//! ```
//! use rblmap::Image;
//!
//! let image = Image::read("testdata/three.rbl")?;
//! let answer = image.base().lookup([192, 0, 2, 1]);
//! if answer.is_listed() {
//!     println!("{}", answer.reply("554 5.7.1 "));
//! }
//! # Ok::<(), rblmap::Error>(())
//! ```
//!
//! [`Image::read`] copies a file; [`Image::map`] maps it, in a few microseconds whatever its size,
//! and is `unsafe` because the caller promises that nobody writes to the file. Lookups take two
//! cache misses beyond the first table, allocate nothing, take no lock and call no system function.
//! Any number of threads may use one [`Image`].
//!
//! # A server
//!
//! [`Live`] follows what a mirror does to its folder; a [`LiveSet`] asks several lists together,
//! each with its own fate. For each client ask [`LiveSet::freshness`] first: it takes a new image,
//! and says whether its answers count. Then look up.
//!
//! ```
//! # let list = rblmap::Live::builder_of_image("testdata/three.rbl").read()?;
//! use rblmap::{Freshness, LiveSet, Query, Timestamp};
//!
//! let mut set = LiveSet::new(); // one per thread
//! let ops = set.add(&list, "@")?;
//!
//! let client = Query::parse("192.0.2.1")?;
//! let counts = set.freshness(ops, Timestamp::now()).is_some_and(|f| f < Freshness::Expired);
//! if let Some(answer) = set.answer(ops, &client).filter(|a| counts && a.is_listed()) {
//!     println!("{}", answer.reply("554 5.7.1 "));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is which answer
//!
//! Not listed, no such zone, damaged and expired are different answers: [`Answer::is_listed`],
//! [`Image::zone`], [`Error`] and [`Freshness`]. A text is an address or a name by [`Query::parse`],
//! or neither, which is an error and not "not listed". [`Answer::network`] says which network an
//! answer holds for; [`Zone::v4_runs_in`] walks what is listed.
//!
//! Damaged or hostile images never cause a panic, an endless loop or a read outside the file.
//! They may cause a wrong answer, so verify what comes from outside: the mirror does, before an
//! image gets its name, and `Image::verify` does.
//!
//! # Features
//!
//! - `verify` (default): compares images with their digests, and copies of images with them; adds
//!   blake3.
//! - `ipnet`: [`Network`] to and from `ipnet::IpNet`.
//! - `serde`: networks, names, freshness and status pages can be serialized.
//!
//! Building and comparing images is not for this crate: see `rblmap-image` and the `rblmap`
//! command.
#![cfg_attr(docsrs, feature(doc_cfg))]

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
    Key, NameError, NameKey, NameRule, NameRules, Run, TextBuf, Value, ValueId,
};
// For the crates that build images.
#[doc(hidden)]
pub use rblmap_format::{MAX_KEY, MAX_WIRE, SectionInfo};
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
