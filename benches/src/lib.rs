//! What the questions about speed share: seeded lists that look like real ones, and the limit of
//! the machine to hold an answer against. The questions are in `benches/`, one a file, and in the
//! small programs of `src/bin/` that `scripts/demo` and `scripts/bench-10m` run.

#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "lists of our own making; a bench may panic"
)]

mod clustered;
mod probe;

pub use clustered::{Entry, churn, clustered, content};
pub use probe::{Lines, barrier};

/// The README's Rust, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
