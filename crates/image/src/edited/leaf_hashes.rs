//! The hashes of the leaves of the content id's hash tree.

use std::ops::Range;

use rayon::prelude::*;
use rblmap_content::{LEAF, LeafHasher};

use super::by16::Blocks;

/// Neighbouring leaves.
enum Leaves<'h> {
    /// Their hashes.
    Hashed(&'h [[u8; 32]]),
    /// The /16s that they are, or that they lie in.
    In(Range<usize>),
}

impl Blocks<'_> {
    /// The hash of each leaf: as it is known, or worked out.
    pub(super) fn leaf_hashes(&self, hasher: &LeafHasher<'_>) -> Vec<[u8; 32]> {
        let mut hashed = self.hashed.iter().peekable();
        let mut ranges = self.ranges_of(LEAF).into_iter().peekable();
        let mut all = Vec::new();
        while let Some(range) = ranges.next() {
            let known = hashed.next_if(|it| it.blocks.contains(&range.start));
            let Some(known) = known else {
                all.push(Leaves::In(range));
                continue;
            };
            all.push(Leaves::Hashed(&known.leaves));
            while ranges
                .next_if(|it| known.blocks.contains(&it.start))
                .is_some()
            {}
        }
        let hashes: Vec<Vec<[u8; 32]>> = all
            .into_par_iter()
            .map_init(
                || (self.reader(), Vec::new()),
                |(reader, runs), leaves| match leaves {
                    Leaves::Hashed(hashes) => hashes.to_vec(),
                    Leaves::In(range) => reader.map_leaves(range, runs, &|leaf| hasher.hash(leaf)),
                },
            )
            .collect();
        hashes.concat()
    }
}
