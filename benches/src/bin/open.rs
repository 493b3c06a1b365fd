//! How long opening takes, in microseconds, of 1001 times the one in the middle: `open IMAGE...`.
//! The first lookup is not part of it: it brings in the pages that it touches.

#![allow(clippy::print_stdout, reason = "prints its result")]

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

const TIMES: usize = 1001;

fn main() -> Result<(), Box<dyn Error>> {
    for path in std::env::args_os().skip(1) {
        let path = Path::new(&path);
        let mut taken = vec![Duration::ZERO; TIMES];
        for slot in &mut taken {
            let start = Instant::now();
            black_box(rblmap_benches::map(path)?);
            *slot = start.elapsed();
        }
        let (_, median, _) = taken.select_nth_unstable(TIMES / 2);
        println!(
            "open {}: {:.1} us",
            path.display(),
            median.as_secs_f64() * 1e6
        );
    }
    Ok(())
}
