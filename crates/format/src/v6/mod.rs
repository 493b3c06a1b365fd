//! IPv6 data: sorted entries in small zones, lines in large ones.

mod around;
mod groups;
pub mod lookup;
mod parts;
pub mod shape;
mod trace;
mod walk;
pub mod write;

use crate::run::Run;
use crate::runs::Runs;
use crate::sorted::{Sorted, SortedEntries};

pub use lookup::Lines6;
use walk::LineRuns6;

/// The IPv6 data of a zone, in whichever layout it has.
///
/// See the example of [`write`](fn@crate::v6::write::write).
#[derive(Debug, Clone, Copy)]
pub enum V6<'a> {
    /// The zone lists no IPv6 address.
    Empty,
    /// Sorted entries: few runs.
    Sorted(Sorted<'a>),
    /// Lines: many runs.
    Lines(Lines6<'a>),
}

impl<'a> V6<'a> {
    /// The runs from an address on, the first one cut there. As [`V6::runs`] otherwise.
    pub fn runs_from(self, first: u128) -> impl Iterator<Item = Run<u128>> + use<'a> {
        let (sorted, lines) = match self {
            V6::Empty => (None, None),
            V6::Sorted(section) => (Some(SortedEntries::from(section, first)), None),
            V6::Lines(lines) => (None, Some(LineRuns6::from(lines, first))),
        };
        let lines = lines.into_iter().flatten();
        Runs::new(sorted.into_iter().flatten().chain(lines)).filter_map(move |run| run.from(first))
    }

    /// The runs in address order; no two neighbours touch and have one value.
    pub fn runs(self) -> impl Iterator<Item = Run<u128>> + use<'a> {
        let (sorted, lines) = match self {
            V6::Empty => (None, None),
            V6::Sorted(section) => (Some(SortedEntries::new(section)), None),
            V6::Lines(lines) => (None, Some(LineRuns6::new(lines))),
        };
        let lines = lines.into_iter().flatten();
        Runs::new(sorted.into_iter().flatten().chain(lines))
    }
}
