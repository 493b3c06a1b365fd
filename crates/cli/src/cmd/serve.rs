//! `rblmap serve`: the process beside a mail server.

use std::path::PathBuf;

use rblmap_serve::Options;

use crate::exit::Exit;
use crate::failure::Failure;

/// Answer mail servers: policy delegation, socketmap, milter, query, DNS
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Listens where the file's table [listen] says, and writes one line a decision to standard error.
SIGHUP reads the file and its allow-lists again; if they cannot be used, the old policy stays.
Images are followed without a signal. docs/mail.md has the file and a recipe for each mail server.

Exit codes: 3 the file (FILE:LINE), 2 root without --allow-root, 7 another process listens there.

Examples:
  rblmap check --config /etc/rblmap/mail.toml 192.0.2.1
  rblmap serve --config /etc/rblmap/mail.toml")]
pub(crate) struct Args {
    /// The policy file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Run with the rights of root, which nothing here needs
    #[arg(long)]
    allow_root: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let options = Options {
        config: args.config.clone(),
        allow_root: args.allow_root,
    };
    rblmap_serve::serve(&options)?;
    Ok(Exit::Done)
}
