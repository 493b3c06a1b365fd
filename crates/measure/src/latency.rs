//! How single accesses are distributed.

use std::hint::black_box;
use std::time::Instant;

use hdrhistogram::Histogram;

use crate::clock::{Clock, fence, nanos_since};

/// Longest access that is told apart from longer ones: a minute.
const LONGEST: u64 = 60_000_000_000;
/// Decimal digits that the histogram keeps.
const DIGITS: u8 = 3;

/// The distribution of single accesses, each timed for itself, in nanoseconds of wall time less what
/// reading the clock costs. In it is what a caller sees: interrupts and other processes, too.
///
/// See the example of [the crate](crate).
#[derive(Debug, Clone)]
pub struct Latencies {
    histogram: Histogram<u64>,
    clock: Clock,
}

impl Latencies {
    /// None yet.
    pub fn new(clock: Clock) -> Latencies {
        let histogram = Histogram::new_with_bounds(1, LONGEST, DIGITS);
        Latencies {
            histogram: histogram.expect("a minute in three digits is a range that the crate takes"),
            clock,
        }
    }

    /// Times `access` to each of `queries`, until `until` has come.
    pub fn time<Q>(&mut self, queries: &[Q], until: Instant, mut access: impl FnMut(&Q) -> u32) {
        for query in queries {
            let start = Instant::now();
            fence();
            black_box(access(query));
            fence();
            let taken = nanos_since(start);
            self.add(taken.saturating_sub(self.clock.cost));
            if start >= until {
                break;
            }
        }
    }

    /// Adds a time that was measured elsewhere.
    pub fn add(&mut self, nanos: u64) {
        self.histogram.saturating_record(nanos);
    }

    /// How many were timed.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Nanoseconds that this share of the accesses did not exceed; none where there are too few
    /// accesses to say, or where it is less than this clock can tell.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        #[expect(clippy::cast_precision_loss, reason = "counts of a short run")]
        let beyond = self.count() as f64 * (1.0 - share);
        let nanos = self.histogram.value_at_quantile(share);
        (beyond >= 1.0 && nanos >= self.clock.tells).then_some(nanos)
    }

    /// Whether there were enough accesses to say what share of them did not exceed a time.
    pub fn reaches(&self, share: f64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "counts of a short run")]
        let beyond = self.count() as f64 * (1.0 - share);
        beyond >= 1.0
    }

    /// The longest, in nanoseconds.
    pub fn longest(&self) -> u64 {
        self.histogram.max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock {
            cost: 20,
            tells: 5,
            step: 1,
        }
    }

    #[test]
    fn quantiles_need_enough_accesses_and_a_clock_that_tells_them() {
        let mut latencies = Latencies::new(clock());
        assert_eq!(latencies.quantile(0.5), None);
        (0..1000).for_each(|_| latencies.add(100));
        latencies.add(9000);
        assert_eq!(latencies.quantile(0.5), Some(100));
        assert_eq!(
            latencies.quantile(0.9999),
            None,
            "of 1001 there is no such one"
        );
        assert!(latencies.longest() >= 9000);
        let mut short = Latencies::new(clock());
        (0..1000).for_each(|_| short.add(2));
        assert_eq!(short.quantile(0.5), None);
        assert!(short.reaches(0.5));
    }

    #[test]
    fn no_time_is_too_long() {
        let mut latencies = Latencies::new(clock());
        latencies.add(u64::MAX);
        latencies.add(0);
        assert_eq!(latencies.count(), 2);
    }
}
