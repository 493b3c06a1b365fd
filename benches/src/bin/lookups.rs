//! Lookups a second in this process, on one thread: `lookups IMAGE`. Listed addresses at random,
//! then any addresses at random.

#![allow(clippy::print_stdout, reason = "prints its result")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a bench may panic"
)]

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rblmap::Zone;

const QUERIES: usize = 1 << 20;
const SHORTEST: Duration = Duration::from_millis(500);

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: lookups IMAGE")?;
    let image = rblmap_benches::map(path)?;
    let zone = image.base();
    let rng = &mut Rng::with_seed(1);
    let runs: Vec<_> = zone.v4_runs().collect();
    if runs.is_empty() {
        return Err("the image has no IPv4 addresses".into());
    }
    let listed = || {
        let run = runs[rng.usize(..runs.len())];
        rng.u32(run.start..=run.end)
    };
    let listed: Vec<u32> = std::iter::repeat_with(listed).take(QUERIES).collect();
    let any: Vec<u32> = std::iter::repeat_with(|| rng.u32(..))
        .take(QUERIES)
        .collect();
    println!(
        "in the process that asks, one thread, listed addresses: {}",
        rate(&zone, &listed)
    );
    println!(
        "in the process that asks, one thread, any addresses: {}",
        rate(&zone, &any)
    );
    Ok(())
}

/// Lookups a second, over all queries until enough time has passed.
fn rate(zone: &Zone<'_>, queries: &[u32]) -> u64 {
    let start = Instant::now();
    let mut done = 0;
    while start.elapsed() < SHORTEST {
        for &address in queries {
            black_box(zone.lookup_v4(address).is_listed());
        }
        done += queries.len();
    }
    (done as f64 / start.elapsed().as_secs_f64()) as u64
}
