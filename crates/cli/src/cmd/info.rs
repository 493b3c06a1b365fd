//! `rblmap info`: what a file holds, in numbers.

use std::io::{self, Write};
use std::path::PathBuf;

use rblmap::{Image, Zone};
use rblmap_content::ContentId;
use rblmap_delta::{Header, Kind, Limits, Summary, ZoneSummary};
use serde::Serialize;

use crate::cmd::open::{self, Opened};
use crate::cmd::{bytes, info_segment};
use crate::exit::Exit;
use crate::failure::Failure;

/// Tell what an image, snapshot or delta holds
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rblmap info ops.example.rbl
  rblmap info change.rbd
  rblmap info --json ops.example.rbl | jq .serial
  rblmap info --bytes 192.0.2.1 ops.example.rbl")]
pub(crate) struct Args {
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Show byte by byte what an image holds for an address or a name
    #[arg(long, value_name = "KEY")]
    bytes: Option<String>,
    /// With --bytes: look in this zone, @ for the base
    #[arg(long, value_name = "SUB", requires = "bytes", default_value = "@")]
    zone: String,
    /// The file
    file: PathBuf,
}

#[derive(Serialize)]
struct Info {
    zone: String,
    format: u16,
    serial: u64,
    created: u64,
    content_id: String,
    bytes: u64,
    values: usize,
    zones: Vec<ZoneInfo>,
    sections: Vec<SectionInfo>,
}

#[derive(Serialize)]
struct ZoneInfo {
    name: String,
    expires: Option<u64>,
    v4_runs: u64,
    v4_addresses: u64,
    v6_runs: u64,
    /// In /64 networks, those that are listed in part included; as text, since it may have 20
    /// digits.
    v6_networks: String,
    names: u64,
}

#[derive(Serialize)]
struct SectionInfo {
    kind: &'static str,
    zone: u32,
    bytes: u64,
}

/// What the header of a snapshot or delta says.
#[derive(Serialize)]
struct PackedInfo {
    kind: &'static str,
    zone: String,
    /// As 16 hexadecimal digits; 0 if it was not published.
    session: String,
    /// Of the content that a delta applies to.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_serial: Option<u64>,
    /// The first 32 digits of that content's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    serial: u64,
    created: u64,
    /// The first 32 digits of the id of the content that comes of it.
    content_id: String,
    bytes: u64,
    /// Bytes behind zstd: range-coded decisions and plain text.
    decisions: u64,
    text: u64,
    values_added: u64,
    zones: Vec<PackedZone>,
}

/// How much a snapshot or delta says of one zone.
#[derive(Serialize)]
struct PackedZone {
    /// Only where the zones change with the delta.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    v4_edits: u64,
    v6_edits: u64,
    names_added: u64,
    names_removed: u64,
    names_changed: u64,
    facts: bool,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    if info_segment::is_segment(&args.file) {
        return info_segment::show(&args.file, args.json);
    }
    let mut out = io::stdout().lock();
    let printed = match open::any(&args.file)? {
        Opened::Image(image) if args.bytes.is_some() => {
            let key = args.bytes.as_deref().unwrap_or_default();
            return bytes::show(&image, &args.file, (key, &args.zone), args.json);
        }
        Opened::Image(image) => {
            let info = gather(&image).map_err(|error| Failure::at(&args.file, error))?;
            match args.json {
                true => print_json(&info, &mut out),
                false => print(&info, &mut out),
            }
        }
        Opened::Packed(..) if args.bytes.is_some() => {
            let path = args.file.display();
            let message =
                format!("{path}: --bytes shows what an image holds, not a snapshot or delta");
            return Err(Failure::new(Exit::BadInput, message));
        }
        Opened::Packed(bytes, header) => {
            let summary = Summary::read(&bytes, &Limits::default());
            let summary = summary.map_err(|error| Failure::at(&args.file, error))?;
            let info = packed(&header, &summary, bytes.len());
            match args.json {
                true => print_json(&info, &mut out),
                false => print_packed(&info, &mut out),
            }
        }
    };
    printed.map_err(|error| Failure::printing(&error))?;
    Ok(Exit::Done)
}

fn packed(header: &Header, summary: &Summary, len: usize) -> PackedInfo {
    let (kind, base) = match header.kind {
        Kind::Snapshot => ("snapshot", None),
        Kind::Delta { base, .. } => ("delta", Some(base.to_string())),
    };
    PackedInfo {
        kind,
        zone: header.zone.to_string(),
        session: format!("{:016x}", header.session.0),
        from_serial: base.as_ref().map(|_| header.from_serial()),
        base,
        serial: header.to_serial,
        created: header.created,
        content_id: header.result.to_string(),
        bytes: len as u64,
        decisions: summary.decisions,
        text: summary.text,
        values_added: summary.values_added,
        zones: summary.zones.iter().map(packed_zone).collect(),
    }
}

