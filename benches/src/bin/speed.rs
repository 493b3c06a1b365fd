//! How fast lookups are, beside one random line of the same mapping and beside what else there is:
//! `speed [--rounds N] [--small | --huge] [--peers] [--gates] [--only SET] [--json FILE]`. A table a
//! list on standard output, and at the end the gates; `scripts/bench` runs it. With --gates only lists
//! and programs that have one.

#![allow(clippy::print_stdout, reason = "prints its result")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a bench may panic"
)]

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use fastrand::Rng;
use rblmap::{Image, ImageSet, NameKey, Zone};
use rblmap_benches::lists::{self, List, Queries, content_of, find};
use rblmap_benches::rows::{Figures, How, Row, measure, table};
use rblmap_benches::{gates, opening, peers};
use rblmap_content::Content;
use rblmap_image::{Stamp, encode, place};
use rblmap_measure::{Effort, Lines, OtherWork, QUERIES, stay};
use serde_json::{Value, json};

/// Of each mix, as many as some rounds need; a round takes the next part.
const ALL_QUERIES: usize = QUERIES * 8;

struct Options {
    rounds: usize,
    small: bool,
    huge: bool,
    peers: bool,
    gates: bool,
    only: Option<String>,
    json: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if opening::is_child(&arguments)? {
        return Ok(());
    }
    let options = options()?;
    stay();
    let size = |full| if options.small { full / 20 } else { full };
    type Make = fn(&'static str, usize) -> List<u32>;
    let lists: [(&str, Make, usize); 4] = [
        ("1M clustered", lists::singles, size(1_000_000)),
        ("10M clustered", lists::singles, size(10_000_000)),
        ("10M with ranges", lists::with_ranges, size(10_000_000)),
        ("10M uniform", lists::uniform, size(10_000_000)),
    ];
    let mut tables = Vec::new();
    let wanted = |name: &str| {
        options
            .only
            .as_ref()
            .is_none_or(|only| name.contains(only.as_str()))
            && (!options.gates || gates::are_for(name))
    };
    for (name, make, count) in lists {
        if wanted(name) {
            tables.push(v4(&make(name, count), &options)?);
        }
    }
    if options.huge && wanted("100M clustered") {
        tables.push(v4(
            &lists::singles("100M clustered", 100_000_000),
            &options,
        )?);
    }
    if wanted("five lists") {
        tables.push(five(size(2_000_000), &options)?);
    }
    if wanted("IPv6 1M") {
        tables.push(v6(&lists::v6("IPv6 1M", size(1_000_000)), &options)?);
    }
    if wanted("names 5M") {
        tables.push(names(size(5_000_000), &options)?);
    }
    if let (Some(only), true) = (&options.only, tables.is_empty()) {
        return Err(format!("no list has {only:?} in its name").into());
    }
    println!("{}", gates::table(&tables));
    if let Some(path) = &options.json {
        let all = json!({ "machine": machine(), "rounds": options.rounds, "lists": tables });
        std::fs::write(path, format!("{all:#}\n"))?;
    }
    Ok(())
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        rounds: 7,
        small: false,
        huge: false,
        peers: false,
        gates: false,
        only: None,
        json: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--rounds" => options.rounds = value()?.parse()?,
            "--only" => options.only = Some(value()?),
            "--json" => options.json = Some(value()?.into()),
            "--small" => options.small = true,
            "--huge" => options.huge = true,
            "--peers" => options.peers = true,
            "--gates" => options.gates = true,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(options)
}

/// The processor's name and how many there are, for the head of the report.
fn machine() -> Value {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |line: &str| Some(line.split_once(':')?.1.trim().to_owned());
    let model = info
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(field);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    json!({ "model": model, "cores": cores })
}

/// An image of a content, mapped from a file that is gone when this is.
struct OnDisk {
    path: PathBuf,
    image: Image,
}

impl OnDisk {
    fn new(content: &Content) -> Result<OnDisk, Box<dyn Error>> {
        let number = fastrand::u64(..);
        let path = std::env::temp_dir().join(format!("rblmap-speed-{number:x}.rbl"));
        place(&path, &encode(content, Stamp::default())?)?;
        let image = rblmap_benches::map(&path)?;
        // All pages are there before anything is timed.
        let lines = Lines::new(image.as_bytes());
        (0..lines.count() as u64).for_each(|line| {
            std::hint::black_box(lines.read(((line << 32) / lines.count() as u64) as u32));
        });
        Ok(OnDisk { path, image })
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The part of the queries that a round takes.
fn part<Q>(queries: &[Q], round: usize) -> &[Q] {
    let parts = (queries.len() / QUERIES).max(1);
    let from = round % parts * QUERIES;
    &queries[from..(from + QUERIES).min(queries.len())]
}

/// Cold accesses take their queries from all over.
fn cold_part<Q>(queries: &[Q], round: usize) -> &[Q] {
    &queries[(round * 997) % (queries.len() / 2)..]
}

/// The rows of an image that is asked in one way: one at a time, and cold.
fn latency_and_cold<'a, Q: Copy>(
    mix: &'static str,
    asked: &'a [Q],
    is_listed: impl Fn(&Q) -> u32 + Copy + 'a,
    work: &'a OtherWork,
) -> [Row<'a>; 2] {
    let row = |how, limit, work| Row {
        structure: "image",
        mix,
        how,
        limit,
        work,
    };
    [
        row(
            How::Latency,
            LINE,
            Box::new(move |round| work.latency(part(asked, round), is_listed)),
        ),
        row(
            How::Cold,
            COLD_LINE,
            Box::new(move |round| work.cold(cold_part(asked, round), is_listed)),
        ),
    ]
}

/// The numbers of the limits in the list of [`limits`].
const LINE: Option<usize> = Some(0);
const PREFETCHED: Option<usize> = Some(1);
const COLD_LINE: Option<usize> = Some(2);

fn limits<'a>(image: &'a Image, random: &'a [u32], work: &'a OtherWork) -> Vec<Row<'a>> {
    let lines = Lines::new(image.as_bytes());
    let limit = |how, work| Row {
        structure: "random line",
        mix: "",
        how,
        limit: None,
        work,
    };
    vec![
        limit(
            How::Latency,
            Box::new(move |round| work.latency(part(random, round), |&number| lines.read(number))),
        ),
        limit(
            How::Batch,
            Box::new(move |round| {
                work.blocks(part(random, round), |block| {
                    std::hint::black_box(lines.read_many(block));
                })
            }),
        ),
        limit(
            How::Cold,
            Box::new(move |round| {
                let queries = cold_part(random, round);
                work.cold(queries, |&number| lines.read(number))
            }),
        ),
        limit(
            How::Stream,
            Box::new(move |round| work.stream(part(random, round), |&number| lines.read(number))),
        ),
    ]
}

