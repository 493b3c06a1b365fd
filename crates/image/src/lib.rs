//! Content to image, image to content, and an image with edits over it.
//!
//! ```text
//!   Content ──encode──► image bytes ──place──► file ──rblmap::Image──► lookups
//!      ▲                     │
//!      └─────── decode ──────┤
//!   Content over the image ◄─┴─ edited     (large IPv4 lists stay in the image)
//! ```
//!
//! | to find | look in |
//! |---|---|
//! | content to image, what may be left out of one | [`encode`], [`encode_with`], [`encode_to`], [`Layout`] |
//! | image to content | [`decode`], [`decode_in_place`] |
//! | whether an image is what its content is written as | [`is_written_as`] |
//! | an image with edits over it, by /16 | [`edited`], [`Blocks`], [`BlockReader`] |
//! | runs that come some at a time, as lines | [`LineWriter`] |
//! | a handful of changes to an image, without its sources | [`Editor`] |
//! | the same image with another serial and time | [`restamp`] |
//! | the one way to put a file in its place | [`place`], [`NewFile`], [`put_part`] |
//!
//! `rblmap-content` has content itself, `rblmap` looks up in an image, and `rblmap-delta` has the
//! changes between images. `docs/format.md` describes every byte of an image.

mod assembly;
mod decode;
mod edited;
mod editor;
mod encode;
mod error;
mod lines;
mod place;
mod restamp;
mod section;
mod stamp;

pub use assembly::Put;
pub use decode::{
    Both, EditedContent, decode, decode_in_place, edited, edited_both, edited_with_id,
};
pub use edited::{Behind, BlockReader, Blocks, RunsBy16, V4Image, V4Source, V4View, block_of};
pub use editor::{Additions, Editor};
pub use encode::{Layout, encode, encode_named, encode_to, encode_with, is_written_as};
pub use error::Error;
pub use lines::{LineWriter, V4Lines};
pub use place::{NewFile, TEMP_PREFIX, place, put_part};
pub use restamp::restamp;
pub use stamp::Stamp;
