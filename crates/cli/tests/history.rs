//! What `rblmap history` tells, beside the images of every serial.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use common::{Run, rblmap};
use rblmap::{Answer, Image, NameKey, TextBuf};
use rblmap_history::{Log, Retention};
use serde_json::Value;
use tempfile::TempDir;

/// Ages and sizes never matter here.
const KEEP: Retention = Retention {
    seconds: u64::MAX,
    bytes: u64::MAX,
};

/// A mirror's folder with images of every serial beside it.
struct World {
    dir: TempDir,
    images: Vec<Image>,
}

impl World {
    fn new() -> World {
        World {
            dir: tempfile::tempdir().unwrap(),
            images: Vec::new(),
        }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn log(&self) -> Log {
        Log::new(self.path().join("ops.example.history"))
    }

    /// Builds the next serial and records it, as a mirror does.
    fn update(&mut self, list: &str) {
        let serial = self.images.len() as u64 + 1;
        let source = self.path().join("source");
        fs::write(&source, list).unwrap();
        let path = self.path().join("ops.example.rbl");
        let spec = format!("ops.example:plain:{}", source.display());
        let stamp = [serial.to_string(), time(serial).to_string()];
        let run = rblmap([
            "build",
            "-q",
            "--serial",
            &stamp[0],
            "--created",
            &stamp[1],
            "--names",
            "both",
            "-o",
            path.to_str().unwrap(),
            &spec,
        ]);
        assert!(run.code == 0 || run.code == 3, "{}", run.stderr);
        let image = Image::read(&path).unwrap();
        assert_eq!(image.serial(), serial);
        let log = self.log();
        log.append(self.images.last(), &image, time(serial), &KEEP)
            .unwrap();
        self.images.push(image);
    }

    fn ask(&self, key: &str) -> Run {
        rblmap(["history", self.path().to_str().unwrap(), "ops.example", key])
    }

    /// What the images say of a key, as the command should print it.
    fn expected(&self, key: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut before = None;
        for (image, serial) in self.images.iter().zip(1u64..) {
            let answer = match key.parse::<IpAddr>() {
                Ok(address) => said(image.base().lookup(address)),
                Err(_) => {
                    let name = NameKey::parse(key.as_bytes()).unwrap();
                    said(image.base().lookup_name(&name))
                }
            };
            let event = match (&before, &answer) {
                (None, Some(_)) => "listed",
                (Some(_), None) => "delisted",
                (Some(was), Some(is)) if was != is => "changed",
                _ => "",
            };
            if !event.is_empty() {
                let columns = answer.clone().unwrap_or_else(|| "\t".to_owned());
                lines.push(format!("{}\t{serial}\t{event}\t{columns}", stamp(serial)));
            }
            before = answer;
        }
        lines
    }
}

fn time(serial: u64) -> u64 {
    1_700_000_000 + serial * 3600
}

/// 1,700,000,000 is 22:13:20 on 14 November 2023.
fn stamp(serial: u64) -> String {
    let hour = 22 + serial;
    let day = 14 + hour / 24;
    format!("2023-11-{day:02}T{:02}:13:20Z", hour % 24)
}

fn said(answer: Answer<'_>) -> Option<String> {
    if !answer.is_listed() {
        return None;
    }
    let mut buffer = TextBuf::new();
    let (mut a, mut txt) = (BTreeSet::new(), BTreeSet::new());
    for record in answer.records() {
        a.extend(record.a());
        txt.extend(
            record
                .txt(&mut buffer)
                .map(|t| String::from_utf8_lossy(t).into_owned()),
        );
    }
    let a: Vec<String> = a.iter().map(Ipv4Addr::to_string).collect();
    let txt: Vec<String> = txt.into_iter().collect();
    Some(format!("{}\t{}", a.join(","), txt.join(" ")))
}

/// Networks that split and merge, of both families, and names that hide in each other.
fn random_list(random: &mut fastrand::Rng) -> String {
    let mut lines = Vec::new();
    for _ in 0..random.usize(0..12) {
        let value = ["", " 127.0.0.3", " :127.0.0.4:see $", " :5:because"][random.usize(..4)];
        let key = match random.u8(..6) {
            0 => format!("192.0.2.{}", random.u8(..16)),
            1 => format!("192.0.2.{}/{}", random.u8(..4) * 4, 30),
            2 => ["192.0.2.0/28", "192.0.0.0/16", "192.0.2.8/29"][random.usize(..3)].to_owned(),
            3 => ["2001:db8::1", "2001:db8::/64", "2001:db8::/126"][random.usize(..3)].to_owned(),
            4 => ["a.example", "*.example.org", "b.example.org"][random.usize(..3)].to_owned(),
            _ => {
                [".example.org", "x.b.example.org", "*.b.example.org"][random.usize(..3)].to_owned()
            }
        };
        lines.push(format!("{key}{value}\n"));
    }
    lines.concat()
}

#[test]
fn history_is_what_the_images_say() {
    let names = [
        "a.example",
        "example.org",
        "b.example.org",
        "x.b.example.org",
        "y.example.org",
    ];
    for seed in 0..4 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut world = World::new();
        for _ in 0..20 {
            let list = random_list(&mut random);
            world.update(&list);
        }
        let v4 = (0..18).map(|last| Ipv4Addr::new(192, 0, 2, last).to_string());
        let v6 =
            (0..5u16).map(|last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).to_string());
        let keys = v4.chain(v6).chain(names.map(str::to_owned));
        for key in keys {
            let run = world.ask(&key);
            let expected = world.expected(&key);
            let lines: Vec<&str> = run.stdout.lines().collect();
            let (words, lines) = lines.split_last().unwrap();
            assert_eq!(lines, expected, "seed {seed}, {key}");
            assert_eq!(run.code, i32::from(expected.is_empty()), "{}", run.stderr);
            let listed = said(match key.parse::<IpAddr>() {
                Ok(address) => world.images[19].base().lookup(address),
                Err(_) => continue,
            });
            let since = format!("{key} has been listed since ");
            assert_eq!(words.starts_with(&since), listed.is_some(), "{words}");
        }
    }
}

