//! Which deltas a feed offers: one from each serial to the next, and merged ones over 4, 16, 64 and
//! 256 of them.
//!
//! Merged delta `k` of level `i` covers the steps (k·4^i, (k+1)·4^i]. It is made once, from two
//! images; so a mirror at any lag needs at most three files a level on the way up and three on the
//! way down, and a publisher keeps one image a level.

use rblmap::Image;

use crate::chain;
use crate::delta_file::DeltaFile;
use crate::digest::FileHash;
use crate::error::Error;
use crate::manifest::Manifest;
use crate::path::FeedPath;

use super::compared::Compared;
use super::kept::{Kept, Memory};
use super::tree::Tree;

/// How many deltas the manifest itself names: fewer where long texts and numbers leave less room.
/// Each costs every mirror 33 bytes an update, and saves those that are further behind a look at the
/// delta index.
pub(super) const NEAR: [usize; 4] = [8, 4, 2, 1];
const LEVELS: [u64; 4] = [4, 16, 64, 256];
/// Deltas older than this are dropped, however cheap.
const OLDEST: u64 = 4 * 256;

/// The deltas of a manifest and of its delta index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Offer {
    pub(super) deltas: Vec<DeltaFile>,
    pub(super) merged: Vec<DeltaFile>,
    pub(super) delta_index: Vec<DeltaFile>,
}

/// A delta, made and applied again to see that it leads where it should.
pub(super) fn make(
    tree: &Tree,
    manifest: &Manifest,
    old: &Image,
    new: &Image,
) -> Result<DeltaFile, Error> {
    let zone = &manifest.zone.0;
    let (from, to) = (old.serial(), new.serial());
    let failed = |source| Error::Delta {
        path: format!("{zone}: {from} to {to}"),
        source,
    };
    let session = rblmap_delta::Session(manifest.session);
    let bytes = rblmap_delta::diff(old, new, session).map_err(failed)?;
    // Within what a mirror allows.
    let larger = old.as_bytes().len().max(new.as_bytes().len());
    let limits = rblmap_delta::Limits::for_image(larger as u64);
    let again = Compared::with(new.as_bytes());
    let put = |offset, part: &[u8]| again.put(offset, part);
    rblmap_delta::apply_to(old, &[&bytes], &limits, put).map_err(failed)?;
    if again.differs() {
        return Err(Error::Result {
            zone: zone.clone(),
            what: format!("delta from {from} to {to} makes another image"),
        });
    }
    let hash = FileHash::of(&bytes);
    tree.put_once(&FeedPath::delta(zone, from, to, hash), &bytes)?;
    Ok(DeltaFile {
        from,
        to,
        bytes: bytes.len() as u64,
        hash,
    })
}

/// Adds the delta to `new`, and the merged ones that end with it.
pub(super) fn advance(
    tree: &Tree,
    kept: &Kept,
    memory: &mut Memory,
    manifest: &Manifest,
    old: &Image,
    new: &Image,
) -> Result<u64, Error> {
    memory.images.insert(memory.steps, old.serial());
    memory.steps += 1;
    let step = make(tree, manifest, old, new)?;
    memory.deltas.push(step);
    for level in LEVELS {
        if !memory.steps.is_multiple_of(level) {
            break;
        }
        let base = memory.images.get(&(memory.steps - level)).copied();
        let base = base.and_then(|serial| kept.image(manifest.session, serial));
        if let Some(base) = base {
            memory.deltas.push(make(tree, manifest, &base, new)?);
        }
    }
    let steps = memory.steps;
    // The last aligned step of each level is the base of its next merged delta.
    let needed = |step: u64| LEVELS.iter().any(|level| step == steps - steps % level);
    memory
        .images
        .retain(|&step, _| needed(step) || step == steps);
    memory.images.insert(steps, new.serial());
    Ok(step.bytes)
}

