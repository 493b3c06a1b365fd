//! `rblmap lookup --filter`: one line out for each line in, for pipes and engines.

mod group;
mod line;

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use memchr::memrchr;
use rblmap::{Answer, Image, NameKey, TextBuf, Zone};
use rblmap_policy::{Decider, Request};
use rblmap_zonefile::{AskedKey, asked_key};

use crate::cmd::freshness::is_expired;
use crate::cmd::lookup_filter::group::{Ask, Cut, GROUP, Group};
use crate::cmd::{check, open};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::escaped;

/// How lines are read and written.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Filter")]
pub(crate) struct Filter {
    /// One line out for each line of standard input, in order: the line, a tab, and what was found;
    /// further arguments are images. Exits 0 when all input was read
    #[arg(long, conflicts_with_all = ["json", "name"])]
    pub(crate) filter: bool,
    /// Which column of a line is the key: from 1, or from -1 for the last one
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        allow_negative_numbers = true,
        requires = "filter"
    )]
    column: i32,
    /// What stands between columns: one character, or \t
    #[arg(long, value_name = "C", default_value = "\\t", requires = "filter")]
    delimiter: String,
    /// So many first lines pass as they are
    #[arg(long, value_name = "N", default_value_t = 0, requires = "filter")]
    header: u64,
    /// Which columns to append
    #[arg(
        long,
        value_name = "NAME,…",
        value_delimiter = ',',
        default_value = "state",
        requires = "filter"
    )]
    append: Vec<Column>,
    /// What an appended column holds that has nothing to say, such as \N
    #[arg(long, value_name = "TEXT", default_value = "", requires = "filter")]
    null: String,
    /// Write each line at once
    #[arg(long, requires = "filter")]
    line_buffered: bool,
    /// Before each chunk of lines stands their number; each chunk is answered at once (the
    /// send_chunk_header of ClickHouse)
    #[arg(long, requires = "filter")]
    chunk_header: bool,
    /// Ask the zones of this policy file, for the columns action and score too
    #[arg(long, value_name = "FILE", requires = "filter")]
    policy: Option<PathBuf>,
    /// Exit 1 if no key is listed, as without --filter
    #[arg(long, requires = "filter")]
    exit_listed: bool,
}

/// A column to append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Column {
    /// listed, not-listed, expired, bad-key or no-key
    State,
    /// The A records, with commas between
    A,
    /// The texts, with spaces between
    Txt,
    /// The zones that list the key
    Zones,
    /// How many zones list it; with --policy the sum of their weights
    Score,
    /// With --policy: pass, log, tag, defer, reject or allowed
    Action,
}

const BLOCK: usize = 1 << 18;
/// So many bad keys are told one by one.
const TOLD: u64 = 10;

/// Reads standard input to its end.
pub(crate) fn run(
    filter: &Filter,
    zone: &str,
    paths: &[PathBuf],
    now: u64,
) -> Result<Exit, Failure> {
    let [delimiter] = delimiter(&filter.delimiter)?;
    if filter.column == 0 {
        let what = "--column: columns are counted from 1, or from -1 for the last one";
        return Err(Failure::new(Exit::Usage, what));
    }
    let images = paths.iter().map(|path| open::image(path));
    let images: Vec<Image> = images.collect::<Result<_, Failure>>()?;
    let zones = zones(&images, paths, zone, now)?;
    let mut exit = Exit::Done;
    let decider = match &filter.policy {
        None => None,
        Some(path) => {
            let (decider, trouble) = check::open(path, now)?;
            exit = exit.or_worse(trouble);
            Some(decider)
        }
    };
    let mut answerer = Answerer {
        filter,
        cut: Cut {
            column: filter.column,
            delimiter,
            header: filter.header,
            hurries: filter.append == [Column::State] && decider.is_none(),
        },
        zones,
        decider,
        now,
        out: Vec::with_capacity(BLOCK),
        buffer: TextBuf::new(),
        bad: 0,
        listed: false,
    };
    let ended = if filter.chunk_header {
        answerer.chunks()
    } else {
        answerer.lines()
    };
    if answerer.bad > TOLD {
        eprintln!(
            "rblmap: {} keys were neither addresses nor names",
            answerer.bad
        );
    }
    ended.map_err(Trouble::failure)?;
    Ok(match exit {
        Exit::Done if filter.exit_listed && !answerer.listed => Exit::NotListed,
        exit => exit,
    })
}

