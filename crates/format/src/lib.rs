//! The bytes of an rblmap image: what every section holds, how it is read, and how it is written.
//!
//! This crate touches no file, starts no thread, reads no clock and depends on nothing. The reader
//! (`rblmap`) maps an image and answers lookups through it; the builder (`rblmap-image`) turns
//! content into sections with it. `docs/format.md` in the repository says what the bytes mean.
//!
//! # Map
//!
//! An image is a header, a table of sections, and the sections. Each section is read and written by
//! one module:
//!
//! | module | sections | small or large zones |
//! |---|---|---|
//! | [`sections`] | header, section table | |
//! | [`zones`], [`facts`] | ZONES, and what it says of each zone for DNS | |
//! | [`value`], [`record`] | VALUES | |
//! | [`sorted`] | V4_SORTED, V6_SORTED | small |
//! | [`v4`] | V4_TOP, V4_STARTS, V4_COUNTS, V4_BITS, V4_LINES, V4_RUN_COUNTS | large |
//! | [`v6`] | V6_TOP, V6_RANGES, V6_STARTS, V6_LINES, V6_INSIDE_64 | large |
//! | [`names::sorted`] | NAMES_SORTED, NAMES_OVERFLOW | small |
//! | [`names`] | NAMES_MODEL to NAMES_ORDER | large |
//!
//! Where to begin: [`v4::lookup`] tells how an IPv4 address is found, [`v4::kind`] is the table of
//! the kinds of IPv4 line, and `v4/choose.rs` tells how a kind is chosen. [`trace`] says in words
//! what a lookup reads.
//!
//! # Types that the other crates use
//!
//! - [`Address`]: an IPv4 or IPv6 address as a number
//! - [`NameKey`]: a domain name as a sorted key
//! - [`Run`], [`ValueId`], [`NamePoint`], [`NameRules`], [`NameRule`]: what an image says
//! - [`Value`], [`Template`], [`Key`]: the records of a value, and how their texts are rendered
//! - [`Slash16s`], [`V4Walk`], [`RunCounts`]: an image by /16, for updates that copy what they do not
//!   touch
//!
//! # Damage
//!
//! Every read is bounds-checked or clamped. Damaged or hostile bytes can give a wrong answer, but
//! never a panic, an endless loop or a read outside the given slices. Writers assert: bytes that
//! would be lost are a fault of the program.

pub mod address;
pub mod bytes;
pub mod error;
pub mod facts;
pub mod name;
pub mod names;
pub mod pieces;
pub mod record;
pub mod run;
mod runs;
pub mod sections;
mod simd;
pub mod sorted;
pub mod trace;
pub mod v4;
pub mod v6;
pub mod value;
pub mod varint;
pub mod zones;

pub use address::Address;
pub use error::TooLarge;
pub use name::{MAX_KEY, MAX_WIRE, NameError, NameKey};
pub use run::{NamePoint, NameRule, NameRules, Run, ValueId};
pub use sections::SectionInfo;
pub use simd::prefetch;
pub use v4::{RunCounts, Slash16, Slash16s, V4Walk};
pub use value::{Key, MAX_LITERAL, MAX_TEXT, Part, RawRecord, Template, TextBuf, Value};
