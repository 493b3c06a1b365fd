//! `rblmap keys`: the next key of a feed, and the end of one.

use std::path::{Path, PathBuf};

use rblmap_feed::{
    KeyChange, PublicKey, PublishOptions, Role, SigningKey, change_keys, read_public,
};

use crate::cmd::duration::{Seconds, Wait};
use crate::cmd::publish::{holds, tell};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Announce the next key of a feed, or remove one with the offline key
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With the online key, --announce names the key that will sign next; mirrors trust it after seven days
and two issues. With the offline key, --remove ends a key at once, and --announce puts another in
its place at once. What the offline key said stays in all later manifests. docs/publisher.md has a
whole change of keys with dates.

Examples:
  rblmap keys /srv/feed --key ops.key --announce next.pub
  rblmap keys /srv/feed --key ops.offline.key --remove ops.pub --announce next.pub")]
pub(crate) struct Args {
    /// The folder of the feed
    feed: PathBuf,
    /// The secret key that says so
    #[arg(long, value_name = "NAME.key")]
    key: PathBuf,
    /// A file whose first line is the password of the key [default: that in RBLMAP_PASSWORD]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The key to come
    #[arg(long, value_name = "NEXT.pub")]
    announce: Option<PathBuf>,
    /// The key to trust no more; needs the offline key
    #[arg(long, value_name = "OLD.pub")]
    remove: Option<PathBuf>,
    /// How long the pointers hold, as 90m, 24h or 7d [default: as long as before]
    #[arg(long, value_name = "TIME")]
    expires: Option<Seconds>,
    #[command(flatten)]
    wait: Wait,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    if args.announce.is_none() && args.remove.is_none() {
        return Err(Failure::new(
            Exit::Usage,
            "--announce or --remove is wanted",
        ));
    }
    let password = super::password(args.password_file.as_deref())?;
    let key = SigningKey::read(&args.key, password.as_deref())?;
    let change = KeyChange {
        announce: args.announce.as_deref().map(online).transpose()?,
        remove: args
            .remove
            .as_deref()
            .map(online)
            .transpose()?
            .into_iter()
            .collect(),
    };
    let options = PublishOptions {
        expires: holds(args.expires)?,
        wait: args.wait.time(),
        ..PublishOptions::default()
    };
    let reports = change_keys(&args.feed, &key, &change, &options, super::now())?;
    let failed = reports.iter().filter(|report| report.result.is_err());
    let mut exit = Exit::Done;
    for report in failed {
        exit = exit.or_worse(tell(report));
    }
    if exit == Exit::Done {
        output.note("said in all manifests from now on");
    }
    Ok(exit)
}

/// The online key of a public key file.
fn online(path: &Path) -> Result<PublicKey, Failure> {
    let keys = read_public(path)?;
    let online = keys.into_iter().find(|(_, role)| *role == Role::Online);
    let online = online.map(|(key, _)| key);
    online.ok_or_else(|| Failure::new(Exit::BadInput, format!("{}: no online key", path.display())))
}
