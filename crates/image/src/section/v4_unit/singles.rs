//! Chooses lines where all runs are short, as in nearly all of most lists: then only the addresses that
//! are listed matter, and how many of them a kind holds is found in a few steps.

use rblmap::Run;
use rblmap::layout::line::{BLOCK, ENTRY_BITS, LINE, LIST, MAP, RAW, SHORT, Shape, TURNS};

use super::entries::{Entries, Palette, low_bits, set_bits};
use super::{MAP_BITS, Plan, Reach, Reaches, SINGLES};

/// Short runs that follow each other in a /16, address by address.
#[derive(Default)]
pub(crate) struct Singles {
    /// Where in the /16 each address lies.
    keys: Vec<u16>,
    ids: Vec<u32>,
    /// A bit for each that has another id than the one before.
    turns: Vec<u64>,
    /// A bit for each that is the next address of the run of the one before.
    joined: Vec<u64>,
    /// A bit for each that is the next address, of another run.
    touching: Vec<u64>,
    /// How many lie in lines before.
    next: usize,
    /// Whether there are no more runs behind them in the /16.
    to_end: bool,
}

/// How many addresses are looked at for a line.
const WINDOW: usize = 64;

impl Singles {
    /// Takes the runs of a /16 from `start` on, none of which ends before, up to one that is not short.
    pub(crate) fn read(&mut self, runs: &[Run<u32>], (block, start): (u32, u32)) {
        self.keys.clear();
        self.ids.clear();
        (self.next, self.to_end) = (0, true);
        let first = block << 16 | start;
        for run in runs {
            if run.start >> 16 > block {
                break;
            }
            let from = run.start.max(first);
            let more = run.end - from;
            if more >= SINGLES {
                self.to_end = run.end >> 16 > block && (block << 16 | 0xffff) - from < SINGLES;
                if !self.to_end {
                    break;
                }
            }
            let id = run.value.get();
            // A short run that goes on behind the /16 is cut.
            let low = from as u16;
            self.keys.push(low);
            self.ids.push(id);
            if more > 0
                && let Some(next) = low.checked_add(1)
            {
                self.keys.push(next);
                self.ids.push(id);
            }
        }
        self.compare();
    }

    /// Fills in the bits.
    fn compare(&mut self) {
        self.turns.clear();
        self.joined.clear();
        self.touching.clear();
        let (mut key, mut id) = (u16::MAX, 0);
        let chunks = self.keys.chunks(64).zip(self.ids.chunks(64));
        for (keys, ids) in chunks {
            let (mut turns, mut beside) = (0u64, 0u64);
            for (at, (&next_key, &next_id)) in (0u32..).zip(keys.iter().zip(ids)) {
                turns |= u64::from(next_id != id) << at;
                beside |= u64::from(next_key == key.wrapping_add(1)) << at;
                (key, id) = (next_key, next_id);
            }
            self.turns.push(turns);
            self.joined.push(beside & !turns);
            self.touching.push(beside & turns);
        }
    }

    /// Whether there is a longer run behind those that lie in no line yet, of which there are few or
    /// none.
    pub(crate) fn are_used_up(&self) -> bool {
        !self.to_end && self.next >= self.keys.len()
    }

    /// The line from `start` on that reaches farthest, and its entries; none where that might be one that
    /// says more than which addresses are listed.
    pub(crate) fn best(
        &mut self,
        start: u32,
        shape: &Shape,
        entries: &mut Entries,
    ) -> Option<Plan> {
        let left = self.keys.get(self.next..).unwrap_or_default();
        let passed = left.iter().take_while(|key| u32::from(**key) < start);
        self.next += passed.count();
        let ahead = Ahead {
            keys: self.keys.get(self.next..)?,
            ids: self.ids.get(self.next..)?,
            turns: window(&self.turns, self.next) | 1,
            joined: window(&self.joined, self.next) & !1,
            touching: window(&self.touching, self.next) & !1,
            to_end: self.to_end,
            start,
            shape,
        };
        ahead.best(entries)
    }
}

/// The addresses that lie in no line yet.
struct Ahead<'s> {
    keys: &'s [u16],
    ids: &'s [u32],
    turns: u64,
    joined: u64,
    touching: u64,
    to_end: bool,
    start: u32,
    shape: &'s Shape,
}

