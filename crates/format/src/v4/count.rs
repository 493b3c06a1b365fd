//! Counts what a line holds without making its runs.

use super::kind::{
    Kind, LIST, RAW, SHORT, TURNS, form_of, ids, long_keys, palette, short_keys, turns,
};
use super::lookup::Lines;
use super::run_counts::RunCounts;
use crate::simd::compare::{Compare, Task};
use crate::v4::shape::LINE;

impl Lines<'_> {
    /// The run counts of a line that answers for the addresses from `start` to before `end`. Tells `see` by
    /// how many more or fewer runs each id is to be counted. `None` for lines that have to be walked:
    /// those that hold more than single addresses.
    pub(crate) fn tally(
        &self,
        line: &[u8; LINE],
        ends: (u32, u32),
        see: &mut impl FnMut(u32, i64),
    ) -> Option<RunCounts> {
        let number = line[0] & 7;
        if !matches!(number, RAW | LIST | SHORT | TURNS) || self.read_default(line) != 0 {
            return None;
        }
        let kind = self.kinds.get(usize::from(number))?;
        self.level.run(Tally {
            lines: self,
            line,
            kind,
            ends,
            see,
        })
    }
}

/// Counts one line of single addresses.
struct Tally<'l, 'a, S> {
    lines: &'l Lines<'a>,
    line: &'l [u8; LINE],
    kind: &'l Kind,
    ends: (u32, u32),
    see: &'l mut S,
}

impl<S: FnMut(u32, i64)> Task for Tally<'_, '_, S> {
    type Output = Option<RunCounts>;

    #[inline(always)]
    fn run(self, compare: impl Compare) -> Option<RunCounts> {
        let Tally {
            lines,
            line,
            kind,
            ends,
            see,
        } = self;
        let window = |form| short_keys::window(line, kind, form, 0);
        match line[0] & 7 {
            LIST => {
                let keys = long_keys::count(line, kind.keys, ends.1, compare)?;
                palette::count(lines, line, kind, &keys, ends, see)
            }
            SHORT => {
                let keys = short_keys::count(line, &window(const { form_of(SHORT) }), compare)?;
                palette::count(lines, line, kind, &keys, ends, see)
            }
            TURNS => {
                let keys = short_keys::count(line, &window(const { form_of(TURNS) }), compare)?;
                turns::count(lines, line, kind, &keys, ends, see)
            }
            _ => {
                let keys = long_keys::count(line, kind.keys, ends.1, compare)?;
                ids::count(lines, line, kind, &keys, ends, see)
            }
        }
    }
}