fn packed_zone(zone: &ZoneSummary) -> PackedZone {
    PackedZone {
        name: zone.name.as_ref().map(|name| match name.label_count() {
            0 => "@".to_owned(),
            _ => name.to_string(),
        }),
        v4_edits: zone.v4_edits,
        v6_edits: zone.v6_edits,
        names_added: zone.names_added,
        names_removed: zone.names_removed,
        names_changed: zone.names_changed,
        facts: zone.facts,
    }
}

fn print_json(info: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, info)?;
    out.write_all(b"\n")
}

fn print_packed(info: &PackedInfo, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "kind        {}", info.kind)?;
    writeln!(out, "zone        {}", info.zone)?;
    writeln!(out, "session     {}", info.session)?;
    if let (Some(serial), Some(base)) = (info.from_serial, &info.base) {
        writeln!(out, "from serial {serial}")?;
        writeln!(out, "base        {base}")?;
    }
    writeln!(out, "serial      {}", info.serial)?;
    writeln!(out, "created     {}", info.created)?;
    writeln!(out, "content id  {}", info.content_id)?;
    writeln!(out, "bytes       {}", info.bytes)?;
    writeln!(
        out,
        "payload     {} bytes of decisions, {} of text",
        info.decisions, info.text
    )?;
    writeln!(out, "values      {} added", info.values_added)?;
    for zone in &info.zones {
        writeln!(
            out,
            "zone{}: {} IPv4 edits, {} IPv6 edits, {} names added, {} removed, {} changed{}",
            zone.name
                .as_ref()
                .map_or(String::new(), |name| format!(" {name}")),
            zone.v4_edits,
            zone.v6_edits,
            zone.names_added,
            zone.names_removed,
            zone.names_changed,
            if zone.facts { ", expiry or facts" } else { "" }
        )?;
    }
    Ok(())
}

fn gather(image: &Image) -> Result<Info, rblmap::Error> {
    let zones = image.zones().map(|zone| zone.map(|zone| count(&zone)));
    Ok(Info {
        zone: image.name().to_owned(),
        format: image.format(),
        serial: image.serial(),
        created: image.created(),
        content_id: ContentId::from_bytes(image.content_id()).to_string(),
        bytes: image.as_bytes().len() as u64,
        values: image.value_count(),
        zones: zones.collect::<Result<_, _>>()?,
        sections: image
            .sections()
            .map(|section| SectionInfo {
                kind: section.name(),
                zone: section.zone,
                bytes: section.len,
            })
            .collect(),
    })
}

fn count(zone: &Zone<'_>) -> ZoneInfo {
    let (mut v4_runs, mut v4_addresses, mut v6_runs) = (0, 0, 0);
    for run in zone.v4_runs() {
        v4_runs += 1;
        v4_addresses += u64::from(run.end - run.start) + 1;
    }
    let (mut networks, mut counted_to) = (0u128, None);
    for run in zone.v6_runs() {
        v6_runs += 1;
        let (first, last) = (run.start >> 64, run.end >> 64);
        networks += last - first + u128::from(counted_to != Some(first));
        counted_to = Some(last);
    }
    ZoneInfo {
        name: match zone.name().label_count() {
            0 => "@".to_owned(),
            _ => zone.name().to_string(),
        },
        expires: zone.expires(),
        v4_runs,
        v4_addresses,
        v6_runs,
        v6_networks: networks.to_string(),
        names: zone.name_count() as u64,
    }
}

fn print(info: &Info, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "zone        {}", info.zone)?;
    writeln!(out, "format      {}", info.format)?;
    writeln!(out, "serial      {}", info.serial)?;
    writeln!(out, "created     {}", info.created)?;
    writeln!(out, "content id  {}", info.content_id)?;
    writeln!(out, "bytes       {}", info.bytes)?;
    writeln!(out, "values      {}", info.values)?;
    for zone in &info.zones {
        writeln!(
            out,
            "zone {}: {} IPv4 addresses in {} runs, {} IPv6 /64 in {} runs, {} names{}",
            zone.name,
            zone.v4_addresses,
            zone.v4_runs,
            zone.v6_networks,
            zone.v6_runs,
            zone.names,
            match zone.expires {
                Some(expires) => format!(", expires {expires}"),
                None => String::new(),
            }
        )?;
    }
    for section in &info.sections {
        writeln!(
            out,
            "section {:<13} zone {}: {} bytes",
            section.kind, section.zone, section.bytes
        )?;
    }
    Ok(())
}
