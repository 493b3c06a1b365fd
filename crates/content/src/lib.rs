//! What a block list says, resolved, in its one normal form.
//!
//! [`Draft`] takes runs, names and values as sources give them; [`Draft::finish`] turns them into
//! [`Content`]. Two lists that answer alike have equal content, and [`Content::id`] identifies it on
//! every machine.
//!
//! | to find | look in |
//! |---|---|
//! | the records of an answer, and how they are made | [`ValueBuf`], [`Record`], [`TemplateBuf`] |
//! | ids for values | [`Interner`], [`Values`], [`ValueList`] |
//! | values that stay in an image | [`Values::in_table`], [`Lender`] |
//! | runs of addresses and the one change of them | [`V4Runs`], [`Edit`], [`edit_runs`], [`RunsAndGaps`] |
//! | the key of an entry | [`ListedKey`], [`NameScope`] |
//! | names and what they say | [`NameTable`], [`resolve_name`] |
//! | TTL, SOA, NS and MX | [`Facts`], [`EntryTtls`] |
//! | the hash of it all | [`ContentId`], [`leaves`] |
//!
//! Reading sources is for `rblmap-zonefile`, images are for `rblmap-image`, and changes between
//! contents are for `rblmap-delta`.

mod content;
mod differences;
mod edit;
mod error;
mod held;
mod id;
mod interner;
mod key;
mod leaf_hasher;
mod leaves;
mod names;
mod normal;
mod order;
mod pool;
mod ranges;
mod split_up;
mod v4;
mod value;
mod values;
mod zone_name;

pub use content::{Content, Draft, DraftZone, ZoneContent, resolve_name};
pub use differences::{Difference, differences, differences_between};
pub use edit::{Edit, edit_runs, edit_runs_into};
pub use error::Error;
pub use held::{Lender, ValueTable, ValuesPart};
pub use id::{ContentId, ContentIdError};
pub use interner::{Interner, ValueList};
pub use key::{ListedKey, NameScope, NameScopeError};
pub use leaf_hasher::LeafHasher;
pub use leaves::{LEAF, leaves};
pub use names::NameTable;
pub use pool::Pool;
pub use ranges::{RunOrGap, RunsAndGaps, count_runs_and_gaps};
pub use split_up::split_up;
pub use v4::{V4Runs, count_runs};
pub use value::{Record, TemplateBuf, TextPart, ValueBuf, is_canonical, names_key};
pub use values::{NotValues, Values, renumbered};
pub use zone_name::{ZoneName, ZoneNameError};

pub use rblmap_format::facts::{
    DEFAULT_TTL, EntryTtls, Facts, MailExchanger, NameServers, Soa, TtlName, TtlRun, Ttls,
};
