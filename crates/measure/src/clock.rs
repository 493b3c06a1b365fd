//! Clocks, and where a thread runs.

use std::hint::black_box;
use std::time::Instant;

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use rustix::time::{ClockId, clock_getres, clock_gettime};

/// How often the clock is read to learn what it costs.
const READINGS: usize = 2001;
/// A time counts from this many steps of the clock on: one step is then under a tenth of it.
const STEPS: u64 = 10;

/// What the clock of this machine can tell.
///
/// See the example of [the crate](crate).
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Nanoseconds between two readings with nothing in between, the median.
    pub cost: u64,
    /// Nanoseconds by which single readings differ from each other. What takes less, cost taken
    /// away, cannot be told from nothing.
    pub tells: u64,
    /// Nanoseconds of one step of the clock that counts the time of a thread.
    pub step: u64,
}

impl Clock {
    /// Reads the clock a few thousand times.
    pub fn calibrate() -> Clock {
        let mut taken: Vec<u64> = (0..READINGS)
            .map(|_| {
                let start = Instant::now();
                fence();
                black_box(0);
                fence();
                nanos_since(start)
            })
            .collect();
        taken.sort_unstable();
        let at = |part: usize| taken.get(READINGS * part / 10).copied().unwrap_or(0);
        let steps = taken.windows(2).filter_map(|two| match two {
            [a, b] => Some(b - a).filter(|&step| step > 0),
            _ => None,
        });
        let smallest = steps.min().unwrap_or(1);
        let resolution = clock_getres(ClockId::ThreadCPUTime);
        Clock {
            cost: at(5),
            tells: (at(9) - at(1)).max(smallest).max(1),
            step: nanos(resolution.tv_sec, resolution.tv_nsec).max(1),
        }
    }

    /// The least nanoseconds a query that can be told where `count` queries are timed together.
    #[expect(clippy::cast_precision_loss, reason = "a few digits are enough")]
    pub fn least_of(&self, count: usize) -> f64 {
        (STEPS * self.step) as f64 / count.max(1) as f64
    }
}

/// Nanoseconds that this thread has run.
pub(crate) fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    nanos(time.tv_sec, time.tv_nsec)
}

fn nanos(seconds: i64, nanos: i64) -> u64 {
    let whole = seconds.unsigned_abs().saturating_mul(1_000_000_000);
    whole.saturating_add(nanos.unsigned_abs())
}

pub(crate) fn nanos_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The processors that this process may run on, by number.
///
/// See the example of [`pin`].
pub fn processors() -> Vec<usize> {
    let Ok(allowed) = sched_getaffinity(None) else {
        return vec![0];
    };
    let numbers = (0..CpuSet::MAX_CPU).filter(|&number| allowed.is_set(number));
    numbers.collect()
}

/// Keeps this thread on one processor; whether the system let it.
///
/// ```
/// use rblmap_measure::{fence, pin, processors, stay};
/// for processor in processors() {
///     println!("may run on {processor}: {}", pin(processor));
/// }
/// println!("stays there: {}", stay());
/// let start = std::time::Instant::now();
/// fence(); // what is loaded behind it is not loaded before
/// println!("{:?}", start.elapsed());
/// ```
pub fn pin(processor: usize) -> bool {
    let mut one = CpuSet::new();
    one.set(processor);
    sched_setaffinity(None, &one).is_ok()
}

/// Keeps this thread on the processor that it runs on, if the system lets it.
///
/// See the example of [`pin`].
pub fn stay() -> bool {
    pin(sched_getcpu())
}

/// Waits until all earlier loads have ended and starts none after it before, so that no branch
/// predictor runs ahead to the next query. What it takes itself is in every figure.
///
/// See the example of [`pin`].
#[inline(always)]
pub fn fence() {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "an instruction of its own")]
    // SAFETY: LFENCE is part of SSE2, which every x86-64 has.
    unsafe {
        std::arch::x86_64::_mm_lfence();
    }
    #[cfg(not(target_arch = "x86_64"))]
    black_box(Instant::now());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_tells_something() {
        let clock = Clock::calibrate();
        assert!(clock.tells >= 1 && clock.step >= 1);
        assert!(clock.least_of(1) >= clock.least_of(1000));
        let before = thread_time();
        assert!(thread_time() >= before);
    }

    #[test]
    fn threads_stay_where_they_may_run() {
        let all = processors();
        assert!(all.first().is_some_and(|&processor| pin(processor)));
        assert!(stay());
    }
}
