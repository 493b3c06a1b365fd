//! Numbers, bytes and references as decisions of a range coder: what knows nothing of lists.

pub(crate) mod logistic;
pub(crate) mod neighbours;
pub(crate) mod numbers;
pub(crate) mod range_coder;
pub(crate) mod text_contexts;
pub(crate) mod text_model;
pub(crate) mod value_refs;
