//! `ip4set`: entries are cut at octet borders; the finest level that has a piece for an address
//! answers alone, all its pieces together, and an exclusion among them silences it.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::layer_run::{self, LayerRun};
use super::unions::Unions;
use super::{nets, singles};
use crate::error::Error;
use crate::load::Placed;
use crate::piece::Net;

/// Levels by the width of their pieces: /8, /16, /24 and single addresses.
pub(crate) const LEVELS: usize = 4;

/// Resolves the IPv4 entries of an `ip4set` or `ip4tset`.
pub(crate) fn resolve(
    mut pieces: Vec<Placed<'_>>,
    unions: &mut Unions<'_>,
) -> Result<Vec<LayerRun<u32>>, Error> {
    let nets: Vec<Net<u32, u32>> = nets(&mut pieces, |placed| {
        std::mem::take(&mut placed.piece.v4.nets)
    });
    let mut levels: [Vec<LayerRun<u32>>; LEVELS] = Default::default();
    for net in &nets {
        cut(net, &mut levels);
    }
    drop(nets);
    let mut resolved = singles::united(&pieces, unions)?;
    drop(pieces);
    for (level, runs) in levels.into_iter().enumerate().rev() {
        let runs = sweep(runs, unions)?;
        resolved = if level + 1 == LEVELS {
            layer_run::combine(resolved, runs, |a, b| unions.pair(a, b))?
        } else {
            layer_run::overlay(resolved, runs)
        };
    }
    Ok(resolved)
}

/// Cuts an entry into the fewest octet-aligned pieces, kept as runs of pieces.
pub(crate) fn cut(net: &Net<u32, u32>, levels: &mut [Vec<LayerRun<u32>>; LEVELS]) {
    let mut open = vec![(u64::from(net.start), u64::from(net.end) + 1)];
    for (level, runs) in levels.iter_mut().enumerate() {
        let size = 1u64 << (24 - 8 * level);
        for (start, end) in std::mem::take(&mut open) {
            let first = start.next_multiple_of(size);
            let last = end / size * size;
            if first >= last {
                open.push((start, end));
                continue;
            }
            let ends = u32::try_from(first).ok().zip(u32::try_from(last - 1).ok());
            if let Some((start, end)) = ends {
                let value = net.value;
                runs.push(LayerRun { start, end, value });
            }
            open.extend(
                [(start, first), (last, end)]
                    .into_iter()
                    .filter(|(s, e)| s < e),
            );
        }
    }
}

/// Makes overlapping runs disjoint: where several lie they speak together.
fn sweep(
    mut runs: Vec<LayerRun<u32>>,
    unions: &mut Unions<'_>,
) -> Result<Vec<LayerRun<u32>>, Error> {
    runs.par_sort_unstable_by_key(|run| (run.start, run.end, run.value));
    runs.dedup();
    if runs
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a.end < b.start))
    {
        return Ok(runs);
    }
    let mut ends: Vec<(u32, u32)> = runs.iter().map(|run| (run.end, run.value)).collect();
    ends.par_sort_unstable();
    let mut starts = runs.into_iter().peekable();
    let mut ends = ends.into_iter().peekable();
    let mut active: BTreeMap<u32, usize> = BTreeMap::new();
    let mut out = Vec::new();
    let mut here = 0u64;
    while let Some((end, _)) = ends.peek().copied() {
        let start = starts.peek().map_or(u64::MAX, |run| u64::from(run.start));
        let next = start.min(u64::from(end) + 1);
        if let (true, Ok(first), Ok(last)) = (
            !active.is_empty() && here < next,
            u32::try_from(here),
            u32::try_from(next.wrapping_sub(1)),
        ) {
            layer_run::push(&mut out, first, last, together(&active, unions)?);
        }
        here = next;
        while let Some(run) = starts.next_if(|run| u64::from(run.start) == here) {
            *active.entry(run.value).or_default() += 1;
        }
        while let Some((_, value)) = ends.next_if(|(end, _)| u64::from(*end) + 1 == here) {
            leave(&mut active, value);
        }
    }
    Ok(out)
}

fn leave(active: &mut BTreeMap<u32, usize>, value: u32) {
    if let Some(count) = active.get_mut(&value) {
        *count -= 1;
        if *count == 0 {
            active.remove(&value);
        }
    }
}

fn together(active: &BTreeMap<u32, usize>, unions: &mut Unions<'_>) -> Result<u32, Error> {
    let mut values = active.keys();
    match (values.next(), values.next()) {
        (Some(&value), None) | (Some(&value @ 0), Some(_)) => Ok(value),
        _ => {
            let values: Vec<u32> = active.keys().copied().collect();
            unions.of(&values)
        }
    }
}
