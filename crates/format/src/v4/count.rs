//! Counts what a line holds without making its runs.

use super::lookup::Lines;
use super::run_buffer::{RunBuffer, counts_of, turns_from};
use super::run_counts::RunCounts;
use super::unfolded::Unfolded;
use crate::run::ValueId;
use crate::simd::compare::{Compare, Task};
use crate::v4::shape::LINE;

impl Lines<'_> {
    /// The run counts of a line that answers for the addresses from `start` to before `end`, of which there
    /// is one. Tells `see` how many runs each id has: the numbers for one id add up to its count.
    pub(super) fn tally(
        &self,
        line: &[u8; LINE],
        ends: (u32, u32),
        found: &mut RunBuffer,
        see: &mut impl FnMut(ValueId, u32),
    ) -> RunCounts {
        self.level.run(Tally {
            lines: self,
            line,
            ends,
            found,
            see,
        })
    }
}

/// Counts one line.
struct Tally<'l, 'a, S> {
    lines: &'l Lines<'a>,
    line: &'l [u8; LINE],
    ends: (u32, u32),
    found: &'l mut RunBuffer,
    see: &'l mut S,
}

impl<S: FnMut(ValueId, u32)> Task for Tally<'_, '_, S> {
    type Output = RunCounts;

    #[inline(always)]
    fn run(self, compare: impl Compare) -> RunCounts {
        let Tally {
            lines,
            line,
            ends,
            found,
            see,
        } = self;
        let mut entries = Unfolded::NONE;
        if let Some(same) = lines.read_entries(line, ends, &mut entries, compare) {
            return count_singles(&entries, same, ends, see, compare);
        }
        let turns = found.turns((ends.0, 0), |turns| {
            lines.tell_turns(line, &entries, ends, turns);
        });
        let turns = turns_from(turns, ends.0);
        for (_, id) in turns {
            if let Some(value) = ValueId::new(*id) {
                see(value, 1);
            }
        }
        counts_of(turns)
    }
}

/// Counts a line of single addresses; `same` has a bit for each whose next address has the same value.
#[inline(always)]
fn count_singles(
    entries: &Unfolded,
    same: u64,
    at: (u32, u32),
    see: &mut impl FnMut(ValueId, u32),
    compare: impl Compare,
) -> RunCounts {
    let all = entries.all();
    // Neighbours with one id are told together.
    let (ends, mut rest) = (all & !same, all & !entries.same_ids(compare));
    let mut told = 0;
    while rest != 0 {
        // Up to the last of these neighbours.
        let so_far = rest ^ (rest - 1);
        let ended = (ends & so_far).count_ones();
        if let Some(value) = ValueId::new(entries.id(rest.trailing_zeros())) {
            see(value, ended - told);
        }
        told = ended;
        rest &= rest - 1;
    }
    entries.counts_of_singles(same, at)
}