fn random() -> Vec<u32> {
    let rng = &mut Rng::with_seed(16);
    std::iter::repeat_with(|| rng.u32(..))
        .take(ALL_QUERIES)
        .collect()
}

/// Rows and report of one list of IPv4 addresses.
fn v4(list: &List<u32>, options: &Options) -> Result<Value, Box<dyn Error>> {
    eprintln!(
        "{}: {} entries, {} runs",
        list.name,
        list.entries,
        list.runs.len()
    );
    let disk = OnDisk::new(&content_of(&list.runs, &[], &[])?)?;
    let zone = disk.image.base();
    let queries = Queries::new(list, ALL_QUERIES);
    let (random, work) = (random(), &OtherWork::new(Effort::FULL));
    let all = match (options.peers, options.gates) {
        (true, false) => peers::all(list)?,
        (true, true) => peers::with_a_gate(list)?,
        (false, _) => Vec::new(),
    };
    let mut bytes = vec![("image", disk.image.as_bytes().len())];
    let mut rows = Vec::new();
    for (mix, asked) in queries.mixes() {
        check("image", asked, list, |address| reason(&zone, address));
        check("image, portable", asked, list, |address| {
            reason(&zone.portable(), address)
        });
        check_many(&zone, asked, list);
        check_many(&zone.portable(), asked, list);
        image_rows(&mut rows, mix, asked, zone, work);
    }
    rows.extend(opening::rows(&disk.path));
    for peer in &all {
        eprintln!("  {}: {} bytes", peer.name(), peer.bytes());
        bytes.push((peer.name(), peer.bytes()));
        for (mix, asked) in queries.mixes() {
            if peer.has_values() {
                check(peer.name(), asked, list, |address| {
                    peer.lookup(address) as u8
                });
            } else {
                let agree = asked
                    .iter()
                    .all(|&a| (peer.lookup(a) != 0) == (find(&list.runs, a) != 0));
                assert!(agree, "{} differs", peer.name());
            }
            rows.push(Row {
                structure: peer.name(),
                mix,
                how: How::Latency,
                limit: LINE,
                work: Box::new(move |round| peer.latency(part(asked, round), work)),
            });
        }
    }
    let figures = measure(
        rows,
        limits(&disk.image, &random, work),
        options.rounds,
        told(options),
    );
    Ok(report(list.name, list.entries, &bytes, &figures))
}

/// The last byte of the first A record: what all structures are asked for.
fn reason(zone: &Zone<'_>, address: u32) -> u8 {
    let first = zone.lookup_v4(address).records().next();
    first
        .and_then(|record| record.a())
        .map_or(0, |a| a.octets()[3])
}

fn check(name: &str, asked: &[u32], list: &List<u32>, lookup: impl Fn(u32) -> u8) {
    for &address in asked {
        assert_eq!(
            lookup(address),
            find(&list.runs, address),
            "{name}: {address:08x}"
        );
    }
}

