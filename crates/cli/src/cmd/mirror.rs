//! `rblmap mirror`: keeps images up to date.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use rblmap_content::ZoneName;
use rblmap_feed::{
    Class, Counts, Error, Folder, Hook, MirrorConfig, Outcome, Report, Schedule, Settings, Source,
    hook_told, mirror, notify, pending_events, read_public,
};
use rblmap_history::Retention;
use serde_json::json;

use crate::cmd::duration::{Rate, Seconds, Wait};
use crate::cmd::publish::beside;
use crate::cmd::run::{Signals, authorities, folder_named, source_password, supervised, wait};
use crate::exit::Exit;
use crate::failure::{Classify, Failure};
use crate::output::Output;

/// Keep the images of a feed up to date in a folder
#[derive(Debug, clap::Args)]
#[command(override_usage = "rblmap mirror [OPTIONS] --key <NAME.pub> <SOURCE>... <DIR>")]
#[command(after_help = "\
DIR holds for each zone ZONE.rbl, which readers map, ZONE.prev.rbl, the one before it, what the
mirror remembers in ZONE.state.json, and a log of updates in ZONE.log. An image is replaced by
rename, after all checks: whatever fails leaves the old one. Map it, never copy over it.

The keys in NAME.pub are trusted the first time; after that the trust in DIR rules, which the
publisher's keys can change. Keep DIR on a lasting disk.

A source that wants a user and a password: rsync://USER@HOST/MODULE or https://USER@HOST/PATH, with
the password in --password-file, RBLMAP_SOURCE_PASSWORD or, for rsync, RSYNC_PASSWORD.

Examples:
  rblmap mirror rsync://feed.example/ops /var/lib/rblmap --key ops.pub
  rblmap mirror /mnt/feed rsync://b.example/ops /var/lib/rblmap --key ops.pub --zone ops.example
  rblmap mirror -q https://feed.example/ops /var/lib/rblmap --key ops.pub --wait     # from cron")]
pub(crate) struct Args {
    /// Where the feed is served, as rsync://HOST/MODULE, http(s)://HOST/PATH or a path; several are tried one after the
    /// other. The folder to keep the images in is the last
    #[arg(required = true, num_args = 2.., value_name = "SOURCE|DIR")]
    places: Vec<String>,
    /// The public keys of the publisher
    #[arg(long, value_name = "NAME.pub")]
    key: PathBuf,
    /// Trust the keys in --key in place of those that were trusted until now: the publisher lost both
    /// keys, and you have the new ones from a source that you trust
    #[arg(long)]
    new_trust: bool,
    /// A zone to mirror; may be given more than once [default: all zones of the feed]
    #[arg(long = "zone", value_name = "ZONE")]
    zones: Vec<ZoneName>,
    /// How long a source may stay silent
    #[arg(long, default_value = "30s", value_name = "TIME")]
    timeout: Seconds,
    /// Certificates in PEM that HTTPS trusts, in place of those of this machine
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A file whose first line is the password for the user in a source's address
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Most bytes a second, as 500k or 2m
    #[arg(long, value_name = "RATE")]
    bandwidth: Option<Rate>,
    /// Keep a history so long and in so many bytes, such as 90d,1G; 0 keeps none
    #[arg(long, value_name = "AGE,SIZE", default_value = "90d,1G")]
    history: Retention,
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
    #[command(flatten)]
    wait: Wait,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let (json, watch) = (args.json, args.watch);
    let (folder, mut settings, hook) = settings(args)?;
    let signals = Signals::register()?;
    settings.options.stop = signals.stop();
    let teller = Teller { json, output };
    let mut schedule = Schedule::default();
    if watch {
        // The images that are there serve already; what the first run brings is news.
        notify("READY=1\nSTATUS=looking");
    }
    loop {
        settings.skip = match watch {
            true => schedule.not_due(super::now()),
            false => BTreeSet::new(),
        };
        let bar = output.working("mirroring");
        let ran = supervised(&signals, watch, || mirror(&folder, &settings, super::now()));
        bar.finish_and_clear();
        // Its word is for one run.
        settings.new_trust = false;
        let (reports, exit) = match ran {
            None => (Vec::new(), Exit::Done),
            Some(Ok(reports)) => {
                let exit = teller.all(&reports)?;
                let exit =
                    exit.or_worse(teller.hooks(hook.as_ref(), &folder, &settings, &reports)?);
                (reports, exit)
            }
            Some(Err(error)) if watch => {
                let failure = Failure::from(error);
                failure.say();
                if json {
                    print_line(json!({"outcome": "failed", "error": failure.message()}))?;
                }
                (Vec::new(), failure.exit())
            }
            Some(Err(error)) => return Err(error.into()),
        };
        if signals.is_set() && !watch {
            return signals.end();
        }
        if !watch {
            return Ok(exit);
        }
        let pause = schedule.next(&reports, super::now());
        notify(&format!(
            "STATUS=exit code {}, next in {pause} s\nWATCHDOG=1",
            exit as u8
        ));
        if !wait(pause, &signals) {
            notify("STOPPING=1");
            return Ok(Exit::Done);
        }
    }
}

