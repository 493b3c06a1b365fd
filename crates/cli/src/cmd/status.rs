//! `rblmap status`: how a mirror, a relay or a feed is, for people and for monitoring.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use rblmap_feed::{Folder, Health, Kind, Level, ZoneHealth, time_text};
use rblmap_history::Version;
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, escaped};

/// Tell how a mirror, a relay or a feed is, for Nagios or Prometheus
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The first line is what Nagios and its kin show, with performance data; the exit code is theirs:
0 OK, 1 warning (failing, held, refused, given up, not checked for long), 2 critical (stale,
expired, no image), 3 unknown. --prometheus prints metrics for the textfile collector and exits 0.
--output writes to a file by rename, so that nobody reads half of it. -v says for each zone since
when its history reaches.

Examples:
  rblmap status /var/lib/rblmap
  rblmap status -v /srv/feed
  rblmap status /var/lib/rblmap --prometheus --output /var/lib/node_exporter/rblmap.prom")]
pub(crate) struct Args {
    /// The mirror's folder, or that of a feed that is published or relayed here
    folder: PathBuf,
    /// Print metrics
    #[arg(long, conflicts_with = "json")]
    prometheus: bool,
    /// One JSON object a zone
    #[arg(long)]
    json: bool,
    /// Write to a file in place of standard output, by rename
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let health = Health::of(&Folder::new(&args.folder), super::now())?;
    let (text, level) = if args.prometheus {
        (prometheus(&health), Level::Ok)
    } else if args.json {
        (json_lines(&health), health.level())
    } else {
        let more = output.is_verbose().then(|| histories(&health));
        (nagios(&health) + &more.unwrap_or_default(), health.level())
    };
    match &args.output {
        Some(path) => {
            let placed = rblmap_image::place(path, text.as_bytes());
            placed.map_err(|error| Failure::writing(path, &error))?;
        }
        None => {
            let printed = std::io::stdout().write_all(text.as_bytes());
            printed.map_err(|error| Failure::printing(&error))?;
        }
    }
    // The numbers are those of Nagios, whatever they are called elsewhere.
    Ok(match level {
        Level::Ok => Exit::Done,
        Level::Warning => Exit::NotListed,
        Level::Critical => Exit::Usage,
        Level::Unknown => Exit::BadInput,
    })
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Ok => "OK",
        Level::Warning => "WARNING",
        Level::Critical => "CRITICAL",
        Level::Unknown => "UNKNOWN",
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Mirror => "mirror",
        Kind::Publisher => "publisher",
        Kind::Relay => "relay",
    }
}

/// A text of others within the one line that Nagios reads: what follows a bar is data to it.
fn one_line(text: &str) -> String {
    escaped(text.as_bytes()).replace('|', "/")
}

fn nagios(health: &Health) -> String {
    let mut parts: Vec<String> = Vec::new();
    for zone in &health.zones {
        parts.push(match zone.reasons.is_empty() {
            true => format!("{} serial {}", zone.zone, zone.page.serial),
            false => format!("{}: {}", zone.zone, one_line(&zone.reasons.join(", "))),
        });
    }
    if health.zones.is_empty() {
        parts.push("no zones here".to_owned());
        for (source, record) in &health.sources {
            if let Some(error) = &record.error {
                let named = error.contains(source.as_str());
                let source = if named {
                    String::new()
                } else {
                    format!("{source}: ")
                };
                parts.push(one_line(&format!("{source}{error}")));
            }
        }
    }
    parts.extend(health.trouble.iter().map(|text| one_line(text)));
    let mut text = format!("RBLMAP {} - {} |", word(health.level()), parts.join("; "));
    for zone in &health.zones {
        let (name, page, counts) = (&zone.zone, &zone.page, &zone.counts);
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            " '{name}_serial'={}c '{name}_v4'={} '{name}_v6'={} '{name}_names'={} '{name}_checked'={}c",
            page.serial, counts.v4, counts.v6, counts.names, page.checked
        );
        if let Some(since) = zone.since {
            let _ = write!(text, " '{name}_history_since'={}c", since.time);
        }
    }
    text.push('\n');
    text
}

/// Since when the histories reach, a line each: what Nagios takes for the long text.
fn histories(health: &Health) -> String {
    let mut text = String::new();
    for zone in &health.zones {
        let _ = match zone.since {
            Some(Version { serial, time }) => {
                let time = time_text(time);
                writeln!(text, "{}: history since {time}, serial {serial}", zone.zone)
            }
            None => writeln!(text, "{}: no history", zone.zone),
        };
    }
    text
}

fn json_lines(health: &Health) -> String {
    let time = |seconds: u64| (seconds > 0).then(|| time_text(seconds));
    let line = |zone: &ZoneHealth| {
        let seen = zone.state.seen.as_ref();
        let since = zone.since;
        json!({
            "zone": zone.zone.as_str(),
            "kind": kind(health.kind),
            "level": word(zone.level).to_lowercase(),
            "reasons": zone.reasons,
            "serial": zone.page.serial,
            "created": zone.image.as_ref().map(|image| image.created),
            "content_id": zone.image.as_ref().map(|image| &image.content),
            "bytes": zone.image.as_ref().map(|image| image.bytes),
            "counts": zone.counts,
            "issue": seen.map(|seen| seen.issue),
            "session": seen.map(|seen| seen.session),
            "publisher": seen.map(|seen| seen.publisher.as_str()),
            "checked": zone.page.checked,
            "checked_time": time(zone.page.checked),
            "stale_from": zone.page.stale_from,
            "stale_from_time": time(zone.page.stale_from),
            "expired_from": zone.page.expired_from,
            "expired_from_time": time(zone.page.expired_from),
            "held": zone.page.held,
            "retired": zone.page.retired,
            "failure": zone.state.failure,
            "history_since": since.and_then(|since| time(since.time)),
            "history_since_serial": since.map(|since| since.serial),
        })
    };
    let lines = health.zones.iter().map(|zone| format!("{}\n", line(zone)));
    lines.collect()
}

