//! Single addresses, nearly all lines of most lists: sorted if they are not, and made spans of, on
//! all cores.

use rayon::prelude::*;

use super::id_of;
use super::span::{self, Span};
use super::unions::Unions;
use crate::error::Error;
use crate::load::Placed;

/// So many keys are made spans of at once.
const CHUNK: usize = 64 * 1024;

/// The single addresses, equal ones united.
pub(crate) fn united(
    pieces: &[Placed<'_>],
    unions: &mut Unions<'_>,
) -> Result<Vec<Span<u32>>, Error> {
    if let Some(spans) = rising(pieces) {
        return Ok(spans);
    }
    let mut keys = keys(pieces);
    if !keys.par_windows(2).all(|pair| pair.is_sorted()) {
        keys.par_sort_unstable();
    }
    if are_distinct(&keys) {
        let chunks: Vec<&[u64]> = keys.chunks(CHUNK).collect();
        return Ok(spans(&chunks, |chunk| chunk.iter().map(|key| split(*key))));
    }
    unite(&keys, unions)
}

/// The spans of single addresses if these rise from line to line, as in sorted lists.
pub(crate) fn rising(pieces: &[Placed<'_>]) -> Option<Vec<Span<u32>>> {
    let lists = pieces.iter().map(|placed| &placed.piece.v4.singles);
    let lists: Vec<&Vec<u32>> = lists.filter(|list| !list.is_empty()).collect();
    let apart = |pair: &[&Vec<u32>]| match pair {
        [before, after] => before.last() < after.first(),
        _ => true,
    };
    let rises = |list: &&Vec<u32>| list.is_sorted_by(|a, b| a < b);
    let rise = lists.windows(2).all(apart) && lists.par_iter().all(rises);
    rise.then(|| spans(pieces, addresses))
}

/// The single addresses of a piece with the ids of their values.
fn addresses(placed: &Placed<'_>) -> impl Iterator<Item = (u32, u32)> {
    placed.piece.v4.by_value().flat_map(|(_, singles, value)| {
        let value = id_of(placed, value);
        singles.iter().map(move |address| (*address, value))
    })
}

/// The spans of rising addresses in parts, each part on its own: neighbours at the border of two
/// parts stay two.
fn spans<'p, P: Sync, I: Iterator<Item = (u32, u32)>>(
    parts: &'p [P],
    addresses: impl Fn(&'p P) -> I + Sync,
) -> Vec<Span<u32>> {
    let counts: Vec<usize> = parts
        .par_iter()
        .map(|part| {
            let mut count = 0;
            each_span(addresses(part), |index, _| count = index + 1);
            count
        })
        .collect();
    let empty = Span {
        start: 0,
        end: 0,
        value: 0,
    };
    let mut spans: Vec<Span<u32>> = rayon::iter::repeat_n(empty, counts.iter().sum()).collect();
    let mut rest = spans.as_mut_slice();
    let mut places = Vec::with_capacity(parts.len());
    for (part, count) in parts.iter().zip(counts) {
        let (place, after) = rest.split_at_mut_checked(count).unwrap_or_default();
        places.push((part, place));
        rest = after;
    }
    places.into_par_iter().for_each(|(part, place)| {
        each_span(addresses(part), |index, span| {
            if let Some(slot) = place.get_mut(index) {
                *slot = span;
            }
        });
    });
    spans
}

/// Tells the span that each address belongs to, as far as it is known: the last word on a span is
/// the whole one. That leaves no branch on whether a span goes on, which nothing can foresee.
fn each_span(
    mut addresses: impl Iterator<Item = (u32, u32)>,
    mut tell: impl FnMut(usize, Span<u32>),
) {
    let Some((start, value)) = addresses.next() else {
        return;
    };
    let mut index = 0;
    let mut span = Span {
        start,
        end: start,
        value,
    };
    tell(index, span);
    addresses.for_each(|(address, value)| {
        let goes_on = value == span.value && address == span.end.wrapping_add(1);
        index += usize::from(!goes_on);
        span = Span {
            start: if goes_on { span.start } else { address },
            end: address,
            value,
        };
        tell(index, span);
    });
}

/// Address and value of each single as one number, in the order of lines.
fn keys(pieces: &[Placed<'_>]) -> Vec<u64> {
    let total = pieces.iter().map(|p| p.piece.v4.singles.len()).sum();
    let mut keys = vec![0u64; total];
    let mut rest = keys.as_mut_slice();
    let mut parts = Vec::with_capacity(pieces.len());
    for placed in pieces {
        let (part, after) = rest
            .split_at_mut_checked(placed.piece.v4.singles.len())
            .unwrap_or_default();
        parts.push((part, placed));
        rest = after;
    }
    parts.into_par_iter().for_each(|(part, placed)| {
        let mut part = part.iter_mut();
        addresses(placed).for_each(|(address, value)| {
            if let Some(key) = part.next() {
                *key = u64::from(address) << 32 | u64::from(value);
            }
        });
    });
    keys
}

/// Whether no address comes twice among sorted keys.
pub(crate) fn are_distinct(keys: &[u64]) -> bool {
    keys.par_windows(2)
        .all(|pair| matches!(pair, [a, b] if split(*a).0 != split(*b).0))
}

/// The spans of sorted keys, where equal addresses speak together.
fn unite(keys: &[u64], unions: &mut Unions<'_>) -> Result<Vec<Span<u32>>, Error> {
    let mut spans = Vec::new();
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
        span::push(&mut spans, address, address, value);
    }
    Ok(spans)
}

/// The two halves of a key.
#[expect(clippy::cast_possible_truncation, reason = "the two halves of a key")]
pub(crate) fn split(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}
