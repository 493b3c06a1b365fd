//! Finds the widest network around an address of which all addresses say the same.

use super::V4;
use super::lookup::{BlockLines, Lines};
use crate::address::widest;
use crate::run::{Run, ValueId};
use crate::v4::run_buffer::RunBuffer;

/// How many bits of an address name its /16.
const BLOCK_BITS: u32 = 16;

impl V4<'_> {
    /// The length of the prefix of the widest network around an address, all of which has the value
    /// of that address, or none as it has none. Reads a /16 or less, and the table of as many more
    /// as the network covers.
    pub fn prefix_around(&self, address: u32) -> u32 {
        match self {
            V4::Empty => 0,
            V4::Sorted(sorted) => {
                let (start, end) = sorted.around(address);
                widest(address, start, end)
            }
            V4::Lines(lines) => lines.prefix_around(address),
        }
    }
}

impl Lines<'_> {
    fn prefix_around(&self, address: u32) -> u32 {
        let block = (address >> 16) as u16;
        match self.lines_of(block) {
            BlockLines::Uniform(value) => self.uniform_around(block, value),
            BlockLines::Damaged => u32::BITS,
            of @ BlockLines::Lines { .. } => {
                let (mut found, mut runs) = (Box::new(RunBuffer::new()), Vec::new());
                self.push_runs(block, of, (&mut found, &mut runs), &mut |_| {});
                let first = u32::from(block) << 16;
                let (start, end) = around(&runs, address, (first, first | 0xffff));
                widest(address, start, end)
            }
        }
    }

    /// Of a /16 that says one thing: as many more as say the same.
    fn uniform_around(&self, block: u16, value: Option<ValueId>) -> u32 {
        let same = |block: u16| match self.lines_of(block) {
            BlockLines::Uniform(other) => other == value,
            BlockLines::Lines { .. } | BlockLines::Damaged => false,
        };
        for prefix in (1..=BLOCK_BITS).rev() {
            let half = 1u16 << (BLOCK_BITS - prefix);
            // The other half of the network that is one bit wider.
            let first = (block ^ half) & !(half - 1);
            if !(first..=first | (half - 1)).all(same) {
                return prefix;
            }
        }
        0
    }
}

/// The run, or the gap between runs, that an address is in; `ends` are those of the whole.
fn around(runs: &[Run<u32>], address: u32, ends: (u32, u32)) -> (u32, u32) {
    let behind = runs.partition_point(|run| run.end < address);
    let before = behind.checked_sub(1).and_then(|at| runs.get(at));
    match runs.get(behind) {
        Some(run) if run.start <= address => joined(runs, behind, *run),
        next => (
            before.map_or(ends.0, |run| run.end.saturating_add(1)),
            next.map_or(ends.1, |run| run.start.saturating_sub(1)),
        ),
    }
}

/// The run at a place with its neighbours that touch it and have its value.
fn joined(runs: &[Run<u32>], at: usize, run: Run<u32>) -> (u32, u32) {
    let touch = |a: &Run<u32>, b: &Run<u32>| {
        a.value == run.value && b.value == run.value && a.end.checked_add(1) == Some(b.start)
    };
    let rest = runs.get(at..).unwrap_or_default();
    let ahead = rest
        .windows(2)
        .take_while(|pair| matches!(pair, [a, b] if touch(a, b)));
    let end = rest.get(ahead.count()).map_or(run.end, |last| last.end);
    let before = runs.get(..=at).unwrap_or_default();
    let back = before.windows(2).rev();
    let back = back.take_while(|pair| matches!(pair, [a, b] if touch(a, b)));
    let first = before.len().checked_sub(1 + back.count());
    let start = first
        .and_then(|at| runs.get(at))
        .map_or(run.start, |first| first.start);
    (start, end)
}
