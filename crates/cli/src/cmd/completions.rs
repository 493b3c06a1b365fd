//! `rblmap completions`: what a shell needs to complete arguments.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::Cli;
use crate::exit::Exit;
use crate::failure::Failure;

/// Print the completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  rblmap completions bash > /usr/share/bash-completion/completions/rblmap")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let mut command = Cli::command();
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "rblmap", &mut text);
    std::io::Write::write_all(&mut std::io::stdout(), &text)
        .map_err(|error| Failure::printing(&error))?;
    Ok(Exit::Done)
}
