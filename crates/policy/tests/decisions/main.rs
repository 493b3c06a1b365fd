//! What a policy decides: each rule of the file by an example, and random policies beside a model.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod file;
mod random;
mod rules;
mod world;
