//! IPv4 data: sorted entries in small zones, lines in large ones.

mod around;
pub mod by16;
mod candidates;
mod choose;
mod count;
mod decode;
mod entries;
pub mod kind;
mod line;
pub mod lookup;
mod many;
pub mod reencode;
pub mod renumber;
mod run_buffer;
pub mod run_counts;
pub mod shape;
mod stored_counts;
mod top;
mod trace;
mod unfold;
mod unfolded;
mod walk;
pub mod write;

use crate::run::Run;
use crate::runs::Runs;
use crate::sorted::{Sorted, SortedEntries};

pub use by16::{Slash16, Slash16s, V4Walk};
pub use lookup::Lines;
pub use run_counts::RunCounts;
pub use stored_counts::StoredCounts;
use walk::LineRuns;

/// The IPv4 data of a zone, in whichever layout it has.
///
/// See the example of [`Sixteens`](crate::v4::write::Sixteens).
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
        let (sorted, lines) = match self {
            V4::Empty => (None, None),
            V4::Sorted(section) => (Some(SortedEntries::from(section, first)), None),
            V4::Lines(lines) => (None, Some(LineRuns::from(lines, first))),
        };
        let lines = lines.into_iter().flatten();
        Runs::new(sorted.into_iter().flatten().chain(lines)).filter_map(move |run| run.from(first))
    }

    /// The runs in address order; no two neighbours touch and have one value.
    pub fn runs(self) -> impl Iterator<Item = Run<u32>> + use<'a> {
        let (sorted, lines) = match self {
            V4::Empty => (None, None),
            V4::Sorted(section) => (Some(SortedEntries::new(section)), None),
            V4::Lines(lines) => (None, Some(LineRuns::new(lines))),
        };
        let lines = lines.into_iter().flatten();
        Runs::new(sorted.into_iter().flatten().chain(lines))
    }

    /// The /16s of a zone in lines; `None` for other layouts, and for lines that do not lie in the
    /// order of their /16s, as only in damaged images.
    pub fn blocks(self) -> Option<Slash16s<'a>> {
        match self {
            V4::Lines(lines) => Slash16s::of(lines),
            V4::Empty | V4::Sorted(_) => None,
        }
    }
}
