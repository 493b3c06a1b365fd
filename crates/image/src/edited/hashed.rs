//! Counts the runs of an image and hashes them in one walk, for whoever asks for the content id next.
//!
//! Where the leaves of its hash tree lie is only known when all runs are counted: a leaf may hold those of
//! many /16s, or of a part of one. So the runs of a *group* of /16s are held until it is counted. If more
//! runs begin in it than fill a leaf, no leaf goes beyond it, and its leaves are hashed. Other groups hold
//! little: they are walked again.

use std::ops::RangeInclusive;

use rblmap::Run;
use rblmap_content::{LEAF, LeafHasher, leaves};
use rblmap_format::{Slash16s, V4Walk};

use super::beside::Beside;
use super::borders::{append, extend};
use super::counted::{Counted, Hashed};
use super::tally::Tally;

/// A group has about so many lines, if it has several /16s: their runs fit into a core's own cache.
const LINES: usize = 1 << 10;

/// Counts the /16s of a /8, and hashes their leaves. `held` is lent for runs. An old image is counted `beside`
/// this one.
pub(super) fn count<'a>(
    image: &Slash16s<'a>,
    walk: &mut V4Walk<'a>,
    blocks: RangeInclusive<u16>,
    (tally, hasher): (&mut Tally, &LeafHasher<'_>),
    held: &mut Vec<Run<u32>>,
    mut beside: Option<&mut Beside<'_, '_>>,
) -> Counted {
    let mut counted = Counted::default();
    let units: usize = blocks.clone().map(|block| image.block(block).units()).sum();
    let groups = units.div_ceil(LINES).next_power_of_two();
    let bits = 8 - groups.ilog2().min(8);
    for first in blocks.step_by(1 << bits) {
        held.clear();
        let group = first..=first | ((1 << bits) - 1);
        for block in group.clone() {
            let runs = match &mut beside {
                Some(beside) => walk.runs_by_unit(block, beside.units),
                None => walk.runs(block),
            };
            let run_counts = tally.count_runs(image, runs, block);
            counted.run_counts.push(run_counts);
            append(held, 0, runs);
            if let Some(beside) = &mut beside {
                beside.count(image, runs, block);
            }
        }
        if goes_on(image, walk, first, held) {
            held.remove(0);
        }
        if held.len() <= LEAF {
            continue;
        }
        if let Some(last) = held.last_mut() {
            extend(last, |block| walk.runs(block).first().copied());
        }
        let leaves = leaves(held, u32::from(first) << 16, 16 + bits);
        counted.hashed.push(Hashed {
            blocks: usize::from(first)..usize::from(*group.end()) + 1,
            leaves: leaves.into_iter().map(|runs| hasher.hash(runs)).collect(),
        });
    }
    counted
}

/// Whether the first run began before the group that begins with this /16.
fn goes_on(image: &Slash16s<'_>, walk: &mut V4Walk<'_>, block: u16, runs: &[Run<u32>]) -> bool {
    let start = u32::from(block) << 16;
    let Some((first, before)) = runs.first().zip(block.checked_sub(1)) else {
        return false;
    };
    let last = image.block(before).units() - 1;
    let last = walk.runs_of(before, last..last + 1).last();
    first.start == start
        && last.is_some_and(|last| last.end == start - 1 && last.value == first.value)
}
