//! `rblmap history`: since when a key is listed.

mod between;
mod network;
mod replay;

use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use rblmap::{Image, NameKey, Zone};
use rblmap_content::ZoneName;
use rblmap_feed::HistoryPlace;
use rblmap_history::{History, Place, Scope, Subject};
use rblmap_report::Labels;
use serde::Serialize;

use crate::cmd::open;
use crate::cmd::time::rfc3339;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, escaped};
use between::Between;
use replay::{Line, Replay};

/// Say since when a key is listed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints a line for each change that the key saw, oldest first, then a sentence:
  TIME<TAB>SERIAL<TAB>listed|changed|delisted<TAB>A[,A...]<TAB>TXT
TIME is in the form of RFC 3339. Of a network, the sixth column is the network or address that
changed. What was listed when the history begins is `listed` at its first serial, and has been for
at least as long. DIR is a mirror's folder, or a publisher's FEED.

With --diff, prints what changed between two serials that the history knows, in the form of
`rblmap diff --list`.

Exit codes: 0 it is or was listed, 1 it never was, 3 no history of the zone, 4 a part of the
history is damaged.

Examples:
  rblmap history /var/lib/rblmap ops.example 192.0.2.1
  rblmap history /var/lib/rblmap ops.example 203.0.113.0/24 --json
  rblmap history /var/lib/rblmap ops.example --diff 1041 1098")]
pub(crate) struct Args {
    /// A mirror's folder, or a publisher's feed
    dir: PathBuf,
    /// The zone, or one below it
    zone: String,
    /// An address, a network or a name
    #[arg(value_name = "KEY|NETWORK", required_unless_present = "diff")]
    key: Option<String>,
    /// List what changed between two serials
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"], conflicts_with = "key")]
    diff: Option<Vec<u64>>,
    /// Show the label of each network of this image
    #[arg(long, value_name = "IMAGE")]
    labels: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let found = find(&args.dir, &args.zone)?;
    let exit = tell_gaps(&found, output);
    let labels = args.labels.as_deref().map(open::image).transpose()?;
    let labels = labels.as_ref().map(|image| Labels::new(image.base()));
    let asked = match args.diff.as_deref() {
        Some(&[from, to]) => {
            let json = args.json;
            let asked = Between {
                from,
                to,
                labels,
                json,
            };
            between::run(&found, &asked)
        }
        _ => of_key(&found, &args, labels),
    };
    Ok(exit.or_worse(asked?))
}

/// Says what is damaged or missing.
fn tell_gaps(found: &Found, output: &Output) -> Exit {
    let mut exit = Exit::Done;
    for error in found.history.failed() {
        let failure = Failure::of(error);
        failure.say();
        exit = exit.or_worse(failure.exit());
    }
    for gap in found.history.gaps() {
        output.note(format_args!(
            "nothing is known of the serials after {} up to {}",
            gap.after.serial, gap.until.serial
        ));
    }
    let newest = found.image.as_ref().map(Image::serial);
    if let (Some(last), Some(newest)) = (found.history.last(), newest)
        && last.serial < newest
    {
        output.note(format_args!(
            "nothing is known of the serials after {} up to {newest}",
            last.serial
        ));
    }
    exit
}

fn of_key(found: &Found, args: &Args, labels: Option<Labels<'_>>) -> Result<Exit, Failure> {
    let text = args.key.as_deref().unwrap_or_default();
    let subject = subject(text)?;
    let events = found.history.events(&found.subzone, &subject);
    let now = found.whole_image().and_then(|image| {
        let zone = zone_of(image, &found.subzone)?;
        Some(network::Now { image, zone })
    });
    let Some(first) = found.history.first() else {
        return Err(none(&args.dir, &args.zone));
    };
    let replay = match subject {
        Subject::Network(net) => network::replay(&net, &events, first, now),
        Subject::Address(address) => Replay::of_key(&subject, &events, first, || {
            now.map(|now| replay::say_answer(now.zone.lookup(address)))
        }),
        Subject::Name(name) => Replay::of_key(&subject, &events, first, || {
            now.map(|now| replay::say_answer(now.zone.lookup_name(&name)))
        }),
    };
    let shown = show(text, &args.zone, &subject, &replay, labels, args.json);
    shown.map_err(|error| Failure::printing(&error))?;
    Ok(if replay.lines.is_empty() {
        Exit::NotListed
    } else {
        Exit::Done
    })
}

/// A history, and what else there is of its zone.
struct Found {
    history: History,
    /// The image that the last update led to, if it is there.
    image: Option<Image>,
    /// The zone that is asked about, relative to the base.
    subzone: NameKey,
    base: String,
}

impl Found {
    /// The image, if all that led to it is known. Otherwise what it lists now may have been listed
    /// in the part that is missing, and says nothing about the beginning of the history.
    fn whole_image(&self) -> Option<&Image> {
        let image = self.image.as_ref()?;
        let reaches = self
            .history
            .last()
            .is_some_and(|last| last.serial == image.serial());
        (reaches && self.history.gaps().is_empty()).then_some(image)
    }
}

