//! IPv4 data: sorted entries in small zones, lines in large ones.

mod around;
pub mod by16;
mod count;
pub mod lookup;
mod many;
pub mod outline;
pub mod shape;
pub(crate) mod walk;

use crate::run::Run;
use crate::runs::{LineStretches, Runs, SortedStretches, V4Stretches};
use crate::sorted::Sorted;

pub use by16::{V4Block, V4Blocks, V4Walk};
pub use lookup::Lines;
pub use outline::Outline;

/// The IPv4 data of a zone, in whichever layout it has.
#[derive(Debug, Clone, Copy)]
pub enum V4<'a> {
    /// The zone lists no IPv4 address.
    Empty,
    /// Sorted entries: few runs.
    Sorted(Sorted<'a>),
    /// Lines: many runs.
    Lines(Lines<'a>),
}

impl<'a> V4<'a> {
    /// The runs from an address on, the first one cut there. As [`V4::runs`] otherwise.
    pub fn runs_from(self, first: u32) -> impl Iterator<Item = Run<u32>> + use<'a> {
        let stretches = match self {
            V4::Empty => None,
            V4::Sorted(section) => Some(V4Stretches::Sorted(SortedStretches::from(section, first))),
            V4::Lines(lines) => Some(V4Stretches::Lines(LineStretches::from(lines, first))),
        };
        Runs::new(stretches.into_iter().flatten()).filter_map(move |run| run.from(first))
    }

    /// The runs in address order; no two neighbours touch and have one value.
    pub fn runs(self) -> impl Iterator<Item = Run<u32>> + use<'a> {
        let stretches = match self {
            V4::Empty => None,
            V4::Sorted(section) => Some(V4Stretches::Sorted(SortedStretches::new(section))),
            V4::Lines(lines) => Some(V4Stretches::Lines(LineStretches::new(lines))),
        };
        Runs::new(stretches.into_iter().flatten())
    }
}
