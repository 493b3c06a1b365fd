//! `rblmap info` of a segment of a history.

use std::io::{self, Write};
use std::path::Path;

use rblmap_history::{Segment, Version};
use serde_json::json;

use crate::cmd::time::rfc3339;
use crate::exit::Exit;
use crate::failure::Failure;

/// The first bytes of a segment.
const MAGIC: &[u8] = b"RBLHIST";

/// Whether a file begins as a segment does.
pub(crate) fn is_segment(path: &Path) -> bool {
    use std::io::Read;
    let mut head = [0; MAGIC.len()];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == MAGIC
}

/// Prints what a segment holds.
pub(crate) fn show(path: &Path, json: bool) -> Result<Exit, Failure> {
    let segment = Segment::read(path)?;
    let printed = print(&segment, json, &mut io::stdout().lock());
    printed.map_err(|error| Failure::printing(&error))?;
    Ok(Exit::Done)
}

fn print(segment: &Segment, json: bool, out: &mut impl Write) -> io::Result<()> {
    let (base, last) = (segment.base(), segment.last());
    if json {
        let version =
            |version: Version| json!({"serial": version.serial, "time": rfc3339(version.time)});
        let object = json!({
            "kind": "history", "zone": segment.zone(), "from": version(base), "to": version(last),
            "updates": segment.versions().len(), "keys": segment.key_count(),
            "events": segment.event_count(), "values": segment.value_count(),
            "bytes": segment.byte_count(), "kinds": segment.kinds(),
        });
        return writeln!(out, "{object}");
    }
    writeln!(out, "history of {}", segment.zone())?;
    writeln!(
        out,
        "from     serial {}, {}",
        base.serial,
        rfc3339(base.time)
    )?;
    writeln!(
        out,
        "to       serial {}, {}",
        last.serial,
        rfc3339(last.time)
    )?;
    writeln!(out, "updates  {}", segment.versions().len())?;
    writeln!(out, "keys     {}", segment.key_count())?;
    writeln!(out, "events   {}", segment.event_count())?;
    for (kind, count) in segment.kinds() {
        writeln!(out, "  {kind:<9}{count}")?;
    }
    writeln!(out, "values   {}", segment.value_count())?;
    writeln!(out, "bytes    {}", segment.byte_count())
}
