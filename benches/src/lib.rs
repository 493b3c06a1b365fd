//! What the questions about speed share: seeded lists that look like real ones, and the limit of
//! the machine to hold an answer against. The questions are in `benches/`, one a file, and in the
//! small programs of `src/bin/` that `scripts/demo` and `scripts/bench-10m` run.

#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "lists of our own making; a bench may panic"
)]

pub mod bits;
mod clustered;
pub mod gates;
pub mod lists;
pub mod mmdb;
pub mod name_model;
pub mod opening;
pub mod peers;
pub mod rows;

/// Maps an image that a bench has written or was given.
///
/// # Errors
/// As for [`rblmap::Image::map`].
pub fn map(path: impl AsRef<std::path::Path>) -> Result<rblmap::Image, rblmap::Error> {
    #[expect(unsafe_code, reason = "mapping is a promise about the file")]
    // SAFETY: benches write each file once; who runs them on a file leaves it alone meanwhile.
    unsafe {
        rblmap::Image::map(path)
    }
}

pub use clustered::{Entry, churn, clustered, content};

/// The README's Rust, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
