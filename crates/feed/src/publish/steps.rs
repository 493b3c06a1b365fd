//! Which deltas a feed offers: each step, and aligned squashes over 4, 16, 64 and 256 of them.
//!
//! Squash `k` of level `i` leads over the steps (k·4^i, (k+1)·4^i]. It is made once, from two
//! images; so a mirror at any lag needs at most three files a level on the way up and three on the
//! way down, and a publisher keeps one image a level.

use rblmap::Image;

use crate::digest::FileHash;
use crate::error::Error;
use crate::manifest::{Edge, Manifest};
use crate::names::FeedPath;
use crate::route;

use super::shelf::{Memory, Shelf};
use super::tree::Tree;

/// How many steps the manifest itself names: fewer where long texts and numbers leave less room.
pub(super) const NEAR: [usize; 6] = [16, 12, 8, 4, 2, 1];
const LEVELS: [u64; 4] = [4, 16, 64, 256];
/// Steps older than this are dropped, however cheap.
const OLDEST: u64 = 4 * 256;

/// The edges of a manifest and of its ladder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Offer {
    pub(super) steps: Vec<Edge>,
    pub(super) squashes: Vec<Edge>,
    pub(super) ladder: Vec<Edge>,
}

/// A delta, made and applied again to see that it leads where it should.
pub(super) fn make(
    tree: &Tree,
    manifest: &Manifest,
    old: &Image,
    new: &Image,
) -> Result<Edge, Error> {
    let zone = &manifest.zone.0;
    let (from, to) = (old.serial(), new.serial());
    let failed = |source| Error::Delta {
        path: format!("{zone}: {from} to {to}"),
        source,
    };
    let epoch = rblmap_delta::Session(manifest.epoch);
    let bytes = rblmap_delta::diff(old, new, epoch).map_err(failed)?;
    let limits = rblmap_delta::Limits::default();
    let again = rblmap_delta::apply(old, &[&bytes], &limits).map_err(failed)?;
    if again != new.as_bytes() {
        return Err(Error::Result {
            zone: zone.clone(),
            what: format!("delta from {from} to {to} makes another image"),
        });
    }
    let hash = FileHash::of(&bytes);
    tree.put_once(&FeedPath::delta(zone, from, to, hash), &bytes)?;
    Ok(Edge {
        from,
        to,
        bytes: bytes.len() as u64,
        hash,
    })
}

/// Adds the step to `new`, and the squashes that end with it.
pub(super) fn advance(
    tree: &Tree,
    shelf: &Shelf,
    memory: &mut Memory,
    manifest: &Manifest,
    old: &Image,
    new: &Image,
) -> Result<u64, Error> {
    memory.images.insert(memory.steps, old.serial());
    memory.steps += 1;
    let step = make(tree, manifest, old, new)?;
    memory.edges.push(step);
    for level in LEVELS {
        if !memory.steps.is_multiple_of(level) {
            break;
        }
        let base = memory.images.get(&(memory.steps - level)).copied();
        let base = base.and_then(|serial| shelf.image(manifest.epoch, serial));
        if let Some(base) = base {
            memory.edges.push(make(tree, manifest, &base, new)?);
        }
    }
    let steps = memory.steps;
    // The last aligned step of each level is the base of its next squash.
    let needed = |step: u64| LEVELS.iter().any(|level| step == steps - steps % level);
    memory
        .images
        .retain(|&step, _| needed(step) || step == steps);
    memory.images.insert(steps, new.serial());
    Ok(step.bytes)
}

/// Drops edges that no mirror would take: those before a serial from which the way here costs more
/// than half of a snapshot.
pub(super) fn drop_dear(memory: &mut Memory, to: u64, snapshot: u64) {
    let mut froms: Vec<u64> = memory.edges.iter().map(|edge| edge.from).collect();
    froms.sort_unstable();
    froms.dedup();
    let too_many = froms
        .len()
        .saturating_sub(usize::try_from(OLDEST).unwrap_or(usize::MAX));
    let cost = |from: u64| {
        let way = route::cheapest(from, to, &memory.edges)?;
        Some(way.iter().map(|edge| edge.bytes).sum::<u64>())
    };
    // Younger serials are nearer, so the first that is cheap enough ends the search.
    let worth = |from: u64| cost(from).is_some_and(|cost| cost <= snapshot / 2);
    let kept = froms.into_iter().skip(too_many).find(|&from| worth(from));
    let oldest = kept.unwrap_or(to);
    memory.edges.retain(|edge| edge.from >= oldest);
}

/// What the manifest says of the edges: the last `near` steps and the squashes over them; and what
/// its ladder.
pub(super) fn offer(memory: &Memory, to: u64, near: usize) -> Offer {
    let mut serials: Vec<u64> = memory.edges.iter().map(|edge| edge.from).collect();
    serials.push(to);
    serials.sort_unstable();
    serials.dedup();
    let follows = |edge: &Edge| {
        let next = serials.iter().find(|&&serial| serial > edge.from);
        next == Some(&edge.to)
    };
    let (steps, squashes): (Vec<Edge>, Vec<Edge>) = memory.edges.iter().partition(|e| follows(e));
    let (older, near) = steps.split_at(steps.len().saturating_sub(near));
    let from = near.first().map_or(to, |step| step.from);
    let (squashes, old_squashes): (Vec<Edge>, Vec<Edge>) =
        squashes.into_iter().partition(|edge| edge.from >= from);
    let mut ladder = [older, &old_squashes].concat();
    ladder.sort_by_key(|edge| (edge.from, edge.to));
    Offer {
        steps: near.to_vec(),
        squashes,
        ladder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: u64, to: u64, bytes: u64) -> Edge {
        let hash = FileHash::of(b"");
        Edge {
            from,
            to,
            bytes,
            hash,
        }
    }

    fn memory(steps: u64) -> Memory {
        let mut memory = Memory::default();
        for to in 1..=steps {
            memory.edges.push(edge(to - 1, to, 10));
            for level in LEVELS {
                if to % level == 0 {
                    memory.edges.push(edge(to - level, to, 10));
                }
            }
        }
        memory
    }

    #[test]
    fn the_manifest_names_sixteen_steps_and_the_ladder_the_rest() {
        let memory = memory(40);
        let offer = offer(&memory, 40, 16);
        assert_eq!(offer.steps.len(), 16);
        assert_eq!(offer.steps[0].from, 24);
        let squashes: Vec<_> = offer.squashes.iter().map(|e| (e.from, e.to)).collect();
        assert_eq!(squashes, [(24, 28), (28, 32), (32, 36), (36, 40)]);
        let all = offer.steps.len() + offer.squashes.len() + offer.ladder.len();
        assert_eq!(all, memory.edges.len());
    }

    #[test]
    fn any_lag_takes_few_files() {
        let memory = memory(700);
        for from in 0..700 {
            let way = route::cheapest(from, 700, &memory.edges).unwrap();
            assert!(way.len() <= 26, "{} files from {from}", way.len());
        }
    }

    #[test]
    fn ways_dearer_than_half_a_snapshot_are_dropped() {
        let mut memory = memory(3);
        drop_dear(&mut memory, 3, 40);
        let left: Vec<_> = memory.edges.iter().map(|edge| edge.from).collect();
        assert_eq!(left, [1, 2]);
        drop_dear(&mut memory, 3, 10);
        assert_eq!(memory.edges, []);
    }
}
