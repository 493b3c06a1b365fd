//! `rblmap status`: how a mirror is, for people and for monitoring.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use rblmap_feed::{Counts, Folder, Health, Level, ZoneHealth};
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;

/// Tell how a mirror is, for Nagios or Prometheus
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The first line is what Nagios and its kin show, with performance data; the exit code is theirs:
0 OK, 1 warning (held, refused, given up, not checked for long), 2 critical (stale, expired, no
image), 3 unknown. --prometheus prints metrics for the textfile collector and exits 0.

Examples:
  rblmap status /var/lib/rblmap
  rblmap status /var/lib/rblmap --prometheus > /var/lib/node_exporter/rblmap.prom")]
pub(crate) struct Args {
    /// The mirror's folder
    folder: PathBuf,
    /// Print metrics
    #[arg(long, conflicts_with = "json")]
    prometheus: bool,
    /// One JSON object a zone
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let health = Health::of(&Folder::new(args.folder), super::now())?;
    let (text, level) = if args.prometheus {
        (prometheus(&health), Level::Ok)
    } else if args.json {
        (json_lines(&health), health.level())
    } else {
        (nagios(&health), health.level())
    };
    let printed = std::io::stdout().write_all(text.as_bytes());
    printed.map_err(|error| Failure::printing(&error))?;
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

fn nagios(health: &Health) -> String {
    let mut text = format!("RBLMAP {}", word(health.level()));
    if health.zones.is_empty() {
        text.push_str(" - no zones here");
    }
    for (index, zone) in health.zones.iter().enumerate() {
        text.push_str(if index == 0 { " - " } else { "; " });
        text.push_str(zone.zone.as_str());
        match zone.reasons.is_empty() {
            true => text.push_str(&format!(" serial {}", zone.page.serial)),
            false => text.push_str(&format!(": {}", zone.reasons.join(", "))),
        }
    }
    text.push_str(" |");
    for zone in &health.zones {
        let counts = zone
            .state
            .seen
            .as_ref()
            .map_or(Counts::default(), |seen| seen.counts);
        let (name, page) = (&zone.zone, &zone.page);
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            " '{name}_serial'={}c '{name}_v4'={} '{name}_v6'={} '{name}_names'={} '{name}_checked'={}c",
            page.serial, counts.v4, counts.v6, counts.names, page.checked
        );
    }
    text.push('\n');
    text
}

fn json_lines(health: &Health) -> String {
    let line = |zone: &ZoneHealth| {
        let seen = zone.state.seen.as_ref();
        json!({
            "zone": zone.zone.as_str(),
            "level": word(zone.level).to_lowercase(),
            "reasons": zone.reasons,
            "serial": zone.page.serial,
            "created": zone.image.as_ref().map(|image| image.created),
            "content_id": zone.image.as_ref().map(|image| &image.content),
            "bytes": zone.image.as_ref().map(|image| image.bytes),
            "counts": seen.map(|seen| seen.counts),
            "issue": seen.map(|seen| seen.issue),
            "epoch": seen.map(|seen| seen.epoch),
            "publisher": seen.map(|seen| seen.publisher.as_str()),
            "checked": zone.page.checked,
            "stale_from": zone.page.stale_from,
            "expired_from": zone.page.expired_from,
            "held": zone.page.held,
            "retired": zone.page.retired,
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
        seen(z, |s| s.counts.v4)
    }),
    (
        "v6_networks",
        "gauge",
        "IPv6 /64 networks listed, in part or whole.",
        |z| seen(z, |s| s.counts.v6),
    ),
    ("names", "gauge", "Names listed.", |z| {
        seen(z, |s| s.counts.names)
    }),
    ("runs", "gauge", "Runs of addresses.", |z| {
        seen(z, |s| s.counts.runs)
    }),
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
];

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
