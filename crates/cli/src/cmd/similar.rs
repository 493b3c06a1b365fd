//! `rblmap similar`: listed names that look like given ones.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use rblmap_history::names::Lookalikes;
use serde::Serialize;

use crate::cmd::open;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, escaped};

/// Find listed names that look like yours
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints a line for each name that is at most two edits away, once letters that look alike are one
(0 and o; 1, i and l; rn and m; letters of other alphabets) and Punycode is decoded:
  ASKED<TAB>LISTED<TAB>DISTANCE
That a name itself is listed is told, too, with distance 0.
Exit codes: 0 there are some, 1 there are none.

Examples:
  rblmap similar phishing.rbl example-bank.com
  rblmap similar phishing.rbl --file brands.txt --json")]
pub(crate) struct Args {
    /// Names of a file too, one a line
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Ask in this subzone, by its name below the base
    #[arg(long, value_name = "SUB", default_value = "@")]
    zone: String,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// The image
    image: PathBuf,
    /// Names that others may be taken for
    #[arg(value_name = "NAME", required_unless_present = "file")]
    names: Vec<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    asked: &'a str,
    listed: &'a str,
    distance: u8,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let image = open::image(&args.image)?;
    let zone = open::zone(&image, &args.image, &args.zone)?;
    let mut names = args.names;
    for path in &args.file {
        names.extend(open::lines(path)?);
    }
    let bar = output.working("reading names");
    let set = Lookalikes::of_zone(&zone)?;
    bar.finish_and_clear();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut any = false;
    let mut print = || -> io::Result<()> {
        for asked in &names {
            for near in set.like(asked) {
                any = true;
                let line = Line {
                    asked,
                    listed: &near.listed,
                    distance: near.distance,
                };
                if args.json {
                    serde_json::to_writer(&mut out, &line)?;
                    out.write_all(b"\n")?;
                } else {
                    let asked = escaped(asked.as_bytes());
                    let listed = escaped(near.listed.as_bytes());
                    writeln!(out, "{asked}\t{listed}\t{}", near.distance)?;
                }
            }
        }
        out.flush()
    };
    print().map_err(|error| Failure::printing(&error))?;
    Ok(if any { Exit::Done } else { Exit::NotListed })
}
