//! `rblmap relay`: a feed served on.

use std::path::PathBuf;
use std::time::Duration;

use rblmap_feed::{RelaySettings, Source, read_public, relay};

use crate::cmd::duration::{Rate, Seconds, Wait};
use crate::cmd::run::{Signals, authorities, folder_named, source_password, supervised};
use crate::exit::Exit;
use crate::failure::{Classify, Failure};
use crate::output::Output;

/// Keep a copy of a feed to serve on, verified, byte for byte
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The copy is signed by its publisher, as the source is: whoever mirrors from it need not trust the
relay. Pointers move after all that they lead to is in place. A zone that fails does not keep the
others.

Examples:
  rblmap relay rsync://feed.example/ops /srv/feed --key ops.pub")]
pub(crate) struct Args {
    /// Where the feed is served: rsync://HOST/MODULE, http(s)://HOST/PATH or a path
    source: String,
    /// The folder of the copy
    folder: String,
    /// The public keys of the publisher
    #[arg(long, value_name = "NAME.pub")]
    key: PathBuf,
    /// Trust the keys in --key in place of those that were trusted until now
    #[arg(long)]
    new_trust: bool,
    /// How long a source may stay silent
    #[arg(long, default_value = "30s", value_name = "TIME")]
    timeout: Seconds,
    /// Most bytes a second, as 500k or 2m
    #[arg(long, value_name = "RATE")]
    bandwidth: Option<Rate>,
    /// Certificates in PEM that HTTPS trusts, in place of those of this machine
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A file whose first line is the password for the user in the source's address
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    wait: Wait,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let folder: PathBuf = folder_named(&args.folder)?.into();
    let source = Source::parse(&args.source)?;
    let mut settings = RelaySettings::new(source, read_public(&args.key)?);
    settings.new_trust = args.new_trust;
    settings.wait = args.wait.time();
    settings.options.timeout = Duration::from_secs(args.timeout.0);
    settings.options.bandwidth = args.bandwidth.map(|rate| rate.0);
    settings.options.password = source_password(args.password_file.as_deref())?;
    authorities(&mut settings.options, args.ca.as_deref())?;
    let signals = Signals::register()?;
    settings.options.stop = signals.stop();
    let ran = supervised(&signals, false, || relay(&settings, &folder, super::now()));
    let Some(relayed) = ran else {
        return signals.end();
    };
    let relayed = relayed?;
    let mut exit = Exit::Done;
    for (zone, error) in &relayed.failed {
        let message = Failure::of(error).message().to_owned();
        let named = zone
            .as_ref()
            .filter(|zone| !message.contains(zone.as_str()));
        let message = named.map_or(message.clone(), |zone| format!("zone {zone}: {message}"));
        Failure::new(error.exit(), message).say();
        exit = exit.or_worse(error.exit());
    }
    let text = format!(
        "{} zones, {} files, {} bytes",
        relayed.zones, relayed.files, relayed.bytes
    );
    match relayed.zones {
        0 => output.detail(text),
        _ => output.note(text),
    }
    Ok(exit)
}
