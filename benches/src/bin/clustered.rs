//! Writes a clustered list as `plain` text, `ADDRESS 127.0.0.N` a line:
//! `clustered COUNT [CHURN]`, with the share of entries that changed since, if any.

use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::net::Ipv4Addr;

use rblmap_benches::{churn, clustered};

const SEED: u64 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count = arguments
        .next()
        .ok_or("usage: clustered COUNT [CHURN]")?
        .parse()?;
    let mut list = clustered(count, SEED);
    if let Some(share) = arguments.next() {
        list = churn(&list, share.parse()?, SEED + 1);
    }
    let mut out = BufWriter::new(io::stdout().lock());
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