#[test]
fn sentences_and_json() {
    let mut world = World::new();
    world.update("192.0.2.1 127.0.0.2\n203.0.113.0/24\n");
    world.update("192.0.2.1 127.0.0.3\n203.0.113.0/24\n198.51.100.7\n");
    world.update("203.0.113.0/24\n198.51.100.7\n");
    let run = world.ask("203.0.113.9");
    assert_eq!(
        run.stdout,
        "2023-11-14T23:13:20Z\t1\tlisted\t127.0.0.2\t\n\
         203.0.113.9 has been listed since at least 2023-11-14T23:13:20Z (serial 1); the history \
         begins at 2023-11-14T23:13:20Z (serial 1).\n"
    );
    let run = world.ask("192.0.2.1");
    assert!(
        run.stdout.contains("\t2\tchanged\t127.0.0.3\t\n"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("\t3\tdelisted\t\t\n"), "{}", run.stdout);
    assert!(
        run.stdout.contains("is not listed; it was from at least"),
        "{}",
        run.stdout
    );
    let run = world.ask("10.0.0.1");
    assert_eq!((run.code, run.stdout.lines().count()), (1, 1));
    assert!(
        run.stdout.starts_with("10.0.0.1 has never been listed;"),
        "{}",
        run.stdout
    );

    let dir = world.path().to_str().unwrap();
    let run = rblmap(["history", dir, "ops.example", "198.51.100.0/24", "--json"]);
    let lines: Vec<Value> = run
        .stdout
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines[0]["network"], "198.51.100.7");
    assert_eq!(
        (&lines[0]["event"], &lines[0]["serial"]),
        (&"listed".into(), &2.into())
    );
    assert_eq!(
        (&lines[1]["listed"], &lines[1]["at_least"]),
        (&true.into(), &false.into())
    );

    assert_eq!(
        rblmap(["history", dir, "other.example", "192.0.2.1"]).code,
        3
    );
    assert_eq!(
        rblmap(["history", dir, "ops.example", "192.0.2.1/40"]).code,
        3
    );
    let run = rblmap(["history", dir, "ops.example", "--diff", "1", "3"]);
    assert_eq!(
        run.stdout, "removed\t192.0.2.1\t127.0.0.2\nadded\t198.51.100.7\t127.0.0.2\n",
        "{}",
        run.stderr
    );
    assert_eq!(
        rblmap(["history", dir, "ops.example", "--diff", "1", "9"]).code,
        3
    );
}

