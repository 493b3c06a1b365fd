//! The page that a bounce points to.
