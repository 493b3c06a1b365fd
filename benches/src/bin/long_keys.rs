//! Lookups of IPv6 addresses and of names beside one random line of the same mapping:
//! `long_keys [--rounds N] [--size N] [v6|names]`. One lookup at a time: which key is next depends
//! on the last answer, so nothing overlaps. A row a mix: median in ns, and how many lines that is.

#![allow(clippy::print_stdout, reason = "prints its result")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a bench may panic"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use fastrand::Rng;
use rblmap::{Image, NameKey, NameRule, Run, ValueId};
use rblmap_content::{Content, Draft, Record, ValueBuf};
use rblmap_format::sections::{SectionInfo, kind};
use rblmap_image::{Stamp, encode, place};
use rblmap_measure::Lines;

/// Keys of one timing: few enough to stay near, as a key that was just read is.
const BLOCK: usize = 128;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut rounds, mut size, mut what) = (4000, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok());
        match argument.as_str() {
            "--rounds" => rounds = number().ok_or("--rounds needs a number")?,
            "--size" => size = number(),
            other => what = Some(other.to_owned()),
        }
    }
    if what.as_deref() != Some("names") {
        v6(size.unwrap_or(1_000_000), rounds)?;
    }
    if what.as_deref() != Some("v6") {
        names(size.unwrap_or(5_000_000), rounds)?;
    }
    Ok(())
}

/// The content's image, mapped from a file that is gone when the process ends.
fn map(
    content: &Content,
    keys: usize,
    kinds: std::ops::RangeInclusive<u16>,
) -> Result<Image, Box<dyn Error>> {
    let start = Instant::now();
    let bytes = encode(content, Stamp::default())?;
    let took = start.elapsed();
    let path = std::env::temp_dir().join(format!("long-keys-{}.rbl", std::process::id()));
    place(Path::new(&path), &bytes)?;
    let image = rblmap_benches::map(&path)?;
    std::fs::remove_file(&path)?;
    println!(
        "{keys} keys, {} bytes, {:.2} bytes a key, encoded in {took:.1?}",
        bytes.len(),
        bytes.len() as f64 / keys as f64
    );
    for SectionInfo { kind, len, .. } in image
        .sections()
        .filter(|section| kinds.contains(&section.kind))
    {
        println!(
            "  {:14}{:6.2} bytes a key",
            kind::name(kind),
            len as f64 / keys as f64
        );
    }
    Ok(image)
}

fn values(draft: &mut Draft) -> Vec<ValueId> {
    (2..34)
        .map(|last| {
            let a = Some([127, 0, 0, last].into());
            let value = ValueBuf::new([Record { a, text: None }]);
            draft.values.intern(&value).expect("few values")
        })
        .collect()
}

