//! What each kind of IPv4 line saves on the zones of images that have lines: the bytes of lines and
//! starts with all kinds, and without each.
//!
//!     cargo run --release -p rblmap-benches --bin line_kinds -- IMAGE...
//!
//! Without an image it makes lists of its own, of the shapes that the kinds are for.

#![allow(clippy::print_stdout, reason = "a report")]

use std::error::Error;

use rblmap::{Image, Run};
use rblmap_format::sections::id_width;
use rblmap_format::v4::kind::{self, DIRECT, DIRECT2, LIST, MIXED, RAW, SHORT, TURNS};
use rblmap_format::v4::shape::{LINE, Shape};
use rblmap_format::v4::write::{Sixteens, assemble, behind_16};

/// Bytes of a line, and of its start.
const PER_LINE: usize = LINE + 2;

const KINDS: [u8; 7] = [RAW, LIST, DIRECT2, DIRECT, SHORT, TURNS, MIXED];

fn main() -> Result<(), Box<dyn Error>> {
    print!("| list | runs | lines, MB |");
    for number in KINDS {
        print!(" {} |", kind::name(number));
    }
    println!();
    println!("|---|--:|--:|{}", "--:|".repeat(KINDS.len()));
    let paths: Vec<String> = std::env::args().skip(1).collect();
    for path in &paths {
        let image = Image::read(path)?;
        let width = id_width(u32::try_from(image.value_count())?);
        for zone in image.zones() {
            let runs: Vec<Run<u32>> = zone?.v4_runs().collect();
            row(path.rsplit('/').next().unwrap_or(path), &runs, width)?;
        }
    }
    if paths.is_empty() {
        for (name, values, shape) in MADE {
            row(name, &made(*values, *shape), 1)?;
        }
    }
    println!("\nMore bytes without the kind, in percent; in brackets its share of the lines.");
    Ok(())
}

/// How the listed addresses of a made list lie.
#[derive(Clone, Copy)]
enum Lie {
    /// Up to 60 addresses in each of many /24s of 250 /16s, some of them networks.
    Clustered { networks: bool },
    /// Half of the addresses of 3,000 /24s.
    Dense,
}

/// Lists of one shape each: a name, how many values, and how the addresses lie.
const MADE: &[(&str, u32, Lie)] = &[
    ("clustered, 1 value", 1, Lie::Clustered { networks: false }),
    ("clustered, 3 values", 3, Lie::Clustered { networks: false }),
    ("clustered, 9 values", 9, Lie::Clustered { networks: false }),
    (
        "clustered, 5 % networks",
        9,
        Lie::Clustered { networks: true },
    ),
    ("dense, 2 values", 2, Lie::Dense),
    ("dense, 9 values", 9, Lie::Dense),
];

/// The runs of a made list.
fn made(values: u32, lie: Lie) -> Vec<Run<u32>> {
    let rng = &mut fastrand::Rng::with_seed(9);
    let mut addresses = std::collections::BTreeMap::new();
    let sixteens: Vec<u32> = (0..250).map(|_| rng.u32(..) & !0xffff).collect();
    while addresses.len() < 400_000 {
        let net = rng.choice(&sixteens).copied().unwrap_or(0) | rng.u32(..) & 0xff00;
        let (base, count) = match lie {
            Lie::Clustered { .. } => (net, rng.u32(1..60)),
            Lie::Dense => (rng.u32(..) & !0xff, 180),
        };
        // Values stay for a while, as in lists that reports are added to one after the other.
        let mut value = rng.u32(1..=values);
        for _ in 0..count {
            if rng.u8(..3) == 0 {
                value = rng.u32(1..=values);
            }
            let address = base | rng.u32(..256);
            let len = match lie {
                Lie::Clustered { networks: true } if rng.u8(..20) == 0 => 1 << rng.u32(2..8),
                _ => 1,
            };
            let first = address & !(len - 1);
            addresses.extend((first..=first | (len - 1)).map(|address| (address, value)));
        }
    }
    let mut runs: Vec<Run<u32>> = Vec::new();
    for (address, value) in addresses {
        let Some(value) = rblmap::ValueId::new(value) else {
            continue;
        };
        match runs.last_mut() {
            Some(run) if run.value == value && run.end.checked_add(1) == Some(address) => {
                run.end = address;
            }
            _ => runs.push(Run {
                start: address,
                end: address,
                value,
            }),
        }
    }
    runs
}

/// Prints the row of a list.
fn row(name: &str, runs: &[Run<u32>], width: usize) -> Result<(), Box<dyn Error>> {
    let shape = Shape::new(width);
    let (all, used) = lines(runs, shape)?;
    if all == 0 {
        return Ok(());
    }
    let mb = (all * PER_LINE) as f64 / 1e6;
    print!("| {name} | {} | {mb:.2} |", runs.len());
    for (number, used) in KINDS.into_iter().zip(used) {
        let (without, _) = lines(runs, shape.without(number))?;
        let more = (without as f64 / all as f64 - 1.0) * 100.0;
        let share = used as f64 / all as f64 * 100.0;
        print!(" {more:.1} ({share:.0}) |");
    }
    println!();
    Ok(())
}

/// How many lines the runs take, and how many of each kind.
fn lines(runs: &[Run<u32>], shape: Shape) -> Result<(usize, [usize; 7]), Box<dyn Error>> {
    let mut out = Sixteens::default();
    let mut rest = runs;
    for block in 0..=u16::MAX {
        out.encode(rest, block, shape);
        rest = behind_16(rest, block);
    }
    let sections = assemble(vec![out])?;
    let mut used = [0; 7];
    let mut count = 0;
    for bytes in sections.lines.iter().flat_map(|pieces| pieces.iter()) {
        for line in bytes.as_chunks::<LINE>().0 {
            count += 1;
            if let Some(used) = used.get_mut(usize::from(line[0] & 7)) {
                *used += 1;
            }
        }
    }
    Ok((count, used))
}
