//! Files of a few bytes that ask for gigabytes or hours, as somebody with the online key may publish
//! them, and as anybody may send them to a person who looks at a file with `info` or `verify`. They
//! are made here from what the review of security tells of them: each ends soon, with exit code 3 or
//! 4, within 64 MiB of memory.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "tests may panic, and say how long they took"
)]

#[path = "../../delta/tests/bent/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of deltas")]
mod bent;
mod common;
#[path = "../../delta/tests/random/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of deltas")]
mod random;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rblmap::{Image, NameKey, NameRule};
use rblmap_content::{Content, Draft};
use rblmap_delta::{Header, Session, diff};
use rblmap_image::{Stamp, encode};

use bent::{Case, case, frame_at, seal, with_payload};
use common::finish;

/// Kilobytes of data that the command may hold, stacks of its threads included.
const MEMORY: u64 = 64 << 10;
/// They take milliseconds; a busy machine has time.
const SLOWEST: Duration = Duration::from_secs(3);

struct Bench {
    dir: tempfile::TempDir,
    case: Case,
    base: PathBuf,
}

impl Bench {
    fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let case = case(3);
        let base = dir.path().join("base.rbl");
        fs::write(&base, case.old.as_bytes()).unwrap();
        Bench { dir, case, base }
    }

    /// Every command that takes such a file refuses it in time.
    fn refused(&self, name: &str, bytes: &[u8], is_delta: bool) {
        let file = self.dir.path().join(name);
        fs::write(&file, bytes).unwrap();
        let (base, out) = (&self.base, self.dir.path().join("out.rbl"));
        let (file, base, out) = (text(&file), text(base), text(&out));
        let of_file: &[&[&str]] = match is_delta {
            true => &[
                &["verify", &file],
                &["apply", &base, &file, "-o", &out],
                &["dump", "--base", &base, &file],
            ],
            false => &[
                &["verify", &file],
                &["unpack", &file, "-o", &out],
                &["dump", &file],
            ],
        };
        for args in of_file {
            let started = Instant::now();
            let run = finish(bounded(args), b"");
            let took = started.elapsed();
            println!("{name}: {} bytes, {} {:?}", bytes.len(), args[0], took);
            let is_told = matches!(run.code, 3 | 4) && !run.stderr.is_empty();
            // What a delta says of itself may well be whole.
            let is_whole = args[0] == "verify" && is_delta && run.code == 0;
            assert!(
                is_told || is_whole,
                "{name}: {args:?}: {} {}",
                run.code,
                run.stderr
            );
            assert!(took < SLOWEST, "{name}: {args:?}: {took:?}");
        }
        assert!(!Path::new(&out).exists(), "{name}");
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn bounded(args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let limited = format!("ulimit -d {MEMORY}; exec \"$0\" \"$@\"");
    command.args(["-c", &limited, env!("CARGO_BIN_EXE_rblmap")]);
    command.args(args).env("RAYON_NUM_THREADS", "2");
    command
}

/// Parts of one zone each, as many as there are bytes: 392 bytes took 1.27 GB, 12,293 all there was.
#[test]
fn parts_without_zones_use_up_no_memory() {
    let bench = Bench::new();
    for len in [3_000_000usize, 6_000_000, 100_000_000] {
        for (file, is_delta) in [(&bench.case.snapshot, false), (&bench.case.delta, true)] {
            let mut bytes = vec![8u8];
            let mut rest = len as u32;
            while rest >= 0x80 {
                bytes.push((rest & 0x7f) as u8 | 0x80);
                rest >>= 7;
            }
            bytes.push(rest as u8);
            bytes.resize(len, 0);
            bench.refused("parts", &with_payload(file, &bytes), is_delta);
        }
    }
}

/// 131 KB of a frame that unpacks to 4 GB of zeros.
#[test]
fn a_frame_of_four_gigabytes_of_zeros_uses_up_no_memory() {
    let bench = Bench::new();
    let (blocks, len) = (32_768u32, u32::MAX - (128 << 10) + 1);
    for (file, is_delta) in [(&bench.case.snapshot, false), (&bench.case.delta, true)] {
        // Blocks of one byte that is repeated (RFC 8878), as zstd makes them of zeros.
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
        frame.extend(len.to_le_bytes());
        for block in 1..blocks {
            let header = 128 << 10 << 3 | 1 << 1 | u32::from(block + 1 == blocks);
            frame.extend(&header.to_le_bytes()[..3]);
            frame.push(0);
        }
        let bytes = seal([&file[..frame_at(file)], &frame].concat());
        bench.refused("zeros", &bytes, is_delta);
    }
}

/// 41 KB and 88 KB of text under the model took 18 s and 39 s.
#[test]
fn text_under_the_model_uses_up_no_time() {
    let bench = Bench::new();
    let mut random = fastrand::Rng::with_seed(10);
    for len in [41_000usize, 87_500] {
        let noise: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
        for decisions in [vec![0xff; len], vec![0; len], noise] {
            let mut bytes = vec![6u8, 0xff, 0xff, 0x3f, 16, 0, 0x80, 0xf1, 0x04];
            bytes.extend(decisions);
            bench.refused("text", &with_payload(&bench.case.snapshot, &bytes), false);
        }
    }
}

/// Common suffixes that all have one hash where the content id is chosen so that hashing is a sum of
/// eight bytes each: their table doubled until there was no memory.
#[test]
fn suffixes_that_collide_under_a_chosen_content_id_use_up_no_memory() {
    let bench = Bench::new();
    let (old, new) = (names(&[]), names(&colliding()));
    let image = |content: &Content| {
        let stamp = Stamp {
            serial: 1,
            created: 1,
        };
        Image::from_vec(encode(content, stamp).unwrap()).unwrap()
    };
    let (old, new) = (image(&old), image(&new));
    fs::write(&bench.base, old.as_bytes()).unwrap();
    let mut delta = diff(&old, &new, Session(1)).unwrap();
    let id = *Header::read(&delta).unwrap().result.as_bytes();
    let at = delta.windows(32).position(|bytes| bytes == id).unwrap();
    // The first 16 bytes are the key: what hashes begin with, and a factor, of which 1 is left.
    delta[at..at + 16].fill(0);
    bench.refused("suffixes", &seal(delta), true);
    let error = rblmap_delta::apply(
        &old,
        &[&fs::read(bench.dir.path().join("suffixes")).unwrap()],
        &rblmap_delta::Limits::default(),
    );
    let error = error.unwrap_err();
    let told = std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
    assert!(told.contains("common suffixes"), "{told}: {error:?}");
}

/// Names of which 200 each have one of 24 suffixes: labels of the same four words in any order.
fn colliding() -> Vec<String> {
    let words = ["aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"];
    let mut names = Vec::new();
    for order in 0..256usize {
        let order = [order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3];
        if (0..4).all(|word| order.contains(&word)) {
            let suffix: String = order.iter().map(|&word| words[word]).collect();
            names.extend((0..200).map(|n| format!("n{n}.{suffix}")));
        }
    }
    names
}

fn names(names: &[String]) -> Content {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let value = draft.values.intern(&random::value(1)).unwrap();
    let base = draft.zone_mut(&NameKey::ROOT);
    for name in names {
        let key = NameKey::parse(name.as_bytes()).unwrap();
        base.names
            .push(key.as_bytes(), NameRule::Value(value), NameRule::Inherit);
    }
    base.names.sort();
    draft.finish().unwrap()
}
