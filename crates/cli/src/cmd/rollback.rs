//! `rblmap rollback`: back to the image before.

use std::path::PathBuf;

use rblmap_content::ZoneName;
use rblmap_feed::{Folder, release, rollback};

use crate::cmd::duration::Wait;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Go back to the image before, and hold it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The image before takes the place of the one that runs, by rename. The mirror goes on looking and
checking, but does not change the image until it is released, or a content is accepted.

Examples:
  rblmap rollback /var/lib/rblmap ops.example
  rblmap rollback /var/lib/rblmap ops.example --release")]
pub(crate) struct Args {
    /// The mirror's folder
    folder: PathBuf,
    /// The zone
    zone: ZoneName,
    /// Let the mirror go on
    #[arg(long)]
    release: bool,
    #[command(flatten)]
    wait: Wait,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let folder = Folder::new(args.folder);
    let zone = &args.zone;
    if args.release {
        release(&folder, zone, args.wait.time())?;
        output.note(format_args!("{zone}: the next mirror run goes on"));
    } else {
        let serial = rollback(&folder, zone, super::now(), args.wait.time())?;
        output.note(format_args!("{zone}: serial {serial}, held until released"));
    }
    Ok(Exit::Done)
}
