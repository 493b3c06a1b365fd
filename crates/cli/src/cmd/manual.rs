//! `rblmap manual`: the man pages.

use std::path::PathBuf;

use clap::CommandFactory;

use crate::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Write the man pages into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  rblmap manual /usr/local/share/man/man1")]
pub(crate) struct Args {
    /// The folder, which is there already
    folder: PathBuf,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    clap_mangen::generate_to(Cli::command(), &args.folder)
        .map_err(|error| Failure::writing(&args.folder, &error))?;
    output.note(format_args!("man pages are in {}", args.folder.display()));
    Ok(Exit::Done)
}