/// Drops deltas that no mirror would take: those before a serial from which the way here costs more
/// than half of a snapshot.
pub(super) fn drop_dear(memory: &mut Memory, to: u64, snapshot: u64) {
    let mut froms: Vec<u64> = memory.deltas.iter().map(|delta| delta.from).collect();
    froms.sort_unstable();
    froms.dedup();
    let too_many = froms
        .len()
        .saturating_sub(usize::try_from(OLDEST).unwrap_or(usize::MAX));
    let cost = |from: u64| {
        let way = chain::cheapest(from, to, &memory.deltas)?;
        Some(way.iter().map(|delta| delta.bytes).sum::<u64>())
    };
    // Younger serials are nearer, so the first that is cheap enough ends the search.
    let worth = |from: u64| cost(from).is_some_and(|cost| cost <= snapshot / 2);
    let kept = froms.into_iter().skip(too_many).find(|&from| worth(from));
    let oldest = kept.unwrap_or(to);
    memory.deltas.retain(|delta| delta.from >= oldest);
}

/// What the manifest says of the deltas: the last `near` single ones and the merged ones over them;
/// and what its delta index.
pub(super) fn offer(memory: &Memory, to: u64, near: usize) -> Offer {
    let mut serials: Vec<u64> = memory.deltas.iter().map(|delta| delta.from).collect();
    serials.push(to);
    serials.sort_unstable();
    serials.dedup();
    let follows = |delta: &DeltaFile| {
        let next = serials.iter().find(|&&serial| serial > delta.from);
        next == Some(&delta.to)
    };
    let (steps, merged): (Vec<DeltaFile>, Vec<DeltaFile>) =
        memory.deltas.iter().partition(|e| follows(e));
    let (older, near) = steps.split_at(steps.len().saturating_sub(near));
    let from = near.first().map_or(to, |step| step.from);
    let (merged, old_merged): (Vec<DeltaFile>, Vec<DeltaFile>) =
        merged.into_iter().partition(|delta| delta.from >= from);
    let mut delta_index = [older, &old_merged].concat();
    delta_index.sort_by_key(|delta| (delta.from, delta.to));
    Offer {
        deltas: near.to_vec(),
        merged,
        delta_index,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(from: u64, to: u64, bytes: u64) -> DeltaFile {
        let hash = FileHash::of(b"");
        DeltaFile {
            from,
            to,
            bytes,
            hash,
        }
    }

    fn memory(steps: u64) -> Memory {
        let mut memory = Memory::default();
        for to in 1..=steps {
            memory.deltas.push(delta(to - 1, to, 10));
            for level in LEVELS {
                if to % level == 0 {
                    memory.deltas.push(delta(to - level, to, 10));
                }
            }
        }
        memory
    }

    #[test]
    fn the_manifest_names_eight_deltas_and_the_delta_index_the_rest() {
        let memory = memory(40);
        let offer = offer(&memory, 40, NEAR[0]);
        assert_eq!(offer.deltas.len(), 8);
        assert_eq!(offer.deltas[0].from, 32);
        let merged: Vec<_> = offer.merged.iter().map(|e| (e.from, e.to)).collect();
        assert_eq!(merged, [(32, 36), (36, 40)]);
        let all = offer.deltas.len() + offer.merged.len() + offer.delta_index.len();
        assert_eq!(all, memory.deltas.len());
    }

    #[test]
    fn any_lag_takes_few_files() {
        let memory = memory(700);
        for from in 0..700 {
            let way = chain::cheapest(from, 700, &memory.deltas).unwrap();
            assert!(way.len() <= 26, "{} files from {from}", way.len());
        }
    }

    #[test]
    fn ways_dearer_than_half_a_snapshot_are_dropped() {
        let mut memory = memory(3);
        drop_dear(&mut memory, 3, 40);
        let left: Vec<_> = memory.deltas.iter().map(|delta| delta.from).collect();
        assert_eq!(left, [1, 2]);
        drop_dear(&mut memory, 3, 10);
        assert_eq!(memory.deltas, []);
    }
}
