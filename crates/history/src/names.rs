//! Search over the names of an image: those that look like others.

mod automaton;
mod lookalike;
mod puny;

pub use automaton::MAX_DISTANCE;
pub use lookalike::{Lookalike, Lookalikes, listed};
