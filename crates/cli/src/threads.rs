//! The threads that large work is shared among. Left to itself, rayon begins them when they are first
//! used, and panics where a limit on processes or memory forbids it.

use std::io;
use std::sync::mpsc;
use std::thread;

use rayon::{ThreadBuilder, ThreadPoolBuilder};

use crate::cmd::Command;
use crate::exit::Exit;
use crate::failure::Failure;

/// Begins them: as many as there are processors or, where so many cannot be had, fewer.
pub(crate) fn ready(command: &Command) -> Result<(), Failure> {
    if !command.shares_its_work() {
        return Ok(());
    }
    // A pool for all can be begun only once, so its threads are there before it is.
    let mut waiting = Vec::new();
    for _ in 0..rayon::max_num_threads().min(wanted()) {
        match begin() {
            Ok(thread) => waiting.push(thread),
            Err(error) if waiting.is_empty() => return Err(failure(&error)),
            Err(_) => break,
        }
    }
    let pool = ThreadPoolBuilder::new().num_threads(waiting.len());
    let pool = pool.spawn_handler(|work| {
        let thread = waiting.pop().and_then(|thread| thread.send(work).ok());
        thread.ok_or_else(|| io::Error::other("a thread has ended"))
    });
    pool.build_global().map_err(|error| failure(&error))
}

/// Begins a thread that waits for its place in the pool.
fn begin() -> io::Result<mpsc::Sender<ThreadBuilder>> {
    let (give, given) = mpsc::channel::<ThreadBuilder>();
    thread::Builder::new().spawn(move || given.recv().map(ThreadBuilder::run))?;
    Ok(give)
}

fn wanted() -> usize {
    let said = std::env::var("RAYON_NUM_THREADS").ok();
    let said = said.and_then(|text| text.parse().ok());
    let there = || thread::available_parallelism().map_or(1, usize::from);
    said.filter(|count| *count > 0).unwrap_or_else(there)
}

fn failure(error: &dyn std::error::Error) -> Failure {
    let what =
        format!("no thread can be had: {error}; a limit on processes or memory may be too low");
    Failure::new(Exit::Disk, what)
}
