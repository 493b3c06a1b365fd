//! The `rblmap` command: arguments, output and exit codes. What it does is done by the crates
//! below; this one decides what a person or a script sees.

mod cmd;
mod exit;
mod failure;
mod output;
#[cfg(test)]
mod pages;
mod threads;

use std::process::ExitCode;

use clap::Parser;

use crate::cmd::Command;
use crate::exit::Exit;
use crate::output::Output;

/// Block lists for mail without DNS: build, publish, mirror and look up.
#[derive(Debug, Parser)]
#[command(name = "rblmap", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit codes:
  0  done; lookup: at least one key is listed
  1  lookup: no key is listed
  2  wrong usage
  3  bad input: a file that is not there or not what it should be, a key or a zone that is none
  4  damaged or untrusted: a hash, a signature, a serial that went back, an expired pointer
  5  transport: the source could not be reached
  6  disk: full, read-only, no permission
  7  locked by another run
  8  refused by a guard
  9  the data is expired or stale
  10 a hook failed
If several apply, the first of 4 6 5 8 9 7 10 3 2. `status` alone uses those of Nagios.

Results go to stdout, everything else to stderr.";

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are asked for; a stdout that is closed is nobody's loss.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Done.into()
            };
        }
    };
    let ready = threads::ready(&cli.command);
    match ready.and_then(|()| cli.command.run(&cli.output)) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
