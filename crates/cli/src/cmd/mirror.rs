//! `rblmap mirror`: keeps images up to date.

use std::io::Write;
use std::path::PathBuf;

use rblmap_feed::{Folder, Outcome, Report, Settings, Source, mirror, read_public};
use rblmap_image::ZoneName;
use serde_json::json;

use crate::cmd::duration::{Rate, Seconds};
use crate::exit::Exit;
use crate::failure::{Classify, Failure};
use crate::output::Output;

/// Keep the images of a feed up to date in a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "\
DIR holds for each zone ZONE.rbl, which readers map, ZONE.prev.rbl, the one before it, what the
mirror remembers in ZONE.state.json, and a log of updates in ZONE.log. An image is replaced by
rename, after all checks: whatever fails leaves the old one. Map it, never copy over it.

The keys in NAME.pub are trusted the first time; after that the keys in ZONE.state.json are, which
the publisher can change. Keep DIR on a lasting disk.

Examples:
  rblmap mirror rsync://feed.example/ops /var/lib/rblmap --key ops.pub
  rblmap mirror /mnt/feed rsync://b.example/ops /var/lib/rblmap --key ops.pub --zone ops.example")]
pub(crate) struct Args {
    /// Where the feed is served, as rsync://HOST/MODULE, http(s)://HOST/PATH or a path; several are tried one after the
    /// other. The folder to keep the images in is the last
    #[arg(required = true, num_args = 2.., value_name = "SOURCE... DIR")]
    places: Vec<String>,
    /// The public keys of the publisher
    #[arg(long, value_name = "NAME.pub")]
    key: PathBuf,
    /// A zone to mirror; may be given more than once [default: all zones of the feed]
    #[arg(long = "zone", value_name = "ZONE")]
    zones: Vec<ZoneName>,
    /// How long a source may stay silent
    #[arg(long, default_value = "30s", value_name = "TIME")]
    timeout: Seconds,
    /// Certificates in PEM that HTTPS trusts, instead of those that browsers trust
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Most bytes a second, as 500k or 2m
    #[arg(long, value_name = "RATE")]
    bandwidth: Option<Rate>,
    /// How long answers go on after the last pointer ran out
    #[arg(long, default_value = "7d", value_name = "TIME")]
    grace: Seconds,
    /// One JSON object a zone
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let json = args.json;
    let (folder, settings) = settings(args)?;
    let bar = output.working("mirroring");
    let reports = mirror(&folder, &settings, super::now())?;
    bar.finish_and_clear();
    let mut exit = Exit::Done;
    for report in &reports {
        exit = exit.or_worse(tell(report, json, output)?);
    }
    Ok(exit)
}

fn settings(mut args: Args) -> Result<(Folder, Settings), Failure> {
    let folder = Folder::new(args.places.pop().unwrap_or_default());
    let sources = args.places.iter().map(|text| Source::parse(text));
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    let mut settings = Settings::new(sources, read_public(&args.key)?);
    settings.zones = args.zones;
    settings.grace = args.grace.0;
    settings.options.timeout = std::time::Duration::from_secs(args.timeout.0);
    settings.options.bandwidth = args.bandwidth.map(|rate| rate.0);
    if let Some(path) = &args.ca {
        let pem = std::fs::read(path).map_err(|error| Failure::reading(path, &error))?;
        settings.options.authorities = Some(pem);
    }
    Ok((folder, settings))
}

/// Says what became of a zone; gives the exit code of it alone.
fn tell(report: &Report, json: bool, output: &Output) -> Result<Exit, Failure> {
    let zone = report.zone.as_ref().map_or("index", ZoneName::as_str);
    for error in &report.trouble {
        Failure::of(error).say();
    }
    let exit = match &report.result {
        Ok(_) => Exit::Done,
        Err(error) => {
            Failure::of(error).say();
            error.exit()
        }
    };
    if json {
        let line = match &report.result {
            Ok(outcome) => describe_json(zone, outcome),
            Err(error) => json!({"zone": zone, "outcome": "failed", "reason": error.reason(),
                "error": Failure::of(error).message()}),
        };
        let printed = writeln!(std::io::stdout(), "{line}");
        printed.map_err(|error| Failure::printing(&error))?;
    } else if let Ok(outcome) = &report.result {
        tell_outcome(zone, outcome, output);
    }
    Ok(exit)
}

fn tell_outcome(zone: &str, outcome: &Outcome, output: &Output) {
    match outcome {
        Outcome::Current { serial } => output.detail(format_args!("{zone}: serial {serial}")),
        Outcome::Updated(update) => {
            let way = match (update.snapshot, update.deltas) {
                (true, 0) => "the snapshot".to_owned(),
                (true, deltas) => format!("the snapshot and {deltas} deltas"),
                (false, 1) => "a delta".to_owned(),
                (false, deltas) => format!("{deltas} deltas"),
            };
            let (to, bytes, entries) = (update.to, update.bytes, update.entries);
            output.note(format_args!(
                "{zone}: serial {to} by {way} of {bytes} bytes, {entries} entries"
            ));
        }
        Outcome::Held { serial, waiting } => {
            eprintln!("rblmap: zone {zone}: held at serial {serial} by rollback, {waiting} waits")
        }
        Outcome::Retired { url } => {
            eprintln!("rblmap: zone {zone}: given up by its publisher, see {url}");
        }
        _ => {}
    }
}

fn describe_json(zone: &str, outcome: &Outcome) -> serde_json::Value {
    match outcome {
        Outcome::Current { serial } => {
            json!({"zone": zone, "outcome": "current", "serial": serial})
        }
        Outcome::Updated(update) => {
            json!({"zone": zone, "outcome": "updated", "serial": update.to, "update": update})
        }
        Outcome::Held { serial, waiting } => {
            json!({"zone": zone, "outcome": "held", "serial": serial, "waiting": waiting})
        }
        Outcome::Retired { url } => json!({"zone": zone, "outcome": "retired", "url": url}),
        _ => json!({"zone": zone}),
    }
}
