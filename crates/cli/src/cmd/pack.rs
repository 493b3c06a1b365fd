//! `rblmap pack`: an image to a snapshot.

use std::path::PathBuf;

use rblmap_delta::{Epoch, pack};
use rblmap_image::place;

use crate::cmd::open;
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
    let bytes = pack(&image, Epoch::default()).map_err(|error| Failure::at(&args.image, error))?;
    place(&args.output, &bytes).map_err(|error| Failure::writing(&args.output, &error))?;
    bar.finish_and_clear();
    output.detail(format_args!(
        "{}: {} bytes",
        args.output.display(),
        bytes.len()
    ));
    Ok(Exit::Done)
}
