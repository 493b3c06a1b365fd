//! What can be wrong with a content that is being made.

/// Why a draft is no content.
///
/// ```
/// use rblmap_content::{Draft, Error};
/// use rblmap_format::{NameKey, Run, ValueId};
///
/// let mut draft = Draft::new("ops.example".parse()?);
/// let value = ValueId::from_rank(0).unwrap(); // an id that the draft has no value for
/// draft.zone_mut(&NameKey::ROOT).v4.push(Run { start: 1, end: 2, value });
/// assert!(matches!(draft.finish(), Err(Error::NoSuchValue { count: 0, .. })));
/// # Ok::<(), rblmap_content::ZoneNameError>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Runs that overlap or do not rise.
    #[error("zone {zone}: runs are not in rising order at run {index}")]
    Order {
        /// The subzone, `@` for the base.
        zone: String,
        /// Which run, from 0.
        index: usize,
    },
    /// Two names with one key.
    #[error("zone {zone}: names are not in rising order at name {index}")]
    NameOrder {
        /// The subzone, `@` for the base.
        zone: String,
        /// Which name, from 0.
        index: usize,
    },
    /// Bytes that are no name.
    #[error("zone {zone}: name {index}: {cause}")]
    BadName {
        /// The subzone, `@` for the base.
        zone: String,
        /// Which name, from 0.
        index: usize,
        /// What is wrong with it.
        cause: rblmap_format::NameError,
    },
    /// An id that no value has.
    #[error("zone {zone}: value {id} of {count}")]
    NoSuchValue {
        /// The subzone, `@` for the base.
        zone: String,
        /// The id.
        id: u32,
        /// How many values there are.
        count: usize,
    },
}
