//! What is counted of an image while it is read.

use std::ops::{Range, RangeInclusive};

use rblmap_format::RunCounts;

/// What is counted of the /16s of a /8.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) run_counts: Vec<RunCounts>,
    /// What begins before each unit, if that is counted.
    pub(super) begun: Option<Vec<[u16; 2]>>,
    pub(super) hashed: Vec<Hashed>,
}

impl Counted {
    pub(super) fn of(
        blocks: RangeInclusive<u16>,
        mut count: impl FnMut(u16, &mut Vec<[u16; 2]>) -> RunCounts,
    ) -> Counted {
        let mut begun = Vec::new();
        let run_counts = blocks.map(|block| count(block, &mut begun)).collect();
        begun.shrink_to_fit();
        Counted {
            run_counts,
            begun: Some(begun),
            hashed: Vec::new(),
        }
    }
}

/// The leaves of the content id's hash tree that lie in some /16s.
#[derive(Debug, Clone)]
pub(super) struct Hashed {
    /// The /16s; no leaf goes beyond them.
    pub(super) blocks: Range<usize>,
    /// The hash of each leaf.
    pub(super) leaves: Vec<[u8; 32]>,
}
