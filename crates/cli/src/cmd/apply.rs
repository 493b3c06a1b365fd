//! `rblmap apply`: an old image and deltas to the new image.

use std::path::PathBuf;

use rblmap_delta::{Limits, apply_to};

use crate::cmd::{open, write};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Apply deltas to an image, one after the other
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The deltas are applied at once, and the content that comes of them is checked against the id that
the last one names before it is put in place. OLD may be written over: it is replaced by rename.

Examples:
  rblmap apply monday.rbl tuesday.rbd -o tuesday.rbl
  rblmap apply ops.rbl 1.rbd 2.rbd 3.rbd -o ops.rbl")]
pub(crate) struct Args {
    /// The image that the first delta was made from
    old: PathBuf,
    /// The deltas, in their order
    #[arg(required = true, value_name = "DELTA")]
    deltas: Vec<PathBuf>,
    /// The image to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let old = open::image(&args.old)?;
    let deltas = open::deltas(&args.deltas)?;
    let deltas: Vec<&[u8]> = deltas.iter().map(|delta| &**delta).collect();
    let failed = |error| Failure::with_deltas(&args.old, &args.deltas, error);
    let bar = output.working("applying");
    write::image(&args.output, output, |put| {
        apply_to(&old, &deltas, &Limits::default(), put).map_err(failed)
    })?;
    bar.finish_and_clear();
    Ok(Exit::Done)
}
