//! `rblmap merge`: several deltas to one.

use std::path::PathBuf;

use rblmap_delta::{Limits, merge};

use crate::cmd::{open, write};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Make one delta of several that follow one another
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rblmap merge monday.rbl tuesday.rbd wednesday.rbd -o tuesday+wednesday.rbd
  rblmap apply monday.rbl tuesday+wednesday.rbd -o wednesday.rbl")]
pub(crate) struct Args {
    /// The image that the first delta was made from
    base: PathBuf,
    /// The deltas, in their order
    #[arg(required = true, value_name = "DELTA")]
    deltas: Vec<PathBuf>,
    /// The delta to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let base = open::image(&args.base)?;
    let deltas = open::deltas(&args.deltas)?;
    let deltas: Vec<&[u8]> = deltas.iter().map(|delta| &**delta).collect();
    let bar = output.working("merging");
    let delta = merge(&base, &deltas, &Limits::default());
    let delta = delta.map_err(|error| Failure::with_deltas(&args.base, &args.deltas, error))?;
    write::result(&args.output, &delta, output)?;
    bar.finish_and_clear();
    Ok(Exit::Done)
}
