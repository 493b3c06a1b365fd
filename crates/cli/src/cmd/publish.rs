//! `rblmap publish`: the next issue of a feed.

use std::io::Write;
use std::path::PathBuf;

use rblmap_content::ZoneName;
use rblmap_feed::{
    Error, FeedConfig, HOLDS_AT_MOST, Lookalike, PublishOptions, PublishReport, Published,
    SigningKey, publish, zones_of_feed,
};
use serde_json::json;

use crate::cmd::duration::{Seconds, Wait};
use crate::exit::Exit;
use crate::failure::{Classify, Failure};
use crate::output::Output;

/// Publish images in a feed, or sign its pointers afresh
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The feed is a folder of plain files that an rsync daemon, a web server or a disk serves. Without
images, the pointers of all zones are signed afresh: do so well before they expire.

Serial and creation time are those of the image, or, if it has none, the next and now. A serial
that does not rise, and a zone that is empty or lost half of its runs and names, are refused. A
zone that cannot be published does not keep the others: all are told, and the exit code is that of
the worst.

Names of the file that `critical` in the configuration names are not published either; new names
that look like one of them are published and told. Since when the feed lists what it lists is kept
in FEED/.state (rblmap history FEED ZONE KEY), as long as `history` in the configuration says.

--retire gives zones up. Signed with the offline key, mirrors obey at once; signed with the online
key, each waits until its operator accepts it.

Examples:
  rblmap publish /srv/feed ops.example.rbl --key ops.key --config feed.toml
  rblmap publish /srv/feed --key ops.key                   # heartbeat, from a timer
  rblmap publish /srv/feed --key ops.offline.key --retire https://ops.example/closed \\
      --zone dul.example")]
pub(crate) struct Args {
    /// The folder of the feed
    feed: PathBuf,
    /// The images, one a zone
    images: Vec<PathBuf>,
    /// The secret key that signs
    #[arg(long, value_name = "NAME.key")]
    key: PathBuf,
    /// A file whose first line is the password of the key [default: that in RBLMAP_PASSWORD]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Publisher, poll interval, expiry, history, critical names, texts and URLs
    #[arg(long, value_name = "feed.toml")]
    config: Option<PathBuf>,
    /// How long the pointers hold, as 90m, 24h or 7d, at most 30d [default: as the configuration
    /// says, else as long as before, else 24h]
    #[arg(long, value_name = "TIME")]
    expires: Option<Seconds>,
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
    #[arg(long, alias = "new-epoch")]
    new_session: bool,
    /// Give zones up: mirrors answer as if nothing were listed, and point to URL
    #[arg(long, value_name = "URL", conflicts_with = "images")]
    retire: Option<String>,
    /// A zone to give up; may be given more than once [default: all zones of the feed]
    #[arg(long = "zone", value_name = "ZONE", requires = "retire")]
    zones: Vec<ZoneName>,
    /// One JSON object a zone
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    wait: Wait,
}

/// So many look-alikes are told one by one.
const TOLD: usize = 20;

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let password = super::password(args.password_file.as_deref())?;
    let key = SigningKey::read(&args.key, password.as_deref())?;
    let config = args
        .config
        .as_deref()
        .map(FeedConfig::read)
        .transpose()?
        .unwrap_or_default();
    let retires = args.retire.is_some();
    let retired = args.zones.clone();
    let options = PublishOptions {
        config,
        expires: holds(args.expires)?,
        force: args.force,
        dry_run: args.dry_run,
        with_image: args.with_image,
        new_session: args.new_session,
        retire: args.retire,
        retire_zones: args.zones,
        wait: args.wait.time(),
    };
    let bar = output.working("publishing");
    let reports = publish(&args.feed, &args.images, &key, &options, super::now())?;
    bar.finish_and_clear();
    let mut exit = Exit::Done;
    for report in &reports {
        exit = exit.or_worse(tell(report));
        if let Ok(zone) = &report.result {
            tell_lookalikes(&zone.zone, &zone.lookalikes);
        }
        if args.json {
            print(report)?;
        } else if let Ok(zone) = &report.result {
            let mut text = describe(zone, args.dry_run);
            if retires && (retired.is_empty() || retired.contains(&zone.zone)) {
                text.push_str("; given up, as mirrors are told");
            }
            output.note(text);
        }
    }
    if let Some(path) = &args.config {
        let zones = zones_of_feed(&args.feed).unwrap_or_default();
        let known = |name: &String| {
            let new =
                |report: &PublishReport| report.zone.as_ref().is_some_and(|z| z.as_str() == name);
            zones.iter().any(|zone| zone.as_str() == name) || reports.iter().any(new)
        };
        for name in options.config.zone.keys().filter(|name| !known(name)) {
            let file = path.display();
            output.note(format_args!("{file}: the feed has no zone {name}"));
        }
    }
    Ok(exit)
}