fn check_many(zone: &Zone<'_>, asked: &[u32], list: &List<u32>) {
    let mut listed = vec![false; asked.len()];
    zone.contains_v4_many(asked, &mut listed);
    let agree = asked
        .iter()
        .zip(listed)
        .all(|(&a, listed)| listed == (find(&list.runs, a) != 0));
    assert!(agree, "many at once differ");
}

fn image_rows<'a>(
    rows: &mut Vec<Row<'a>>,
    mix: &'static str,
    asked: &'a [u32],
    zone: Zone<'a>,
    work: &'a OtherWork,
) {
    let mut row = |structure, how, limit, work| {
        rows.push(Row {
            structure,
            mix,
            how,
            limit,
            work,
        });
    };
    let is_listed = move |address: &u32| u32::from(zone.lookup_v4(*address).is_listed());
    row(
        "image",
        How::Latency,
        LINE,
        Box::new(move |round| work.latency(part(asked, round), is_listed)),
    );
    let portable = zone.portable();
    let is_listed_portable =
        move |address: &u32| u32::from(portable.lookup_v4(*address).is_listed());
    row(
        "image, portable",
        How::Latency,
        LINE,
        Box::new(move |round| work.latency(part(asked, round), is_listed_portable)),
    );
    row(
        "image, with its A record",
        How::Latency,
        LINE,
        Box::new(move |round| work.latency(part(asked, round), |&a| reason(&zone, a).into())),
    );
    row(
        "image",
        How::Stream,
        Some(3),
        Box::new(move |round| work.stream(part(asked, round), is_listed)),
    );
    for (name, zone) in [("image", zone), ("image, portable", portable)] {
        let mut values = [None; 256];
        let many = move |round| {
            work.blocks(part(asked, round), |block| {
                for addresses in block.chunks(256) {
                    zone.lookup_v4_many(addresses, &mut values);
                    std::hint::black_box(&values);
                }
            })
        };
        row(name, How::Batch, PREFETCHED, Box::new(many));
    }
    row(
        "image",
        How::Cold,
        COLD_LINE,
        Box::new(move |round| work.cold(cold_part(asked, round), is_listed)),
    );
}

/// Five lists of one mail host: asked together, and one after the other.
fn five(count: usize, options: &Options) -> Result<Value, Box<dyn Error>> {
    eprintln!("five lists");
    let names = ["rbl", "dul", "rss", "ops", "nml"];
    let mut disks = Vec::new();
    let mut lists = Vec::new();
    for (number, name) in names.into_iter().enumerate() {
        let list = lists::singles(name, count * (number + 1) / 3);
        disks.push(OnDisk::new(&content_of(&list.runs, &[], &[])?)?);
        lists.push(list);
    }
    let mut set = ImageSet::new();
    for disk in &disks {
        set.add(&std::sync::Arc::new(rblmap_benches::map(&disk.path)?), "@")?;
    }
    let zones: Vec<Zone<'_>> = disks.iter().map(|disk| disk.image.base()).collect();
    let biggest = &lists[4];
    let queries = Queries::new(biggest, ALL_QUERIES);
    let together = |&address: &u32| {
        let answers = set.lookup(std::net::Ipv4Addr::from(address));
        answers.fold(0, |bits: u32, answer| {
            bits << 1 | u32::from(answer.is_listed())
        })
    };
    let apart = |&address: &u32| {
        let answers = zones.iter().map(|zone| zone.lookup_v4(address));
        answers.fold(0, |bits: u32, answer| {
            bits << 1 | u32::from(answer.is_listed())
        })
    };
    let (random, work) = (random(), &OtherWork::new(Effort::FULL));
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (mix, asked) in queries.mixes() {
        for address in asked {
            let bits = lists.iter().fold(0, |bits: u32, list| {
                bits << 1 | u32::from(find(&list.runs, *address) != 0)
            });
            assert_eq!(
                (together(address), apart(address)),
                (bits, bits),
                "{address:08x}"
            );
        }
        rows.push(Row {
            structure: "five zones together",
            mix,
            how: How::Latency,
            limit: LINE,
            work: Box::new(move |round| work.latency(part(asked, round), together)),
        });
        rows.push(Row {
            structure: "five zones in turn",
            mix,
            how: How::Latency,
            limit: LINE,
            work: Box::new(move |round| work.latency(part(asked, round), apart)),
        });
        let (together, apart) = (&together, &apart);
        rows.push(Row {
            structure: "five zones together",
            mix,
            how: How::Cold,
            limit: COLD_LINE,
            work: Box::new(move |round| work.cold(cold_part(asked, round), together)),
        });
        rows.push(Row {
            structure: "five zones in turn",
            mix,
            how: How::Cold,
            limit: COLD_LINE,
            work: Box::new(move |round| work.cold(cold_part(asked, round), apart)),
        });
    }
    let entries = lists.iter().map(|list| list.entries).sum();
    let bytes = disks.iter().map(|disk| disk.image.as_bytes().len()).sum();
    let limits = limits(&disks[4].image, &random, work);
    let figures = measure(rows, limits, options.rounds, told(options));
    Ok(report("five lists", entries, &[("image", bytes)], &figures))
}

