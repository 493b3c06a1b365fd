//! `rblmap bench`: every kind of image and of question, and never an absurd figure.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod common;

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::path::Path;

use common::{Run, build, rblmap, testdata};
use serde_json::Value;
use tempfile::TempDir;

/// As little work as there can be: what is tested is not how fast this machine is.
fn bench(images: &[&Path], more: &[&str]) -> Run {
    let images = images.iter().map(|path| path.to_str().unwrap());
    let args = ["bench", "-q", "--time", "1s"].into_iter().chain(images);
    rblmap(args.chain(more.iter().copied()))
}

/// The lines of `--json`, each looked at.
fn rows(images: &[&Path], more: &[&str]) -> Vec<Value> {
    let more: Vec<&str> = more.iter().copied().chain(["--json"]).collect();
    let run = bench(images, &more);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    let lines = run.stdout.lines();
    let rows: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    rows.iter().for_each(plausible);
    rows
}

/// Every figure is a number of a machine: positive, finite, in order; or it is said why there is none.
fn plausible(row: &Value) {
    assert!(
        ["address", "ipv6", "name"].contains(&row["kind"].as_str().unwrap()),
        "{row}"
    );
    match row["ns"].as_object() {
        Some(_) => {
            let rate = row["per_second"].as_f64().unwrap();
            assert!((1e-2..1e11).contains(&rate), "{row}");
        }
        None => {
            assert!(row["less_than_ns"].as_f64().unwrap() > 0.0, "{row}");
            assert!(
                row["per_second"].is_null() && row["ratio"].is_null(),
                "{row}"
            );
        }
    }
    for key in ["ns", "limit_ns", "ratio"] {
        if row[key].is_null() {
            continue;
        }
        let [low, median, high] =
            ["low", "median", "high"].map(|it| row[key][it].as_f64().unwrap());
        assert!(
            0.0 <= low && low <= median && median <= high && high < 1e12,
            "{key}: {row}"
        );
    }
    if let Some(latency) = row["latency"].as_object() {
        let all = ["p50", "p99", "p99_9", "p99_99"].map(|key| latency[key].as_u64());
        let told: Vec<u64> = all.into_iter().flatten().collect();
        assert!(told.is_sorted(), "{row}");
        assert!(latency["lookups"].as_u64().unwrap() > 0, "{row}");
    }
    assert!(row["noise"].as_f64().unwrap() >= 0.0, "{row}");
}

/// What was asked: kind and question.
fn asked(rows: &[Value]) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| (text(&row["kind"]), text(&row["asked"])))
        .collect()
}

fn set(all: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    all.iter()
        .map(|(kind, asked)| ((*kind).to_owned(), (*asked).to_owned()))
        .collect()
}

#[test]
fn an_image_is_asked_for_what_it_holds() {
    let dir = TempDir::new().unwrap();
    let v6 = build(
        &dir,
        "v6",
        "ip6trie",
        "2001:db8::/32 :2:x\n2001:db9::1 :3:y\n",
        &[],
    );
    assert_eq!(
        asked(&rows(&[&v6], &[])),
        set(&[("ipv6", "hit"), ("ipv6", "miss")])
    );
    let names = build(
        &dir,
        "names",
        "dnset",
        ".a.example :2:x\nb.example :2:x\n",
        &[],
    );
    assert_eq!(
        asked(&rows(&[&names], &[])),
        set(&[("name", "exact"), ("name", "below"), ("name", "miss")])
    );
    let v4 = build(&dir, "v4", "ip4set", "192.0.2.0/24\n", &[]);
    let rows = rows(&[&v4], &["--threads", "1,2"]);
    assert_eq!(
        asked(&rows),
        set(&[("address", "hit"), ("address", "miss")])
    );
    let ways: BTreeSet<&str> = rows
        .iter()
        .map(|row| row["how"].as_str().unwrap())
        .collect();
    assert_eq!(
        ways,
        BTreeSet::from(["cold", "many at once", "one at a time"])
    );
    let two = rows.iter().filter(|row| row["threads"] == 2);
    assert!(two.clone().count() == 2 && two.clone().all(|row| row["scaling"].is_number()));
    assert!(
        rows.iter()
            .any(|row| row["latency"]["p50"].is_number() || row["latency"].is_object())
    );
}

#[test]
fn lists_of_every_address_have_no_misses() {
    let dir = TempDir::new().unwrap();
    let all = build(&dir, "all", "ip4trie", "0.0.0.0/0 :2:x\n", &[]);
    assert_eq!(asked(&rows(&[&all], &[])), set(&[("address", "hit")]));
}