impl Ahead<'_> {
    fn best(&self, entries: &mut Entries) -> Option<Plan> {
        let Ahead { start, shape, .. } = *self;
        // One more than any kind holds tells where it ends.
        let seen = self.keys.len().min(shape.turns.max(shape.short) + 1);
        let is_known = self.to_end || seen < self.keys.len();
        if seen == 0 || !is_known || !self.nothing_is_default() {
            return None;
        }
        let (palette_end, turns_end) = self.ends_of_values(seen);
        let map_end = self.end_of_map(seen);
        let reaches = Reaches {
            list: self.reach(shape.list.min(palette_end)),
            short: self.reach(shape.short.min(palette_end).min(map_end)),
            raw_only: self.reach(shape.raw),
            turns_only: self.reach(turns_end.min(map_end)),
            // Not looked at, so they reach nothing.
            raw_from: Reach::NOTHING,
            mixed: Reach::NOTHING,
        };
        let plan = reaches.farthest(start);
        // Else lines without keys may.
        if plan.reach < start + shape.direct2 as u32 {
            return None;
        }
        let most = match plan.kind {
            LIST => reaches.list.entries,
            SHORT => reaches.short.entries,
            RAW => reaches.raw_only.entries,
            TURNS => reaches.turns_only.entries,
            _ => return None,
        };
        let count = self.count_before(plan.reach, most);
        let one_value = self.turns & low_bits(seen) == 1;
        // Of one value, each run would take a start and an end where a list has two places for it.
        let others_lose = plan.reach == BLOCK || one_value || self.pieces(count) > shape.raw;
        if !others_lose {
            return None;
        }
        entries.set_singles(self.keys.get(..count)?, self.ids.get(..count)?, self.turns);
        Some(plan)
    }

    /// Whether a gap is the longest of the first pieces, as it is if it is longer than any short run.
    fn nothing_is_default(&self) -> bool {
        let mut behind = self.start;
        let keys = self.keys.iter().take(4).map(|key| u32::from(*key));
        for key in keys {
            if key - behind > SINGLES {
                return true;
            }
            behind = key + 1;
        }
        self.keys.len() < 4 && self.to_end && BLOCK - behind > SINGLES
    }

    /// How many of the first addresses have no more values than a palette, and how many have no more
    /// turns than a line has room for.
    fn ends_of_values(&self, seen: usize) -> (usize, usize) {
        let Ahead { shape, .. } = *self;
        let mut palette = Palette::default();
        let (mut palette_end, mut turns_end) = (None, None);
        let room = LINE - shape.head - MAP - ENTRY_BITS;
        let mut held = shape.turns;
        for (turn, place) in (1..).zip(set_bits(self.turns & low_bits(seen))) {
            if turns_end.is_none() && place > held {
                turns_end = Some(held);
            }
            // With this turn there is room for so many.
            held = room.saturating_sub(turn * shape.width).min(shape.turns);
            if turns_end.is_none() && held <= place {
                turns_end = Some(place);
            }
            let id = self.ids.get(place).copied().unwrap_or(0);
            if palette_end.is_none() && palette.slot(id, true).is_none() {
                palette_end = Some(place);
            }
            if palette_end.is_some() && turns_end.is_some() {
                break;
            }
        }
        (palette_end.unwrap_or(seen), turns_end.unwrap_or(held))
    }

    /// How many of the first addresses a map has bits for.
    fn end_of_map(&self, seen: usize) -> usize {
        // With each address there are more bits.
        let fits = |place: usize| {
            let key = self.keys.get(place).copied().map_or(BLOCK, u32::from);
            place + 1 + (((key - self.start) >> 8) as usize) < MAP_BITS
        };
        if fits(seen - 1) {
            return seen;
        }
        let (mut fit, mut not) = (0, seen - 1);
        while fit < not {
            let half = usize::midpoint(fit, not);
            if fits(half) {
                fit = half + 1;
            } else {
                not = half;
            }
        }
        fit
    }

    /// What a line reaches that has room for so many entries.
    fn reach(&self, room: usize) -> Reach {
        // Two addresses of one run go together.
        let at = room - usize::from(room < WINDOW && self.joined >> room & 1 != 0);
        self.keys.get(at).map_or(
            Reach {
                end: BLOCK,
                entries: self.keys.len(),
                ended: false,
            },
            |next| Reach {
                end: u32::from(*next),
                entries: at,
                ended: true,
            },
        )
    }

    /// How many of the first addresses lie in runs that begin before `reach`, at most so many.
    fn count_before(&self, reach: u32, most: usize) -> usize {
        let is_before =
            |place: usize| self.keys.get(place).copied().map_or(BLOCK, u32::from) < reach;
        let mut count = most;
        while let Some(last) = count.checked_sub(1)
            && !is_before(last)
            && !(self.joined >> last & 1 != 0 && last > 0 && is_before(last - 1))
        {
            count = last;
        }
        count
    }

    /// How many pieces the first runs are and the gaps between them.
    fn pieces(&self, count: usize) -> usize {
        let of = |bits: u64| (bits & low_bits(count)).count_ones() as usize;
        (2 * count).saturating_sub(1) - 2 * of(self.joined) - of(self.touching)
    }
}

