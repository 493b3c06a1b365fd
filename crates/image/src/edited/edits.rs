//! Edits of IPv4 addresses by /16, and edits made after others.

use std::ops::Range;

use rblmap::{Run, ValueId};
use rblmap_content::Edit;

/// Each /16 that edits touch, and which do.
pub(super) fn by_block(edits: &[Edit<u32>]) -> Vec<(u16, Range<usize>)> {
    let mut touched: Vec<(u16, Range<usize>)> = Vec::new();
    for (index, edit) in edits.iter().enumerate() {
        for block in block_of(edit.start)..=block_of(edit.end) {
            match touched.last_mut() {
                Some((last, range)) if *last == block => range.end = index + 1,
                _ => touched.push((block, index..index + 1)),
            }
        }
    }
    touched
}

/// The edits that touch the addresses from `first` to `last`, cut at these.
pub(super) fn cut(
    edits: &[Edit<u32>],
    (first, last): (u32, u32),
) -> impl Iterator<Item = Edit<u32>> {
    let from = edits.partition_point(|edit| edit.end < first);
    let edits = edits.get(from..).unwrap_or_default().iter();
    let edits = edits.take_while(move |edit| edit.start <= last);
    edits.map(move |edit| Edit {
        start: edit.start.max(first),
        end: edit.end.min(last),
        ..*edit
    })
}

/// Edits with others made after them, as one list: where both have an edit the later one holds.
pub(super) fn edits_over(under: &[Edit<u32>], over: &[Edit<u32>]) -> Vec<Edit<u32>> {
    if under.is_empty() {
        return over.to_vec();
    }
    let mut all: Vec<Edit<u32>> = Vec::with_capacity(under.len() + over.len());
    let mut push = |edit: Edit<u32>| match all.last_mut() {
        Some(last) if last.value == edit.value && last.end + 1 == edit.start => {
            last.end = edit.end;
        }
        _ => all.push(edit),
    };
    let mut under = under.iter().copied().peekable();
    for over in over {
        while let Some(before) = under.next_if(|edit| edit.end < over.start) {
            push(before);
        }
        // What lies on both sides of the new one, or is under it.
        while let Some(edit) = under.peek_mut().filter(|edit| edit.start <= over.end) {
            if edit.start < over.start {
                push(Edit {
                    end: over.start - 1,
                    ..*edit
                });
            }
            if edit.end > over.end {
                edit.start = over.end + 1;
                break;
            }
            under.next();
        }
        push(*over);
    }
    under.for_each(push);
    all
}

/// Adds to a list how many runs more or fewer a value has.
pub(super) fn count_change(uses: &mut Vec<(ValueId, i64)>, old: &[Run<u32>], new: &[Run<u32>]) {
    // Most runs are in both lists, one after the other: what begins and ends alike does not count.
    let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let old = old.get(same..).unwrap_or_default();
    let new = new.get(same..).unwrap_or_default();
    let pairs = old.iter().rev().zip(new.iter().rev());
    let same = pairs.take_while(|(a, b)| a == b).count();
    for (runs, more) in [(old, -1), (new, 1)] {
        let changed = runs.iter().take(runs.len() - same);
        uses.extend(changed.map(|run| (run.value, more)));
    }
}

/// The /16 of an address, by its first 16 bits.
///
/// See the example of [`Blocks`](crate::Blocks).
pub fn block_of(address: u32) -> u16 {
    u16::try_from(address >> 16).unwrap_or(u16::MAX) // 16 bits are left
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;
    use rblmap_content::edit_runs;

    fn edits(rng: &mut Rng) -> Vec<Edit<u32>> {
        let mut at = 0;
        let mut edits = Vec::new();
        while at < 60 {
            let start = at + rng.u32(0..6);
            let end = start + rng.u32(0..5);
            let value = ValueId::new(rng.u32(0..3));
            edits.push(Edit { start, end, value });
            at = end + 1;
        }
        edits
    }

    #[test]
    fn edits_over_edits_are_edits() {
        for seed in 0..2000 {
            let mut rng = Rng::with_seed(seed);
            let (old, under, over) = (edits(&mut rng), edits(&mut rng), edits(&mut rng));
            let old = edit_runs(&[], &old);
            let both = edits_over(&under, &over);
            assert!(both.is_sorted_by(|a, b| a.end < b.start), "seed {seed}");
            let expected = edit_runs(&edit_runs(&old, &under), &over);
            assert_eq!(edit_runs(&old, &both), expected, "seed {seed}");
        }
    }
}
