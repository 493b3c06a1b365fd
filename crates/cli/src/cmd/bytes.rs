//! `rblmap info --bytes KEY`: what an image holds for one key, byte by byte.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use rblmap::{Image, NameKey, Zone};
use rblmap_format::sections::kind::{V4_SORTED, V6_SORTED};
use rblmap_format::trace::Step;
use rblmap_format::v4::V4;
use rblmap_format::v6::V6;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;

/// Bytes of a line of output.
const WIDTH: usize = 16;

/// One step of a lookup.
#[derive(Serialize)]
struct Shown {
    section: &'static str,
    /// From the start of the file.
    offset: u64,
    /// Hexadecimal.
    bytes: String,
    what: String,
}

/// Prints what the image holds for a key of a zone.
pub(crate) fn show(
    image: &Image,
    path: &Path,
    (key, name): (&str, &str),
    json: bool,
) -> Result<Exit, Failure> {
    let at = |error| Failure::at(path, error);
    let Some(zone) = image.zone(name).map_err(at)? else {
        return Err(Failure::new(
            Exit::BadInput,
            format!("{}: no zone {name}", path.display()),
        ));
    };
    let number = image
        .zones()
        .position(|other| other.is_ok_and(|other| other.name() == zone.name()));
    let number = number
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or(0);
    let (steps, listed) = match key.parse::<IpAddr>() {
        Ok(address) => (of_address(&zone, address), zone.lookup(address).is_listed()),
        Err(_) => {
            let name = NameKey::parse(key.as_bytes());
            let name =
                name.map_err(|error| Failure::new(Exit::BadInput, format!("{key}: {error}")))?;
            let steps = zone.name_data().trace(&name);
            (steps, zone.lookup_name(&name).is_listed())
        }
    };
    let shown: Vec<Shown> = steps
        .iter()
        .map(|step| shown(image, number, step))
        .collect();
    let mut out = io::stdout().lock();
    print(key, &shown, listed, json, &mut out).map_err(|error| Failure::printing(&error))?;
    Ok(Exit::Done)
}

fn of_address(zone: &Zone<'_>, address: IpAddr) -> Vec<Step> {
    let v4 = |address: Ipv4Addr| match zone.v4() {
        V4::Empty => Vec::new(),
        V4::Sorted(section) => section.trace(V4_SORTED, address.to_bits()),
        V4::Lines(lines) => lines.trace(address.to_bits()),
    };
    let v6 = |address: Ipv6Addr| match zone.v6() {
        V6::Empty => Vec::new(),
        V6::Sorted(section) => section.trace(V6_SORTED, address.to_bits()),
        V6::Lines(lines) => lines.trace(address.to_bits()),
    };
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => [v6(address), v4(mapped)].concat(),
            None => v6(address),
        },
    }
}

fn shown(image: &Image, zone: u32, step: &Step) -> Shown {
    let mut rows = image.sections();
    let row = rows.find(|row| row.kind == step.kind && row.zone == zone);
    let start = row.map_or(0, |row| row.offset) + step.bytes.start as u64;
    let bytes = usize::try_from(start).ok().and_then(|start| {
        let end = start.checked_add(step.bytes.len())?;
        image.as_bytes().get(start..end)
    });
    let mut hex = String::new();
    for byte in bytes.unwrap_or_default() {
        let _ = write!(hex, "{byte:02x}");
    }
    Shown {
        section: rblmap_format::sections::kind::name(step.kind),
        offset: start,
        bytes: hex,
        what: step.what.clone(),
    }
}

fn print(
    key: &str,
    steps: &[Shown],
    listed: bool,
    json: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    if json {
        let whole = serde_json::json!({"query": key, "listed": listed, "steps": steps});
        writeln!(out, "{whole}")?;
        return Ok(());
    }
    for step in steps {
        let mut rest = step.bytes.as_str();
        let mut what = format!("{} {}", step.section, step.what);
        let mut at = step.offset;
        loop {
            let (row, after) = rest.split_at(rest.len().min(2 * WIDTH));
            writeln!(out, "{at:08x}  {row:<32}  {what}")?;
            if after.is_empty() {
                break;
            }
            (rest, at) = (after, at + WIDTH as u64);
            what.clear();
        }
    }
    let answer = if listed { "listed" } else { "not-listed" };
    writeln!(out, "{key}\t{answer}")?;
    Ok(())
}
