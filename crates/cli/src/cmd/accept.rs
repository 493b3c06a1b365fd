//! `rblmap accept`: an update that a guard refused.

use std::path::PathBuf;

use rblmap_content::ZoneName;
use rblmap_feed::{Folder, accept};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Take an update that a guard refused
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The next mirror run takes the content of this id without asking the guards, once. It ends a hold
by rollback, too.

Examples:
  rblmap accept /var/lib/rblmap ops.example 73f84b2203f4")]
pub(crate) struct Args {
    /// The mirror's folder
    folder: PathBuf,
    /// The zone
    zone: ZoneName,
    /// Content id, or its first 12 digits or more, as the refusal names it
    id: String,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    accept(&Folder::new(args.folder), &args.zone, &args.id)?;
    let zone = &args.zone;
    output.note(format_args!(
        "{zone}: the next mirror run takes {}",
        args.id
    ));
    Ok(Exit::Done)
}
