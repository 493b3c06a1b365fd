//! What the questions about speed share: seeded lists that look like real ones, and the limit of
//! the machine to hold an answer against. The questions are in `benches/`, one a file, and in the
//! small programs of `src/bin/` that `scripts/demo` and `scripts/bench-10m` run.

#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "lists of our own making; a bench may panic"
)]

mod clustered;
pub mod lists;
pub mod measure;
pub mod mmdb;
pub mod opening;
pub mod peers;
mod probe;
pub mod rows;

pub use clustered::{Entry, churn, clustered, content};
pub use probe::Lines;

/// The README's Rust, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
