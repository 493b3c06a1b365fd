//! `rblmap list`: the names of an image, in order.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use rblmap::{NameKey, NameRules};
use regex::bytes::Regex;

use crate::cmd::open;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::escaped;

/// List the names of an image in order
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints a name a line: `name`, `*.name` for those below it, or `.name` for both. Names are sorted
from the last label. Exit codes: 0 there are some, 1 there are none.

Examples:
  rblmap list phishing.rbl --under example.com
  rblmap list phishing.rbl --match '^paypa[l1i]'")]
pub(crate) struct Args {
    /// Only this name and those below it
    #[arg(long, value_name = "NAME")]
    under: Option<String>,
    /// Only names that begin so
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Only names that this regular expression finds something in
    #[arg(long = "match", value_name = "REGEX")]
    expression: Option<String>,
    /// List this subzone, by its name below the base
    #[arg(long, value_name = "SUB", default_value = "@")]
    zone: String,
    /// Only count them
    #[arg(long)]
    count: bool,
    /// The image
    image: PathBuf,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let image = open::image(&args.image)?;
    let zone = open::zone(&image, &args.image, &args.zone)?;
    let expression = args.expression.as_deref().map(expression).transpose()?;
    let under =
        match &args.under {
            None => None,
            Some(name) => Some(NameKey::parse(name.as_bytes()).map_err(|error| {
                Failure::new(Exit::BadInput, format!("--under {name}: {error}"))
            })?),
        };
    let points: Box<dyn Iterator<Item = NameRules>> = match &under {
        None => Box::new(zone.names()),
        Some(name) => Box::new(zone.names_within(name)),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut found = 0u64;
    for point in points {
        let name = point.key.to_string();
        let fits = expression
            .as_ref()
            .is_none_or(|one| one.is_match(name.as_bytes()))
            && args
                .prefix
                .as_ref()
                .is_none_or(|text| name.starts_with(text.as_str()));
        let (exact, below) = (point.exact.value(), point.below.value());
        let mark = match (exact, below) {
            (Some(one), Some(other)) if one == other => ".",
            (Some(_), _) => "",
            (None, Some(_)) => "*.",
            (None, None) => continue,
        };
        if !fits {
            continue;
        }
        found += 1;
        if !args.count {
            let name = escaped(name.as_bytes());
            let written = writeln!(out, "{mark}{name}");
            written.map_err(|error| Failure::printing(&error))?;
        }
    }
    let ended = if args.count {
        writeln!(out, "{found}")
    } else {
        Ok(())
    };
    ended
        .and_then(|()| out.flush())
        .map_err(|error| Failure::printing(&error))?;
    Ok(if found > 0 {
        Exit::Done
    } else {
        Exit::NotListed
    })
}

fn expression(text: &str) -> Result<Regex, Failure> {
    Regex::new(text).map_err(|error| Failure::new(Exit::Usage, format!("--match: {error}")))
}
