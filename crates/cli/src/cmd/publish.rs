//! `rblmap publish`: the next issue of a feed.

use std::io::Write;
use std::path::PathBuf;

use rblmap_feed::{FeedConfig, PublishOptions, Published, SigningKey, publish};

use crate::cmd::duration::Seconds;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Publish images in a feed, or sign its pointers afresh
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The feed is a folder of plain files that an rsync daemon, a web server or a disk serves. Without
images, the pointers of all zones are signed afresh: do so well before they expire.

Serial and creation time are those of the image, or, if it has none, the next and now. A serial
that does not rise, and a zone that is empty or lost half of its runs and names, are refused.

Examples:
  rblmap publish /srv/feed ops.example.rbl --key ops.key
  rblmap publish /srv/feed --key ops.key                   # heartbeat, from a timer
  rblmap publish /srv/feed --key ops.key --retire https://ops.example/closed")]
pub(crate) struct Args {
    /// The folder of the feed
    feed: PathBuf,
    /// The images, one a zone
    images: Vec<PathBuf>,
    /// The secret key that signs
    #[arg(long, value_name = "NAME.key")]
    key: PathBuf,
    /// Publisher, poll interval, texts and URLs
    #[arg(long, value_name = "feed.toml")]
    config: Option<PathBuf>,
    /// How long the pointers hold, as 90m, 24h or 7d
    #[arg(long, default_value = "24h", value_name = "TIME")]
    expires: Seconds,
    /// Publish an empty or halved zone
    #[arg(long)]
    force: bool,
    /// Say what would be published, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Put the image itself into the feed, too, for those who fetch it with bare rsync
    #[arg(long)]
    with_image: bool,
    /// Begin a new line of serials: mirrors take the snapshot
    #[arg(long)]
    new_epoch: bool,
    /// Give the zones up: mirrors answer as if nothing were listed, and point to URL
    #[arg(long, value_name = "URL", conflicts_with = "images")]
    retire: Option<String>,
    /// One JSON object a zone
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let key = SigningKey::read(&args.key, super::password().as_deref())?;
    let config = args
        .config
        .map(|path| FeedConfig::read(&path))
        .transpose()?;
    let options = PublishOptions {
        config: config.unwrap_or_default(),
        expires: args.expires.0,
        force: args.force,
        dry_run: args.dry_run,
        with_image: args.with_image,
        new_epoch: args.new_epoch,
        retire: args.retire,
    };
    let bar = output.working("publishing");
    let published = publish(&args.feed, &args.images, &key, &options, super::now())?;
    bar.finish_and_clear();
    for zone in published {
        if args.json {
            let line = serde_json::to_string(&zone).unwrap_or_default();
            let printed = writeln!(std::io::stdout(), "{line}");
            printed.map_err(|error| Failure::printing(&error))?;
        } else {
            output.note(describe(&zone, args.dry_run));
        }
    }
    Ok(Exit::Done)
}

fn describe(zone: &Published, dry_run: bool) -> String {
    let Published { issue, serial, .. } = zone;
    let mut text = format!("{}: ", zone.zone);
    if dry_run {
        text.push_str("would be ");
    }
    if !zone.new_content {
        text.push_str(&format!("issue {issue}, serial {serial} as before"));
        return text;
    }
    let counts = &zone.counts;
    text.push_str(&format!(
        "issue {issue}, serial {serial}: {} IPv4 addresses, {} IPv6 /64, {} names",
        counts.v4, counts.v6, counts.names
    ));
    if let Some(before) = &zone.before {
        text.push_str(&format!(
            " (before: {}, {}, {})",
            before.v4, before.v6, before.names
        ));
    }
    for (what, bytes) in [("delta", zone.delta), ("snapshot", zone.snapshot)] {
        if let Some(bytes) = bytes {
            text.push_str(&format!("; {what} of {bytes} bytes"));
        }
    }
    text
}
