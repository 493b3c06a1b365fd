//! What reading a log costs without understanding it: a pass over its newlines, or unpacking. The
//! measure of `scripts/bench-postmaster impact` and `gzip`.
//!
//!     bare newlines LOG THREADS
//!     bare gzip LOG.gz
//!
//! Prints seconds by the clock.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a measurement may panic"
)]

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What `rblmap impact` reads at a time.
const BLOCK: u64 = 1 << 19;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let started = Instant::now();
    let found = match args[1].as_str() {
        "newlines" => newlines(&args[2], args[3].parse().unwrap()),
        _ => unpacked(&args[2]),
    };
    println!("{:.4} {found}", started.elapsed().as_secs_f64());
}

/// Counts newlines one by one, as a reader of lines must find them, by so many threads.
fn newlines(path: &str, threads: usize) -> u64 {
    let file = File::open(path).unwrap();
    let len = file.metadata().unwrap().len();
    let (next, found) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut block = vec![0; BLOCK as usize];
                loop {
                    let at = next.fetch_add(BLOCK, Ordering::Relaxed);
                    if at >= len {
                        break;
                    }
                    let read = file.read_at(&mut block, at).unwrap();
                    let count = memchr::memchr_iter(b'\n', &block[..read]).fold(0, |sum, at| {
                        std::hint::black_box(at);
                        sum + 1
                    });
                    found.fetch_add(count, Ordering::Relaxed);
                }
            });
        }
    });
    found.into_inner()
}

fn unpacked(path: &str) -> u64 {
    let file = std::io::BufReader::with_capacity(1 << 18, File::open(path).unwrap());
    let mut text = flate2::bufread::MultiGzDecoder::new(file);
    let mut block = vec![0; BLOCK as usize];
    let mut found = 0;
    loop {
        match text.read(&mut block).unwrap() {
            0 => return found,
            read => found += read as u64,
        }
    }
}
