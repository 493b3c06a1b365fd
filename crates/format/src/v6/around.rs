//! Finds the widest network around an IPv6 address of which all addresses say the same.

use super::V6;
use super::lookup::Lines6;
use super::walk::LineRuns6;
use crate::address::widest;
use crate::runs::Runs;

impl V6<'_> {
    /// The length of the prefix of the widest network around an address, all of which has the value
    /// of that address, or none as it has none. Reads the lines of a /32 and looks through the
    /// table of all of them.
    pub fn prefix_around(&self, address: u128) -> u32 {
        match self {
            V6::Empty => 0,
            V6::Sorted(sorted) => {
                let (start, end) = sorted.around(address);
                widest(address, start, end)
            }
            V6::Lines(lines) => lines.prefix_around(address),
        }
    }
}

impl Lines6<'_> {
    fn prefix_around(&self, address: u128) -> u32 {
        let ((start, end), ranges) = match LineRuns6::of_32(*self, address) {
            Ok(own) => own,
            Err((start, end)) => return widest(address, start, end),
        };
        let mut free = start;
        for run in Runs::new(ranges) {
            if run.start > address {
                return widest(address, free, run.start - 1);
            }
            if run.end >= address {
                return widest(address, run.start, run.end);
            }
            free = run.end + 1;
        }
        widest(address, free, end)
    }
}