fn v6(list: &List<u128>, options: &Options) -> Result<Value, Box<dyn Error>> {
    eprintln!(
        "{}: {} entries, {} runs",
        list.name,
        list.entries,
        list.runs.len()
    );
    let disk = OnDisk::new(&content_of(&[], &list.runs, &[])?)?;
    let zone = disk.image.base();
    let rng = &mut Rng::with_seed(17);
    let runs = &list.runs;
    let near = |rng: &mut Rng| {
        let run = runs[rng.usize(..runs.len())];
        // In a listed /32 but, most of the time, not listed.
        run.start >> 96 << 96 | u128::from(rng.u64(..)) << 32 | u128::from(rng.u32(..))
    };
    let listed = |rng: &mut Rng| {
        let run = runs[rng.usize(..runs.len())];
        rng.u128(run.start..=run.end)
    };
    let hit: Vec<u128> = (0..ALL_QUERIES).map(|_| listed(rng)).collect();
    let mut miss: Vec<u128> = (0..ALL_QUERIES).map(|_| near(rng)).collect();
    miss.retain(|&address| find(runs, address) == 0);
    let (random, work) = (random(), &OtherWork::new(Effort::FULL));
    let is_listed = |address: &u128| u32::from(zone.lookup_v6(*address).is_listed());
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (mix, asked) in [("hit", &hit), ("miss in a listed /32", &miss)] {
        let agree = |a: &u128| is_listed(a) == u32::from(find(runs, *a) != 0);
        assert!(asked.iter().all(agree), "IPv6 answers differ");
        rows.extend(latency_and_cold(mix, asked, is_listed, work));
    }
    rows.extend(opening::rows(&disk.path));
    let bytes = [("image", disk.image.as_bytes().len())];
    let limits = limits(&disk.image, &random, work);
    let figures = measure(rows, limits, options.rounds, told(options));
    Ok(report(list.name, list.entries, &bytes, &figures))
}

fn names(count: usize, options: &Options) -> Result<Value, Box<dyn Error>> {
    eprintln!("names 5M: {count} names");
    let mut list = lists::names(count);
    let disk = OnDisk::new(&content_of(&[], &[], &list)?)?;
    let zone = disk.image.base();
    let rng = &mut Rng::with_seed(18);
    rng.shuffle(&mut list);
    list.truncate(QUERIES * 2);
    let hit: Vec<NameKey> = list.iter().map(|(name, _)| *name).collect();
    drop(list);
    let other = |name: &NameKey| NameKey::parse(format!("z{name}").as_bytes()).unwrap_or(*name);
    let mut miss: Vec<NameKey> = hit.iter().map(other).collect();
    miss.retain(|name| !zone.lookup_name(name).is_listed());
    let (random, work) = (random(), &OtherWork::new(Effort::FULL));
    let is_listed = |name: &NameKey| u32::from(zone.lookup_name(name).is_listed());
    assert!(
        hit.iter().all(|name| is_listed(name) == 1),
        "a listed name is not found"
    );
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (mix, asked) in [("exact hit", &hit), ("miss", &miss)] {
        rows.extend(latency_and_cold(mix, asked, is_listed, work));
    }
    rows.extend(opening::rows(&disk.path));
    let bytes = [("image", disk.image.as_bytes().len())];
    let limits = limits(&disk.image, &random, work);
    let figures = measure(rows, limits, options.rounds, told(options));
    Ok(report("names 5M", count, &bytes, &figures))
}

fn told(options: &Options) -> impl FnMut(usize) + use<> {
    let (rounds, start) = (options.rounds, Instant::now());
    move |round| {
        eprintln!(
            "  round {} of {rounds}, {:.0} s",
            round + 1,
            start.elapsed().as_secs_f64()
        )
    }
}

fn report(name: &str, entries: usize, bytes: &[(&str, usize)], figures: &[Figures]) -> Value {
    println!("### {name}\n");
    for (structure, bytes) in bytes {
        let per_entry = *bytes as f64 / entries as f64;
        println!("{structure}: {bytes} bytes, {per_entry:.2} an entry  ");
    }
    println!("\n{}", table(figures));
    json!({
        "name": name,
        "entries": entries,
        "bytes": bytes.iter().copied().collect::<std::collections::BTreeMap<_, _>>(),
        "rows": figures.iter().map(Figures::json).collect::<Vec<_>>(),
    })
}
