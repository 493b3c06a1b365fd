//! `rblmap bench`: what an image does on this machine, beside the limit of its memory.

use std::hint::black_box;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rblmap::{Image, Zone};
use serde::Serialize;

use crate::cmd::open;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Measure lookups in an image on this machine
///
/// Asks IPv4 addresses of the base zone, in rounds, each beside reads of random 64-byte lines of the
/// same file: no lookup that has to read memory can be faster. Prints the median of the rounds, and
/// the lowest and highest.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rblmap bench ops.example.rbl
  rblmap bench ops.example.rbl --queries yesterdays-clients.txt --json")]
pub(crate) struct Args {
    /// Addresses to ask, one a line; without: listed ones, and any
    #[arg(long, value_name = "FILE")]
    queries: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// The image
    image: PathBuf,
}

/// Rounds; each asks all mixes in all ways.
const ROUNDS: usize = 7;
/// Queries of a mix in one round.
const QUERIES: usize = 1 << 17;
/// Addresses that are asked at once.
const AT_ONCE: usize = 256;

#[derive(Debug, Clone, Copy, Serialize)]
struct Spread {
    median: f64,
    low: f64,
    high: f64,
}

#[derive(Debug, Serialize)]
struct Line {
    asked: &'static str,
    how: &'static str,
    ns: Spread,
    /// Times a random line of the same file, read in the same way.
    ratio: Spread,
    per_second: f64,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let image = open::image(&args.image)?;
    let zone = image.base();
    let mixes = match &args.queries {
        Some(path) => vec![("queries", read_queries(path, output)?)],
        None => own_mixes(&zone),
    };
    let bar = output.working("measuring");
    let mut measured: Vec<Measured> = Vec::new();
    for round in 0..ROUNDS {
        for (index, (asked, queries)) in mixes.iter().enumerate() {
            bar.set_message(format!("round {} of {ROUNDS}, {asked}", round + 1));
            if round == 0 {
                let asked = *asked;
                measured.extend([("one at a time"), ("many at once")].map(|how| Measured {
                    asked,
                    how,
                    nanos: Vec::new(),
                    ratios: Vec::new(),
                }));
            }
            let times = one_round(&image, &zone, queries, round);
            for (row, (nanos, limit)) in measured.iter_mut().skip(2 * index).zip(times) {
                row.nanos.push(nanos);
                row.ratios.push(nanos / limit.max(f64::EPSILON));
            }
        }
    }
    bar.finish_and_clear();
    print(&measured, args.json).map_err(|error| Failure::printing(&error))?;
    Ok(Exit::Done)
}

struct Measured {
    asked: &'static str,
    how: &'static str,
    nanos: Vec<f64>,
    ratios: Vec<f64>,
}

/// One at a time and many at once: nanoseconds a lookup, and of a random line read in that way.
fn one_round(image: &Image, zone: &Zone<'_>, queries: &[u32], round: usize) -> [(f64, f64); 2] {
    let from = (round * QUERIES) % queries.len().max(1);
    let asked: Vec<u32> = queries
        .iter()
        .cycle()
        .skip(from)
        .take(QUERIES)
        .copied()
        .collect();
    let (lines, _) = image.as_bytes().as_chunks::<64>();
    let mut random = Random(round as u64);
    let places: Vec<usize> = (0..QUERIES).map(|_| random.below(lines.len())).collect();
    let line = |place: &usize| lines.get(*place).map_or(0, |line| line[0]);
    let wait = each(&asked, |_| {
        black_box(Instant::now());
    });
    // Reading the clock waits for all loads before it: one lookup at a time.
    let alone = each(&places, |place| {
        black_box(line(place));
        black_box(Instant::now());
    });
    let one = each(&asked, |&address| {
        black_box(zone.contains_v4(address));
        black_box(Instant::now());
    });
    let together = each(&places, |place| {
        black_box(line(place));
    });
    let mut values = [None; AT_ONCE];
    let start = Instant::now();
    for addresses in asked.chunks(AT_ONCE) {
        zone.lookup_v4_many(addresses, &mut values);
        black_box(&values);
    }
    let many = nanos(start, asked.len());
    [(one - wait, alone - wait), (many, together)]
}

/// Nanoseconds that `access` takes for each.
fn each<Q>(queries: &[Q], mut access: impl FnMut(&Q)) -> f64 {
    let start = Instant::now();
    queries.iter().for_each(&mut access);
    nanos(start, queries.len())
}

#[expect(clippy::cast_precision_loss, reason = "a few digits are enough")]
fn nanos(start: Instant, count: usize) -> f64 {
    start.elapsed().as_secs_f64() * 1e9 / count.max(1) as f64
}

/// Listed addresses at random, and any.
fn own_mixes(zone: &Zone<'_>) -> Vec<(&'static str, Vec<u32>)> {
    const KEPT: usize = 1 << 20;
    let total = zone.v4_runs().count();
    let runs: Vec<_> = zone
        .v4_runs()
        .step_by(total.div_ceil(KEPT).max(1))
        .collect();
    let mut random = Random(1);
    let mut mixes = Vec::new();
    if !runs.is_empty() {
        let listed = (0..KEPT).filter_map(|_| {
            let run = runs.get(random.below(runs.len()))?;
            let size = u64::from(run.end - run.start) + 1;
            u32::try_from(u64::from(run.start) + random.next() % size).ok()
        });
        mixes.push(("listed addresses", listed.collect()));
    }
    let any = (0..KEPT).filter_map(|_| u32::try_from(random.next() >> 32).ok());
    mixes.push(("any addresses", any.collect()));
    mixes
}

fn read_queries(path: &Path, output: &Output) -> Result<Vec<u32>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::reading(path, &error))?;
    let mut queries = Vec::new();
    let mut others = 0u64;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.parse() {
            Ok(IpAddr::V4(address)) => queries.push(address.to_bits()),
            _ => others += 1,
        }
    }
    if others > 0 {
        output.note(format!(
            "{}: {others} lines are no IPv4 address",
            path.display()
        ));
    }
    if queries.is_empty() {
        let what = format!("{}: no IPv4 addresses", path.display());
        return Err(Failure::new(Exit::BadInput, what));
    }
    Ok(queries)
}

fn print(measured: &[Measured], json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for it in measured {
        let (ns, ratio) = (spread(&it.nanos), spread(&it.ratios));
        if json {
            let line = Line {
                asked: it.asked,
                how: it.how,
                ns,
                ratio,
                per_second: 1e9 / ns.median,
            };
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
        } else {
            writeln!(
                out,
                "{}, {}: {:.1} ns ({:.1} to {:.1}), {:.1} million a second; \
                 {:.2} times a random line ({:.2} to {:.2})",
                it.asked,
                it.how,
                ns.median,
                ns.low,
                ns.high,
                1e3 / ns.median,
                ratio.median,
                ratio.low,
                ratio.high
            )?;
        }
    }
    Ok(())
}

fn spread(numbers: &[f64]) -> Spread {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
    Spread {
        median: at(sorted.len() / 2),
        low: at(0),
        high: at(sorted.len().saturating_sub(1)),
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, count: usize) -> usize {
        let wide = (u128::from(self.next()) * count as u128) >> 64;
        usize::try_from(wide).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_stay_below() {
        let mut random = Random(7);
        assert!((0..1000).all(|_| random.below(10) < 10));
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let spread = spread(&[3.0, 1.0, 2.0]);
        assert_eq!((spread.low, spread.median, spread.high), (1.0, 2.0, 3.0));
    }
}
