//! New ids in the IPv4 lines of an image: a line is made of places and ids, and where its values get
//! other ids, each its own, only these change.
//!
//! So the line is what it would be if it were written anew: which kind is chosen, and what lies where,
//! depends on which ids are equal and which are 0, not on their size.

use super::kind::{DIRECT, DIRECT2, LIST, MIXED, RAW, SHORT, TURNS, entry_bytes, form_of};
use super::shape::{ENTRY_BITS, LINE, MAP, PALETTE, Shape};
use crate::bytes::u64_at;
use crate::run::ValueId;

/// The new ids of values, by the rank of the old, and how ids lie in lines.
///
/// See the example of [`Sixteens`](crate::v4::write::Sixteens).
#[derive(Debug, Clone, Copy)]
pub struct NewIds<'i> {
    /// None if each value keeps its own.
    ids: Option<&'i [Option<ValueId>]>,
    shape: Shape,
}

impl<'i> NewIds<'i> {
    /// New ids of as many bytes as the old, or none. A value without a new id keeps its own.
    pub fn new(ids: Option<&'i [Option<ValueId>]>, shape: Shape) -> NewIds<'i> {
        NewIds { ids, shape }
    }

    /// Whether each value keeps its id.
    pub fn are_none(&self) -> bool {
        self.ids.is_none()
    }

    /// The new id of a value.
    #[inline]
    pub fn of(&self, id: ValueId) -> ValueId {
        let new = self.ids.and_then(|ids| *ids.get(id.rank() as usize)?);
        new.unwrap_or(id)
    }

    /// Whether a line, with the new ids, is this other line.
    pub fn lead_to(&self, from: &[u8; LINE], to: &[u8; LINE]) -> bool {
        self.line(from) == *to
    }

    /// The line with the new ids.
    pub(super) fn line(&self, line: &[u8; LINE]) -> [u8; LINE] {
        if self.are_none() {
            return *line;
        }
        match self.shape.width {
            1 => self.line_of::<1>(line),
            2 => self.line_of::<2>(line),
            3 => self.line_of::<3>(line),
            _ => self.line_of::<4>(line),
        }
    }

    /// As [`NewIds::line`], with ids of so many bytes.
    fn line_of<const WIDTH: usize>(&self, line: &[u8; LINE]) -> [u8; LINE] {
        let shape = &self.shape;
        let mut new = *line;
        self.put::<WIDTH>(line, shape.default_at, &mut new);
        let kind = line[0] & 7;
        let (from, count) = match kind {
            RAW => (shape.head + 2 * shape.raw, shape.raw),
            LIST | SHORT | DIRECT2 => (shape.palette_at, PALETTE),
            DIRECT => (shape.head, shape.direct),
            TURNS | MIXED => {
                let turns = u64_at(line, shape.head + MAP) & const { (1 << (8 * ENTRY_BITS)) - 1 };
                // More than there is room for are in damaged lines only.
                let keys = shape.head + MAP + entry_bytes(form_of(kind));
                let count = (turns.count_ones() as usize).min((LINE - keys) / WIDTH);
                (LINE - count * WIDTH, count)
            }
            _ => return new,
        };
        for nth in 0..count {
            self.put::<WIDTH>(line, from + nth * WIDTH, &mut new);
        }
        new
    }

    /// Puts the new id of the one at a place of a line at the same place of the new line.
    #[inline(always)]
    fn put<const WIDTH: usize>(&self, line: &[u8; LINE], at: usize, new: &mut [u8; LINE]) {
        let mut id = [0; 4];
        let old = line.get(at..at + WIDTH).unwrap_or_default();
        id.iter_mut()
            .zip(old)
            .for_each(|(slot, byte)| *slot = *byte);
        let id = ValueId::new(u32::from_le_bytes(id));
        let place = new.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<WIDTH>);
        if let (Some(id), Some(place)) = (id, place) {
            let bytes = self.of(id).get().to_le_bytes();
            let (low, high) = bytes.split_at(WIDTH);
            debug_assert!(high.iter().all(|byte| *byte == 0), "ids keep their width");
            place.copy_from_slice(low);
        }
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "addresses of a /16")]
mod tests {
    use fastrand::Rng;

    use super::*;
    use crate::run::Run;
    use crate::v4::write::Sixteens;

    /// Runs of a /16 and gaps between them, of one density, with ids from one to the last.
    fn runs(rng: &mut Rng, ids: u32) -> Vec<Run<u32>> {
        let gap = [1, 2, 3, 9, 60, 700, 5000][rng.usize(..7)];
        let longest = [1, 1, 2, 3, 40, 600][rng.usize(..6)];
        let same = rng.u32(1..20);
        let (mut at, mut id, mut runs) = (0, 1, Vec::new());
        loop {
            let start = at + rng.u32(..gap);
            let end = start + rng.u32(..longest);
            if end > 0xffff {
                return runs;
            }
            if rng.u32(..same) == 0 {
                id = rng.u32(1..=ids);
            }
            let value = ValueId::new(id).unwrap();
            runs.push(Run { start, end, value });
            at = end + 2;
        }
    }

    fn lines(runs: &[Run<u32>], shape: Shape) -> Vec<u8> {
        let mut written = Sixteens::default();
        written.encode(runs, 0, shape);
        let mut lines = Vec::new();
        written.move_lines(&mut lines);
        lines
    }

    #[test]
    fn a_line_with_new_ids_is_the_line_written_anew() {
        let mut seen = [0; 8];
        for seed in 0..700 {
            let mut rng = Rng::with_seed(seed);
            let shape = Shape::new(rng.usize(1..5));
            let most = u32::MAX >> (32 - 8 * shape.width);
            let count = most.min([2, 4, 9, 250][rng.usize(..4)]);
            let runs = runs(&mut rng, count);
            // Some keep their ids; the others get one each, in any order.
            let mut new: Vec<u32> = (most - count + 1..=most).collect();
            rng.shuffle(&mut new);
            let keep = rng.u32(..3) == 0 && most > 2 * count;
            let new = new
                .into_iter()
                .map(|id| ValueId::new(id).filter(|_| !keep || id % 2 == 0));
            let new: Vec<Option<ValueId>> = new.collect();
            let renumbered = runs.iter().map(|run| Run {
                value: new[run.value.rank() as usize].unwrap_or(run.value),
                ..*run
            });
            let expected = lines(&renumbered.collect::<Vec<_>>(), shape);
            let ids = NewIds::new(Some(&new), shape);
            let old = lines(&runs, shape);
            for (line, expected) in old.as_chunks().0.iter().zip(expected.as_chunks().0) {
                assert_eq!(ids.line(line), *expected, "seed {seed}");
                seen[usize::from(line[0] & 7)] += 1;
            }
            assert_eq!(old.len(), expected.len(), "seed {seed}");
        }
        assert!(seen[..7].iter().all(|count| *count > 100), "{seen:?}");
    }

    #[test]
    fn damaged_lines_are_read_in_bounds() {
        let ids: Vec<Option<ValueId>> = (0..300).map(ValueId::from_rank).collect();
        let mut rng = Rng::with_seed(1);
        for _ in 0..20_000 {
            let line: [u8; LINE] = std::array::from_fn(|_| rng.u8(..));
            let ids = NewIds::new(Some(&ids), Shape::new(rng.usize(1..5)));
            // Each value keeps its id.
            assert_eq!(ids.line(&line), line);
        }
    }
}
