//! A layer, and the zone in which it answers.

use std::sync::Arc;

use rblmap::NameKey;
use rblmap_content::DEFAULT_TTL;

use super::Layer;

/// A layer where it answers.
#[derive(Debug, Clone)]
pub(crate) struct Attached {
    /// Relative to the base.
    pub(crate) zone: NameKey,
    /// The zone of the spec that it comes from, relative to the base.
    pub(crate) owner: NameKey,
    /// Whether mapped addresses are IPv4 is decided for each group.
    pub(crate) group: Group,
    /// What its records live for, in seconds; 0 for the default.
    pub(crate) ttl: u32,
    pub(crate) layer: Arc<Layer>,
}

impl Attached {
    /// What its records live for, in seconds.
    pub(crate) fn ttl(&self) -> u32 {
        match self.ttl {
            0 => DEFAULT_TTL,
            ttl => ttl,
        }
    }
}

/// Layers that rbldnsd asks together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// The datasets of a zone, by the first spec that names it.
    Zone(usize),
    /// The datasets inside one spec.
    Spec(usize),
}
