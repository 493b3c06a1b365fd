//! Reads what list operators have, the zone files of rbldnsd and lists of many kinds, and resolves
//! it to the content of a zone.
//!
//! ```
//! use rblmap_zonefile::{Options, Spec, build};
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("list.txt");
//! # std::fs::write(&path, "192.0.2.1\nspammer.example # since May\nnot an entry\n")?;
//!
//! let spec: Spec = format!("ops.example:plain:{}", path.display()).parse()?;
//! let built = build(&[spec], &Options::default())?;
//! assert_eq!(built.counts.entries, 2);
//! for warning in &built.warnings {
//!     eprintln!("{warning}"); // FILE:3: not a domain name; line skipped
//! }
//! # assert_eq!(built.warnings.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Answers of zone files are those of rbldnsd 1.0~20210120, surprises included; `docs/zonefile.md`
//! lists them, the classes of warnings, and where we differ. `docs/lists.md` has the other types.
//!
//! | to find | look in |
//! |---|---|
//! | sources to content | [`build`], [`build_text`], [`Spec`], [`Options`] |
//! | what was said of their lines | [`Warning`], [`Class`] |
//! | content to zone files and to other lists | [`zone_files`], [`write_list`] |
//! | one key as people write it | [`asked_key`], [`listed_key`], [`v4_address`], [`v4_before`] |
//!
//! What the content becomes is for `rblmap-image`.

mod address4;
mod address6;
mod build;
mod dataset;
mod dataset_type;
mod directive;
mod dump;
mod error;
mod key;
mod large;
mod line;
mod lint;
mod list;
mod load;
mod mask;
mod packing;
mod piece;
mod reading;
mod resolve;
mod source;
mod spec;
mod template;
mod test_points;
mod ttls;
mod value;
mod warning;

pub use address4::{v4_address, v4_before};
pub use build::{Built, Counts, build, build_text};
pub use dataset_type::{DatasetType, SourceOption};
pub use dump::{ListFormat, Loss, Omitted, ZoneFile, write_list, zone_files};
pub use error::Error;
pub use key::{AskedKey, asked_key, listed_key};
pub use mask::Mask;
pub use rblmap_content::{ListedKey, NameScope};
pub use spec::{
    Check, Column, CsvOptions, JsonOptions, Limits, Options, PlainOptions, Reading, Spec,
};
pub use warning::{Class, Warning};