/// A time that a pointer may hold.
pub(crate) fn holds(expires: Option<Seconds>) -> Result<Option<u64>, Failure> {
    match expires {
        Some(Seconds(seconds)) if seconds > HOLDS_AT_MOST => Err(Failure::new(
            Exit::Usage,
            "--expires: more than 30d, which no mirror takes",
        )),
        expires => Ok(expires.map(|expires| expires.0)),
    }
}

/// Says which new names look like critical ones; a first publication may have many.
fn tell_lookalikes(zone: &ZoneName, lookalikes: &[Lookalike]) {
    for found in lookalikes.iter().take(TOLD) {
        let Lookalike {
            critical,
            listed,
            distance,
        } = found;
        let text = format!(
            "zone {zone}: the new name {listed} looks like {critical}, which is critical \
             (distance {distance})"
        );
        Failure::new(Exit::Done, text).say();
    }
    let more = lookalikes.len().saturating_sub(TOLD);
    if more > 0 {
        let text =
            format!("zone {zone}: {more} more new names look like critical ones (--json has all)");
        Failure::new(Exit::Done, text).say();
    }
}

/// Says what failed, also beside a publication that went out; gives the exit code of it.
pub(crate) fn tell(report: &PublishReport) -> Exit {
    let mut exit = Exit::Done;
    for error in &report.trouble {
        Failure::of(error).say();
        exit = exit.or_worse(beside(error));
    }
    let Err(error) = &report.result else {
        return exit;
    };
    let failure = Failure::of(error);
    let message = failure.message();
    let named = report
        .zone
        .as_ref()
        .filter(|zone| !message.contains(zone.as_str()));
    match named {
        Some(zone) => Failure::new(failure.exit(), format!("zone {zone}: {message}")).say(),
        None => failure.say(),
    }
    error.exit()
}

/// The exit code of what went wrong beside a result that is in place: a history that cannot be
/// written is trouble with the disk, one that begins anew is news.
pub(crate) fn beside(error: &Error) -> Exit {
    match error {
        Error::History { .. } => error.exit(),
        _ => Exit::Done,
    }
}

fn print(report: &PublishReport) -> Result<(), Failure> {
    let line = match &report.result {
        Ok(zone) => serde_json::to_string(zone).unwrap_or_default(),
        Err(error) => json!({
            "zone": report.zone.as_ref().map(ZoneName::as_str),
            "reason": error.class().word(),
            "error": Failure::of(error).message(),
        })
        .to_string(),
    };
    let printed = writeln!(std::io::stdout(), "{line}");
    printed.map_err(|error| Failure::printing(&error))
}

fn describe(zone: &Published, dry_run: bool) -> String {
    let Published { issue, serial, .. } = zone;
    let mut text = format!("{}: ", zone.zone);
    if dry_run {
        text.push_str("would be ");
    }
    if !zone.new_content {
        text.push_str(&format!("issue {issue}, serial {serial} as before"));
        if zone.mended {
            text.push_str("; files that were missing or damaged were made again or left out");
        }
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
