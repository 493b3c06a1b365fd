//! Writes the IPv4 lines of a /16 that edits lie in: lines that stay as they were are copied.
//!
//! A line depends on where it starts, and on some addresses from there on (`seen_to` below). So lines
//! well before an edit are as they were, and so are the lines behind it from the first one on that
//! starts where a line started before.

use std::ops::RangeInclusive;

use super::by16::Slash16;
use super::choose::LOOK_AHEAD;
use super::entries::Entries;
use super::renumber::NewIds;
use super::write::{BITS_OF_16, Sixteens, behind};
use crate::run::Run;
use crate::v4::shape::{BLOCK, LINE, Shape};

/// What an update finds of a /16 in an image, and what it changes.
///
/// See the example of [`Sixteens`].
pub struct Edited<'a, E> {
    /// The lines, at least one.
    pub lines: &'a [[u8; LINE]],
    /// Where each line but the first starts, then a place that says nothing.
    pub starts: &'a [[u8; 2]],
    /// The first and the last address of each edit, rising and disjoint.
    pub edits: E,
    /// The line from which on there are runs: [`needed_from`] says which one.
    pub from: usize,
    /// The ids that values have by now.
    pub ids: NewIds<'a>,
}

impl<'a> Sixteens<'a> {
    /// Writes a /16 of an image in which edits lie, from its runs with the edits made, or those from a line on.
    /// `bits` are the bits of its /24s in the image, if it has such.
    ///
    /// # Errors
    /// Runs of earlier lines are needed, and nothing is written; never if there are those of all lines.
    pub fn reencode<E>(
        &mut self,
        runs: &[Run<u32>],
        block: u16,
        edited: Edited<'a, E>,
        bits: Option<&[u8; BITS_OF_16]>,
        shape: Shape,
    ) -> Result<(), FromEarlier>
    where
        E: Iterator<Item = RangeInclusive<u32>> + Clone,
    {
        let before = self.count();
        let edits = edited.edits.clone();
        reencode(runs, block, edited, shape, self)?;
        self.end_block(before);
        if let Some(bits) = bits {
            let mut bits = *bits;
            patch_bits(runs, edits, &mut bits);
            self.push_edited_bits(block, bits);
        }
        Ok(())
    }
}

/// Runs of earlier lines are needed: what [`Sixteens::reencode`] says then. See the example of [`Sixteens`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FromEarlier;

/// The line from which on runs are needed, nearly always, if `changed` is the first address that an edit of a
/// /16 changes.
///
/// ```
/// use rblmap_format::Slash16;
/// use rblmap_format::v4::reencode::needed_from;
/// let starts = [[0, 0x10], [0, 0x20], [0, 0x30], [0, 0x40], [0, 0]];
/// let in_image = Slash16::Lines { lines: &[[0; 64]; 5], starts: &starts };
/// assert_eq!(needed_from(in_image, 0x4005), 1);
/// ```
pub fn needed_from(in_image: Slash16<'_>, changed: u32) -> usize {
    // The bit of a /24 is asked of all its runs.
    in_image
        .unit_of(changed & !0xff)
        .saturating_sub(LINES_AHEAD)
}

/// A line seldom sees as many lines ahead.
const LINES_AHEAD: usize = 3;

/// Writes the lines of a /16 with edits. `runs` are those of the /16 with the edits made.
pub(super) fn reencode<'a, E>(
    runs: &[Run<u32>],
    block: u16,
    edited: Edited<'a, E>,
    shape: Shape,
    out: &mut Sixteens<'a>,
) -> Result<(), FromEarlier>
where
    E: Iterator<Item = RangeInclusive<u32>>,
{
    let Edited {
        lines,
        starts,
        edits,
        from,
        ids,
    } = edited;
    let in_image = Slash16::Lines { lines, starts };
    let first = u32::from(block) << 16;
    let mut entries = Entries::default();
    let mut edits = edits.peekable();
    let mut rest = runs;
    // Where the next line starts, and the first line of the image that does not start before.
    let (mut at, mut line) = (0, 0);
    while at < BLOCK {
        while edits.next_if(|edit| *edit.end() < first | at).is_some() {}
        if in_image.start_of(line) == at {
            let end = match edits.peek() {
                Some(edit) => first_that_sees(in_image, rest, line.max(from), *edit.start()),
                None => lines.len(),
            };
            if line < from && end <= from {
                return Err(FromEarlier);
            }
            let kept = line..end;
            if !kept.is_empty() {
                line = kept.end;
                at = in_image.start_of(line);
                let lines = lines.get(kept.clone()).unwrap_or_default();
                out.copy_lines(lines, starts.get(kept).unwrap_or_default(), ids);
                rest = behind(rest, block.into(), at);
                continue;
            }
        }
        at = out.encode_line(rest, (block.into(), at), shape, &mut entries);
        rest = behind(rest, block.into(), at);
        while in_image.start_of(line) < at {
            line += 1;
        }
    }
    Ok(())
}

