//! `rblmap mirror`: keeps images up to date.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rblmap_content::ZoneName;
use rblmap_feed::{
    Counts, Folder, Hook, MirrorConfig, Outcome, Report, Settings, Source, mirror, notify, pause,
    read_public, went_well,
};
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
    /// Guards, networks that must never be listed, and a program to run after an update
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Go on for ever, as often as the publisher says; tells systemd how it is
    #[arg(long)]
    watch: bool,
    /// One JSON object for whatever happens, a line each, with its time: also of a source that
    /// failed, and of a hook
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let (json, watch) = (args.json, args.watch);
    let (folder, settings, hook) = settings(args)?;
    let stop = Arc::new(AtomicBool::new(false));
    if watch {
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            let registered = signal_hook::flag::register(signal, stop.clone());
            registered.map_err(|error| Failure::new(Exit::Disk, error))?;
        }
    }
    let mut failures = 0u32;
    loop {
        let bar = output.working("mirroring");
        let ran = mirror(&folder, &settings, super::now());
        bar.finish_and_clear();
        let (reports, exit) = match ran {
            Ok(reports) => {
                let exit = tell_all(&reports, json, hook.as_ref(), output)?;
                (reports, exit)
            }
            Err(error) if watch => {
                let failure = Failure::from(error);
                failure.say();
                if json {
                    print_line(json!({"outcome": "failed", "error": failure.message()}))?;
                }
                (Vec::new(), failure.exit())
            }
            Err(error) => return Err(error.into()),
        };
        if !watch {
            return Ok(exit);
        }
        failures = match !reports.is_empty() && went_well(&reports) {
            true => 0,
            false => failures.saturating_add(1),
        };
        let pause = pause(&reports, failures);
        notify(&format!(
            "READY=1\nSTATUS=exit code {}, next in {pause} s",
            exit as u8
        ));
        if !sleep(pause, &stop) {
            notify("STOPPING=1");
            return Ok(Exit::Done);
        }
    }
}

/// Waits, and tells systemd's watchdog now and then. False once the run is to stop.
fn sleep(seconds: u64, stop: &AtomicBool) -> bool {
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut tick = 0u32;
    while Instant::now() < end {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        if tick.is_multiple_of(50) {
            notify("WATCHDOG=1");
        }
        tick = tick.wrapping_add(1);
        std::thread::sleep(Duration::from_millis(100));
    }
    !stop.load(Ordering::Relaxed)
}

fn tell_all(
    reports: &[Report],
    json: bool,
    hook: Option<&Hook>,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    for report in reports {
        exit = exit.or_worse(tell(report, json, output)?);
        if let (Some(hook), Some(zone)) = (hook, &report.zone)
            && let Some(trouble) = hook.run(zone, &report.result)
        {
            eprintln!("rblmap: {trouble}");
            if json {
                print_line(
                    json!({"zone": zone.as_str(), "outcome": "trouble", "reason": "hook",
                    "error": trouble.to_string()}),
                )?;
            }
        }
    }
    Ok(exit)
}

fn settings(mut args: Args) -> Result<(Folder, Settings, Option<Hook>), Failure> {
    let folder = Folder::new(args.places.pop().unwrap_or_default());
    let sources = args.places.iter().map(|text| Source::parse(text));
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    let mut settings = Settings::new(sources, read_public(&args.key)?);
    settings.zones = args.zones;
    settings.grace = args.grace.0;
    settings.options.timeout = Duration::from_secs(args.timeout.0);
    settings.options.bandwidth = args.bandwidth.map(|rate| rate.0);
    if let Some(path) = &args.ca {
        let pem = std::fs::read(path).map_err(|error| Failure::reading(path, &error))?;
        settings.options.authorities = Some(pem);
    }
    let config = args
        .config
        .map(|path| MirrorConfig::read(&path))
        .transpose()?;
    let config = config.unwrap_or_default();
    settings.guards = config.guards;
    let limit = match config.hook_limit {
        0 => 60,
        seconds => seconds,
    };
    let hook = (!config.hook.is_empty()).then_some(Hook {
        command: config.hook,
        limit: Duration::from_secs(limit),
    });
    Ok((folder, settings, hook))
}

/// Says what became of a zone; gives the exit code of it alone.
fn tell(report: &Report, json: bool, output: &Output) -> Result<Exit, Failure> {
    let zone = report.zone.as_ref().map_or("index", ZoneName::as_str);
    for error in &report.trouble {
        Failure::of(error).say();
        if json {
            print_line(
                json!({"zone": zone, "outcome": "trouble", "reason": error.reason(),
                "error": Failure::of(error).message()}),
            )?;
        }
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
        print_line(line)?;
    } else if let Ok(outcome) = &report.result {
        tell_outcome(zone, outcome, output);
    }
    Ok(exit)
}

/// One line of the log that `--json` is, with the time in seconds since 1970.
fn print_line(mut line: serde_json::Value) -> Result<(), Failure> {
    if let Some(fields) = line.as_object_mut() {
        fields.insert("time".to_owned(), super::now().into());
    }
    let printed = writeln!(std::io::stdout(), "{line}");
    printed.map_err(|error| Failure::printing(&error))
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
            let (to, bytes, listed) = (update.to, update.bytes, listed(&update.counts));
            output.note(format_args!(
                "{zone}: serial {to} by {way} of {bytes} bytes, {listed}"
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

/// What an image lists, for a person: the kinds that it has.
fn listed(counts: &Counts) -> String {
    let kinds = [
        (counts.v4, "IPv4 addresses"),
        (counts.v6, "IPv6 /64 networks"),
        (counts.names, "names"),
    ];
    let there = kinds.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = there
        .map(|(count, kind)| format!("{count} {kind}"))
        .collect();
    match parts.is_empty() {
        true => "nothing listed".to_owned(),
        false => parts.join(", "),
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
