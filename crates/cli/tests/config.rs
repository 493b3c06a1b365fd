//! `rblmap build --config`: all zones of a feed from one file.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod common;

use common::{files, rblmap};
use tempfile::TempDir;

fn folder(config: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("lists.toml", config);
    write("ops.zone", "192.0.2.0/24\n");
    write("proxies.txt", "198.51.100.1 5\n198.51.100.2 1\n");
    write("hosts.txt", "0.0.0.0 ads.example\n");
    write(
        "ranges.json",
        "{\"prefixes\":[{\"net\":\"203.0.113.0/24\"}]}",
    );
    write("bad.csv", "ip;x\n");
    std::fs::create_dir(dir.path().join("images")).unwrap();
    dir
}

const LISTS: &str = r#"
output = "images"
[[zone]]
name = "ops.example"
[[zone.source]]
zone = "domains.ops.example"
type = "hosts"
files = "hosts.txt"
names = "both"
[[zone.source]]
type = "ip4set"
files = ["ops.zone"]
[[zone.source]]
type = "plain"
files = "proxies.txt"
value = "127.0.0.9:Open proxy: $"
min_count = 3
[[zone]]
name = "plus.example"
output = "plus.rbl"
mask = "rbl.example=1,dul.example=2"
[[zone.source]]
zone = "rbl.example"
type = "json"
files = "ranges.json"
json_key = ["prefixes[].net"]
[[zone.source]]
zone = "dul.example"
type = "ip4set"
files = "ops.zone"
"#;

#[test]
fn one_run_builds_all_zones() {
    let dir = folder(LISTS);
    let config = dir.path().join("lists.toml");
    let run = rblmap(["build", "--strict", "--config", config.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let images = dir.path().join("images");
    assert_eq!(files(&images), ["ops.example.rbl", "plus.rbl"]);
    let ops = images.join("ops.example.rbl");
    let says = |zone: &str, key: &str| {
        rblmap(["lookup", "--zone", zone, ops.to_str().unwrap(), key]).stdout
    };
    assert_eq!(
        says("@", "198.51.100.1"),
        "198.51.100.1\tlisted\t127.0.0.9\tOpen proxy: 198.51.100.1\n"
    );
    assert_eq!(says("@", "198.51.100.2"), "198.51.100.2\tnot-listed\n");
    assert_eq!(says("@", "192.0.2.9"), "192.0.2.9\tlisted\t127.0.0.2\n");
    assert_eq!(
        says("domains", "x.ads.example"),
        "x.ads.example\tlisted\t127.0.0.2\n"
    );
    let plus = rblmap([
        "lookup",
        images.join("plus.rbl").to_str().unwrap(),
        "203.0.113.1",
        "192.0.2.1",
    ]);
    assert_eq!(
        plus.stdout,
        "203.0.113.1\tlisted\t127.1.0.1\n192.0.2.1\tlisted\t127.1.0.2\n"
    );
    // The same images in another folder, from another place.
    let other = dir.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let run = rblmap([
        "build",
        "-q",
        "--config",
        config.to_str().unwrap(),
        "-o",
        other.to_str().unwrap(),
    ]);
    assert_eq!((run.code, files(&other).len()), (0, 2));
}

#[test]
fn what_is_wrong_is_said_with_file_and_line() {
    for (config, line, what) in [
        ("[[zone]]\nname = \"a.example\"\nnmae = 1\n", 3, "nmae"),
        (
            "[[zone]]\nname = \"a.example\"\n[[zone.source]]\ntype = \"plain\"\nfiles = \"x\"\ncolour = 1\n",
            6,
            "colour",
        ),
        (
            "[[zone]]\nname = \"a.example\"\n[[zone.source]]\ntype = \"nosuch\"\nfiles = \"x\"\n",
            3,
            "nosuch",
        ),
        (
            "[[zone]]\nname = \"a.example\"\n[[zone.source]]\ntype = \"plain\"\nfiles = \"x\"\nvalue = \"x\"\n",
            3,
            "value: ",
        ),
        ("[[zone]]\nname = \"a.example\"\n", 1, "[[zone.source]]"),
        ("output = 1\n", 1, "string"),
        ("[[zone\n", 1, ""),
        ("", 1, "[[zone]]"),
    ] {
        let dir = folder(config);
        let path = dir.path().join("lists.toml");
        let run = rblmap(["build", "--config", path.to_str().unwrap()]);
        assert_eq!(run.code, 3, "{config}");
        let expected = format!("lists.toml:{line}: ");
        assert!(
            run.stderr.contains(&expected) && run.stderr.contains(what),
            "{config}: {}",
            run.stderr
        );
    }
    assert_eq!(rblmap(["build", "--config", "/nonexistent.toml"]).code, 3);
}

#[test]
fn a_bad_zone_does_not_keep_the_others_back() {
    let config = "[[zone]]\nname = \"a.example\"\n[[zone.source]]\ntype = \"csv\"\nfiles = \"bad.csv\"\ncolumn = \"ip\"\n\
        [[zone]]\nname = \"b.example\"\n[[zone.source]]\ntype = \"ip4set\"\nfiles = \"ops.zone\"\n";
    let dir = folder(config);
    let path = dir.path().join("lists.toml");
    let run = rblmap(["build", "--config", path.to_str().unwrap()]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(
        run.stderr.contains("bad.csv:1: no column"),
        "{}",
        run.stderr
    );
    assert!(
        dir.path().join("b.example.rbl").exists() && !dir.path().join("a.example.rbl").exists()
    );
}

#[test]
fn two_zones_that_write_one_file_are_refused() {
    let zone = "[[zone]]\nname = \"ops.example\"\n[[zone.source]]\ntype = \"plain\"\nfiles = \"hosts.txt\"\n";
    let dir = folder(&format!("{zone}{zone}"));
    let config = dir.path().join("lists.toml");
    let run = rblmap(["build", "--config", config.to_str().unwrap()]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(
        run.stderr.contains("lists.toml:6: a zone before it writes"),
        "{}",
        run.stderr
    );
}