/// The history of a zone, or of one that the zone lies below.
fn find(dir: &Path, zone: &str) -> Result<Found, Failure> {
    let zone = zone.trim_end_matches('.').to_ascii_lowercase();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if zone.is_empty() || zone.starts_with('.') || !zone.bytes().all(is_name) {
        let what = format!("{}: not the name of a zone", escaped(zone.as_bytes()));
        return Err(Failure::new(Exit::BadInput, what));
    }
    let mut base = zone.as_str();
    let mut above = "";
    loop {
        let place = base.parse::<ZoneName>();
        let place = place.ok().map(|zone| HistoryPlace::of(dir, &zone));
        if let Some(HistoryPlace { log, image }) = place.filter(|place| place.log.exists()) {
            let image = image.map(|path| open::image(&path)).transpose()?;
            let subzone = NameKey::parse(above.trim_end_matches('.').as_bytes());
            return Ok(Found {
                history: log.open()?,
                image,
                subzone: subzone.unwrap_or(NameKey::ROOT),
                base: base.to_owned(),
            });
        }
        let Some((_, parent)) = base.split_once('.') else {
            return Err(none(dir, &zone));
        };
        base = parent;
        above = zone.strip_suffix(parent).unwrap_or_default();
    }
}

fn none(dir: &Path, zone: &str) -> Failure {
    let what = format!("{}: no history of {zone}", dir.display());
    Failure::new(Exit::BadInput, what)
}

fn zone_of<'i>(image: &'i Image, name: &NameKey) -> Option<Zone<'i>> {
    image.zones().flatten().find(|zone| zone.name() == *name)
}

fn subject(text: &str) -> Result<Subject, Failure> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Subject::Address(address.to_canonical()));
    }
    if let Ok(net) = text.parse::<IpNet>() {
        return Ok(Subject::Network(net.trunc()));
    }
    let is_bad = |byte: u8| byte.is_ascii_control() || b"/ :".contains(&byte);
    let numeric = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let name = NameKey::parse(text.trim_start_matches('.').as_bytes());
    match name {
        Ok(name) if !numeric && !text.bytes().any(is_bad) => Ok(Subject::Name(name)),
        _ => {
            let text = escaped(text.as_bytes());
            let what = format!("key {text}: no address, network or name");
            Err(Failure::new(Exit::BadInput, what))
        }
    }
}

/// A change as a script reads it.
#[derive(Serialize)]
struct Json<'a> {
    query: &'a str,
    zone: &'a str,
    time: String,
    serial: u64,
    event: &'static str,
    a: &'a [Ipv4Addr],
    txt: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

/// The end, as a script reads it.
#[derive(Serialize)]
struct JsonEnd<'a> {
    query: &'a str,
    zone: &'a str,
    listed: bool,
    since: Option<String>,
    at_least: bool,
    reaches: String,
    reaches_serial: u64,
    words: &'a str,
}

fn show(
    text: &str,
    zone: &str,
    subject: &Subject,
    replay: &Replay,
    labels: Option<Labels<'_>>,
    json: bool,
) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let words = replay.words(&escaped(text.as_bytes()));
    for line in &replay.lines {
        let label = labels
            .as_ref()
            .map(|labels| label_of(labels, subject, line));
        if json {
            let object = Json {
                query: text,
                zone,
                time: rfc3339(line.time),
                serial: line.serial,
                event: line.event,
                a: &line.says.a,
                txt: &line.says.txt,
                network: line.network.as_deref(),
                label,
            };
            serde_json::to_writer(&mut out, &object)?;
        } else {
            let more: Vec<&String> = line.network.iter().chain(&label).collect();
            print_line(line, &more, &mut out)?;
        }
        out.write_all(b"\n")?;
    }
    if json {
        let end = JsonEnd {
            query: text,
            zone,
            listed: replay.is_listed,
            since: replay.since().map(|line| rfc3339(line.time)),
            at_least: replay.since().is_some_and(|line| line.at_least),
            reaches: rfc3339(replay.first.time),
            reaches_serial: replay.first.serial,
            words: &words,
        };
        serde_json::to_writer(&mut out, &end)?;
        out.write_all(b"\n")?;
    } else {
        writeln!(out, "{words}")?;
    }
    out.flush()
}

fn print_line(line: &Line, more: &[&String], out: &mut impl Write) -> io::Result<()> {
    let a: Vec<String> = line.says.a.iter().map(Ipv4Addr::to_string).collect();
    let texts = line.says.txt.iter();
    let txt: Vec<String> = texts.map(|text| escaped(text.as_bytes())).collect();
    let (time, a, txt) = (rfc3339(line.time), a.join(","), txt.join(" "));
    write!(out, "{time}\t{}\t{}\t{a}\t{txt}", line.serial, line.event)?;
    more.iter().try_for_each(|column| write!(out, "\t{column}"))
}

fn label_of(labels: &Labels<'_>, subject: &Subject, line: &Line) -> String {
    let network = line
        .network
        .as_deref()
        .and_then(|net| net.parse::<IpNet>().ok());
    let address = match (subject, network) {
        (_, Some(net)) => net.addr(),
        (Subject::Address(address), None) => *address,
        (Subject::Network(net), None) => net.addr(),
        (Subject::Name(_), None) => return String::new(),
    };
    labels.of(address).unwrap_or_default()
}

/// A place as `diff --list` prints it.
fn key_of(place: &Place) -> String {
    match place {
        Place::Network(net) if net.prefix_len() == net.max_prefix_len() => net.addr().to_string(),
        Place::Network(net) => net.to_string(),
        Place::Name(name, scope) => {
            let name = escaped(name.to_string().as_bytes());
            match scope {
                Scope::Exact if name.is_empty() => "@".to_owned(),
                Scope::Exact => name,
                Scope::Below => format!("*.{name}"),
                Scope::Both => format!(".{name}"),
            }
        }
    }
}
