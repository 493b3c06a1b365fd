//! What can go wrong while content is made, encoded or read back.

use rblmap::NameKey;

/// Why there is no content or no image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Runs that overlap or do not rise.
    #[error("zone {zone}: runs are not in rising order at run {index}")]
    Order {
        /// The subzone, `@` for the base.
        zone: String,
        /// Which run.
        index: usize,
    },
    /// Names that do not rise.
    #[error("zone {zone}: names are not in rising order at name {index}")]
    NameOrder {
        /// The subzone, `@` for the base.
        zone: String,
        /// Which name.
        index: usize,
    },
    /// Bytes that are no name.
    #[error("zone {zone}: name {index}: {cause}")]
    BadName {
        /// The subzone, `@` for the base.
        zone: String,
        /// Which name.
        index: usize,
        /// What is wrong with it.
        cause: rblmap::NameError,
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
    /// A section that the format cannot hold.
    #[error("{what}: {size} is more than the image format holds ({limit})")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// Its size.
        size: u64,
        /// The largest size.
        limit: u64,
    },
    /// The image holds bytes that are no content in normal form.
    #[error("image holds {what} that the format does not allow")]
    NotNormal {
        /// What it holds.
        what: &'static str,
    },
    /// The image could not be read.
    #[error(transparent)]
    Image(#[from] rblmap::Error),
}

/// How a subzone is called in messages: `@` for the base.
pub(crate) fn zone_label(name: &NameKey) -> String {
    if name.label_count() == 0 {
        "@".to_owned()
    } else {
        name.to_string()
    }
}
