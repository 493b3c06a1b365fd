//! `rblmap filter`: the process that a mail server starts itself.

use std::path::PathBuf;

use crate::exit::Exit;
use crate::failure::Failure;

/// Filter mail for a server that starts its filters itself
#[derive(Debug, clap::Args)]
#[command(after_help = "\
In smtpd.conf:
  filter \"rblmap\" proc-exec \"/usr/bin/rblmap filter opensmtpd --config /etc/rblmap/mail.toml\"
  listen on eth0 filter \"rblmap\"

Never exits while the server runs: without a usable file all mail passes, and the log says why.")]
pub(crate) struct Args {
    #[command(subcommand)]
    server: Server,
}

#[derive(Debug, clap::Subcommand)]
enum Server {
    /// The filter protocol of OpenSMTPD, versions 0.x, on standard input and output
    Opensmtpd {
        /// The policy file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.server {
        Server::Opensmtpd { config } => rblmap_serve::filter_opensmtpd(config)?,
    }
    Ok(Exit::Done)
}
