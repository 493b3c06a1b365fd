//! Measures on several threads at a time, each kept on a processor of its own.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use rblmap_measure::{Lines, QUERIES, fence, pin};

use crate::output::Output;

use super::mix::{Mix, turns};
use super::row::{How, Row, Spread};

/// How often each figure is measured.
const TIMES: usize = 3;
/// Longest and shortest time of one figure.
const LONGEST: Duration = Duration::from_millis(500);
const SHORTEST: Duration = Duration::from_millis(20);

/// Measures what is listed, of each kind, with each number of threads. The first number is one.
pub(super) fn measure(
    mixes: &[Mix<'_>],
    counts: &[usize],
    processors: &[usize],
    time: Duration,
    output: &Output,
) -> Vec<Row> {
    let mixes: Vec<&Mix<'_>> = mixes.iter().filter(|mix| mix.is_listed()).collect();
    // Each figure has a limit beside it.
    let figures = 2 * TIMES * 2 * mixes.len() * counts.len();
    let share = time / u32::try_from(figures.max(1)).unwrap_or(u32::MAX);
    let share = share.clamp(SHORTEST, LONGEST);
    let mut rng = Rng::with_seed(7);
    let random: Vec<u32> = (0..QUERIES).map(|_| rng.u32(..)).collect();
    let bar = output.steps("several threads", figures as u64 / 2);
    let mut rows = Vec::new();
    for mix in mixes {
        for how in [How::Alone, How::AtOnce] {
            let mut one = None;
            for &count in counts {
                let threads = Threads {
                    count,
                    processors,
                    random: &random,
                    time: share,
                };
                let row = threads.row(mix, how, &mut one, || bar.inc(1));
                rows.push(row);
            }
        }
    }
    bar.finish_and_clear();
    rows
}

/// So many threads for a time.
struct Threads<'p> {
    count: usize,
    processors: &'p [usize],
    random: &'p [u32],
    time: Duration,
}

impl Threads<'_> {
    /// One row; `one` is what a thread alone does in a second, set by the first row.
    fn row(&self, mix: &Mix<'_>, how: How, one: &mut Option<f64>, step: impl Fn()) -> Row {
        let (mut rates, mut limits) = (Vec::new(), Vec::new());
        let mut pinned = true;
        for _ in 0..TIMES {
            let (rate, stayed) = self.together(|from, until| mix.ask_until(how, from, until));
            let (limit, _) =
                self.together(|from, until| read_until(mix, how, self.random, from, until));
            rates.push(rate);
            limits.push(limit);
            pinned &= stayed;
            step();
        }
        let nanos = |rates: &[f64]| {
            let each = rates.iter().map(|rate| self.nanos(*rate));
            Spread::of(&each.collect::<Vec<f64>>())
        };
        let ratios = rates.iter().zip(&limits).map(|(rate, limit)| limit / rate);
        let per_second = Spread::of(&rates).map(|spread| spread.median);
        let first = *one.get_or_insert(per_second.unwrap_or(0.0));
        Row {
            kind: mix.kind(),
            asked: mix.asked,
            how,
            image: mix.image.clone(),
            zone: mix.zone.clone(),
            threads: self.count,
            pinned,
            ns: nanos(&rates),
            less_than_ns: None,
            limit_ns: nanos(&limits),
            ratio: Spread::of(&ratios.collect::<Vec<f64>>()),
            per_second,
            scaling: per_second.filter(|_| first > 0.0).map(|rate| rate / first),
            latency: None,
            server: None,
            noise: None,
        }
    }

    /// Nanoseconds that one of the threads takes, if all of them do so many a second.
    #[expect(clippy::cast_precision_loss, reason = "a number of threads")]
    fn nanos(&self, rate: f64) -> f64 {
        1e9 * self.count as f64 / rate
    }

    /// How many accesses all threads together make in a second, and whether each kept its processor.
    #[expect(clippy::cast_precision_loss, reason = "a few digits are enough")]
    fn together(&self, work: impl Fn(usize, Instant) -> u64 + Sync) -> (f64, bool) {
        let barrier = Barrier::new(self.count);
        let pinned = AtomicBool::new(true);
        let one = |number: usize| {
            let processor = self.processors.get(number % self.processors.len().max(1));
            if !processor.is_some_and(|&processor| pin(processor)) {
                pinned.store(false, Ordering::Relaxed);
            }
            barrier.wait();
            let start = Instant::now();
            // Each thread asks from another place on.
            let count = work(number * QUERIES / self.count, start + self.time);
            count as f64 / start.elapsed().as_secs_f64().max(1e-9)
        };
        let rate = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.count)
                .map(|number| scope.spawn(move || one(number)))
                .collect();
            let rates = threads.into_iter().filter_map(|thread| thread.join().ok());
            rates.sum()
        });
        (rate, pinned.load(Ordering::Relaxed))
    }
}

/// Reads random lines of the images of a mix until `until`; how many times.
fn read_until(mix: &Mix<'_>, how: How, random: &[u32], from: usize, until: Instant) -> u64 {
    let images = mix.images.iter();
    let lines: Vec<Lines<'_>> = images.map(|image| Lines::new(image.as_bytes())).collect();
    turns(random, from, until, |block| match how {
        How::Alone => {
            for &number in block {
                for lines in &lines {
                    std::hint::black_box(lines.read(number));
                }
                fence();
            }
        }
        _ => {
            for lines in &lines {
                std::hint::black_box(lines.read_many(block));
            }
        }
    })
}
