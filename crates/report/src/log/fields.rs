//! Finds parts of messages.

use memchr::memmem;

/// What follows the first `mark` of `text`.
#[inline]
pub(super) fn after<'l>(text: &'l [u8], mark: &[u8]) -> Option<&'l [u8]> {
    text.get(memmem::find(text, mark)? + mark.len()..)
}

/// What follows the last `mark` of `text`.
pub(super) fn after_last<'l>(text: &'l [u8], mark: &[u8]) -> Option<&'l [u8]> {
    text.get(memmem::rfind(text, mark)? + mark.len()..)
}

/// Whether `mark` is in `text`.
#[inline]
pub(super) fn has(text: &[u8], mark: &[u8]) -> bool {
    memmem::find(text, mark).is_some()
}

/// The first word of `text` and what follows the space after it.
#[inline]
pub(super) fn word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', text) {
        Some(space) => (
            text.get(..space).unwrap_or_default(),
            text.get(space + 1..).unwrap_or_default(),
        ),
        None => (text, &[]),
    }
}
