//! What people want to know about lists: the page for the person whose mail bounced.

pub mod page;
