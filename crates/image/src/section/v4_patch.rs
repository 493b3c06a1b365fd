//! Writes the IPv4 lines of a /16 that paints lie in: those that say what they said are copied.
//!
//! A line depends on where it starts and on what some addresses from there on say ([`seen_to`]). So
//! those well before a paint are as they were, and so are those behind it from the first on that
//! starts where one did.

use rblmap::Run;
use rblmap_format::V4Block;
use rblmap_format::v4::shape::{BLOCK, LINE, Shape};

use super::v4_lines::{Part, behind};
use super::v4_unit::{Entries, LOOK_AHEAD};
use rblmap_content::Edit;

/// Writes the lines of a /16 with paints, of which these are the runs, from those that it has in the
/// image.
pub(super) fn patch_lines<'a>(
    runs: &[Run<u32>],
    block: u16,
    (lines, starts): (&'a [[u8; LINE]], &'a [[u8; 2]]),
    paints: &[Edit<u32>],
    shape: Shape,
    part: &mut Part<'a>,
) {
    let in_image = V4Block::Lines { lines, starts };
    let first = u32::from(block) << 16;
    let mut entries = Entries::default();
    let (mut rest, mut paints) = (runs, paints);
    // Where the next line starts, and the first in the image that does not start before.
    let (mut at, mut line) = (0, 0);
    while at < BLOCK {
        while paints.first().is_some_and(|paint| paint.end < first | at) {
            paints.split_off_first();
        }
        if in_image.start_of(line) == at {
            let kept = match paints.first() {
                Some(paint) => line..first_that_sees(in_image, rest, line, paint.start),
                None => line..lines.len(),
            };
            if !kept.is_empty() {
                line = kept.end;
                at = in_image.start_of(line);
                let copied = (lines.get(kept.clone()), starts.get(kept));
                part.copy_lines(copied.0.unwrap_or_default(), copied.1.unwrap_or_default());
                rest = behind(rest, block.into(), at);
                continue;
            }
        }
        at = part.encode_line(rest, (block.into(), at), shape, &mut entries);
        rest = behind(rest, block.into(), at);
        while in_image.start_of(line) < at {
            line += 1;
        }
    }
}

/// The first line, from one on, that may see the address `changed`; of these are the runs that do not
/// end before the line starts.
fn first_that_sees(in_image: V4Block<'_>, runs: &[Run<u32>], line: usize, changed: u32) -> usize {
    let first = changed & !0xffff;
    // The line that speaks for the address before is the first one that may be the answer.
    let mut end = in_image.unit_of(changed.saturating_sub(1).max(first));
    while end > line {
        let at = first | in_image.start_of(end - 1);
        if seen_to(runs, at, first.saturating_add(in_image.start_of(end))) < changed {
            return end;
        }
        end -= 1;
    }
    line
}

/// The last address that a line sees which speaks for those from one to before another of its /16.
fn seen_to(runs: &[Run<u32>], at: u32, reach: u32) -> u32 {
    // Of each piece it sees the end, so the address behind.
    let mut pieces = pieces(runs, at);
    let default = pieces.by_ref().take(LOOK_AHEAD).last();
    let mut last = default.unwrap_or(at);
    while last <= reach
        && let Some(next) = pieces.next()
    {
        last = next;
    }
    last
}

/// The address behind each run and gap of a /16 from an address on; `u32::MAX` behind the last.
fn pieces(runs: &[Run<u32>], at: u32) -> impl Iterator<Item = u32> {
    let from = runs.partition_point(|run| run.end < at);
    let mut runs = runs.get(from..).unwrap_or_default().iter().peekable();
    let end = at | 0xffff;
    let mut at = Some(at);
    std::iter::from_fn(move || {
        let from = at?;
        let next = match runs.next_if(|run| run.start <= from) {
            Some(run) => run.end.saturating_add(1),
            None => runs.peek().map_or(u32::MAX, |run| run.start),
        };
        at = Some(next).filter(|next| *next <= end && *next < u32::MAX);
        Some(at.unwrap_or(u32::MAX))
    })
}

