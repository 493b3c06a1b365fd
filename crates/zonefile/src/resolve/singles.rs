//! Single addresses, nearly all lines of most lists: sorted if they are not, and made runs of, on
//! all cores.

use rayon::prelude::*;
use rblmap_content::split_up;

use super::id_of;
use super::layer_run::{self, LayerRun};
use super::unions::Unions;
use crate::error::Error;
use crate::load::Placed;

/// So many keys are made runs of at once.
const CHUNK: usize = 64 * 1024;

/// The single addresses, equal ones united.
pub(crate) fn united(
    pieces: &[Placed<'_>],
    unions: &mut Unions<'_>,
) -> Result<Vec<LayerRun<u32>>, Error> {
    if let Some(runs) = rising(pieces) {
        return Ok(runs);
    }
    let mut keys = keys(pieces);
    sort(&mut keys);
    if are_distinct(&keys) {
        return Ok(runs(&keys.chunks(CHUNK).collect::<Vec<_>>()));
    }
    unite(&keys, unions)
}

/// The runs of single addresses if these rise from line to line, as in sorted lists.
pub(crate) fn rising(pieces: &[Placed<'_>]) -> Option<Vec<LayerRun<u32>>> {
    let lists = pieces.iter().map(|placed| &placed.piece.v4.singles);
    let lists: Vec<&Vec<u32>> = lists.filter(|list| !list.is_empty()).collect();
    let apart = |pair: &[&Vec<u32>]| match pair {
        [before, after] => before.last() < after.first(),
        _ => true,
    };
    let rises = |list: &&Vec<u32>| list.is_sorted_by(|a, b| a < b);
    let rise = lists.windows(2).all(apart) && lists.par_iter().all(rises);
    rise.then(|| runs(pieces))
}

/// Rising single addresses with the ids of their values.
trait Part: Sync {
    fn addresses(&self) -> impl Iterator<Item = (u32, u32)>;
    fn last(&self) -> Option<(u32, u32)>;
}

impl Part for Placed<'_> {
    fn addresses(&self) -> impl Iterator<Item = (u32, u32)> {
        self.piece.v4.by_value().flat_map(|(_, singles, value)| {
            let value = id_of(self, value);
            singles.iter().map(move |address| (*address, value))
        })
    }

    fn last(&self) -> Option<(u32, u32)> {
        let (address, value) = self.piece.v4.last_single()?;
        Some((address, id_of(self, value)))
    }
}

/// Sorted keys.
impl Part for &[u64] {
    fn addresses(&self) -> impl Iterator<Item = (u32, u32)> {
        self.iter().map(|key| split(*key))
    }

    fn last(&self) -> Option<(u32, u32)> {
        <[u64]>::last(self).map(|key| split(*key))
    }
}

/// The runs of parts that rise from one to the next.
fn runs<P: Part>(parts: &[P]) -> Vec<LayerRun<u32>> {
    // No value has this id.
    let mut before = LayerRun {
        start: 0,
        end: 0,
        value: u32::MAX,
    };
    let mut begun = Vec::with_capacity(parts.len());
    for part in parts {
        begun.push((part, before));
        if let Some((address, value)) = part.last() {
            before = LayerRun {
                start: address,
                end: address,
                value,
            };
        }
    }
    let counts: Vec<usize> = begun
        .par_iter()
        .map(|(part, before)| {
            let mut count = 0;
            each_span(*before, part.addresses(), |index, _| count = index);
            count
        })
        .collect();
    let mut runs: Vec<LayerRun<u32>> = rayon::iter::repeat_n(before, counts.iter().sum()).collect();
    let places = split_up(&mut runs, counts.iter().copied());
    let ends: Vec<Option<u32>> = begun
        .into_par_iter()
        .zip(places)
        .map(|((part, before), place)| {
            let mut end = None;
            each_span(before, part.addresses(), |index, run| {
                match index.checked_sub(1).map(|index| place.get_mut(index)) {
                    Some(slot) => slot.into_iter().for_each(|slot| *slot = run),
                    None => end = Some(run.end),
                }
            });
            end
        })
        .collect();
    let mut at = 0;
    for (end, count) in ends.into_iter().zip(counts) {
        let last = runs.get_mut(..at).and_then(<[_]>::last_mut);
        if let (Some(end), Some(run)) = (end, last) {
            run.end = end;
        }
        at += count;
    }
    runs
}

/// Tells the run that each address belongs to, as far as it is known: the last word on a run is
/// the whole one. That leaves no branch on whether a run goes on, which nothing can foresee.
/// Number 0 is the run before all of these.
fn each_span(
    before: LayerRun<u32>,
    addresses: impl Iterator<Item = (u32, u32)>,
    mut tell: impl FnMut(usize, LayerRun<u32>),
) {
    let mut index = 0;
    let mut run = before;
    addresses.for_each(|(address, value)| {
        let goes_on = value == run.value && address == run.end.wrapping_add(1);
        index += usize::from(!goes_on);
        run = LayerRun {
            start: if goes_on { run.start } else { address },
            end: address,
            value,
        };
        tell(index, run);
    });
}

/// Address and value of each single as one number, in the order of lines.
fn keys(pieces: &[Placed<'_>]) -> Vec<u64> {
    let counts = pieces.iter().map(|placed| placed.piece.v4.singles.len());
    let mut keys = vec![0u64; counts.clone().sum()];
    let parts = split_up(&mut keys, counts);
    pieces.par_iter().zip(parts).for_each(|(placed, part)| {
        let mut part = part.iter_mut();
        placed.addresses().for_each(|(address, value)| {
            if let Some(key) = part.next() {
                *key = u64::from(address) << 32 | u64::from(value);
            }
        });
    });
    keys
}

/// Sorts keys, unless they are sorted already.
pub(crate) fn sort(keys: &mut [u64]) {
    if !keys.par_windows(2).all(|pair| pair.is_sorted()) {
        keys.par_sort_unstable();
    }
}

/// Whether no address comes twice among sorted keys.
fn are_distinct(keys: &[u64]) -> bool {
    keys.par_windows(2)
        .all(|pair| matches!(pair, [a, b] if split(*a).0 != split(*b).0))
}

/// The runs of sorted keys, where equal addresses speak together.
fn unite(keys: &[u64], unions: &mut Unions<'_>) -> Result<Vec<LayerRun<u32>>, Error> {
    let mut runs = Vec::new();
    let mut together = Vec::new();
    for same in keys.chunk_by(|a, b| split(*a).0 == split(*b).0) {
        let Some(&(address, value)) = same.first().map(|key| split(*key)).as_ref() else {
            continue;
        };
        let value = if same.len() == 1 {
            value
        } else {
            together.clear();
            together.extend(same.iter().map(|key| split(*key).1));
            together.dedup();
            unions.of(&together)?
        };
        layer_run::push(&mut runs, address, address, value);
    }
    Ok(runs)
}

/// The two halves of a key.
#[expect(clippy::cast_possible_truncation, reason = "the two halves of a key")]
pub(crate) fn split(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}
