//! Adds edits to an image: reads the units that they touch, and counts what comes of it.

use std::ops::Range;

use rayon::prelude::*;
use rblmap::{Run, ValueId};
use rblmap_content::{Edit, Pool, edit_runs_into};
use rblmap_format::RunCounts;

use super::by16::{Blocks, slash12_of};
use super::edits::{by_block, count_change, cut, edits_over};
use super::reader::BlockReader;

impl Blocks<'_> {
    /// Adds rising, disjoint edits, on all cores. Reads only the units that they touch.
    ///
    /// # Errors
    /// The index of the first edit that does not rise.
    pub fn edit(&mut self, edits: &[Edit<u32>]) -> Result<(), usize> {
        let mut from = Some(0);
        for (index, edit) in edits.iter().enumerate() {
            if edit.start > edit.end || from.is_none_or(|from| edit.start < from) {
                return Err(index);
            }
            from = edit.end.checked_add(1);
        }
        if !edits.is_empty() {
            self.hashed.clear();
        }
        if let Some(last) = edits.iter().filter_map(|edit| edit.value).max() {
            self.uses.make_room(last);
        }
        let touched = by_block(edits);
        let uses = Pool::new();
        let changed: Vec<(u16, RunCounts, Vec<Edit<u32>>)> = touched
            .into_par_iter()
            .map_init(
                || (self.reader(), Vec::new()),
                |(reader, new), (block, range)| {
                    let top = u32::from(block) << 16;
                    let edits = edits.get(range).unwrap_or_default();
                    let edits: Vec<Edit<u32>> = cut(edits, (top, top | 0xffff)).collect();
                    let see = |uses: &mut Vec<(ValueId, i64)>| {
                        self.run_counts_with(block, &edits, reader, new, uses)
                    };
                    let run_counts = uses.with(Vec::new, see);
                    (block, run_counts, edits_over(self.edits(block), &edits))
                },
            )
            .collect();
        // What goes over the end of a /16 is one run. Each end once, though both sides may change.
        let mut ends: Vec<u16> = changed
            .iter()
            .flat_map(|(block, ..)| [*block, block.saturating_add(1)])
            .collect();
        ends.dedup();
        ends.iter().for_each(|&block| self.count_border(block, 1));
        self.uses.add(uses.into_all().into_iter().flatten());
        for (block, run_counts, edits) in changed {
            let place = usize::from(block);
            if let Some(slot) = self.run_counts.get_mut(place) {
                *slot = run_counts;
            }
            if let Some(slot) = self.edits.get_mut(place) {
                *slot = edits;
            }
        }
        ends.iter().for_each(|&block| self.count_border(block, -1));
        let mut slash12s: Vec<u16> = ends.iter().map(|block| slash12_of(*block)).collect();
        slash12s.dedup();
        slash12s.iter().for_each(|&slash12| self.count_12(slash12));
        Ok(())
    }

    /// What a /16 is made of after more edits. Adds to `uses` which values have more or fewer runs, cut at
    /// the ends of the /16.
    fn run_counts_with(
        &self,
        block: u16,
        edits: &[Edit<u32>],
        reader: &mut BlockReader<'_, '_>,
        new: &mut Vec<Run<u32>>,
        uses: &mut Vec<(ValueId, i64)>,
    ) -> RunCounts {
        let mut run_counts = self.run_counts(block);
        let mut rest = edits;
        while let Some(first) = rest.first() {
            let (units, count) = self.units_around(block, first, rest);
            let (here, after) = rest.split_at(count);
            rest = after;
            let old = reader.runs_of(block, units.clone());
            new.clear();
            edit_runs_into(old, here.iter().copied(), new);
            count_change(uses, old, new);
            // The units begin and end with addresses that do not change, or where the /16 does.
            let ends = self.ends_of(block, &units);
            let (was, is) = (RunCounts::of(old, ends), RunCounts::of(new, ends));
            run_counts.runs = (run_counts.runs + is.runs).saturating_sub(was.runs);
            run_counts.gaps = (run_counts.gaps + is.gaps).saturating_sub(was.gaps);
            if units.start == 0 {
                run_counts.first = is.first;
            }
            if units.end == self.units(block) {
                run_counts.last = is.last;
            }
        }
        run_counts
    }

    /// The units of a /16 that the first of some edits touches, with the address on each side of it; and
    /// how many of the edits lie in the same units. These units are read once for all of them.
    fn units_around(
        &self,
        block: u16,
        first: &Edit<u32>,
        edits: &[Edit<u32>],
    ) -> (Range<usize>, usize) {
        let top = u32::from(block) << 16;
        let of = self.image.block(block);
        let unit = |address| of.unit_of(address);
        let from = unit(first.start.saturating_sub(1).max(top));
        let mut to = from;
        let mut count = 0;
        for edit in edits {
            if count > 0 && unit(edit.start.saturating_sub(1).max(top)) > to {
                break;
            }
            to = to.max(unit(edit.end.saturating_add(1).min(top | 0xffff)));
            count += 1;
        }
        (from..to + 1, count)
    }
}
