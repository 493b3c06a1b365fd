//! `rblmap watch`: what of mine was listed or delisted since last time.

mod atom;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use rblmap::{Image, NameKey, NameRule, Run, ValueId, Zone};
use serde::{Deserialize, Serialize};

use crate::cmd::time::rfc3339;
use crate::cmd::{now, open};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::escaped;

/// Say what of mine was listed or delisted since last time
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Compares what the images of DIR say of your networks and names with what they said at the last run,
which is remembered in a state file. Prints a line for each change:
  TIME<TAB>ZONE<TAB>listed|changed|delisted<TAB>KEY<TAB>A[,A...]<TAB>SERIAL
The first run prints what is listed. A name stands for itself and those below it.

Exit codes: 0 something changed, 1 nothing did, 3 a file or image that cannot be read, 10 the hook
failed (and gets the same changes at the next run).

Examples:
  rblmap watch /var/lib/rblmap --networks mine.txt --names mine-names.txt
  rblmap watch /var/lib/rblmap --networks mine.txt --atom /var/www/listed.xml
  rblmap watch /var/lib/rblmap --networks mine.txt --hook /usr/local/bin/mail-me")]
pub(crate) struct Args {
    /// A mirror's folder
    dir: PathBuf,
    /// Networks and addresses, one a line; `#` begins a comment
    #[arg(long, value_name = "FILE", required_unless_present = "names")]
    networks: Option<PathBuf>,
    /// Names, one a line
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// Where the last run is remembered (default: beside the first list, with .watch after its name)
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Keep the last hundred changes in this Atom feed
    #[arg(long, value_name = "FILE")]
    atom: Option<PathBuf>,
    /// Start this program if something changed, with the changes on its standard input
    #[arg(long, value_name = "PROGRAM")]
    hook: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// What is remembered between runs.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    /// By zone and key, the A records that list it.
    listed: BTreeMap<String, BTreeMap<String, String>>,
    /// The last changes, newest first, for the feed.
    changes: Vec<Change>,
}

/// One change, as a script reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    time: String,
    zone: String,
    event: String,
    key: String,
    a: String,
    serial: u64,
}

/// So many changes stay in the feed.
const KEPT: usize = 100;

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let networks = networks(args.networks.as_deref())?;
    let names = names(args.names.as_deref())?;
    let path = state_path(&args);
    let mut state = read_state(&path)?;
    let mut exit = Exit::Done;
    let mut changes = Vec::new();
    let mut any_image = false;
    for image_path in images(&args.dir)? {
        let image = match open::image(&image_path) {
            Ok(image) => image,
            Err(failure) => {
                // What it listed stays remembered.
                failure.say();
                exit = exit.or_worse(failure.exit());
                continue;
            }
        };
        any_image = true;
        let path = &image_path;
        look(
            &image,
            path,
            &networks,
            &names,
            &mut state.listed,
            &mut changes,
        )?;
    }
    if !any_image && exit == Exit::Done {
        let what = format!("{}: no image", args.dir.display());
        return Err(Failure::new(Exit::BadInput, what));
    }
    let mut text = Vec::new();
    let printed = print(&changes, args.json, &mut text);
    let printed = printed.and_then(|()| {
        let mut out = BufWriter::new(io::stdout().lock());
        out.write_all(&text).and_then(|()| out.flush())
    });
    printed.map_err(|error| Failure::printing(&error))?;
    if let Some(program) = args.hook.as_deref().filter(|_| !changes.is_empty()) {
        call(program, &text, changes.len())?;
    }
    let is_quiet = changes.is_empty();
    changes.append(&mut state.changes);
    changes.truncate(KEPT);
    state.changes = changes;
    if let Some(path) = &args.atom {
        write(path, atom::feed(&state.changes, now()).as_bytes())?;
    }
    let bytes = serde_json::to_vec(&state)
        .map_err(|error| Failure::writing(&path, &io::Error::from(error)))?;
    write(&path, &bytes)?;
    Ok(match exit {
        Exit::Done if is_quiet => Exit::NotListed,
        exit => exit,
    })
}

