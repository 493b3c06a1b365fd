//! The bytes of an rblmap image: what every section holds, how it is read, and how it is written.
//!
//! This crate touches no file, starts no thread, reads no clock and depends on nothing. The reader
//! (`rblmap`) maps an image and answers lookups through it; the builder (`rblmap-image`) turns
//! content into sections with it. What the bytes mean is written down in `docs/format.md`.
//!
//! Every read is bounds-checked or clamped. Damaged or hostile bytes can give a wrong answer, but
//! never a panic, an endless loop or a read outside the given slices.

pub mod address;
pub mod bytes;
pub mod error;
pub mod name;
pub mod names;
pub mod pieces;
pub mod record;
pub mod run;
mod runs;
pub mod sections;
mod simd;
pub mod sorted;
pub mod v4;
pub mod v6;
pub mod value;
pub mod zones;

pub use address::Address;
pub use error::TooLarge;
pub use name::{MAX_KEY, MAX_WIRE, NameError, NameKey};
pub use run::{NamePoint, NamePointBuf, Run, Slot, ValueId};
pub use simd::prefetch;
pub use v4::{Outline, V4Block, V4Blocks, V4Walk};
pub use value::{Key, MAX_LITERAL, MAX_TEXT, Part, RawRecord, Template, TextBuf, Value};
