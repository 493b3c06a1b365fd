//! IPv4 data by /16, for crates that write images: an update copies the lines of each /16 that it does
//! not touch.

use std::ops::Range;

use crate::run::{Run, ValueId};
use crate::sections::{V4_BITS_LEN, V4_TOP_LEN};
use crate::v4::lookup::{BlockLines, Lines};
use crate::v4::run_buffer::RunBuffer;
use crate::v4::run_counts::RunCounts;
use crate::v4::shape::{BLOCK, LINE};

/// The lines of a zone's IPv4 data.
///
/// See the example of [`Sixteens`](crate::v4::write::Sixteens).
#[derive(Debug, Clone, Copy)]
pub struct Slash16s<'a> {
    lines: Lines<'a>,
}

/// What an image holds of a /16.
///
/// See the example of [`Sixteens`](crate::v4::write::Sixteens).
#[derive(Debug, Clone, Copy)]
pub enum Slash16<'a> {
    /// No lines: all of it has this value, or none.
    Uniform(Option<ValueId>),
    /// Lines, at least one.
    Lines {
        /// The lines, as `docs/format.md` describes them.
        lines: &'a [[u8; LINE]],
        /// Where in the /16 each line but the first starts, in two bytes, the lower first; then two
        /// bytes that say nothing.
        starts: &'a [[u8; 2]],
    },
}

impl Slash16<'_> {
    /// How many units the /16 has: one for each line, or one if it has no lines.
    pub fn units(&self) -> usize {
        match self {
            Slash16::Uniform(_) => 1,
            Slash16::Lines { lines, .. } => lines.len(),
        }
    }

    /// Where in the /16 a unit starts; for the number behind the last unit, where the /16 ends.
    pub fn start_of(&self, unit: usize) -> u32 {
        match (self, unit.checked_sub(1)) {
            (_, None) => 0,
            (Slash16::Lines { lines, starts }, Some(before)) if unit < lines.len() => {
                let start = starts.get(before).copied().unwrap_or_default();
                u16::from_le_bytes(start).into()
            }
            _ => BLOCK,
        }
    }

    /// The unit that an address of the /16 lies in.
    pub fn unit_of(&self, address: u32) -> usize {
        match self {
            Slash16::Uniform(_) => 0,
            Slash16::Lines { lines, starts } => {
                // The entry of the last line is not a start.
                let starts = starts.get(..lines.len() - 1).unwrap_or_default();
                starts.partition_point(|start| {
                    u32::from(u16::from_le_bytes(*start)) <= address & 0xffff
                })
            }
        }
    }
}

impl<'a> Slash16s<'a> {
    /// The /16s of lines; `None` if the lines do not lie in the order of their /16s one after the
    /// other, as only in damaged images. Looks at the
    /// 65,536 entries of the top table.
    pub fn of(lines: Lines<'a>) -> Option<Slash16s<'a>> {
        let mut next = 0;
        for block in 0..=u16::MAX {
            match lines.lines_of(block) {
                BlockLines::Uniform(_) => {}
                BlockLines::Lines { first, lines, .. } if first == next => next += lines.len(),
                _ => return None,
            }
        }
        Some(Slash16s { lines })
    }

    /// What the image holds of a /16, which is named by the upper half of its addresses.
    pub fn block(&self, block: u16) -> Slash16<'a> {
        match self.lines.lines_of(block) {
            BlockLines::Lines { lines, starts, .. } => Slash16::Lines { lines, starts },
            BlockLines::Uniform(value) => Slash16::Uniform(value),
            // `of` has refused such lines.
            BlockLines::Damaged => Slash16::Uniform(None),
        }
    }

    /// The value of an address.
    pub fn value(&self, address: u32) -> Option<ValueId> {
        ValueId::new(self.lines.lookup(address))
    }

    /// One bit for each /24 of a /16, as `docs/format.md` describes them; `None` in images that are
    /// too small to have them.
    pub fn bits(&self, block: u16) -> Option<&'a [u8]> {
        const OF_BLOCK: usize = V4_BITS_LEN / (V4_TOP_LEN / 4);
        let from = usize::from(block) * OF_BLOCK;
        self.lines.bits()?.get(from..from + OF_BLOCK)
    }

    /// Reads runs, in memory of its own.
    pub fn walk(&self) -> V4Walk<'a> {
        V4Walk {
            lines: self.lines,
            found: Box::new(RunBuffer::new()),
            runs: Vec::new(),
        }
    }
}

/// Reads the runs of one /16 after the other.
///
/// See the example of [`Sixteens`](crate::v4::write::Sixteens).
pub struct V4Walk<'a> {
    lines: Lines<'a>,
    found: Box<RunBuffer>,
    runs: Vec<Run<u32>>,
}

impl<'a> V4Walk<'a> {
    /// The runs of a /16 in address order, cut at its ends. Costs some nanoseconds a run.
    pub fn runs(&mut self, block: u16) -> &[Run<u32>] {
        self.runs_and(block, &mut |_| {})
    }

    /// As [`V4Walk::runs`]. Puts the run counts of each unit, cut at its ends, into `units`.
    pub fn runs_by_unit(&mut self, block: u16, units: &mut Vec<RunCounts>) -> &[Run<u32>] {
        units.clear();
        self.runs_and(block, &mut |counts| units.push(counts))
    }

    fn runs_and(&mut self, block: u16, see: &mut impl FnMut(RunCounts)) -> &[Run<u32>] {
        let lines = self.lines.lines_of(block);
        self.runs.clear();
        let into = (&mut *self.found, &mut self.runs);
        self.lines.push_runs(block, lines, into, see);
        &self.runs
    }

    /// The runs of some units of a /16 (at least one), cut at their ends.
    pub fn runs_of(&mut self, block: u16, units: Range<usize>) -> &[Run<u32>] {
        let of = self.block(block);
        let Slash16::Lines { lines, starts } = of else {
            return self.runs(block);
        };
        self.runs.clear();
        let ends = (of.start_of(units.start), of.start_of(units.end));
        let lines = lines.get(units.clone()).unwrap_or_default();
        let starts = starts.get(units).unwrap_or_default();
        let into = (&mut *self.found, &mut self.runs);
        self.lines
            .push_lines(block, (lines, starts), ends, into, &mut |_| {});
        &self.runs
    }

    /// The run counts of a unit of a /16. Tells `see` how many runs, cut at the ends of the unit, each value
    /// has: the numbers for one value add up to its count. Runs are not made.
    pub fn run_counts(
        &mut self,
        block: u16,
        unit: usize,
        see: &mut impl FnMut(ValueId, u32),
    ) -> RunCounts {
        let of = self.block(block);
        let ends = (of.start_of(unit), of.start_of(unit + 1));
        match of {
            Slash16::Lines { lines, .. } => match lines.get(unit).filter(|_| ends.0 < ends.1) {
                Some(line) => self.lines.tally(line, ends, &mut self.found, see),
                // Only in damaged images.
                None => RunCounts::FREE,
            },
            Slash16::Uniform(value) => {
                value.into_iter().for_each(|value| see(value, 1));
                RunCounts::uniform(value)
            }
        }
    }

    /// As [`Slash16s::block`].
    fn block(&self, block: u16) -> Slash16<'a> {
        Slash16s { lines: self.lines }.block(block)
    }
}
