//! The three things that change, as decisions: addresses, names and values.

pub(crate) mod addresses;
pub(crate) mod base;
pub(crate) mod extent;
pub(crate) mod find;
pub(crate) mod fineness;
pub(crate) mod names;
#[cfg(test)]
mod random_decisions;
pub(crate) mod step;
pub(crate) mod values;
