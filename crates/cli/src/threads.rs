//! The threads that large work is shared among. Left to itself, rayon begins them when they are first
//! used, and panics where a limit on processes or memory forbids it.

use rayon::ThreadPoolBuilder;

use crate::cmd::Command;
use crate::exit::Exit;
use crate::failure::Failure;

/// Begins them: as many as there are processors or, where so many cannot be had, fewer.
pub(crate) fn ready(command: &Command) -> Result<(), Failure> {
    if !command.shares_its_work() {
        return Ok(());
    }
    let mut count = rayon::max_num_threads().min(wanted());
    // A pool for all can be begun only once, so it is tried whether one can be had.
    loop {
        match ThreadPoolBuilder::new().num_threads(count).build() {
            Ok(_) => break,
            Err(error) if count <= 1 => return Err(failure(&error)),
            Err(_) => count /= 2,
        }
    }
    let pool = ThreadPoolBuilder::new().num_threads(count);
    pool.build_global().map_err(|error| failure(&error))
}

fn wanted() -> usize {
    let said = std::env::var("RAYON_NUM_THREADS").ok();
    let said = said.and_then(|text| text.parse().ok());
    let there = || std::thread::available_parallelism().map_or(1, usize::from);
    said.filter(|count| *count > 0).unwrap_or_else(there)
}

fn failure(error: &rayon::ThreadPoolBuildError) -> Failure {
    let what =
        format!("no thread can be had: {error}; a limit on processes or memory may be too low");
    Failure::new(Exit::Disk, what)
}