/// Compares all zones of an image with what is remembered, and remembers them.
fn look(
    image: &Image,
    path: &Path,
    networks: &[IpNet],
    names: &[NameKey],
    listed: &mut BTreeMap<String, BTreeMap<String, String>>,
    changes: &mut Vec<Change>,
) -> Result<(), Failure> {
    for zone in image.zones() {
        let zone = zone.map_err(|error| Failure::at(path, error))?;
        let name = match zone.name().label_count() {
            0 => image.name().to_owned(),
            _ => format!("{}.{}", zone.name(), image.name()),
        };
        let mut is = BTreeMap::new();
        of_networks(image, &zone, networks, &mut is);
        of_names(image, &zone, names, &mut is);
        let was = listed.insert(name.clone(), is.clone()).unwrap_or_default();
        compare(image, &name, &was, &is, changes);
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    rblmap_image::place(path, bytes).map_err(|error| Failure::writing(path, &error))
}

fn networks(path: Option<&Path>) -> Result<Vec<IpNet>, Failure> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let mut networks = Vec::new();
    for line in open::lines(path)? {
        let net = line.parse::<IpNet>().ok();
        let net = net.or_else(|| {
            line.parse()
                .ok()
                .map(|address: std::net::IpAddr| address.into())
        });
        let Some(net) = net else {
            let what = format!(
                "{}: {}: no network",
                path.display(),
                escaped(line.as_bytes())
            );
            return Err(Failure::new(Exit::BadInput, what));
        };
        networks.push(net.trunc());
    }
    Ok(IpNet::aggregate(&networks))
}

fn names(path: Option<&Path>) -> Result<Vec<NameKey>, Failure> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    for line in open::lines(path)? {
        let name = line.trim_start_matches("*.").trim_start_matches('.');
        let key = NameKey::parse(name.as_bytes()).map_err(|error| {
            let line = escaped(line.as_bytes());
            Failure::new(
                Exit::BadInput,
                format!("{}: {line}: {error}", path.display()),
            )
        })?;
        names.push(key);
    }
    Ok(names)
}

fn state_path(args: &Args) -> PathBuf {
    if let Some(path) = &args.state {
        return path.clone();
    }
    let list = args.networks.as_ref().or(args.names.as_ref());
    let mut path = list.cloned().unwrap_or_default().into_os_string();
    path.push(".watch");
    path.into()
}

fn read_state(path: &Path) -> Result<State, Failure> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::default()),
        Err(error) => return Err(Failure::reading(path, &error)),
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        let what = format!("{}: not the state of a watch: {error}", path.display());
        Failure::new(Exit::BadInput, what)
    })
}