/// Puts the bits of the /24s of a /16 right in which paints lie.
pub(super) fn patch_bits(runs: &[Run<u32>], paints: &[Edit<u32>], bits: &mut [u8]) {
    for paint in paints {
        for of_24 in paint.start >> 8..=paint.end >> 8 {
            let (first, last) = (of_24 << 8, of_24 << 8 | 0xff);
            let next = runs.partition_point(|run| run.end < first);
            let has_value = runs.get(next).is_some_and(|run| run.start <= last);
            if let Some(byte) = bits.get_mut((of_24 as usize & 0xff) >> 3) {
                let bit = 1 << (of_24 & 7);
                *byte = if has_value { *byte | bit } else { *byte & !bit };
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "addresses of a /16")]
mod tests {
    use fastrand::Rng;
    use rblmap::ValueId;

    use super::super::v4_unit::Unit;
    use super::*;

    /// Adds runs of one kind of list up to the end of a /16.
    fn push(rng: &mut Rng, mut next: u32, runs: &mut Vec<Run<u32>>) {
        let last = next | 0xffff;
        let gap = [1, 2, 3, 9, 60, 700, 5000][rng.usize(..7)];
        let longest = [1, 2, 3, 4, 40, 600][rng.usize(..6)];
        let ids = [1, 2, 3, 5, 40, 250][rng.usize(..6)];
        let same = rng.u32(1..20);
        let mut id = 1;
        loop {
            let start = u64::from(next) + rng.u64(..gap);
            let end = start + rng.u64(..longest);
            if end > last.into() {
                return;
            }
            let (start, end) = (start as u32, end as u32);
            if rng.u32(..same) == 0 {
                id = rng.u32(1..=ids);
            }
            let value = ValueId::new(id).unwrap();
            match runs.last_mut() {
                Some(last) if last.value == value && last.end + 1 == start => last.end = end,
                _ => runs.push(Run { start, end, value }),
            }
            next = end.saturating_add(1);
            if end == last {
                return;
            }
            if rng.u32(..300) == 0 {
                return push(rng, next, runs);
            }
        }
    }

    #[test]
    fn a_line_sees_no_farther() {
        let mut entries = Entries::default();
        let mut seen = [0; 8];
        for seed in 0..3000 {
            let mut rng = Rng::with_seed(seed);
            let shape = Shape::new(rng.usize(1..5));
            let block = [0, 0x1234, 0x1235, 0xffff][rng.usize(..4)];
            let top = block << 16;
            let mut runs = Vec::new();
            push(&mut rng, top, &mut runs);
            let mut at = 0;
            let mut rest = &runs[..];
            while at < BLOCK {
                let unit = Unit::new(rest, (block, at), shape);
                let plan = unit.best(&mut entries);
                let line = unit.line(&plan, entries.as_slice());
                let last = seen_to(rest, top | at, top.saturating_add(plan.reach));
                if last < top | 0xffff {
                    // Others from the next address on.
                    let mut other: Vec<Run<u32>> = rest.to_vec();
                    other.retain(|run| run.start <= last);
                    if let Some(run) = other.last_mut() {
                        run.end = run.end.min(last);
                    }
                    push(&mut rng, last + 1, &mut other);
                    let unit = Unit::new(&other, (block, at), shape);
                    let plan = unit.best(&mut entries);
                    let same = unit.line(&plan, entries.as_slice());
                    assert_eq!(line, same, "seed {seed}, line at {at}");
                    seen[usize::from(line[0] & 7)] += 1;
                }
                at = plan.reach;
                rest = behind(rest, block, at);
            }
        }
        assert!(seen[..7].iter().all(|count| *count > 100), "{seen:?}");
    }
}
