//! How much the machine itself moves: where nobody else is, the same arithmetic takes the same time,
//! and a thread that does not wait for anything runs all the time.

use std::hint::black_box;
use std::time::Instant;

use crate::clock::{nanos_since, thread_time};

/// Steps of one piece of work: some tens of microseconds.
const STEPS: u32 = 40_000;
/// How often it is done for one look.
const TIMES: usize = 24;

/// Times of a fixed piece of arithmetic that reads no memory, taken between measurements, and how long
/// the thread that measured was kept from running.
///
/// See the example of [the crate](crate).
#[derive(Debug, Clone, Default)]
pub struct Noise {
    taken: Vec<u64>,
    /// Nanoseconds that measurements took, and those in which the thread ran.
    wall: u64,
    ran: u64,
}

impl Noise {
    /// A machine with less noise than this is quiet.
    pub const QUIET: f64 = 0.05;
    /// On a machine with more noise than this figures say little.
    pub const BUSY: f64 = 0.25;

    /// Does the work some times over: a millisecond or two.
    pub fn look(&mut self) {
        for _ in 0..TIMES {
            let start = Instant::now();
            let mut number = black_box(1u64);
            for _ in 0..STEPS {
                number = number.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            }
            black_box(number);
            self.taken.push(nanos_since(start));
        }
    }

    /// Does work that waits for nothing, and counts for how much of it the thread ran.
    pub fn during<T>(&mut self, work: impl FnOnce(&mut Noise) -> T) -> T {
        let (start, ran) = (Instant::now(), thread_time());
        let given = work(self);
        self.wall += nanos_since(start);
        self.ran += thread_time() - ran;
        given
    }

    /// The share of the time in which other work had the processor of the thread that measured.
    #[expect(clippy::cast_precision_loss, reason = "a few digits are enough")]
    pub fn kept_waiting(&self) -> f64 {
        self.wall.saturating_sub(self.ran) as f64 / self.wall.max(1) as f64
    }

    /// The greater of [`Noise::kept_waiting`] and [`Noise::slower`]; none before the first look.
    pub fn share(&self) -> Option<f64> {
        Some(self.slower()?.max(self.kept_waiting()))
    }

    /// By which share the slowest tenth of the pieces was slower than the fastest: 0.02 on a machine
    /// with nothing else to do, some tenths and more on a busy one. None before the first look.
    #[expect(clippy::cast_precision_loss, reason = "a few digits are enough")]
    pub fn slower(&self) -> Option<f64> {
        let mut sorted = self.taken.clone();
        sorted.sort_unstable();
        let fastest = *sorted.first()?;
        let slow = *sorted.get(sorted.len() * 9 / 10)?;
        Some((slow - fastest) as f64 / fastest.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_a_share() {
        let mut noise = Noise::default();
        assert_eq!(noise.share(), None);
        noise.look();
        assert!(noise.share().is_some_and(|share| share >= 0.0));
        noise.during(|_| std::thread::sleep(std::time::Duration::from_millis(20)));
        assert!(noise.kept_waiting() > 0.5, "{}", noise.kept_waiting());
        assert!(noise.share() >= Some(noise.kept_waiting()));
    }
}
