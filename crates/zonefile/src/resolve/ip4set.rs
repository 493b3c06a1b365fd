//! `ip4set`: entries are cut at octet borders; the finest level that has a piece for an address
//! answers alone, all its pieces together, and an exclusion among them silences it.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::span::{self, Span};
use super::unions::Unions;
use super::{id_of, nets};
use crate::error::Error;
use crate::load::Placed;
use crate::piece::Net;

/// Levels by the width of their pieces: /8, /16, /24 and single addresses.
pub(crate) const LEVELS: usize = 4;

/// Resolves the IPv4 entries of an `ip4set` or `ip4tset`.
pub(crate) fn resolve(
    mut pieces: Vec<Placed<'_>>,
    unions: &mut Unions<'_>,
) -> Result<Vec<Span<u32>>, Error> {
    let nets: Vec<Net<u32>> = nets(&mut pieces, |placed| {
        std::mem::take(&mut placed.piece.v4.nets)
    });
    let mut levels: [Vec<Span<u32>>; LEVELS] = Default::default();
    for net in &nets {
        cut(net, &mut levels);
    }
    drop(nets);
    let mut resolved = singles(pieces, unions)?;
    for (level, spans) in levels.into_iter().enumerate().rev() {
        let spans = sweep(spans, unions)?;
        resolved = if level + 1 == LEVELS {
            span::combine(resolved, spans, |a, b| unions.pair(a, b))?
        } else {
            span::overlay(resolved, spans)
        };
    }
    Ok(resolved)
}

/// The single addresses with default values, equal ones united.
pub(crate) fn singles(
    pieces: Vec<Placed<'_>>,
    unions: &mut Unions<'_>,
) -> Result<Vec<Span<u32>>, Error> {
    let keys = sorted_keys(pieces);
    let mut spans: Vec<Span<u32>> = Vec::new();
    let mut together: Vec<u32> = Vec::new();
    let mut keys = keys.into_iter().peekable();
    while let Some(key) = keys.next() {
        let (address, value) = split_key(key);
        let mut value = value;
        if keys
            .peek()
            .is_some_and(|next| split_key(*next).0 == address)
        {
            together.clear();
            together.push(value);
            while let Some(next) = keys.next_if(|next| split_key(*next).0 == address) {
                if together.last() != Some(&split_key(next).1) {
                    together.push(split_key(next).1);
                }
            }
            value = unions.of(&together)?;
        }
        span::push(&mut spans, address, address, value);
    }
    Ok(spans)
}

/// Address and value of each single as one number, in rising order.
fn sorted_keys(pieces: Vec<Placed<'_>>) -> Vec<u64> {
    let total = pieces.iter().map(|p| p.piece.v4.singles.len()).sum();
    let mut keys = vec![0u64; total];
    let mut rest = keys.as_mut_slice();
    let mut parts = Vec::with_capacity(pieces.len());
    for placed in &pieces {
        let (part, after) = rest
            .split_at_mut_checked(placed.piece.v4.singles.len())
            .unwrap_or_default();
        parts.push((part, placed));
        rest = after;
    }
    parts
        .into_par_iter()
        .for_each(|(part, placed)| fill(part, placed));
    drop(pieces);
    if !keys.par_windows(2).all(|pair| pair.is_sorted()) {
        keys.par_sort_unstable();
    }
    keys
}

fn fill(part: &mut [u64], placed: &Placed<'_>) {
    let v4 = &placed.piece.v4;
    let mut rest = part.iter_mut().zip(&v4.singles);
    let borders = v4.values.iter().skip(1).map(|(from, _)| *from);
    let borders = borders.chain([v4.singles.len()]);
    for ((from, value), to) in v4.values.iter().zip(borders) {
        let value = u64::from(id_of(placed, *value));
        for (key, address) in rest.by_ref().take(to - from) {
            *key = u64::from(*address) << 32 | value;
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves of a key")]
fn split_key(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}

/// Cuts an entry into the fewest octet-aligned pieces, kept as stretches of pieces.
pub(crate) fn cut(net: &Net<u32>, levels: &mut [Vec<Span<u32>>; LEVELS]) {
    let mut open = vec![(u64::from(net.start), u64::from(net.end) + 1)];
    for (level, spans) in levels.iter_mut().enumerate() {
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
                spans.push(Span { start, end, value });
            }
            open.extend(
                [(start, first), (last, end)]
                    .into_iter()
                    .filter(|(s, e)| s < e),
            );
        }
    }
}

/// Makes overlapping stretches disjoint: where several lie they speak together.
fn sweep(mut spans: Vec<Span<u32>>, unions: &mut Unions<'_>) -> Result<Vec<Span<u32>>, Error> {
    spans.par_sort_unstable_by_key(|span| (span.start, span.end, span.value));
    spans.dedup();
    if spans
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a.end < b.start))
    {
        return Ok(spans);
    }
    let mut ends: Vec<(u32, u32)> = spans.iter().map(|span| (span.end, span.value)).collect();
    ends.par_sort_unstable();
    let mut starts = spans.into_iter().peekable();
    let mut ends = ends.into_iter().peekable();
    let mut active: BTreeMap<u32, usize> = BTreeMap::new();
    let mut out = Vec::new();
    let mut here = 0u64;
    while let Some((end, _)) = ends.peek().copied() {
        let start = starts.peek().map_or(u64::MAX, |span| u64::from(span.start));
        let next = start.min(u64::from(end) + 1);
        if let (true, Ok(first), Ok(last)) = (
            !active.is_empty() && here < next,
            u32::try_from(here),
            u32::try_from(next.wrapping_sub(1)),
        ) {
            span::push(&mut out, first, last, together(&active, unions)?);
        }
        here = next;
        while let Some(span) = starts.next_if(|span| u64::from(span.start) == here) {
            *active.entry(span.value).or_default() += 1;
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