/// 64 bits from one on.
fn window(bits: &[u64], from: usize) -> u64 {
    let (at, shift) = (from / 64, from % 64);
    let of = |at: usize| bits.get(at).copied().unwrap_or(0);
    if shift == 0 {
        of(at)
    } else {
        of(at) >> shift | of(at + 1) << (64 - shift)
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use rblmap::ValueId;

    use super::super::Unit;
    use super::*;

    /// Runs of a /16, and of what is before and behind it.
    fn runs(rng: &mut Rng, block: u32) -> Vec<Run<u32>> {
        let most = [3, 6, 40, 300, 3000, 30_000][rng.usize(0..6)];
        let (values, same, long) = (rng.u32(1..12), rng.u32(1..20), rng.u32(0..3));
        let mut id = 1;
        let mut at = (block << 16) - rng.u32(0..3);
        let mut runs: Vec<Run<u32>> = Vec::new();
        while at < (block + 1) << 16 {
            if rng.u32(0..same) == 0 {
                id = rng.u32(1..=values);
            }
            let start = at + rng.u32(0..most);
            let more = match rng.u32(0..60) {
                0 if long > 0 => rng.u32(0..500),
                1..9 => 1,
                _ => 0,
            };
            let (end, value) = (start + more, ValueId::new(id).unwrap());
            match runs
                .last_mut()
                .filter(|last| last.value == value && last.end + 1 == start)
            {
                Some(last) => last.end = end,
                None => runs.push(Run { start, end, value }),
            }
            at = end + 1;
        }
        runs.retain(|run| run.end >> 16 >= block);
        runs
    }

    #[test]
    fn lines_are_those_that_are_found_by_looking_at_all_pieces() {
        let (mut found, mut all) = (0, 0);
        for seed in 0..2000 {
            let mut rng = Rng::with_seed(seed);
            let (block, shape) = (rng.u32(1..200), Shape::new(rng.usize(1..=4)));
            let runs = runs(&mut rng, block);
            let mut singles = Singles::default();
            let (mut entries, mut expected) = (Entries::default(), Entries::default());
            let mut rest = runs.as_slice();
            singles.read(rest, (block, 0));
            let mut at = 0;
            while at < BLOCK {
                let behind = rest.partition_point(|run| run.end < block << 16 | at);
                rest = &rest[behind..];
                if singles.are_used_up() {
                    singles.read(rest, (block, at));
                }
                let unit = Unit::new(rest, (block, at), shape);
                let plan = unit.best(&mut expected);
                if let Some(other) = singles.best(at, &shape, &mut entries) {
                    assert_eq!(other, plan, "seed {seed}, at {at}");
                    let line = Unit::of_singles((block, at), shape).line(&other, &entries);
                    assert_eq!(line, unit.line(&plan, &expected), "seed {seed}, at {at}");
                    found += 1;
                }
                all += 1;
                at = plan.reach;
            }
        }
        assert!(found > 10_000, "{found} of {all}");
    }
}