enum Trouble {
    Reading(io::Error),
    Writing(io::Error),
    NoCount(Vec<u8>),
}

impl Trouble {
    fn failure(self) -> Failure {
        match self {
            // Whoever reads has seen enough, where the pipe is closed.
            Trouble::Writing(error) => Failure::printing(&error),
            Trouble::Reading(error) => Failure::reading("standard input".as_ref(), &error),
            Trouble::NoCount(line) => {
                let line = escaped(&line);
                let what = format!("standard input: {line} is no number of lines (--chunk-header)");
                Failure::new(Exit::BadInput, what)
            }
        }
    }
}

fn delimiter(text: &str) -> Result<[u8; 1], Failure> {
    match text.as_bytes() {
        b"\\t" => Ok(*b"\t"),
        [byte] => Ok([*byte]),
        _ => {
            let what = format!("--delimiter {text:?}: one character, or \\t");
            Err(Failure::new(Exit::Usage, what))
        }
    }
}

/// A zone to ask.
struct Asked<'i> {
    name: String,
    zone: Zone<'i>,
    expired: bool,
}

fn zones<'i>(
    images: &'i [Image],
    paths: &[PathBuf],
    name: &str,
    now: u64,
) -> Result<Vec<Asked<'i>>, Failure> {
    let mut zones = Vec::new();
    for (image, path) in images.iter().zip(paths) {
        let zone = image.zone(name).map_err(|error| Failure::at(path, error))?;
        let Some(zone) = zone else {
            return Err(no_zone(path, name));
        };
        let full = match zone.name().label_count() {
            0 => image.name().to_owned(),
            _ => format!("{}.{}", zone.name(), image.name()),
        };
        zones.push(Asked {
            name: full,
            zone,
            expired: is_expired(path, &zone, now),
        });
    }
    Ok(zones)
}

fn no_zone(path: &Path, name: &str) -> Failure {
    let what = format!("{}: no zone {name:?}", path.display());
    Failure::new(Exit::BadInput, what)
}

/// Writes the answers.
struct Answerer<'f, 'i> {
    filter: &'f Filter,
    cut: Cut,
    zones: Vec<Asked<'i>>,
    decider: Option<Decider>,
    now: u64,
    out: Vec<u8>,
    buffer: TextBuf,
    bad: u64,
    listed: bool,
}

/// What a key is.
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
enum Key {
    Address(IpAddr),
    Name(NameKey),
}

/// What was found for a key.
#[derive(Default)]
struct Found {
    state: &'static str,
    a: BTreeSet<Ipv4Addr>,
    txt: BTreeSet<Vec<u8>>,
    zones: Vec<String>,
    score: Option<String>,
    action: &'static str,
}

