//! `rblmap pack`: an image to a snapshot.

use std::path::PathBuf;

use rblmap_delta::{Session, pack};

use crate::cmd::{open, write};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Pack an image into a snapshot, its compact form for the wire
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rblmap pack ops.example.rbl -o ops.example.rbs
  rblmap unpack ops.example.rbs -o copy.rbl && cmp ops.example.rbl copy.rbl")]
pub(crate) struct Args {
    /// The image
    image: PathBuf,
    /// The snapshot to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let image = open::image(&args.image)?;
    let bar = output.working("packing");
    let bytes =
        pack(&image, Session::default()).map_err(|error| Failure::at(&args.image, error))?;
    write::result(&args.output, &bytes, output)?;
    bar.finish_and_clear();
    Ok(Exit::Done)
}
