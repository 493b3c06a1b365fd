//! `rblmap relay`: a feed served on.

use std::path::PathBuf;

use rblmap_feed::{Options, Source, read_public, relay};

use crate::cmd::duration::{Rate, Seconds};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Keep a copy of a feed to serve on, verified, byte for byte
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The copy is signed by its publisher, as the source is: whoever mirrors from it need not trust the
relay. Pointers move after all that they lead to is in place.

Examples:
  rblmap relay rsync://feed.example/ops /srv/feed --key ops.pub")]
pub(crate) struct Args {
    /// Where the feed is served: rsync://HOST/MODULE, http(s)://HOST/PATH or a path
    source: String,
    /// The folder of the copy
    folder: PathBuf,
    /// The public keys of the publisher
    #[arg(long, value_name = "NAME.pub")]
    key: PathBuf,
    /// How long a source may stay silent
    #[arg(long, default_value = "30s", value_name = "TIME")]
    timeout: Seconds,
    /// Most bytes a second, as 500k or 2m
    #[arg(long, value_name = "RATE")]
    bandwidth: Option<Rate>,
    /// Certificates in PEM that HTTPS trusts, instead of those that browsers trust
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let source = Source::parse(&args.source)?;
    let keys = read_public(&args.key)?;
    let mut options = Options::default();
    options.timeout = std::time::Duration::from_secs(args.timeout.0);
    options.bandwidth = args.bandwidth.map(|rate| rate.0);
    if let Some(path) = &args.ca {
        let pem = std::fs::read(path).map_err(|error| Failure::reading(path, &error))?;
        options.authorities = Some(pem);
    }
    let relayed = relay(&source, &args.folder, &keys, &options, super::now())?;
    let text = format!(
        "{} zones, {} files, {} bytes",
        relayed.zones, relayed.files, relayed.bytes
    );
    match relayed.zones {
        0 => output.detail(text),
        _ => output.note(text),
    }
    Ok(Exit::Done)
}
