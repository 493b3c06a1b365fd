//! `rblmap accept`: an update that a guard refused.

use std::path::PathBuf;

use rblmap_content::ZoneName;
use rblmap_feed::{Folder, accept};

use crate::cmd::duration::Wait;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Take an update that a guard refused
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The next mirror run takes this refused update without asking the guards, once: this one as a whole
and no other. An update that gives a zone up is accepted in the same way. It ends a hold by
rollback, too.

Examples:
  rblmap accept /var/lib/rblmap ops.example 73f84b2203f4")]
pub(crate) struct Args {
    /// The mirror's folder
    folder: PathBuf,
    /// The zone
    zone: ZoneName,
    /// Id of the refused update, or its first 12 digits or more, as the refusal names it
    id: String,
    #[command(flatten)]
    wait: Wait,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let folder = Folder::new(args.folder);
    accept(&folder, &args.zone, &args.id, args.wait.time())?;
    let zone = &args.zone;
    output.note(format_args!(
        "{zone}: the next mirror run takes {}",
        args.id
    ));
    Ok(Exit::Done)
}
