//! `rblmap diff`: what changed between two images, as a delta or for people.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{BufWriter, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use rblmap::{Image, NameKey, Value};
use rblmap_delta::{Change, Changed, Error, Says, Scope, Session, changes, diff};
use rblmap_image::EditedContent;
use rblmap_report::Labels;
use serde::Serialize;

use crate::cmd::{networks, open, write};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, escaped, shown};

/// Write the delta between two images, or list what changed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The list has a line for each network or name that is now answered otherwise:
  added|removed|changed<TAB>KEY<TAB>A[,A...] TEXT...[<TAB>what it was before]
A name is `name`, `*.name` for those below it, or `.name` for both. In texts, `$` stands for the
key, `$-n` for the name less its first n labels. With --labels, the last column of each line is the
label of the network's first address, `-` if none is known.

Examples:
  rblmap diff monday.rbl tuesday.rbl -o tuesday.rbd
  rblmap diff monday.rbl tuesday.rbl --list | cut -f 1 | sort | uniq -c
  rblmap diff monday.rbl tuesday.rbl --list --labels countries.rbl | grep '^added' | \\
    awk -F '\\t' '{print $NF}' | sort | uniq -c
  rblmap diff monday.rbl tuesday.rbl --json")]
pub(crate) struct Args {
    /// The old image
    old: PathBuf,
    /// The new image, of the same zone
    new: PathBuf,
    /// The delta to write
    #[arg(short, long, value_name = "FILE", required_unless_present_any = ["list", "json"])]
    output: Option<PathBuf>,
    /// List the changes
    #[arg(long)]
    list: bool,
    /// List the changes as one JSON object a line
    #[arg(long)]
    json: bool,
    /// With --list or --json: show the label of each network, by this image
    #[arg(long, value_name = "IMAGE")]
    labels: Option<PathBuf>,
}

#[derive(Serialize)]
struct Line {
    change: &'static str,
    zone: String,
    key: String,
    /// What is said now; nothing where names above rule again.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<Vec<Record>>,
    /// What was said before.
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<Vec<Record>>,
    /// What the network is called, where labels are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

#[derive(Serialize)]
struct Record {
    a: Option<Ipv4Addr>,
    txt: Option<String>,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let (old, new) = (open::image(&args.old)?, open::image(&args.new)?);
    if args.labels.is_some() && !args.list && !args.json {
        let what = "--labels has no effect without --list or --json";
        return Err(Failure::new(Exit::Usage, what));
    }
    let labels = args.labels.as_deref().map(open::image).transpose()?;
    let labels = labels.as_ref().map(|image| Labels::new(image.base()));
    if let Some(path) = &args.output {
        let bar = output.working("comparing");
        let delta = diff(&old, &new, Session::default()).map_err(|error| failed(&args, error))?;
        write::result(path, &delta, output)?;
        bar.finish_and_clear();
    }
    if args.list || args.json {
        let from = content(&old, &args.old)?;
        let to = content(&new, &args.new)?;
        if from.name() != to.name() {
            return Err(two_zones(&args, from.name(), to.name()));
        }
        list(&from, &to, labels, args.json, output)?;
    }
    Ok(Exit::Done)
}

/// What an image says that was read from here, and is whole.
fn content<'i>(image: &'i Image, path: &Path) -> Result<EditedContent<'i>, Failure> {
    image.verify().map_err(|error| Failure::at(path, error))?;
    rblmap_image::edited(image).map_err(|error| Failure::at(path, error))
}

/// Why there is no delta, about the image that it is about.
fn failed(args: &Args, error: Error) -> Failure {
    match error {
        Error::OldImage(cause) => Failure::at(&args.old, cause),
        Error::NewImage(cause) => Failure::at(&args.new, cause),
        Error::Zone { expected, found } => two_zones(args, expected, found),
        error => Failure::from(error),
    }
}

fn two_zones(args: &Args, old: impl Display, new: impl Display) -> Failure {
    let (from, to) = (args.old.display(), args.new.display());
    let what = format!("{to}: image of zone {new}, and {from} is of zone {old}");
    Failure::new(Exit::BadInput, what)
}

fn list<'i>(
    old: &EditedContent<'i>,
    new: &EditedContent<'i>,
    labels: Option<Labels<'_>>,
    json: bool,
    output: &Output,
) -> Result<(), Failure> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut printed = Ok(());
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    changes(old, new, |change| {
        each_line(&change, new.name().as_str(), |mut line| {
            line.label = labels.map(|labels| labels.of_key(&line.key));
            *counts.entry(line.change).or_default() += 1;
            if printed.is_ok() {
                printed = print(&line, json, &mut out);
            }
        });
    });
    let printed = printed.and_then(|()| out.flush());
    printed.map_err(|error| Failure::printing(&error))?;
    let count = |what| counts.get(what).copied().unwrap_or(0);
    output.detail(format_args!(
        "{} added, {} removed, {} changed",
        count("added"),
        count("removed"),
        count("changed")
    ));
    Ok(())
}

/// A line for each network of a range of addresses.
fn each_line(change: &Change<'_>, base: &str, mut see: impl FnMut(Line)) {
    let zone = match change.zone.label_count() {
        0 => base.to_owned(),
        _ => format!("{}.{base}", change.zone),
    };
    let mut line = |key| {
        see(Line {
            change: kind_of(change),
            zone: zone.clone(),
            key,
            records: records(change.is),
            was: records(change.was),
            label: None,
        });
    };
    match change.what {
        Changed::V4(first, last) => networks::v4(first, last, line),
        Changed::V6(first, last) => networks::v6(first, last, line),
        Changed::Name(name, scope) => line(name_key(&name, scope)),
    }
}

fn kind_of(change: &Change<'_>) -> &'static str {
    match (change.was, change.is) {
        (Says::Value(_), Says::Value(_)) => "changed",
        (Says::Value(_), _) => "removed",
        (_, Says::Value(_)) => "added",
        // A name that no longer hides what the names above say, or now does.
        _ => "changed",
    }
}

fn name_key(name: &NameKey, scope: Scope) -> String {
    match scope {
        Scope::Exact if name.label_count() == 0 => "@".to_owned(),
        Scope::Exact => name.to_string(),
        Scope::Below => format!("*.{name}"),
        Scope::Both => format!(".{name}"),
    }
}

fn records(says: Says<'_>) -> Option<Vec<Record>> {
    match says {
        Says::Inherits => None,
        Says::Nothing => Some(Vec::new()),
        Says::Value(value) => Some(records_of(value)),
    }
}

fn records_of(value: Value<'_>) -> Vec<Record> {
    let record = |record: rblmap_format::RawRecord<'_>| Record {
        a: record.a,
        txt: record.template.map(|template| shown(&template)),
    };
    value.records().map(record).collect()
}

fn print(line: &Line, json: bool, out: &mut impl Write) -> std::io::Result<()> {
    if json {
        serde_json::to_writer(&mut *out, line)?;
        return out.write_all(b"\n");
    }
    write!(out, "{}\t{}", line.change, line.key)?;
    for records in [&line.records, &line.was].into_iter().flatten() {
        if records.is_empty() {
            continue;
        }
        let addresses: Vec<String> = records
            .iter()
            .filter_map(|r| Some(r.a?.to_string()))
            .collect();
        let texts: Vec<&str> = records.iter().filter_map(|r| r.txt.as_deref()).collect();
        write!(
            out,
            "\t{}",
            [addresses.join(","), texts.join(" ")].join(" ").trim()
        )?;
    }
    if let Some(label) = &line.label {
        write!(out, "\t{}", escaped(label.as_bytes()))?;
    }
    out.write_all(b"\n")
}