/// The images that run, not those before them.
fn images(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(dir).map_err(|error| Failure::reading(dir, &error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Failure::reading(dir, &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rbl") && !name.ends_with(".prev.rbl") && !name.starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// The A records of a value, if it lists anything.
fn codes(image: &Image, id: ValueId) -> Option<String> {
    let mut a: Vec<Ipv4Addr> = image
        .value(id)
        .records()
        .filter_map(|record| record.a)
        .collect();
    a.sort_unstable();
    a.dedup();
    let a: Vec<String> = a.iter().map(Ipv4Addr::to_string).collect();
    (!a.is_empty()).then(|| a.join(","))
}

fn of_networks(
    image: &Image,
    zone: &Zone<'_>,
    networks: &[IpNet],
    listed: &mut BTreeMap<String, String>,
) {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for net in networks {
        match net {
            IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
            IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
        }
    }
    each_inside(zone.v4_runs(), &v4, |start, end, id| {
        let Some(a) = codes(image, id) else { return };
        for net in Ipv4Subnets::new(start.into(), end.into(), 0) {
            let key = if net.prefix_len() == 32 {
                net.addr().to_string()
            } else {
                net.to_string()
            };
            listed.insert(key, a.clone());
        }
    });
    each_inside(zone.v6_runs(), &v6, |start, end, id| {
        let Some(a) = codes(image, id) else { return };
        let (start, end) = (Ipv6Addr::from_bits(start), Ipv6Addr::from_bits(end));
        for net in Ipv6Subnets::new(start, end, 0) {
            let key = if net.prefix_len() == 128 {
                net.addr().to_string()
            } else {
                net.to_string()
            };
            listed.insert(key, a.clone());
        }
    });
}

/// The parts of runs that lie in ranges, which rise and do not overlap.
fn each_inside<A: Copy + Ord>(
    runs: impl Iterator<Item = Run<A>>,
    ranges: &[(A, A)],
    mut see: impl FnMut(A, A, ValueId),
) {
    let mut ranges = ranges.iter().copied().peekable();
    for run in runs {
        while ranges.next_if(|(_, last)| *last < run.start).is_some() {}
        for (first, last) in ranges.clone().take_while(|(first, _)| *first <= run.end) {
            see(run.start.max(first), run.end.min(last), run.value);
        }
        if ranges.peek().is_none() {
            return;
        }
    }
}

fn of_names(
    image: &Image,
    zone: &Zone<'_>,
    names: &[NameKey],
    listed: &mut BTreeMap<String, String>,
) {
    for name in names {
        let answer = zone.lookup_name(name);
        if answer.is_listed() {
            let mut a: Vec<Ipv4Addr> = answer.records().filter_map(|record| record.a()).collect();
            a.sort_unstable();
            a.dedup();
            let a: Vec<String> = a.iter().map(Ipv4Addr::to_string).collect();
            listed.insert(escaped(name.to_string().as_bytes()), a.join(","));
        }
        for point in zone.names_within(name) {
            let shown = escaped(point.key.to_string().as_bytes());
            let slots = [
                (point.exact, shown.clone()),
                (point.below, format!("*.{shown}")),
            ];
            for (slot, key) in slots {
                if let NameRule::Value(id) = slot
                    && let Some(a) = codes(image, id)
                {
                    listed.insert(key, a);
                }
            }
        }
    }
}

fn compare(
    image: &Image,
    zone: &str,
    was: &BTreeMap<String, String>,
    is: &BTreeMap<String, String>,
    changes: &mut Vec<Change>,
) {
    let mut push = |event: &str, key: &String, a: &String| {
        let created = image.created();
        changes.push(Change {
            time: rfc3339(if created == 0 { now() } else { created }),
            zone: zone.to_owned(),
            event: event.to_owned(),
            key: key.clone(),
            a: a.clone(),
            serial: image.serial(),
        });
    };
    for (key, a) in is {
        match was.get(key) {
            None => push("listed", key, a),
            Some(before) if before != a => push("changed", key, a),
            Some(_) => {}
        }
    }
    for (key, a) in was.iter().filter(|(key, _)| !is.contains_key(*key)) {
        push("delisted", key, a);
    }
}

fn print(changes: &[Change], json: bool, out: &mut Vec<u8>) -> io::Result<()> {
    for change in changes {
        if json {
            serde_json::to_writer(&mut *out, change)?;
            out.push(b'\n');
        } else {
            let Change {
                time,
                zone,
                event,
                key,
                a,
                serial,
            } = change;
            writeln!(out, "{time}\t{zone}\t{event}\t{key}\t{a}\t{serial}")?;
        }
    }
    Ok(())
}

fn call(program: &Path, text: &[u8], count: usize) -> Result<(), Failure> {
    let failed = |what: String| {
        let what = format!("hook {}: {what}", program.display());
        Failure::new(Exit::Hook, what)
    };
    let child = Command::new(program)
        .env("RBLMAP_CHANGES", count.to_string())
        .stdin(Stdio::piped())
        .stdout(io::stderr())
        .spawn();
    let mut child = child.map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A hook need not read what it is given.
        let _ = stdin.write_all(text);
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if status.success() {
        return Ok(());
    }
    Err(failed(status.to_string()))
}
