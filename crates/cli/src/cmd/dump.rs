//! `rblmap dump`: what an image, a snapshot or a delta says, as text.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use rblmap::{ErrorKind, Image, NameKey};
use rblmap_content::{Content, ZoneContent};
use rblmap_delta::{Header, Kind, Limits, apply, unpack};
use rblmap_zonefile::{ListFormat, Omitted, ZoneFile, write_list, zone_files};

use crate::cmd::{open, write};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Write what an image says as zone files or as a list
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Formats:
  rbldnsd  zone files of the type combined, for rbldnsd or `rblmap build`: the same content again
  plain    one key a line with its value, for `rblmap build` and other programs
  csv      zone, key, A and TXT; in texts `$` stands for the key, and for a dollar sign `$$`
  json     one object a key: zone, key, records
  cidr     the listed networks, as few as possible, without values
  hosts    `0.0.0.0 NAME` for each name
  rpz      a response policy zone
  ipset    for `ipset restore`; nft: for `nft -f`; postfix: a cidr table
  mmdb     a database for libmaxminddb, with the A records as `codes`
What a format cannot hold is counted on standard error. `rblmap build` reads all of them back but
mmdb; csv and json with --templates.
A snapshot is dumped as the image that it unpacks to, a delta as the image that comes of its base.

Examples:
  rblmap dump ops.rbl > ops.zone && rblmap build -o same.rbl ops.example:combined:ops.zone
  rblmap dump --format cidr ops.rbl > networks.txt
  rblmap dump --format csv ops.rbl > ops.csv && \\
      rblmap build --templates -o same.rbl ops.example:csv:ops.csv
  rblmap dump --format json tuesday.rbd --base monday.rbl | jq -r .key")]
pub(crate) struct Args {
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Rbldnsd)]
    format: Format,
    /// Only this subzone (`@`: only the base); not for zone files
    #[arg(long, value_name = "SUB")]
    zone: Option<String>,
    /// The image that a delta applies to
    #[arg(long, value_name = "IMAGE")]
    base: Option<PathBuf>,
    /// Write zone files into this folder and print their specs
    #[arg(short, long, value_name = "FOLDER", conflicts_with = "zone")]
    output: Option<PathBuf>,
    /// The image, snapshot or delta
    file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Rbldnsd,
    Plain,
    Cidr,
    Csv,
    Json,
    Hosts,
    Rpz,
    Ipset,
    Nft,
    Postfix,
    Mmdb,
}

impl Format {
    fn list(self) -> Option<ListFormat> {
        match self {
            Format::Rbldnsd => None,
            Format::Plain => Some(ListFormat::Plain),
            Format::Cidr => Some(ListFormat::Cidr),
            Format::Csv => Some(ListFormat::Csv),
            Format::Json => Some(ListFormat::Json),
            Format::Hosts => Some(ListFormat::Hosts),
            Format::Rpz => Some(ListFormat::Rpz),
            Format::Ipset => Some(ListFormat::Ipset),
            Format::Nft => Some(ListFormat::Nft),
            Format::Postfix => Some(ListFormat::Postfix),
            Format::Mmdb => Some(ListFormat::Mmdb),
        }
    }
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let usage = |what: &str| Err(Failure::new(Exit::Usage, what));
    let list = args.format.list();
    if list.is_some() && args.output.is_some() {
        return usage("-o is for zone files: send a list where it should go");
    }
    if list.is_none() && args.zone.is_some() {
        return usage("--zone is for lists: zone files hold all subzones");
    }
    let image = image(&args)?;
    let content = rblmap_image::decode(&image).map_err(|error| Failure::at(&args.file, error))?;
    drop(image);
    match list {
        Some(format) => write(&args, &content, format, output)?,
        None => {
            tell_ttls(&content, output);
            write_zone_files(&args, &content)?;
        }
    }
    Ok(Exit::Done)
}

/// The image of whatever kind of file it is.
fn image(args: &Args) -> Result<Image, Failure> {
    let path = &args.file;
    let opened = open::map(path);
    let is_image = !matches!(&opened, Err(error) if *error.kind() == ErrorKind::NotAnImage);
    if args.base.is_none() && is_image {
        return opened.map_err(|error| Failure::at(path, error));
    }
    let bytes = open::bytes(path)?;
    let at = |error| Failure::at(path, error);
    let unpacked = match (Header::read(&bytes).map_err(at)?.kind, &args.base) {
        (Kind::Snapshot, None) => unpack(&bytes, &Limits::default()).map_err(at)?,
        (Kind::Delta { .. }, Some(base)) => {
            apply(&open::image(base)?, &[&bytes], &Limits::default())
                .map_err(|error| Failure::with_deltas(base, &[path], error))?
        }
        (Kind::Snapshot, Some(_)) => {
            let what = format!("{}: a snapshot, which has no base", path.display());
            return Err(Failure::new(Exit::Usage, what));
        }
        (Kind::Delta { .. }, None) => {
            let what = format!(
                "{}: a delta means nothing without the image it applies to: --base IMAGE",
                path.display()
            );
            return Err(Failure::new(Exit::Usage, what));
        }
    };
    let image = Image::from_vec(unpacked);
    image.map_err(|error| Failure::at(path, error))
}

