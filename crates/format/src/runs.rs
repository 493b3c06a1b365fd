//! Joins what sections hold to runs, in address order.

use crate::address::Address;
use crate::run::{Run, ValueId};

/// Joins ranges that touch and have one value; leaves out ranges without a value, and any that do not
/// rise (only damaged images have such).
pub(crate) struct Runs<A, S> {
    ranges: S,
    pending: Option<Run<A>>,
}

impl<A, S> Runs<A, S> {
    pub(crate) fn new(ranges: S) -> Runs<A, S> {
        Runs {
            ranges,
            pending: None,
        }
    }
}

impl<A: Address, S: Iterator<Item = (A, A, u32)>> Iterator for Runs<A, S> {
    type Item = Run<A>;

    fn next(&mut self) -> Option<Run<A>> {
        for (start, end, id) in self.ranges.by_ref() {
            let Some(value) = ValueId::new(id) else {
                continue;
            };
            if end < start {
                continue;
            }
            match &mut self.pending {
                Some(run) if start <= run.end => {}
                Some(run) if run.value == value && run.end.next() == Some(start) => run.end = end,
                pending => {
                    if let Some(run) = pending.replace(Run { start, end, value }) {
                        return Some(run);
                    }
                }
            }
        }
        self.pending.take()
    }
}
