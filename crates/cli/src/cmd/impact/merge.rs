//! `rblmap impact merge`: partial counts of many machines, added up.

use std::io::Read;
use std::path::PathBuf;

use rblmap_report::{Tally, partial};

use crate::cmd::impact::Asked;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each FILE holds one or several partial counts, in either form. One that is damaged is told and
counted as an unreadable log; the others go on.

Examples:
  rblmap impact merge --image ops.example.rbl mx1.part mx2.part
  cat *.part | rblmap impact merge --image ops.example.rbl --json -")]
pub(super) struct Args {
    #[command(flatten)]
    asked: Asked,
    /// Partial counts; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

pub(super) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    args.asked.check()?;
    let mut lists = args.asked.open()?;
    let tally = Tally::new();
    let mut exit = Exit::Done;
    for path in &args.files {
        let bytes = if path.as_os_str() == "-" {
            let mut bytes = Vec::new();
            let read = std::io::stdin().read_to_end(&mut bytes);
            read.map(|_| bytes)
        } else {
            // Not mapped: a shell writes such a file in place, and may do so now.
            std::fs::read(path)
        };
        let bytes = bytes.map_err(|error| Failure::reading(path, &error));
        let added = bytes.and_then(|bytes| {
            partial::read(&bytes, &tally).map_err(|error| Failure::at(path, error))
        });
        if let Err(failure) = added {
            failure.say();
            tally.add_unreadable();
            exit = exit.or_worse(failure.exit());
        }
    }
    let shown = args.asked.show(&mut lists, tally, output)?;
    Ok(exit.or_worse(shown).or_worse(lists.exit))
}
