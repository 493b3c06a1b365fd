//! Writes a clustered list as `plain` text, `ADDRESS 127.0.0.N` a line:
//! `clustered COUNT [CHURN]`, with the share of entries that changed since, if any. Or distinct names,
//! one a line, in no order: `clustered names COUNT`.

use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::net::Ipv4Addr;

use rblmap_benches::{churn, clustered, lists};

const SEED: u64 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: clustered COUNT [CHURN], or clustered names COUNT";
    let mut count = arguments.next().ok_or(usage)?;
    let mut out = BufWriter::new(io::stdout().lock());
    if count == "names" {
        count = arguments.next().ok_or(usage)?;
        for (name, _) in lists::names(count.parse()?) {
            writeln!(out, "{name}")?;
        }
        return Ok(out.flush()?);
    }
    let mut list = clustered(count.parse()?, SEED);
    if let Some(share) = arguments.next() {
        list = churn(&list, share.parse()?, SEED + 1);
    }
    for entry in list {
        writeln!(
            out,
            "{} 127.0.0.{}",
            Ipv4Addr::from(entry.address),
            entry.reason
        )?;
    }
    Ok(out.flush()?)
}
