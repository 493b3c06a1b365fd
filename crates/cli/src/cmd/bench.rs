//! `rblmap bench`: what images do on this machine, beside the limit of its memory.

mod beside;
mod file;
mod mix;
mod own;
mod plot;
mod rounds;
mod row;
mod table;
mod threads;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rblmap::Image;
use rblmap_measure::{Clock, Noise, processors, stay};

use crate::cmd::duration::Seconds;
use crate::cmd::open;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use mix::{Mix, Source};
use row::Row;

/// Measure lookups in images on this machine
///
/// Asks what each image holds: listed and unlisted addresses, names that are listed themselves, names
/// below a listed one, and names that are not listed; of the base zone, of subzones, and of all images
/// together where there are several. Each question is asked one at a time, many at once, and cold,
/// after other work that has filled the caches. Beside each figure stands the limit: a read of a
/// random 64-byte line of the same file, made in the same way. No lookup that has to read memory can
/// be faster.
///
/// Figures are the median of several rounds, with the lowest and the highest round.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rblmap bench ops.example.rbl
  rblmap bench ops.example.rbl dul.example.rbl --threads 1,2,4
  rblmap bench ops.example.rbl --queries yesterdays-clients.txt --json
  rblmap bench ops.example.rbl --beside 127.0.0.1:53 --plot bench.svg

A line of --json has: kind (address, ipv6 or name), asked (hit, miss, exact, below or queries),
how, image, zone, threads, ns, limit_ns and ratio (each with median, low and high), per_second,
latency (p50, p99, p99_9 and p99_99 in nanoseconds), noise. What is less than the clock can tell
is null, and less_than_ns says what it is less than.")]
pub(crate) struct Args {
    /// Addresses and names to ask, one a line; without it, questions are made from each image
    #[arg(long, value_name = "FILE")]
    queries: Option<PathBuf>,
    /// Numbers of threads to measure with, each thread kept on a processor of its own [default: 1 and
    /// the number of processors]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Vec<u16>,
    /// Ask this DNS server the same questions
    #[arg(long, value_name = "ADDRESS:PORT")]
    beside: Option<SocketAddr>,
    /// About how long to measure in all
    #[arg(long, value_name = "TIME", default_value = "60s")]
    time: Seconds,
    /// Write a picture of the figures
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// The images
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
}

/// Share of the time that is for one thread; the rest is for several.
const ON_ONE_THREAD: u32 = 3;

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let opened: Vec<Image> = args
        .images
        .iter()
        .map(|path| open::image(path))
        .collect::<Result<_, _>>()?;
    let sources: Vec<Source<'_>> = args
        .images
        .iter()
        .zip(&opened)
        .map(|(path, image)| Source::new(path, image))
        .collect();
    let queries = match &args.queries {
        Some(path) => Some(file::read(path, output)?),
        None => None,
    };
    let full: Vec<Source<'_>> = sources
        .iter()
        .filter(|it| !it.is_empty())
        .copied()
        .collect();
    for empty in sources.iter().filter(|it| it.is_empty()) {
        let what = format!("{}: the image is empty: nothing to ask", empty.label());
        match args.json {
            true => output.note(what),
            false => say(&what)?,
        }
    }
    let mixes = match &queries {
        Some(queries) => queries.mixes(&full),
        None => own::mixes(&full, output),
    };
    if mixes.is_empty() {
        return Ok(Exit::Done);
    }
    let rows = measure(&args, &mixes, output)?;
    if let Some(path) = &args.plot {
        write_plot(path, &rows)?;
    }
    let mut out = std::io::stdout().lock();
    let printed = match args.json {
        true => table::json(&rows, &mut out),
        false => table::text(&full, &rows, &mut out),
    };
    printed.map_err(|error| Failure::printing(&error))?;
    Ok(Exit::Done)
}

/// All rows: on one thread, on several, and of the DNS server.
fn measure(args: &Args, mixes: &[Mix<'_>], output: &Output) -> Result<Vec<Row>, Failure> {
    // Asked for before this thread is kept on one of them.
    let processors = processors();
    let mut server = match args.beside {
        Some(address) => Some(beside::Server::connect(address, mixes)?),
        None => None,
    };
    stay();
    let clock = Clock::calibrate();
    let mut noise = Noise::default();
    noise.look();
    let time = Duration::from_secs(args.time.0);
    let first = time * ON_ONE_THREAD / (ON_ONE_THREAD + 1);
    let mut rows = noise.during(|noise| rounds::measure(mixes, first, clock, noise, output));
    let counts = thread_counts(&args.threads, processors.len());
    if counts.iter().any(|&count| count > processors.len()) {
        output.note(format!(
            "more threads than processors ({}): threads take turns on them",
            processors.len()
        ));
    }
    let rest = time.saturating_sub(first);
    rows.extend(threads::measure(mixes, &counts, &processors, rest, output));
    noise.look();
    if let Some(server) = &mut server {
        rows.extend(server.measure(mixes, time / 6, clock, output)?);
    }
    noise.look();
    for row in &mut rows {
        row.noise = noise.share();
    }
    Ok(rows)
}

/// How many threads to measure with: what was asked for, and always one to compare with.
fn thread_counts(asked: &[u16], processors: usize) -> Vec<usize> {
    let mut counts: Vec<usize> = match asked {
        [] => vec![processors],
        asked => asked.iter().map(|&count| count.into()).collect(),
    };
    counts.push(1);
    counts.sort_unstable();
    counts.dedup();
    counts
}

fn say(what: &str) -> Result<(), Failure> {
    let done = writeln!(std::io::stdout().lock(), "{what}");
    done.map_err(|error| Failure::printing(&error))
}

fn write_plot(path: &Path, rows: &[Row]) -> Result<(), Failure> {
    let picture = plot::svg(rows);
    std::fs::write(path, picture).map_err(|error| Failure::writing(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_is_always_measured() {
        assert_eq!(thread_counts(&[], 1), [1]);
        assert_eq!(thread_counts(&[], 4), [1, 4]);
        assert_eq!(thread_counts(&[2, 8, 2], 4), [1, 2, 8]);
    }
}
