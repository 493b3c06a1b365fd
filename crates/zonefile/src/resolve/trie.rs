//! The tries and plain lists: networks nest, and the longest prefix answers alone.

use std::cmp::Reverse;

use rayon::prelude::*;

use super::nets;
use super::singles::{self, split};
use rblmap_format::Address;

use super::layer_run::{self, LayerRun};
use super::unions::Unions;
use crate::error::Error;
use crate::load::Placed;
use crate::piece::Net;

/// What becomes of equal networks.
#[derive(Debug)]
pub(crate) enum Equal<'a> {
    /// The first one stays; the positions of the others.
    First(&'a mut Vec<u32>),
    /// They answer together.
    All,
}

/// Resolves the IPv4 entries of an `ip4trie` or a plain list.
pub(crate) fn resolve4(
    mut pieces: Vec<Placed<'_>>,
    mut equal: Equal<'_>,
    unions: &mut Unions<'_>,
) -> Result<Vec<LayerRun<u32>>, Error> {
    let nets = nets(&mut pieces, |placed| {
        std::mem::take(&mut placed.piece.v4.nets)
    });
    let singles = match &mut equal {
        Equal::First(twice) => first_singles(&pieces, twice),
        Equal::All => singles::united(&pieces, unions)?,
    };
    drop(pieces);
    Ok(layer_run::overlay(singles, resolve(nets, equal, unions)?))
}

/// Resolves networks that nest.
pub(crate) fn resolve<A: Address>(
    mut nets: Vec<Net<A, u32>>,
    equal: Equal<'_>,
    unions: &mut Unions<'_>,
) -> Result<Vec<LayerRun<A>>, Error> {
    let order = |net: &Net<A, u32>| (net.start, Reverse(net.end), net.line);
    if !nets.is_sorted_by_key(order) {
        nets.par_sort_unstable_by_key(order);
    }
    match equal {
        Equal::First(twice) => nets.dedup_by(|later, first| {
            let same = (later.start, later.end) == (first.start, first.end);
            if same {
                twice.push(later.line);
            }
            same
        }),
        Equal::All => nets = unite_equal(nets, unions)?,
    }
    Ok(flatten(&nets))
}

fn unite_equal<A: Address>(
    nets: Vec<Net<A, u32>>,
    unions: &mut Unions<'_>,
) -> Result<Vec<Net<A, u32>>, Error> {
    let mut out: Vec<Net<A, u32>> = Vec::with_capacity(nets.len());
    for group in nets.chunk_by(|a, b| (a.start, a.end) == (b.start, b.end)) {
        let Some(&first) = group.first() else {
            continue;
        };
        let mut values: Vec<u32> = group.iter().map(|net| net.value).collect();
        values.sort_unstable();
        values.dedup();
        out.push(Net {
            value: unions.of(&values)?,
            ..first
        });
    }
    Ok(out)
}

/// Makes nested networks disjoint: inside each the ones nested in it speak first.
fn flatten<A: Address>(nets: &[Net<A, u32>]) -> Vec<LayerRun<A>> {
    let mut out = Vec::with_capacity(nets.len());
    let mut open: Vec<(A, u32)> = Vec::new();
    // Where the innermost open network goes on; none behind the last address.
    let mut here = None;
    for net in nets {
        while let Some((end, value)) = open.pop_if(|(end, _)| *end < net.start) {
            here = close(&mut out, here, end, value);
        }
        if let (Some((_, value)), Some(from)) = (open.last(), here)
            && let Some(before) = net.start.previous().filter(|before| from <= *before)
        {
            layer_run::push(&mut out, from, before, *value);
        }
        here = Some(net.start);
        open.push((net.end, net.value));
    }
    while let Some((end, value)) = open.pop() {
        here = close(&mut out, here, end, value);
    }
    out
}

fn close<A: Address>(out: &mut Vec<LayerRun<A>>, here: Option<A>, end: A, value: u32) -> Option<A> {
    let from = here?;
    if from <= end {
        layer_run::push(out, from, end, value);
        return end.next();
    }
    Some(from)
}

/// Single addresses, the first of equal ones.
fn first_singles(pieces: &[Placed<'_>], twice: &mut Vec<u32>) -> Vec<LayerRun<u32>> {
    if let Some(runs) = singles::rising(pieces) {
        return runs;
    }
    let (mut keys, values) = positions(pieces);
    singles::sort(&mut keys);
    keys.dedup_by(|later, first| {
        let same = split(*later).0 == split(*first).0;
        if same {
            twice.push(split(*later).1);
        }
        same
    });
    let mut out = Vec::new();
    let mut cursor = 0;
    for key in keys {
        let (address, position) = split(key);
        let value = value_at(&values, position, &mut cursor);
        layer_run::push(&mut out, address, address, value);
    }
    out
}

/// Address and position of each single as one number, in the order of lines; and from which
/// position on which value holds.
fn positions(pieces: &[Placed<'_>]) -> (Vec<u64>, Vec<(u32, u32)>) {
    let total = pieces.iter().map(|p| p.piece.v4.singles.len()).sum();
    let mut keys = Vec::with_capacity(total);
    let mut values: Vec<(u32, u32)> = Vec::new();
    for placed in pieces {
        let v4 = &placed.piece.v4;
        let mut breaks = v4.breaks.iter().peekable();
        let mut changes = v4.by_value().peekable();
        let mut position = placed.position;
        for (index, address) in v4.singles.iter().enumerate() {
            match breaks.next_if(|(from, _)| *from == index) {
                Some((_, line)) => position = placed.position + line,
                None => position += 1,
            }
            if let Some((_, _, value)) = changes.next_if(|(from, ..)| *from == index) {
                let value = super::id_of(placed, value);
                if values.last().is_none_or(|(_, last)| *last != value) {
                    values.push((position, value));
                }
            }
            keys.push(u64::from(*address) << 32 | u64::from(position));
        }
    }
    (keys, values)
}

/// The value at a position; `cursor` remembers where the last one was found.
fn value_at(values: &[(u32, u32)], position: u32, cursor: &mut usize) -> u32 {
    let holds = |at: usize| {
        let next = values.get(at + 1).map_or(u32::MAX, |(from, _)| *from);
        values
            .get(at)
            .filter(|(from, _)| *from <= position && position < next)
    };
    if holds(*cursor).is_none() {
        let after = values.partition_point(|(from, _)| *from <= position);
        *cursor = after.saturating_sub(1);
    }
    values.get(*cursor).map_or(0, |(_, value)| *value)
}