#[test]
fn empty_images_say_so() {
    let dir = TempDir::new().unwrap();
    let empty = build(&dir, "empty", "ip4set", "", &[]);
    for more in [&[][..], &["--json"], &["--threads", "1,2"]] {
        let path = empty.to_str().unwrap();
        let run = rblmap(["bench", path].into_iter().chain(more.iter().copied()));
        assert_eq!(run.code, 0, "{}", run.stderr);
        let all = run.stdout + &run.stderr;
        assert!(all.contains("empty: nothing to ask"), "{all}");
    }
    // Beside one that is not, it is told and left out.
    let full = build(&dir, "full", "ip4set", "192.0.2.1\n", &[]);
    let rows = rows(&[&empty, &full], &[]);
    assert_eq!(
        asked(&rows),
        set(&[("address", "hit"), ("address", "miss")])
    );
}

#[test]
fn subzones_and_several_images_are_asked() {
    let dir = TempDir::new().unwrap();
    let list = dir.path().join("list");
    std::fs::write(&list, "192.0.2.1\n192.0.2.64/26\n").unwrap();
    let image = dir.path().join("subs.rbl");
    let spec = |zone: &str| format!("{zone}:ip4set:{}", list.display());
    let run = rblmap([
        "build",
        "-q",
        "-o",
        image.to_str().unwrap(),
        &spec("ops.example"),
        &spec("a.ops.example"),
        &spec("b.ops.example"),
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let rows_of = rows(&[&image], &[]);
    let zones: BTreeSet<&str> = rows_of
        .iter()
        .map(|row| row["zone"].as_str().unwrap())
        .collect();
    assert_eq!(zones, BTreeSet::from(["2 subzones", "@"]));
    let three = testdata("golden/three.rbl");
    let rows = rows(&[&image, &three], &[]);
    let together: Vec<Value> = rows
        .iter()
        .filter(|row| row["image"] == "2 images")
        .cloned()
        .collect();
    let kinds: BTreeSet<String> = asked(&together).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["address", "ipv6", "name"].map(str::to_owned).into());
}

#[test]
fn queries_come_from_a_file() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("queries");
    std::fs::write(&path, "192.0.2.1\r\n2001:db8::1\nmail.example\n\n???\n").unwrap();
    let three = testdata("golden/three.rbl");
    let path = path.to_str().unwrap();
    let of_file = rows(&[&three], &["--queries", path]);
    assert_eq!(
        asked(&of_file),
        set(&[
            ("address", "queries"),
            ("ipv6", "queries"),
            ("name", "queries")
        ])
    );
    let said = rblmap([
        "bench",
        "--time",
        "1s",
        three.to_str().unwrap(),
        "--queries",
        path,
    ]);
    assert!(
        said.stderr
            .contains("1 lines are neither an address nor a name"),
        "{}",
        said.stderr
    );
    assert!(
        said.stdout.contains(" %: the machine was "),
        "{}",
        said.stdout
    );
    std::fs::write(path, "???\n").unwrap();
    let run = bench(&[&three], &["--queries", path]);
    assert_eq!((run.code, run.stdout.as_str()), (3, ""));
}

#[test]
fn a_picture_is_drawn() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("bench.svg");
    let three = testdata("golden/three.rbl");
    rows(&[&three], &["--plot", path.to_str().unwrap()]);
    let svg = std::fs::read_to_string(path).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("IPv4 hit") && !svg.contains("NaN") && !svg.contains("inf"));
}

/// A server that lists every second key and forgets two queries.
fn server() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        let mut count = 0u32;
        while let Ok((len, from)) = socket.recv_from(&mut query) {
            count += 1;
            let reply = &mut query[..len];
            reply[2] |= 0x80;
            reply[7] = u8::from(count.is_multiple_of(2));
            if count != 10 && count != 3000 {
                socket.send_to(reply, from).unwrap();
            }
        }
    });
    address
}

#[test]
fn a_dns_server_is_asked_the_same() {
    let dir = TempDir::new().unwrap();
    let image = build(&dir, "v4", "ip4set", "192.0.2.0/24\n", &[]);
    let address = server();
    let run = bench(&[&image], &["--json", "--beside", &address]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let rows: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let asked: Vec<&Value> = rows.iter().filter(|row| !row["server"].is_null()).collect();
    assert_eq!(asked.len(), 4, "two mixes in two ways");
    let mut forgotten = 0;
    for row in asked {
        plausible(row);
        let server = &row["server"];
        let [replies, lost, differ] =
            ["replies", "lost", "differ"].map(|key| server[key].as_u64().unwrap());
        assert!(differ > 0 && differ <= replies, "{row}");
        assert_eq!(server["address"], address.as_str());
        forgotten += lost;
    }
    assert!(forgotten > 0);
}

#[test]
fn a_server_that_is_not_there_is_told_before_anything_is_measured() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    drop(socket);
    let three = testdata("golden/three.rbl");
    let run = bench(&[&three], &["--beside", &address]);
    assert_eq!((run.code, run.stdout.as_str()), (5, ""), "{}", run.stderr);
    assert!(
        run.stderr.contains("no DNS server answers"),
        "{}",
        run.stderr
    );
    for bad in [
        ["--beside", "nowhere"],
        ["--threads", "0"],
        ["--threads", "x"],
    ] {
        assert_eq!(bench(&[&three], &bad).code, 2, "{bad:?}");
    }
}