fn write(
    args: &Args,
    content: &Content,
    format: ListFormat,
    output: &Output,
) -> Result<(), Failure> {
    let flat = !format.has_zones();
    let zones = match &args.zone {
        Some(name) => one_zone(content, name)?,
        None if flat => content.zones().get(..1).unwrap_or_default(),
        None => content.zones(),
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let omitted = write_list(content, zones, format, &mut out)
        .and_then(|omitted| out.flush().map(|()| omitted))
        .map_err(|error| Failure::printing(&error))?;
    if flat && args.zone.is_none() && content.zones().len() > 1 {
        let subzones = content.zones().len() - 1;
        output.note(format_args!("left out: {subzones} subzones; see --zone"));
    }
    say(&omitted, output);
    tell_facts(content, zones, output);
    Ok(())
}

fn one_zone<'c>(content: &'c Content, name: &str) -> Result<&'c [ZoneContent], Failure> {
    let none = || Failure::new(Exit::BadInput, format!("zone {name}: no such zone"));
    let key = match name {
        "@" => NameKey::ROOT,
        name => NameKey::parse(name.as_bytes()).map_err(|_| none())?,
    };
    let at = content.zones().iter().position(|zone| *zone.name() == key);
    let found = at.and_then(|at| content.zones().get(at..=at));
    found.ok_or_else(none)
}

/// Tells what stands beside the keys of zones, which no list has.
fn tell_facts(content: &Content, zones: &[ZoneContent], output: &Output) {
    for zone in zones {
        let name = match zone.name().label_count() {
            0 => content.name().to_string(),
            _ => format!("{}.{}", zone.name(), content.name()),
        };
        if zone.expires().is_some() {
            output.note(format_args!("left out: the expiry of {name}"));
        }
        let facts = zone.facts();
        if facts.soa.is_some() || facts.ns.is_some() || facts.ttl.is_some() {
            output.note(format_args!("left out: SOA, NS and TTL of {name}"));
        }
        if !facts.mail.is_empty() {
            output.note(format_args!(
                "left out: {} MX records of {name}",
                facts.mail.len()
            ));
        }
    }
}

fn say(omitted: &Omitted, output: &Output) {
    for (loss, count) in omitted.iter() {
        output.note(format_args!("left out: {count} {}", loss.what()));
    }
}

/// Tells how many TTLs zone files leave out: they have one for each dataset, and the entries of
/// several are written into one.
fn tell_ttls(content: &Content, output: &Output) {
    let rows = content.zones().iter().map(|zone| zone.facts().ttls.len());
    let rows: usize = rows.sum();
    if rows > 0 {
        output.note(format_args!(
            "left out: TTLs of {rows} runs and names that are not their zone's"
        ));
    }
}

fn write_zone_files(args: &Args, content: &Content) -> Result<(), Failure> {
    let files = zone_files(content)?;
    let Some(folder) = &args.output else {
        let [file] = files.as_slice() else {
            let what = format!(
                "{}: takes {} zone files (a subzone has an expiry or facts of its own, or several \
                 datasets answer for it): name a folder with -o",
                content.name(),
                files.len()
            );
            return Err(Failure::new(Exit::Usage, what));
        };
        let printed = std::io::stdout().lock().write_all(&file.text);
        return printed.map_err(|error| Failure::printing(&error));
    };
    std::fs::create_dir_all(folder).map_err(|error| Failure::writing(folder, &error))?;
    let mut specs = String::new();
    for (number, file) in files.iter().enumerate() {
        let path = folder.join(file_name(&files, number));
        write::file(&path, &file.text)?;
        specs.push_str(&spec(file, &path));
    }
    let printed = std::io::stdout().lock().write_all(specs.as_bytes());
    printed.map_err(|error| Failure::printing(&error))
}

fn spec(file: &ZoneFile, path: &Path) -> String {
    format!("{}:combined:{}\n", file.zone, path.display())
}

/// Several files of one zone are numbered.
fn file_name(files: &[ZoneFile], number: usize) -> String {
    let Some(file) = files.get(number) else {
        return String::new();
    };
    let before = files.iter().take(number);
    match before.filter(|other| other.zone == file.zone).count() {
        0 => format!("{}.zone", file.zone),
        count => format!("{}.{}.zone", file.zone, count + 1),
    }
}
