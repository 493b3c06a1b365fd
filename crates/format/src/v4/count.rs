//! Counts what a line holds without making its runs.

use super::lookup::Lines;
use super::run_buffer::RunBuffer;
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
        // The first one says what was before, if another begins at the same address.
        let turns = match turns {
            [first, rest @ ..] if rest.first().is_some_and(|next| next.0 == first.0) => rest,
            all => all,
        };
        let mut runs = 0;
        for (_, id) in turns {
            runs += u32::from(*id != 0);
            if let Some(value) = ValueId::new(*id) {
                see(value, 1);
            }
        }
        let all = u32::try_from(turns.len()).unwrap_or(u32::MAX); // at most 256
        let value = |turn: Option<&(u32, u32)>| ValueId::new(turn?.1);
        RunCounts {
            runs,
            gaps: all - runs,
            first: value(turns.first()),
            last: value(turns.last()),
        }
    }
}

/// Counts a line of single addresses; `same` has a bit for each whose next address has the same value.
#[inline(always)]
fn count_singles(
    entries: &Unfolded,
    same: u64,
    (start, end): (u32, u32),
    see: &mut impl FnMut(ValueId, u32),
    compare: impl Compare,
) -> RunCounts {
    let all = entries.all();
    let last = 63 - all.leading_zeros();
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
    let at_ends = (entries.low(0) == start, entries.low(last) + 1 == end);
    let groups = (all & !entries.beside).count_ones();
    let value = |entry: u32| ValueId::new(entries.id(entry));
    RunCounts {
        runs: ends.count_ones(),
        gaps: groups + 1 - u32::from(at_ends.0) - u32::from(at_ends.1),
        first: value(0).filter(|_| at_ends.0),
        last: value(last).filter(|_| at_ends.1),
    }
}
