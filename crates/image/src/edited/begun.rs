//! How many runs and gaps begin before each unit, so that a rank leads to its unit, and a unit to ranks,
//! without a look at the units before.

use rblmap_format::{RunCounts, Slash16s};

/// For each unit of an image how many runs, and how many gaps, begin before it in its /16, where they are
/// cut. Takes four bytes a line.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    /// Those of each /8, one /16 after the other.
    tops: Vec<Vec<[u16; 2]>>,
    /// For each /16 which of them is the first.
    first: Vec<u32>,
}

/// The runs and gaps of the units of a /16 so far.
pub(super) fn begun_before(so_far: RunCounts) -> [u16; 2] {
    // No more than there are addresses, and at least one is in the units behind.
    [so_far.runs, so_far.gaps].map(|count| u16::try_from(count).unwrap_or(u16::MAX))
}

impl Begun {
    pub(super) fn new(image: &Slash16s<'_>, tops: Vec<Vec<[u16; 2]>>) -> Begun {
        let mut first = Vec::with_capacity(1 << 16);
        let mut next = 0;
        for block in 0..=u16::MAX {
            if block & 0xff == 0 {
                next = 0;
            }
            first.push(next);
            next += u32::try_from(image.block(block).units()).unwrap_or(u32::MAX); // 65,536 at most
        }
        Begun { tops, first }
    }

    /// Of a /16 with so many units.
    pub(super) fn of(&self, block: u16, units: usize) -> &[[u16; 2]] {
        let top = self.tops.get(usize::from(block >> 8));
        let first = self.first.get(usize::from(block)).copied().unwrap_or(0) as usize;
        top.and_then(|top| top.get(first..first + units))
            .unwrap_or_default()
    }
}
