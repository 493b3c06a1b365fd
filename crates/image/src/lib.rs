//! What block lists say, in its one normal form, and the image made from it.
//!
//! [`Draft`] takes runs, names and values as sources give them; [`Draft::finish`] resolves them to
//! [`Content`], in which two lists that answer alike are equal; [`Content::id`] names it;
//! [`encode`] makes the image that the `rblmap` crate reads, and [`Content::from_image`] reads it
//! back. Reading sources is for `rblmap-zonefile`, changes between contents are for
//! `rblmap-delta`.

mod blocks;
mod content;
mod encode;
mod error;
mod facts;
mod from_image;
mod id;
mod idle;
mod names;
mod normal;
mod paint;
mod place;
mod section;
mod stamp;
mod v4;
mod value;
mod values;
mod zone_name;

pub use blocks::{BlockReader, Blocks, block_of};
pub use content::{Content, Draft, DraftZone, ZoneContent, resolve_name};
pub use encode::{Layout, encode, encode_named, encode_with};
pub use error::Error;
pub use facts::{Facts, NameServers, Soa};
pub use id::{ContentId, ContentIdError};
pub use names::NameTable;
pub use normal::Address;
pub use paint::{Paint, lay};
pub use place::{TEMP_PREFIX, place};
pub use stamp::Stamp;
pub use v4::{V4Image, V4Runs, V4View};
pub use value::{Record, TemplateBuf, TextPart, ValueBuf, is_canonical, names_key};
pub use values::{Interner, ValueList, Values};
pub use zone_name::{ZoneName, ZoneNameError};
