//! What a process pays that looks one address up and ends, as a filter started for each message
//! does: opening alone, and a whole process less one that does nothing.

use std::error::Error;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::rows::{How, Row};

/// How often an image is opened in a round, and how many processes there are of each kind.
const OPENS: usize = 101;
const PROCESSES: usize = 51;
/// The first argument of a program that is only to look one address up, or to do nothing.
const LOOK_UP: &str = "--look-one-up";
const NOTHING: &str = "--do-nothing";

/// Whether these are the arguments of a process that [`rows`] starts; if so it has done its work.
///
/// # Errors
/// An image that cannot be opened.
pub fn is_child(arguments: &[String]) -> Result<bool, Box<dyn Error>> {
    match arguments {
        [kind] if kind == NOTHING => Ok(true),
        [kind, path] if kind == LOOK_UP => {
            let image = crate::map(path)?;
            let answer = image.base().lookup(Ipv4Addr::new(192, 0, 2, 1));
            black_box(answer.is_listed());
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Opening an image; and the start of this program, opening, one lookup and the end, less start and
/// end. Medians of each round.
pub fn rows(path: &Path) -> [Row<'_>; 2] {
    let row = |mix, work| Row {
        structure: "image",
        mix,
        how: How::Once,
        limit: None,
        work,
    };
    [
        row("open", Box::new(move |_| median(OPENS, || open(path)))),
        row(
            "process, less one that does nothing",
            Box::new(move |_| {
                // In turns, so that both meet the same disturbances.
                let differ = || process(&[LOOK_UP.as_ref(), path]) - process(&[NOTHING.as_ref()]);
                median(PROCESSES, differ)
            }),
        ),
    ]
}

fn open(path: &Path) -> f64 {
    let start = Instant::now();
    black_box(crate::map(path).is_ok());
    nanos(start)
}

fn process(arguments: &[&Path]) -> f64 {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let start = Instant::now();
    let status = command.status().expect("this program can be started");
    assert!(status.success(), "the process has failed");
    nanos(start)
}

fn nanos(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e9
}

fn median(times: usize, mut take: impl FnMut() -> f64) -> f64 {
    let mut taken: Vec<f64> = (0..times).map(|_| take()).collect();
    taken.sort_by(f64::total_cmp);
    taken.get(times / 2).copied().unwrap_or_default()
}
