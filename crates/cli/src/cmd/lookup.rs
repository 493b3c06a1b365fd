//! `rblmap lookup`: what an image says about addresses and names.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rblmap::{Answer, Image, NameKey, TextBuf, Zone};
use rblmap_zonefile::{AskedKey, asked_key};
use serde::Serialize;

use crate::cmd::freshness::is_expired;
use crate::cmd::{lookup_filter, now, open};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::escaped;

/// Look addresses and names up in an image
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints a line for each key:
  KEY<TAB>listed|not-listed|expired<TAB>A[,A...]<TAB>TXT...
In texts, bytes below 32, above 126 and \\ are written as \\xNN. \"expired\" is by the expiry in the image,
or by the NAME.status of a mirror beside NAME.rbl: then nothing counts as listed.

Examples:
  rblmap lookup ops.example.rbl 192.0.2.1 2001:db8::1 mail.example.com
  cut -d ' ' -f 1 clients | rblmap lookup --json ops.example.rbl
  rblmap lookup --zone proxies ops.example.rbl 192.0.2.1")]
pub(crate) struct Args {
    /// Ask in this subzone, by its name below the base
    #[arg(long, value_name = "SUB", default_value = "@")]
    zone: String,
    /// Keys are names as a DNS server of the zone is asked for them, in the escapes of zone files,
    /// `@` the empty one; an address is spelled backwards there
    #[arg(long)]
    name: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// The time that expiry is compared with, in seconds since 1970 (default: the clock)
    #[arg(long, value_name = "SECONDS")]
    now: Option<u64>,
    #[command(flatten)]
    filter: lookup_filter::Filter,
    /// The image
    image: PathBuf,
    /// Addresses or names; from standard input, one a line, if there are none or for `-`
    #[arg(value_name = "KEY")]
    keys: Vec<OsString>,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    if args.filter.filter {
        let more = args.keys.iter().map(PathBuf::from);
        let images: Vec<PathBuf> = std::iter::once(args.image).chain(more).collect();
        let now = args.now.unwrap_or_else(now);
        return lookup_filter::run(&args.filter, &args.zone, &images, now);
    }
    let image = open::image(&args.image)?;
    let zone = image
        .zone(&args.zone)
        .map_err(|error| Failure::at(&args.image, error))?;
    let Some(zone) = zone else {
        let what = format!("{}: no zone {:?}", args.image.display(), args.zone);
        return Err(Failure::new(Exit::BadInput, what));
    };
    let expired = is_expired(&args.image, &zone, args.now.unwrap_or_else(now));
    let mut desk = Desk {
        image: &image,
        zone,
        zone_name: full_name(&image, &zone),
        expired,
        names_only: args.name,
        json: args.json,
        out: BufWriter::new(io::stdout().lock()),
        listed: false,
        worst: if expired { Exit::Expired } else { Exit::Done },
    };
    if args.keys.is_empty() {
        desk.answer_stdin()?;
    }
    for key in &args.keys {
        if key == "-" {
            desk.answer_stdin()?;
        } else {
            desk.answer(key.as_bytes())?;
        }
    }
    desk.out
        .flush()
        .map_err(|error| Failure::printing(&error))?;
    Ok(match desk.worst {
        Exit::Done if !desk.listed => Exit::NotListed,
        worst => worst,
    })
}

/// What is asked for.
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
enum Key {
    Address(IpAddr),
    Name(NameKey),
}

/// Answers keys in one zone and remembers what the run ends with.
struct Desk<'i> {
    image: &'i Image,
    zone: Zone<'i>,
    zone_name: String,
    expired: bool,
    names_only: bool,
    json: bool,
    out: BufWriter<io::StdoutLock<'static>>,
    listed: bool,
    worst: Exit,
}

/// An answer as a script reads it.
#[derive(Serialize)]
struct Line<'a> {
    query: &'a str,
    zone: &'a str,
    listed: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    expired: bool,
    records: Vec<Record>,
    serial: u64,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord, Clone)]
struct Record {
    a: Option<Ipv4Addr>,
    #[serde(flatten)]
    txt: Text,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord, Clone)]
enum Text {
    #[serde(rename = "txt")]
    Plain(Option<String>),
    #[serde(rename = "txt_hex")]
    Hex(String),
}

#[derive(Serialize)]
struct BadLine<'a> {
    query: &'a str,
    error: &'a str,
}