impl Answerer<'_, '_> {
    /// Answers what has come, and writes it before waiting for more.
    fn lines(&mut self) -> Result<(), Trouble> {
        let mut input = io::stdin().lock();
        let mut block = vec![0; BLOCK];
        // So many bytes at the head of the block are of a line that goes on.
        let mut begun = 0;
        loop {
            if begun == block.len() {
                block.resize(2 * begun, 0);
            }
            let free = block.get_mut(begun..).unwrap_or_default();
            let read = match input.read(free) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Trouble::Reading(error)),
            };
            let last = memrchr(b'\n', free.get(..read).unwrap_or_default());
            let whole = last.map_or(0, |last| begun + last + 1);
            let whole = if read == 0 { begun } else { whole };
            self.answer(block.get(..whole).unwrap_or_default())?;
            if read == 0 {
                return Ok(());
            }
            block.copy_within(whole..begun + read, 0);
            begun = begun + read - whole;
        }
    }

    /// Answers chunks: a line with a number, then so many lines.
    fn chunks(&mut self) -> Result<(), Trouble> {
        let mut input = io::BufReader::new(io::stdin().lock());
        let (mut head, mut text) = (Vec::new(), Vec::new());
        while next_line(&mut input, &mut head)? {
            let count = std::str::from_utf8(&head)
                .ok()
                .and_then(|head| head.trim().parse::<u64>().ok());
            let Some(count) = count else {
                head.truncate(head.trim_ascii_end().len());
                return Err(Trouble::NoCount(head));
            };
            for _ in 0..count {
                if !add_line(&mut input, &mut text)? {
                    break;
                }
                if text.len() >= BLOCK {
                    self.answer(&text)?;
                    text.clear();
                }
            }
            self.answer(&text)?;
            text.clear();
        }
        Ok(())
    }

    /// Answers whole lines; the last one may have no end.
    fn answer(&mut self, mut text: &[u8]) -> Result<(), Trouble> {
        let most = if self.filter.line_buffered { 1 } else { GROUP };
        let mut group = Group::default();
        while !text.is_empty() {
            text = self.cut.take(text, most, &mut group);
            self.look_up(&mut group);
            self.write(&group);
            if self.filter.line_buffered || self.out.len() >= BLOCK {
                self.flush()?;
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Trouble> {
        let mut out = io::stdout().lock();
        let written = out.write_all(&self.out).and_then(|()| out.flush());
        self.out.clear();
        written.map_err(Trouble::Writing)
    }

    /// Which addresses of a group are listed.
    fn look_up(&self, group: &mut Group<'_>) {
        group.listed.clear();
        group.listed.resize(group.addresses.len(), false);
        for asked in self.zones.iter().filter(|asked| !asked.expired) {
            let mut listed = [false; GROUP];
            asked.zone.contains_v4_many(&group.addresses, &mut listed);
            let all = group.listed.iter_mut().zip(listed);
            all.for_each(|(all, listed)| *all |= listed);
        }
    }

    /// Writes the lines of a group, with what was found before their ends.
    fn write(&mut self, group: &Group<'_>) {
        let unlisted = match self.zones.iter().any(|asked| !asked.expired) {
            true => &b"not-listed"[..],
            false => &b"expired"[..],
        };
        let mut listed = group.listed.iter();
        for line in &group.lines {
            self.out.extend_from_slice(line.text);
            match line.ask {
                Ask::Header => self.header_names(),
                Ask::Key => self.append(self.cut.key(line.text)),
                Ask::Address => {
                    self.out.push(self.cut.delimiter);
                    if listed.next() == Some(&true) {
                        self.listed = true;
                        self.out.extend_from_slice(b"listed");
                    } else {
                        self.out.extend_from_slice(unlisted);
                    }
                }
            }
            if line.has_return {
                self.out.push(b'\r');
            }
            self.out.push(b'\n');
        }
    }

    /// A header names the columns that are appended.
    fn header_names(&mut self) {
        for column in &self.filter.append {
            self.out.push(self.cut.delimiter);
            self.out.extend_from_slice(match column {
                Column::State => b"state",
                Column::A => b"a",
                Column::Txt => b"txt",
                Column::Zones => b"zones",
                Column::Score => b"score",
                Column::Action => b"action",
            });
        }
    }

    fn append(&mut self, key: Option<&[u8]>) {
        let found = self.find(key);
        self.listed |= found.state == "listed";
        let null = self.filter.null.as_bytes();
        for column in &self.filter.append {
            self.out.push(self.cut.delimiter);
            let text: Vec<u8> = match column {
                Column::State => found.state.as_bytes().to_vec(),
                Column::A => {
                    let a: Vec<String> = found.a.iter().map(Ipv4Addr::to_string).collect();
                    a.join(",").into_bytes()
                }
                Column::Txt => {
                    let txt: Vec<String> = found.txt.iter().map(|text| escaped(text)).collect();
                    txt.join(" ").into_bytes()
                }
                Column::Zones => found.zones.join(",").into_bytes(),
                Column::Score => found.score.clone().unwrap_or_default().into_bytes(),
                Column::Action => found.action.as_bytes().to_vec(),
            };
            self.out
                .extend_from_slice(if text.is_empty() { null } else { &text });
        }
    }

    fn find(&mut self, key: Option<&[u8]>) -> Found {
        let mut found = Found::default();
        let text = key.unwrap_or_default().trim_ascii();
        if text.is_empty() {
            found.state = "no-key";
            return found;
        }
        let Some(key) = parse(text) else {
            self.tell_bad(text);
            found.state = "bad-key";
            return found;
        };
        found.state = if self.zones.iter().any(|asked| !asked.expired) || self.decider.is_some() {
            "not-listed"
        } else {
            "expired"
        };
        for asked in self.zones.iter().filter(|asked| !asked.expired) {
            let listed = match &key {
                Key::Address(address) => add(
                    asked.zone.lookup(*address),
                    &asked.name,
                    &mut self.buffer,
                    &mut found,
                ),
                Key::Name(name) => add(
                    asked.zone.lookup_name(name),
                    &asked.name,
                    &mut self.buffer,
                    &mut found,
                ),
            };
            if listed {
                found.state = "listed";
            }
        }
        found.score = Some(found.zones.len().to_string());
        self.decide(&key, &mut found);
        found
    }

    fn decide(&mut self, key: &Key, found: &mut Found) {
        let Some(decider) = &mut self.decider else {
            return;
        };
        let text;
        let request = match key {
            Key::Address(address) => Request {
                client: Some(*address),
                ..Request::default()
            },
            Key::Name(name) => {
                text = name.to_string();
                Request {
                    helo: &text,
                    sender: &text,
                    rdns: &text,
                    ..Request::default()
                }
            }
        };
        let decision = decider.decide(&request, self.now);
        for hit in &decision.hits {
            found.state = "listed";
            found.a.insert(hit.code);
            if !hit.text.is_empty() {
                found.txt.insert(hit.text.clone().into_bytes());
            }
            let zone = decider.policy().zones.get(hit.zone);
            found
                .zones
                .extend(zone.map(|zone| zone.followed.name().to_owned()));
        }
        found.action = decision.action.word();
        let sum: rblmap_policy::Score = decision.hits.iter().map(|hit| hit.weight).sum();
        found.score = Some(sum.to_string());
    }

    #[cold]
    fn tell_bad(&mut self, key: &[u8]) {
        self.bad += 1;
        if self.bad <= TOLD {
            let key = key.get(..200).unwrap_or(key);
            eprintln!(
                "rblmap: key {}: neither an address nor a domain name",
                escaped(key)
            );
        }
    }
}

/// Adds what a zone says, and tells whether it lists the key.
fn add(answer: Answer<'_>, name: &str, buffer: &mut TextBuf, found: &mut Found) -> bool {
    if !answer.is_listed() {
        return false;
    }
    for record in answer.records() {
        found.a.extend(record.a());
        found.txt.extend(record.txt(buffer).map(<[u8]>::to_vec));
    }
    found.zones.push(name.to_owned());
    true
}

/// Reads a line; nothing at the end of input.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, Trouble> {
    line.clear();
    add_line(input, line)
}

/// Adds a line with its end to a text.
fn add_line(input: &mut impl BufRead, text: &mut Vec<u8>) -> Result<bool, Trouble> {
    let read = input.read_until(b'\n', text).map_err(Trouble::Reading)?;
    Ok(read > 0)
}

fn parse(text: &[u8]) -> Option<Key> {
    match asked_key(text).ok()? {
        AskedKey::Address(address) => Some(Key::Address(address)),
        AskedKey::Name(name) => Some(Key::Name(name)),
    }
}
