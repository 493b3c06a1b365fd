//! Writes a clustered list as `plain` text, `ADDRESS 127.0.0.N` a line:
//! `clustered COUNT [CHURN]`, with the share of entries that changed since, if any. Or distinct names,
//! one a line, in no order: `clustered names COUNT`.

use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::net::Ipv4Addr;

use rblmap_benches::{Entry, churn, clustered, lists};

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
    let list = clustered(count.parse()?, SEED);
    match arguments.next() {
        Some(share) => write(out, churn(&list, share.parse()?, SEED + 1)),
        None => write(out, list.iter().copied()),
    }
}

fn write(mut out: impl Write, list: impl Iterator<Item = Entry>) -> Result<(), Box<dyn Error>> {
    for entry in list {
        let address = Ipv4Addr::from(entry.address);
        writeln!(out, "{address} 127.0.0.{}", entry.reason)?;
    }
    Ok(out.flush()?)
}
