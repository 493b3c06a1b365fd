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

use super::counted::{Counted, Hashed};
use super::tally::Tally;

/// A group has about so many lines, if it has several /16s: their runs fit into a core's own cache.
const LINES: usize = 1 << 10;

/// Counts the /16s of a /8, and hashes their leaves. `held` is lent for runs.
pub(super) fn count<'a>(
    image: &Slash16s<'a>,
    walk: &mut V4Walk<'a>,
    blocks: RangeInclusive<u16>,
    (tally, hasher): (&mut Tally, &LeafHasher<'_>),
    held: &mut Vec<Run<u32>>,
) -> Counted {
    let mut counted = Counted::default();
    let units: usize = blocks.clone().map(|block| image.block(block).units()).sum();
    let groups = units.div_ceil(LINES).next_power_of_two();
    let bits = 8 - groups.ilog2().min(8);
    for first in blocks.step_by(1 << bits) {
        held.clear();
        let group = first..=first | ((1 << bits) - 1);
        for block in group.clone() {
            let runs = walk.runs(block);
            counted
                .run_counts
                .push(tally.count_runs(image, runs, block));
            append(held, runs);
        }
        if goes_on(image, walk, first, held) {
            held.remove(0);
        }
        if held.len() <= LEAF {
            continue;
        }
        if let Some(last) = held.last_mut() {
            extend(walk, last);
        }
        let leaves = leaves(held, u32::from(first) << 16, 16 + bits);
        counted.hashed.push(Hashed {
            blocks: usize::from(first)..usize::from(*group.end()) + 1,
            leaves: leaves.into_iter().map(|runs| hasher.hash(runs)).collect(),
        });
    }
    counted
}

/// Adds the runs of a /16 behind those of the one before: what goes over the border is one run.
fn append(held: &mut Vec<Run<u32>>, mut runs: &[Run<u32>]) {
    if let Some(last) = held.last_mut()
        && let Some((first, rest)) = runs.split_first()
        && last.end.checked_add(1) == Some(first.start)
        && last.value == first.value
    {
        last.end = first.end;
        runs = rest;
    }
    held.extend_from_slice(runs);
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

/// Lets a run that reaches the end of its group go on as far as it does.
fn extend(walk: &mut V4Walk<'_>, run: &mut Run<u32>) {
    while run.end & 0xffff == 0xffff
        && let Some(next) = run.end.checked_add(1)
        && let Ok(block) = u16::try_from(next >> 16)
        && let Some(first) = walk.runs(block).first()
        && (first.start, first.value) == (next, run.value)
    {
        run.end = first.end;
    }
}
