//! `rblmap unpack`: a snapshot to the image it was packed from.

use std::path::PathBuf;

use rblmap_delta::{Limits, unpack_to};

use crate::cmd::{open, write};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Unpack a snapshot into the image it was packed from
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The content is checked against the id that the snapshot names before the image is put in place.

Examples:
  rblmap unpack ops.example.rbs -o ops.example.rbl")]
pub(crate) struct Args {
    /// The snapshot
    snapshot: PathBuf,
    /// The image to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let snapshot = open::bytes(&args.snapshot)?;
    let bar = output.working("unpacking");
    write::image(&args.output, output, |put| {
        let unpacked = unpack_to(&snapshot, &Limits::default(), put);
        unpacked.map_err(|error| Failure::at(&args.snapshot, error))
    })?;
    bar.finish_and_clear();
    Ok(Exit::Done)
}
