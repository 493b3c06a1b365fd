//! What each kind of IPv4 line saves on the zones of images that have lines: the bytes of lines and
//! starts with all kinds, and without each.
//!
//!     cargo run --release -p rblmap-benches --bin line_kinds -- IMAGE...

#![allow(clippy::print_stdout, reason = "a report")]

use std::error::Error;

use rblmap::{Image, Run};
use rblmap_format::sections::id_width;
use rblmap_format::v4::kind::{self, DIRECT, DIRECT2, LIST, MIXED, RAW, SHORT, TURNS};
use rblmap_format::v4::shape::{LINE, Shape};
use rblmap_format::v4::write::{Sixteens, assemble, behind_16};

/// Bytes of a line, and of its start.
const PER_LINE: usize = LINE + 2;

fn main() -> Result<(), Box<dyn Error>> {
    let kinds = [RAW, LIST, DIRECT2, DIRECT, SHORT, TURNS, MIXED];
    print!("| list | runs | lines, MB |");
    for number in kinds {
        print!(" {} |", kind::name(number));
    }
    println!();
    println!("|---|--:|--:|{}", "--:|".repeat(kinds.len()));
    for path in std::env::args().skip(1) {
        let image = Image::read(&path)?;
        let width = id_width(u32::try_from(image.value_count())?);
        let shape = Shape::new(width);
        for zone in image.zones() {
            let zone = zone?;
            let runs: Vec<Run<u32>> = zone.v4_runs().collect();
            let (all, used) = lines(&runs, shape)?;
            if all == 0 {
                continue;
            }
            let name = path.rsplit('/').next().unwrap_or(&path);
            let mb = (all * PER_LINE) as f64 / 1e6;
            print!("| {name} {} | {} | {mb:.2} |", zone.name(), runs.len());
            for (number, used) in kinds.into_iter().zip(used) {
                let (without, _) = lines(&runs, shape.without(number))?;
                let more = (without as f64 / all as f64 - 1.0) * 100.0;
                let share = used as f64 / all as f64 * 100.0;
                print!(" {more:+.2} % ({share:.0}) |");
            }
            println!();
        }
    }
    println!("\nMore bytes without the kind; in brackets its share of the lines, in percent.");
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
