//! What many lookups at once cost in Rust, for what `scripts/bench-embedding` holds against it:
//! `bulk make FOLDER` writes an image of ten million clustered addresses, and what is asked about it,
//! as numbers (`hit.u32`, `miss.u32`) and as lines (`hit.txt`, `miss.txt`). `bulk ask IMAGE NUMBERS`
//! prints nanoseconds an address. `bulk lines` is the least that a filter does beside lookups: it
//! reads lines, takes each for an address, and writes it with one of two words behind.

#![allow(clippy::print_stdout, reason = "prints its result")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a bench may panic"
)]
#![allow(
    clippy::host_endian_bytes,
    reason = "C and numpy read the numbers, too"
)]

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Instant;

use rblmap_benches::lists::{Queries, content_of, singles};
use rblmap_image::{Stamp, encode, place};

const ENTRIES: usize = 10_000_000;
const QUERIES: usize = 4_000_000;
/// So many bytes a filter reads at a time.
const BLOCK: usize = 1 << 18;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", folder] => make(Path::new(folder)),
        ["ask", image, numbers] => ask(image.as_ref(), numbers.as_ref()),
        ["lines"] => lines(),
        _ => Err("usage: bulk make FOLDER | ask IMAGE NUMBERS | lines".into()),
    }
}

fn make(folder: &Path) -> Result<(), Box<dyn Error>> {
    let list = singles("bulk", ENTRIES);
    let content = content_of(&list.runs, &[], &[])?;
    place(
        &folder.join("bench.rbl"),
        &encode(&content, Stamp::default())?,
    )?;
    let queries = Queries::new(&list, QUERIES);
    for (name, addresses) in [("hit", queries.hit), ("miss", queries.miss)] {
        let numbers: Vec<u8> = addresses.iter().flat_map(|a| a.to_ne_bytes()).collect();
        fs::write(folder.join(name).with_extension("u32"), numbers)?;
        let lines = addresses
            .iter()
            .map(|&a| format!("{}\n", Ipv4Addr::from(a)));
        fs::write(
            folder.join(name).with_extension("txt"),
            lines.collect::<String>(),
        )?;
    }
    Ok(())
}

/// Both ways to ask: for the values, and whether they list.
fn ask(image: &Path, numbers: &Path) -> Result<(), Box<dyn Error>> {
    let image = rblmap_benches::map(image)?;
    let zone = image.base();
    let bytes = fs::read(numbers)?;
    let addresses: Vec<u32> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|a| u32::from_ne_bytes(*a))
        .collect();
    let mut values = vec![None; 1024];
    let mut ids = || {
        for part in addresses.chunks(values.len()) {
            zone.lookup_v4_many(part, &mut values);
            black_box(&values);
        }
    };
    println!(
        "lookup_v4_many\t{:.2}",
        second_time(addresses.len(), &mut ids)
    );
    let mut listed = vec![false; addresses.len()];
    let mut bools = || {
        zone.contains_v4_many(&addresses, &mut listed);
        black_box(&listed);
    };
    println!(
        "contains_v4_many\t{:.2}",
        second_time(addresses.len(), &mut bools)
    );
    Ok(())
}

/// Nanoseconds of each of `count`, when all pages are there.
fn second_time(count: usize, work: &mut dyn FnMut()) -> f64 {
    work();
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e9 / count as f64
}

fn lines() -> Result<(), Box<dyn Error>> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut block = vec![0; BLOCK];
    let mut out = Vec::with_capacity(2 * BLOCK);
    let mut kept = 0;
    loop {
        let read = input.read(&mut block[kept..])?;
        if read == 0 {
            return Ok(());
        }
        let text = &block[..kept + read];
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', text) {
            let line = &text[start..end];
            out.extend_from_slice(line);
            let found: &[u8] = match address(line) {
                0 => b"\tlisted\n",
                _ => b"\tnot-listed\n",
            };
            out.extend_from_slice(found);
            start = end + 1;
        }
        output.write_all(&out)?;
        out.clear();
        kept = kept + read - start;
        block.copy_within(start..start + kept, 0);
    }
}

/// The number of an address that is written as one.
fn address(line: &[u8]) -> u32 {
    let (mut address, mut octet) = (0, 0);
    for &byte in line {
        if byte == b'.' {
            address = address << 8 | octet;
            octet = 0;
        } else {
            octet = octet * 10 + u32::from(byte - b'0');
        }
    }
    address << 8 | octet
}