fn settings(mut args: Args) -> Result<(Folder, Settings, Option<Hook>), Failure> {
    let folder = args.places.pop().unwrap_or_default();
    let folder = Folder::new(folder_named(&folder)?);
    let sources = args.places.iter().map(|text| Source::parse(text));
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    let mut settings = Settings::new(sources, read_public(&args.key)?);
    settings.new_trust = args.new_trust;
    settings.zones = args.zones;
    settings.grace = args.grace.0;
    settings.history = args.history;
    settings.wait = args.wait.time();
    settings.options.timeout = Duration::from_secs(args.timeout.0);
    settings.options.bandwidth = args.bandwidth.map(|rate| rate.0);
    settings.options.password = source_password(args.password_file.as_deref())?;
    authorities(&mut settings.options, args.ca.as_deref())?;
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

/// Tells people and scripts what became of a run.
struct Teller<'a> {
    json: bool,
    output: &'a Output,
}

impl Teller<'_> {
    /// Tells of all zones; gives the exit code of the run. What is the same for several zones, such
    /// as a dead source, is said once.
    fn all(&self, reports: &[Report]) -> Result<Exit, Failure> {
        let mut exit = Exit::Done;
        let mut said = BTreeSet::new();
        for report in reports {
            exit = exit.or_worse(self.one(report, &mut said)?);
        }
        Ok(exit)
    }

    fn one(&self, report: &Report, said: &mut BTreeSet<String>) -> Result<Exit, Failure> {
        let zone = report.zone.as_ref().map_or("index", ZoneName::as_str);
        let mut exit = Exit::Done;
        for error in &report.trouble {
            exit = exit.or_worse(beside(error));
            let message = Failure::of(error).message().to_owned();
            if said.insert(message.clone()) {
                // Where all went well in the end it is no error.
                let mended = error.class() != Class::Config && beside(error) == Exit::Done;
                match report.result.is_ok() && mended {
                    true => self.output.note(format_args!("rblmap: {message}")),
                    false => Failure::of(error).say(),
                }
            }
            if self.json {
                print_line(json!({"zone": zone, "outcome": "trouble",
                    "reason": error.class().word(), "error": message}))?;
            }
        }
        match &report.result {
            Ok(outcome) => {
                if self.json {
                    print_line(describe_json(zone, outcome))?;
                } else {
                    self.outcome(zone, outcome);
                }
                Ok(exit)
            }
            Err(Error::Stopped) => Ok(exit),
            Err(error) => {
                let message = Failure::of(error).message().to_owned();
                if said.insert(message.clone()) {
                    Failure::of(error).say();
                }
                if self.json {
                    print_line(json!({"zone": zone, "outcome": "failed",
                        "reason": error.class().word(), "error": message}))?;
                }
                Ok(exit.or_worse(error.exit()))
            }
        }
    }

    fn outcome(&self, zone: &str, outcome: &Outcome) {
        let output = self.output;
        match outcome {
            Outcome::Current { serial } if zone != "index" => {
                output.detail(format_args!("{zone}: serial {serial}"));
            }
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
            Outcome::Held { serial, waiting } => output.note(format_args!(
                "rblmap: zone {zone}: held at serial {serial} by rollback, {waiting} waits"
            )),
            Outcome::Retired { url } => output.note(format_args!(
                "rblmap: zone {zone}: given up by its publisher, see {url}"
            )),
            Outcome::Left => output.note(format_args!(
                "rblmap: zone {zone}: the index of its feed does not name it any more; it will \
                 expire (to forget it: remove its files)"
            )),
            Outcome::NewTrust { keys } => {
                let keys = keys.join(", ");
                eprintln!("rblmap: trusted from now on, in place of the keys before: {keys}");
            }
            _ => {}
        }
    }

    /// Calls the hook for the zones of this run that it was not told of yet.
    fn hooks(
        &self,
        hook: Option<&Hook>,
        folder: &Folder,
        settings: &Settings,
        reports: &[Report],
    ) -> Result<Exit, Failure> {
        let Some(hook) = hook else {
            return Ok(Exit::Done);
        };
        let mut exit = Exit::Done;
        for pending in pending_events(folder, settings)? {
            let ours = |report: &Report| report.zone.as_ref() == Some(&pending.zone);
            if !reports.iter().any(ours) {
                continue;
            }
            let trouble = hook.run(&pending);
            if let Some(trouble) = &trouble {
                exit = Exit::Hook;
                Failure::new(Exit::Hook, format!("zone {}: {trouble}", pending.zone)).say();
                if self.json {
                    print_line(json!({"zone": pending.zone.as_str(), "outcome": "trouble",
                        "reason": "hook", "error": trouble}))?;
                }
            }
            hook_told(folder, &pending, trouble)?;
        }
        Ok(exit)
    }
}

/// One line of the log that `--json` is, with the time in seconds since 1970.
fn print_line(mut line: serde_json::Value) -> Result<(), Failure> {
    if let Some(fields) = line.as_object_mut() {
        fields.insert("time".to_owned(), super::now().into());
    }
    let printed = writeln!(std::io::stdout(), "{line}");
    printed.map_err(|error| Failure::printing(&error))
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
        Outcome::Left => json!({"zone": zone, "outcome": "left"}),
        Outcome::NewTrust { keys } => json!({"outcome": "trust", "keys": keys}),
        _ => json!({"zone": zone}),
    }
}