fn segments(log: &Log) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(log.folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

#[test]
fn a_run_killed_while_it_merged_leaves_a_history_that_can_be_read() {
    let mut world = World::new();
    for last in 0..8 {
        world.update(&format!("192.0.2.1\n192.0.2.{}\n", last + 10));
    }
    let before: Vec<(PathBuf, Vec<u8>)> = segments(&world.log())
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    world.update("192.0.2.1\n");
    let whole = world.ask("192.0.2.12").stdout;
    // Of the files that were merged, some may still be there.
    for kept in 0..=before.len() {
        for (path, bytes) in before.iter().rev().take(kept) {
            fs::write(path, bytes).unwrap();
        }
        fs::write(world.log().folder().join(".rblmap-killed"), b"RBLH").unwrap();
        let run = world.ask("192.0.2.12");
        assert_eq!(
            (run.code, &run.stdout),
            (0, &whole),
            "{kept} kept: {}",
            run.stderr
        );
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn a_damaged_segment_costs_what_it_knows_and_says_so() {
    let mut world = World::new();
    for last in 0..4 {
        world.update(&format!("192.0.2.{}\n", last + 10));
    }
    let path = &segments(&world.log())[1];
    let good = fs::read(path).unwrap();
    for at in [0, 7, 9, 60, 130, good.len() - 1] {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        fs::write(path, &bytes).unwrap();
        let run = world.ask("192.0.2.13");
        let code = if at < 8 {
            [3, 3][usize::from(at == 7)]
        } else {
            4
        };
        assert_eq!(run.code, code, "{at}: {}", run.stderr);
        assert!(run.stdout.contains("\t4\tlisted\t"), "{at}: {}", run.stdout);
        assert!(
            run.stderr
                .contains("nothing is known of the serials after 2 up to 3")
        );
    }
    fs::write(path, &good[..good.len() / 2]).unwrap();
    assert_eq!(world.ask("192.0.2.13").code, 4);
    fs::remove_file(path).unwrap();
    let run = world.ask("192.0.2.13");
    assert!(
        run.stderr
            .contains("nothing is known of the serials after 2 up to 3")
    );
}

#[test]
fn old_segments_go_and_the_history_begins_later() {
    let mut world = World::new();
    for last in 0..12 {
        world.update(&format!("192.0.2.1\n192.0.2.{}\n", last + 10));
    }
    let image = Image::read(world.path().join("ops.example.rbl")).unwrap();
    let list = "192.0.2.1\n";
    world.update(list);
    drop(image);
    let retention = Retention {
        seconds: 2 * 3600,
        bytes: u64::MAX,
    };
    let newest = world.images.last().unwrap();
    // One more update, with a short memory.
    let source = world.path().join("source");
    let path = world.path().join("ops.example.rbl");
    let spec = format!("ops.example:plain:{}", source.display());
    let run = rblmap([
        "build",
        "-q",
        "--serial",
        "14",
        "--created",
        &time(14).to_string(),
        "-o",
        path.to_str().unwrap(),
        &spec,
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let next = Image::read(&path).unwrap();
    world
        .log()
        .append(Some(newest), &next, time(14), &retention)
        .unwrap();
    let run = world.ask("192.0.2.1");
    assert!(run.stdout.contains("since at least"), "{}", run.stdout);
    assert!(!run.stdout.contains("(serial 1)"), "{}", run.stdout);
}

#[test]
fn what_is_listed_now_says_nothing_of_the_past_when_the_newest_segment_is_damaged() {
    let mut world = World::new();
    for last in 0..4 {
        world.update(&format!("192.0.2.{}\n", last + 10));
    }
    let segments = segments(&world.log());
    let newest = segments.last().unwrap();
    let mut bytes = fs::read(newest).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(newest, &bytes).unwrap();
    let run = world.ask("192.0.2.13");
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(!run.stdout.contains("listed\t127"), "{}", run.stdout);
    assert!(run.stderr.contains("after 3 up to 4"), "{}", run.stderr);
}

/// What the images of two serials say, as `diff --list` prints it.
fn diff_of_images(world: &World, images: &[PathBuf], from: usize, to: usize) -> String {
    let (old, new) = (&images[from], &images[to]);
    let run = rblmap([
        "diff",
        "--list",
        old.to_str().unwrap(),
        new.to_str().unwrap(),
    ]);
    assert_eq!(run.code, 0, "{} in {}", run.stderr, world.path().display());
    run.stdout
}

#[test]
fn a_diff_of_serials_is_the_diff_of_their_images() {
    for seed in 10..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut world = World::new();
        let mut images = Vec::new();
        for serial in 0..12 {
            let list = random_list(&mut random);
            world.update(&list);
            let kept = world.path().join(format!("kept-{serial}.rbl"));
            fs::copy(world.path().join("ops.example.rbl"), &kept).unwrap();
            images.push(kept);
        }
        let dir = world.path().to_str().unwrap();
        for (from, to) in [(0, 11), (11, 0), (3, 4), (2, 9), (8, 5), (0, 0)] {
            let serials = [(from + 1).to_string(), (to + 1).to_string()];
            let run = rblmap([
                "history",
                dir,
                "ops.example",
                "--diff",
                &serials[0],
                &serials[1],
            ]);
            let expected = diff_of_images(&world, &images, from, to);
            let sorted = |text: &str| {
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            let (found, wanted) = (sorted(&run.stdout), sorted(&expected));
            assert_eq!(found, wanted, "seed {seed}, {from} to {to}");
        }
    }
}

#[test]
fn a_network_whose_parts_come_and_go() {
    let mut world = World::new();
    world.update("192.0.2.9\n198.51.100.0/25\n");
    world.update("192.0.2.9\n203.0.113.0/24\n198.51.100.0/25\n");
    world.update("192.0.2.9\n203.0.113.128/25\n198.51.100.0/25\n198.51.100.200\n");
    world.update("192.0.2.9\n203.0.113.192/26\n198.51.100.0/25\n");
    let said = |key: &str| {
        let run = world.ask(key);
        let columns = |line: &str| {
            let columns: Vec<&str> = line.split('\t').collect();
            format!("{} {} {}", columns[1], columns[2], columns[5])
        };
        let lines: Vec<&str> = run.stdout.lines().collect();
        let (words, lines) = lines.split_last().unwrap();
        let lines: Vec<String> = lines.iter().map(|line| columns(line)).collect();
        (lines.join(", "), (*words).to_owned())
    };
    // A half that went was not listed since the beginning: the whole had come before.
    let (lines, words) = said("203.0.113.0/24");
    let expected = "2 listed 203.0.113.0/24, 3 delisted 203.0.113.0/25, \
        4 delisted 203.0.113.128/26";
    assert_eq!(lines, expected);
    assert!(
        words.contains("since 2023-11-15T00:13:20Z (serial 2)"),
        "{words}"
    );
    // What never changed is there beside what did.
    let (lines, words) = said("198.51.100.0/24");
    let expected = "1 listed 198.51.100.0/25, 3 listed 198.51.100.200, 4 delisted 198.51.100.200";
    assert_eq!(lines, expected);
    assert!(words.contains("since at least"), "{words}");
    let (lines, words) = said("203.0.113.0/26");
    assert_eq!(lines, "2 listed 203.0.113.0/24, 3 delisted 203.0.113.0/25");
    assert!(words.contains("is not listed; it was from"), "{words}");
    let (lines, _) = said("192.0.2.9/32");
    assert_eq!(lines, "1 listed 192.0.2.9");
}