/// The first line, from one on, that may see the address `changed`; of these are the runs that do not
/// end before the line starts.
fn first_that_sees(in_image: Slash16<'_>, runs: &[Run<u32>], line: usize, changed: u32) -> usize {
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
    let mut parts = parts(runs, at);
    let default = parts.by_ref().take(LOOK_AHEAD).last();
    let mut last = default.unwrap_or(at);
    while last <= reach
        && let Some(next) = parts.next()
    {
        last = next;
    }
    last
}

/// The address behind each run and gap of a /16 from an address on; `u32::MAX` behind the last.
fn parts(runs: &[Run<u32>], at: u32) -> impl Iterator<Item = u32> {
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

/// Puts the bits of the /24s right that edits touch.
fn patch_bits(
    runs: &[Run<u32>],
    edits: impl Iterator<Item = RangeInclusive<u32>>,
    bits: &mut [u8; BITS_OF_16],
) {
    for edit in edits {
        for number in edit.start() >> 8..=edit.end() >> 8 {
            let (first, last) = (number << 8, number << 8 | 0xff);
            let next = runs.partition_point(|run| run.end < first);
            let has_value = runs.get(next).is_some_and(|run| run.start <= last);
            let byte = bits.get_mut((number as usize & 0xff) >> 3);
            let byte = byte.expect("32 bytes have a bit for each of 256 /24s");
            let bit = 1 << (number & 7);
            *byte = if has_value { *byte | bit } else { *byte & !bit };
        }
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "addresses of a /16")]
mod tests {
    use fastrand::Rng;

    use super::*;
    use crate::pieces::Pieces;
    use crate::run::ValueId;
    use crate::v4::choose::Unit;
    use crate::v4::write::assemble;

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

    /// The lines of a /16 and where they start, without what is behind the last.
    fn lines_of(part: Sixteens<'_>) -> (Vec<u8>, Vec<u8>) {
        let parts = assemble(padded(part)).unwrap();
        let lines = parts.lines.iter().flat_map(Pieces::iter);
        (lines.collect::<Vec<_>>().concat(), parts.starts)
    }

    /// With the other /16s, which have no value.
    fn padded(mut part: Sixteens<'_>) -> Vec<Sixteens<'_>> {
        for block in 1..=u16::MAX {
            part.encode(&[], block, Shape::new(1));
        }
        vec![part]
    }

    #[test]
    fn runs_from_a_line_on_make_the_same_lines_or_are_too_few() {
        let mut seen = [0; 2];
        for seed in 0..400 {
            let mut rng = Rng::with_seed(seed);
            let shape = Shape::new(1);
            let mut runs = Vec::new();
            push(&mut rng, 0, &mut runs);
            let (lines, starts) = encoded(&runs, shape);
            let (lines, _) = lines.as_chunks::<LINE>();
            let (starts, _) = starts.as_chunks::<2>();
            let starts = starts.get(..lines.len()).unwrap_or_default();
            if lines.len() < 2 {
                continue;
            }
            let gone = runs.remove(rng.usize(..runs.len()));
            let write = |from: usize, runs: &[Run<u32>]| {
                let edited = Edited {
                    lines,
                    starts,
                    edits: [gone.start..=gone.end].into_iter(),
                    from,
                    ids: NewIds::new(None, shape),
                };
                let mut out = Sixteens::default();
                out.reencode(runs, 0, edited, None, shape)
                    .map(|()| lines_of(out))
            };
            let expected = encoded(&runs, shape);
            assert_eq!(write(0, &runs), Ok(expected.clone()), "seed {seed}");
            let in_image = Slash16::Lines { lines, starts };
            let last = in_image.unit_of(gone.start & !0xff);
            for from in [needed_from(in_image, gone.start), rng.usize(..=last), last] {
                let made = write(from, &cut(&runs, in_image.start_of(from)));
                seen[usize::from(made.is_err())] += 1;
                assert!(from > 0 || made.is_ok(), "seed {seed}");
                let same = made.map_or(true, |made| made == expected);
                assert!(same, "seed {seed}, from line {from}");
            }
        }
        assert!(seen[0] > 300 && seen[1] > 20, "{seen:?}");
    }

    /// The lines of /16 number 0 that has these runs.
    fn encoded(runs: &[Run<u32>], shape: Shape) -> (Vec<u8>, Vec<u8>) {
        let mut out = Sixteens::default();
        out.encode(runs, 0, shape);
        lines_of(out)
    }

    /// The runs from an address on.
    fn cut(runs: &[Run<u32>], first: u32) -> Vec<Run<u32>> {
        let behind = runs.iter().filter(|run| run.end >= first);
        let cut = behind.map(|run| Run {
            start: run.start.max(first),
            ..*run
        });
        cut.collect()
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