impl<'i> Desk<'i> {
    fn answer_stdin(&mut self) -> Result<(), Failure> {
        let mut keys = BufReader::new(io::stdin().lock());
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = keys.read_until(b'\n', &mut line);
            if read.map_err(|e| Failure::reading("standard input".as_ref(), &e))? == 0 {
                return Ok(());
            }
            let key = line.trim_ascii();
            if !key.is_empty() {
                self.answer(key)?;
            }
            // Whoever asks one key at a time waits for this answer before the next question.
            if keys.buffer().is_empty() {
                self.out
                    .flush()
                    .map_err(|error| Failure::printing(&error))?;
            }
        }
    }

    fn answer(&mut self, query: &[u8]) -> Result<(), Failure> {
        let said = match parse(query, self.names_only) {
            Ok(Key::Address(address)) => self.say(query, self.zone.lookup(address)),
            Ok(Key::Name(name)) if self.names_only => {
                // A name that is too long in the zone nobody can ask for.
                let whole = [self.zone.name().as_bytes(), name.as_bytes()].concat();
                match NameKey::from_key(&whole) {
                    Ok(whole) => {
                        let answer = self.image.query(&whole)?;
                        self.say(query, answer)
                    }
                    Err(_) => self.say(query, self.zone.lookup_name(&name)),
                }
            }
            Ok(Key::Name(name)) => self.say(query, self.zone.lookup_name(&name)),
            Err(error) => self.say_bad(query, error),
        };
        said.map_err(|error| Failure::printing(&error))
    }

    fn say(&mut self, query: &[u8], answer: Answer<'_>) -> io::Result<()> {
        let listed = answer.is_listed() && !self.expired;
        self.listed |= listed;
        if self.json {
            let line = Line {
                query: &String::from_utf8_lossy(query),
                zone: &self.zone_name,
                listed,
                expired: self.expired,
                records: if self.expired {
                    Vec::new()
                } else {
                    records(answer)
                },
                serial: self.image.serial(),
            };
            serde_json::to_writer(&mut self.out, &line)?;
            return self.out.write_all(b"\n");
        }
        self.out.write_all(escaped(query).as_bytes())?;
        self.out.write_all(match (self.expired, listed) {
            (true, _) => b"\texpired",
            (false, true) => b"\tlisted",
            (false, false) => b"\tnot-listed",
        })?;
        if !self.expired {
            self.say_sets(answer)?;
        }
        self.out.write_all(b"\n")
    }

    /// Each A once, then each text once, as rbldnsd would send them.
    fn say_sets(&mut self, answer: Answer<'_>) -> io::Result<()> {
        let (mut addresses, mut texts) = (BTreeSet::new(), BTreeSet::new());
        let mut buffer = TextBuf::new();
        for record in answer.records() {
            addresses.extend(record.a());
            texts.extend(record.txt(&mut buffer).map(<[u8]>::to_vec));
        }
        if addresses.is_empty() && texts.is_empty() {
            return Ok(());
        }
        let addresses: Vec<String> = addresses.iter().map(Ipv4Addr::to_string).collect();
        write!(self.out, "\t{}", addresses.join(","))?;
        texts
            .iter()
            .try_for_each(|text| write!(self.out, "\t{}", escaped(text)))
    }

    fn say_bad(&mut self, query: &[u8], error: &str) -> io::Result<()> {
        self.worst = self.worst.or_worse(Exit::BadInput);
        if self.json {
            let query = &String::from_utf8_lossy(query);
            serde_json::to_writer(&mut self.out, &BadLine { query, error })?;
            return self.out.write_all(b"\n");
        }
        let query = escaped(query);
        Failure::new(Exit::BadInput, format_args!("key {query}: {error}")).say();
        Ok(())
    }
}

/// The records with texts rendered, each once; one without a text is left out beside one of the
/// same A that has a text.
fn records(answer: Answer<'_>) -> Vec<Record> {
    let mut buffer = TextBuf::new();
    let all: BTreeSet<Record> = answer
        .records()
        .map(|record| Record {
            a: record.a(),
            txt: text(record.txt(&mut buffer)),
        })
        .collect();
    let none = Text::Plain(None);
    let says_more = |one: &Record| {
        one.txt != none
            || !all
                .iter()
                .any(|other| other.a == one.a && other.txt != none)
    };
    all.iter().filter(|one| says_more(one)).cloned().collect()
}

fn text(bytes: Option<&[u8]>) -> Text {
    match bytes.map(std::str::from_utf8) {
        None => Text::Plain(None),
        Some(Ok(text)) => Text::Plain(Some(text.to_owned())),
        Some(Err(_)) => Text::Hex(bytes.unwrap_or_default().iter().fold(
            String::new(),
            |mut hex, byte| {
                hex.push_str(&format!("{byte:02x}"));
                hex
            },
        )),
    }
}

fn parse(query: &[u8], names_only: bool) -> Result<Key, &'static str> {
    if names_only {
        let text = if query == b"@" { b"" } else { query };
        return NameKey::parse(text)
            .map(Key::Name)
            .map_err(|_| "not a domain name: a label has at most 63 bytes, a name 255");
    }
    match asked_key(query)? {
        AskedKey::Address(address) => Ok(Key::Address(address)),
        AskedKey::Name(name) => Ok(Key::Name(name)),
    }
}

fn full_name(image: &Image, zone: &Zone<'_>) -> String {
    if zone.name().label_count() == 0 {
        image.name().to_owned()
    } else {
        format!("{}.{}", zone.name(), image.name())
    }
}