/// A metric: name, kind, what it says, and the value of each zone.
type Metric = (
    &'static str,
    &'static str,
    &'static str,
    fn(&ZoneHealth) -> u64,
);

const METRICS: &[Metric] = &[
    ("serial", "gauge", "Serial of the image that runs.", |z| {
        z.page.serial
    }),
    ("level", "gauge", "0 ok, 1 warning, 2 critical.", |z| {
        z.level as u64
    }),
    (
        "created_timestamp_seconds",
        "gauge",
        "When the content was made.",
        |z| z.image.as_ref().map_or(0, |image| image.created),
    ),
    ("image_bytes", "gauge", "Length of the image.", |z| {
        z.image.as_ref().map_or(0, |image| image.bytes)
    }),
    ("v4_addresses", "gauge", "IPv4 addresses listed.", |z| {
        z.counts.v4
    }),
    (
        "v6_networks",
        "gauge",
        "IPv6 /64 networks listed, in part or whole.",
        |z| z.counts.v6,
    ),
    ("names", "gauge", "Names listed.", |z| z.counts.names),
    ("runs", "gauge", "Runs of addresses.", |z| z.counts.runs),
    ("issue", "gauge", "Issue of the last good pointer.", |z| {
        seen(z, |s| s.issue)
    }),
    (
        "generated_timestamp_seconds",
        "gauge",
        "When the last good manifest was made.",
        |z| seen(z, |s| s.generated),
    ),
    (
        "updated_timestamp_seconds",
        "gauge",
        "When the image was put in place.",
        |z| seen(z, |s| s.updated),
    ),
    (
        "checked_timestamp_seconds",
        "gauge",
        "Last successful check.",
        |z| z.page.checked,
    ),
    (
        "stale_timestamp_seconds",
        "gauge",
        "From when on the data is stale.",
        |z| z.page.stale_from,
    ),
    (
        "expired_timestamp_seconds",
        "gauge",
        "From when on it is expired.",
        |z| z.page.expired_from,
    ),
    (
        "held",
        "gauge",
        "Whether a rollback holds the image.",
        |z| z.page.held.into(),
    ),
    (
        "retired",
        "gauge",
        "Whether the publisher gave the zone up.",
        |z| z.page.retired.into(),
    ),
    (
        "refused",
        "gauge",
        "Whether a guard refuses the newest content.",
        |z| z.state.refused.is_some().into(),
    ),
    ("updates_total", "counter", "Images put in place.", |z| {
        z.state.totals.updates
    }),
    (
        "snapshot_bytes_total",
        "counter",
        "Bytes of snapshots taken.",
        |z| z.state.totals.snapshot_bytes,
    ),
    (
        "delta_bytes_total",
        "counter",
        "Bytes of deltas taken.",
        |z| z.state.totals.delta_bytes,
    ),
    (
        "fallbacks_total",
        "counter",
        "Deltas that did not fit.",
        |z| z.state.totals.fallbacks,
    ),
    (
        "refusals_total",
        "counter",
        "Contents that a guard refused.",
        |z| z.state.totals.refusals,
    ),
    (
        "damaged_images_total",
        "counter",
        "Images found damaged on the disk.",
        |z| z.state.totals.damaged,
    ),
    (
        "history_since_timestamp_seconds",
        "gauge",
        "From when on the history knows what was listed; 0 if there is none.",
        |z| z.since.map_or(0, |since| since.time),
    ),
    (
        "failing",
        "gauge",
        "Whether the last run failed for the zone.",
        |z| z.state.failure.is_some().into(),
    ),
    (
        "failing_since_timestamp_seconds",
        "gauge",
        "Since when it fails; 0 if it does not.",
        |z| z.state.failure.as_ref().map_or(0, |failure| failure.since),
    ),
    (
        "hook_failing",
        "gauge",
        "Whether a hook fails for the zone.",
        |z| hook_fails(z).into(),
    ),
    (
        "left_index",
        "gauge",
        "Whether the feed's index does not name the zone any more.",
        |z| z.state.left_index.into(),
    ),
];

fn hook_fails(zone: &ZoneHealth) -> bool {
    let event = zone.state.event.as_ref();
    event.is_some_and(|event| !event.told && event.error.is_some())
}

fn seen(zone: &ZoneHealth, of: impl Fn(&rblmap_feed::Seen) -> u64) -> u64 {
    zone.state.seen.as_ref().map_or(0, of)
}

fn prometheus(health: &Health) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for (name, kind, help, value) in METRICS {
        let _ = writeln!(
            text,
            "# HELP rblmap_{name} {help}\n# TYPE rblmap_{name} {kind}"
        );
        for zone in &health.zones {
            let _ = writeln!(
                text,
                "rblmap_{name}{{zone=\"{}\"}} {}",
                zone.zone,
                value(zone)
            );
        }
    }
    let troubles = health.trouble.len();
    let _ = writeln!(
        text,
        "# HELP rblmap_trouble What concerns all zones and is not as it should be.\n\
         # TYPE rblmap_trouble gauge\nrblmap_trouble {troubles}"
    );
    let name = "rblmap_source_failures_total";
    let _ = writeln!(
        text,
        "# HELP {name} Failures of a source.\n# TYPE {name} counter"
    );
    for (source, record) in &health.sources {
        let source = source
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = writeln!(
            text,
            "{name}{{source=\"{source}\"}} {}",
            record.failures_total
        );
    }
    text
}