/// Times all mixes in turn, and a random line before each round.
fn measure<Q: Copy>(
    image: &Image,
    rounds: usize,
    mixes: &[(&str, Vec<Q>)],
    lookup: impl Fn(&Q) -> bool,
) {
    let lines = Lines::new(image.as_bytes());
    let rng = &mut Rng::with_seed(9);
    let zero = black_box(0usize);
    let mut times = vec![Vec::with_capacity(rounds); mixes.len() + 1];
    for round in 0..rounds {
        let random: Vec<u32> = (0..BLOCK).map(|_| rng.u32(..)).collect();
        let start = Instant::now();
        let mut last = 0;
        for at in 0..BLOCK {
            last = lines.read(random[at + (last & zero)]) as usize;
        }
        black_box(last);
        times[0].push(start.elapsed().as_nanos() as f64 / BLOCK as f64);
        for ((_, asked), times) in mixes.iter().zip(&mut times[1..]) {
            let from = round * BLOCK % (asked.len() - BLOCK);
            let block: Vec<Q> = asked[from..from + BLOCK].to_vec();
            let start = Instant::now();
            let mut last = 0;
            for at in 0..BLOCK {
                last = usize::from(lookup(&block[at + (last & zero)]));
            }
            black_box(last);
            times.push(start.elapsed().as_nanos() as f64 / BLOCK as f64);
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let line = median(&mut times[0]);
    println!("  {:24}{line:7.1} ns", "one random line");
    for ((name, _), times) in mixes.iter().zip(&mut times[1..]) {
        let time = median(times);
        println!("  {name:24}{time:7.1} ns {:6.2} lines", time / line);
    }
}

/// Prefixes as real lists have them: /64, /128 and /48 inside few /32s.
fn prefixes(count: usize, rng: &mut Rng) -> Vec<(u128, u32)> {
    let blocks: Vec<u128> = (0..22)
        .map(|_| 0x2000 + u128::from(rng.u16(..0x0a00)))
        .collect();
    let nets: Vec<u128> = (0..count / 100)
        .map(|_| blocks[rng.usize(..blocks.len())] << 112 | u128::from(rng.u16(..)) << 96)
        .collect();
    let mut list = Vec::with_capacity(count + 2000);
    while list.len() < count {
        let net = nets[(nets.len() as f64 * rng.f64().powi(3)) as usize];
        let lan = net | u128::from(rng.u16(..)) << 80 | u128::from(rng.u16(..)) << 64;
        match rng.u32(..100) {
            0..65 => list.push((lan, 64)),
            65..93 => list.push((lan, 48)),
            93..96 => list.push((lan, rng.u32(32..56))),
            _ => {
                let group = (1.0 / (1.0 - rng.f64())).min(2000.0) as usize;
                list.extend((0..group).map(|_| (lan | u128::from(rng.u64(..)), 128)));
            }
        }
    }
    list
}

/// The runs of prefixes, of which the longest decides.
fn sweep(list: &BTreeMap<(u128, u32), ValueId>) -> Vec<Run<u128>> {
    let mut runs: Vec<Run<u128>> = Vec::new();
    let mut open: Vec<(u128, ValueId)> = Vec::new();
    let mut next = 0u128;
    let mut say = |start, end, value| runs.push(Run { start, end, value });
    let last = [(u128::MAX, u128::MAX, None)];
    let nets = list.iter().map(|(&(start, len), &id)| {
        (
            start,
            start | u128::MAX.checked_shr(len).unwrap_or(0),
            Some(id),
        )
    });
    for (start, end, id) in nets.chain(last) {
        while let Some((end, id)) = open.pop_if(|(end, _)| *end < start) {
            if next <= end {
                say(next, end, id);
                next = end + 1;
            }
        }
        if let Some(&(_, above)) = open.last().filter(|_| next < start) {
            say(next, start - 1, above);
        }
        next = next.max(start);
        open.extend(id.map(|id| (end, id)));
    }
    runs
}

fn v6(count: usize, rounds: usize) -> Result<(), Box<dyn Error>> {
    let rng = &mut Rng::with_seed(6);
    let mut draft = Draft::new("bench.example".parse()?);
    let ids = values(&mut draft);
    let mut list = BTreeMap::new();
    for (address, len) in prefixes(count, rng) {
        let start = address & !u128::MAX.checked_shr(len).unwrap_or(0);
        list.insert((start, len), ids[(32.0 * rng.f64().powi(4)) as usize]);
    }
    draft.zone_mut(&NameKey::ROOT).v6 = sweep(&list);
    let content = draft.finish()?;
    println!("IPv6: {} runs", content.base().v6().len());
    let image = map(&content, list.len(), kind::V6_SORTED..=kind::V6_INSIDE_64)?;
    drop(content);
    let zone = image.base();
    let keys: Vec<(u128, u32)> = list.into_keys().collect();
    let mut draw = |wanted: &dyn Fn(u32) -> bool| -> Vec<u128> {
        let mut asked = Vec::new();
        while asked.len() < 1 << 19 {
            let (start, len) = keys[rng.usize(..keys.len())];
            if wanted(len) {
                asked.push(start | rng.u128(..).checked_shr(len).unwrap_or(0));
            }
        }
        asked
    };
    let mut mixes = vec![
        ("hit", draw(&|_| true)),
        ("hit /64", draw(&|len| len == 64)),
        ("hit /48", draw(&|len| len == 48)),
        ("hit /128", draw(&|len| len == 128)),
    ];
    let beside = |shift: u32, rng: &mut Rng| -> Vec<u128> {
        let mut asked = Vec::new();
        while asked.len() < 1 << 19 {
            let start = keys[rng.usize(..keys.len())].0;
            let address = start >> shift << shift | rng.u128(..) >> (128 - shift);
            if !zone.lookup_v6(address).is_listed() {
                asked.push(address);
            }
        }
        asked
    };
    let rng = &mut Rng::with_seed(7);
    mixes.push(("miss in a listed /32", beside(96, rng)));
    mixes.push(("miss in a listed /48", beside(80, rng)));
    let anywhere = std::iter::repeat_with(|| 1 << 125 | rng.u128(..) >> 3);
    let anywhere = anywhere.filter(|address| !zone.lookup_v6(*address).is_listed());
    mixes.push(("miss in 2000::/3", anywhere.take(1 << 19).collect()));
    measure(&image, rounds, &mixes, |address| {
        zone.lookup_v6(*address).is_listed()
    });
    Ok(())
}

/// A word of some syllables, or of random letters.
fn word(rng: &mut Rng) -> String {
    const FIRST: &[u8] = b"bcdfghjklmnprstvwbclmnprstmnrst";
    const SECOND: &[u8] = b"aeiouaeioaeoeae";
    const LAST: &[u8] = b"nrslntrsn";
    let mut word = String::new();
    if rng.u32(..100) < 12 {
        return (0..rng.usize(6..16))
            .map(|_| rng.alphanumeric().to_ascii_lowercase())
            .collect();
    }
    for _ in 0..rng.usize(2..6) {
        word.push(FIRST[rng.usize(..FIRST.len())].into());
        word.push(SECOND[rng.usize(..SECOND.len())].into());
        if rng.u8(..3) == 0 {
            word.push(LAST[rng.usize(..LAST.len())].into());
        }
    }
    match rng.u8(..10) {
        0 => word.push_str(&rng.u8(1..100).to_string()),
        1 => word.insert(word.len() / 2, '-'),
        _ => {}
    }
    word
}

fn a_name(hosts: &[String], rng: &mut Rng) -> String {
    const ENDS: [&str; 12] = [
        "net", "org", "ru", "info", "de", "top", "xyz", "co.uk", "com.br", "site", "online", "shop",
    ];
    let mut name = word(rng);
    for _ in 0..if rng.u32(..100) < 16 {
        rng.u32(1..7)
    } else {
        0
    } {
        let label = if rng.bool() {
            word(rng)
        } else {
            rng.lowercase().to_string()
        };
        name = format!("{label}.{name}");
    }
    match rng.u32(..100) {
        0..9 => name + "." + &hosts[(hosts.len() as f64 * rng.f64().powi(3)) as usize],
        9..51 => name + ".com",
        _ => name + "." + ENDS[(ENDS.len() as f64 * rng.f64().powi(2)) as usize],
    }
}

fn names(count: usize, rounds: usize) -> Result<(), Box<dyn Error>> {
    let rng = &mut Rng::with_seed(5);
    let hosts: Vec<String> = (0..400).map(|_| word(rng) + ".com").collect();
    let mut list: Vec<String> = (0..count + count / 8)
        .map(|_| a_name(&hosts, rng))
        .collect();
    list.sort_unstable();
    list.dedup();
    rng.shuffle(&mut list);
    list.truncate(count);
    let mut draft = Draft::new("bench.example".parse()?);
    let ids = values(&mut draft);
    let (mut exact, mut below) = (Vec::new(), Vec::new());
    let zone = draft.zone_mut(&NameKey::ROOT);
    for name in &list {
        let key = NameKey::parse(name.as_bytes())?;
        let value = NameRule::Value(ids[(32.0 * rng.f64().powi(4)) as usize]);
        let slots = match rng.u32(..100) {
            0..70 => (value, value),
            70..95 => (value, NameRule::Inherit),
            _ => (NameRule::Inherit, value),
        };
        zone.names.push(key.as_bytes(), slots.0, slots.1);
        if slots.0 != NameRule::Inherit && exact.len() < 1 << 18 {
            exact.push(key);
        }
        if slots.1 != NameRule::Inherit && below.len() < 1 << 18 {
            let mut longer = key;
            longer.push_label(b"mail")?;
            longer.push_label(b"a")?;
            below.push(longer);
        }
    }
    let bytes: usize = list.iter().map(String::len).sum();
    println!(
        "names: {:.1} bytes on average",
        bytes as f64 / list.len() as f64
    );
    let content = draft.finish()?;
    let image = map(&content, list.len(), kind::NAMES_SORTED..=kind::NAMES_ORDER)?;
    drop(content);
    let zone = image.base();
    let near = std::iter::repeat_with(|| {
        let mut name = list[rng.usize(..list.len())].clone().into_bytes();
        let at = rng.usize(..name.iter().position(|byte| *byte == b'.').unwrap_or(1));
        name[at] = if name[at] == b'x' { b'k' } else { b'x' };
        let mut key = NameKey::parse(&name).expect("a short name");
        if rng.bool() {
            key.push_label(b"mx").expect("a short name");
        }
        key
    });
    let near = near
        .filter(|name| !zone.lookup_name(name).is_listed())
        .take(1 << 18)
        .collect();
    let mail = std::iter::repeat_with(|| {
        let name = format!("mail{}.out.example{}q.com", rng.u8(..), rng.u32(..));
        NameKey::parse(name.as_bytes()).expect("a short name")
    });
    let mixes: [(&str, Vec<NameKey>); 4] = [
        ("exact", exact),
        ("below", below),
        ("miss, nearly a name", near),
        ("miss, a mail server", mail.take(1 << 18).collect()),
    ];
    measure(&image, rounds, &mixes, |name| {
        zone.lookup_name(name).is_listed()
    });
    let start = Instant::now();
    let walked = zone.names().count();
    println!("  walked {walked} names in {:.2?}", start.elapsed());
    Ok(())
}
