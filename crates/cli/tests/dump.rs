//! `rblmap dump`: back to sources, in every format, from every kind of file.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;

use common::{build, files, rblmap};
use tempfile::TempDir;

const SOURCE: &str = "$SOA 0 ns.ops.example admin.ops.example 0 1h 1h 1w 1h\n$TTL 2048\n\
    $TIMESTAMP 0 2030:01:02:03:04:05\n\
    $DATASET ip4set:v4 @\n:2:Open proxy: $\n192.0.2.0/24\n!192.0.2.7\n198.51.100.1-198.51.100.9 :3:\n\
    $DATASET ip6trie:v6 @\n2001:db8::/33 :4:Six $\n\
    $DATASET dnset:names sub @\n*.a.example\n!no.a.example\n";

#[test]
fn an_image_comes_back_from_its_zone_file() {
    let dir = TempDir::new().unwrap();
    let image = build(&dir, "a", "combined", SOURCE, &["--now", "1800000000"]);
    let dumped = rblmap(["dump", image.to_str().unwrap()]);
    assert_eq!(dumped.code, 0, "{}", dumped.stderr);
    assert!(
        dumped
            .stdout
            .contains("$TTL 2048\n$TIMESTAMP 0 2030:01:02:03:04:05\n")
    );
    let again = build(
        &dir,
        "b",
        "combined",
        &dumped.stdout,
        &["--now", "1800000000"],
    );
    assert_eq!(std::fs::read(image).unwrap(), std::fs::read(again).unwrap());
}

#[test]
fn snapshots_and_deltas_are_dumped_as_what_they_make() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    build(&dir, "a", "plain", "1.2.3.4\n", &[]);
    build(&dir, "b", "plain", "1.2.3.4\n1.2.3.5 127.0.0.3\n", &[]);
    let (a, b) = (path("a.rbl"), path("b.rbl"));
    let (snapshot, delta) = (path("b.rbs"), path("b.rbd"));
    assert_eq!(rblmap(["pack", &b, "-o", &snapshot]).code, 0);
    assert_eq!(rblmap(["diff", &a, &b, "-o", &delta]).code, 0);
    let expected = "1.2.3.4\n1.2.3.5 127.0.0.3\n";
    let plain = |args: &[&str]| rblmap([&["dump", "--format", "plain"], args].concat());
    assert_eq!(plain(&[&b]).stdout, expected);
    assert_eq!(plain(&[&snapshot]).stdout, expected);
    assert_eq!(plain(&[&delta, "--base", &a]).stdout, expected);
    let alone = plain(&[&delta]);
    assert_eq!(alone.code, 2);
    assert!(alone.stderr.contains("--base"), "{}", alone.stderr);
    assert_eq!(plain(&[&delta, "--base", &b]).code, 3);
    assert_eq!(plain(&[&snapshot, "--base", &b]).code, 2);
    assert_eq!(plain(&[&path("a.txt")]).code, 3);
    assert_eq!(plain(&[&path("none")]).code, 3);
}

#[test]
fn zones_with_files_of_their_own_go_into_a_folder() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("a"), "$TIMESTAMP 0 2031:01:01\n1.2.3.4\n").unwrap();
    std::fs::write(path("b"), "$TTL 7\n$TIMESTAMP 0 2032:01:01\n1.2.3.5\n").unwrap();
    let (image, again, folder) = (path("a.rbl"), path("again.rbl"), path("out"));
    let specs = [
        format!("ops.example:ip4set:{}", path("a")),
        format!("sub.ops.example:ip4set:{}", path("b")),
    ];
    let now = ["build", "-q", "--now", "1800000000", "-o"];
    let args: Vec<&str> = now
        .into_iter()
        .chain([&*image, &specs[0], &specs[1]])
        .collect();
    assert_eq!(rblmap(&args).code, 0);
    let one = rblmap(["dump", &image]);
    assert_eq!((one.code, one.stdout.as_str()), (2, ""));
    let dumped = rblmap(["dump", &image, "-o", &folder]);
    assert_eq!(dumped.code, 0, "{}", dumped.stderr);
    assert_eq!(
        files(folder.as_ref()),
        ["ops.example.zone", "sub.ops.example.zone"]
    );
    let args: Vec<&str> = now
        .into_iter()
        .chain([&*again])
        .chain(dumped.stdout.lines())
        .collect();
    assert_eq!(rblmap(&args).code, 0);
    assert_eq!(std::fs::read(image).unwrap(), std::fs::read(again).unwrap());
}

#[test]
fn lists_are_of_one_zone_or_name_it() {
    let dir = TempDir::new().unwrap();
    let image = build(&dir, "a", "combined", SOURCE, &["--now", "1800000000"]);
    let image = image.to_str().unwrap();
    let cidr = rblmap(["dump", "--format", "cidr", image]);
    let networks: Vec<&str> = cidr.stdout.lines().collect();
    assert_eq!(networks[0], "192.0.2.0/30");
    assert_eq!(networks.last(), Some(&"2001:db8::/33"));
    assert!(cidr.stderr.contains("1 subzones"), "{}", cidr.stderr);
    let sub = rblmap(["dump", "--format", "plain", "--zone", "sub", image]);
    assert_eq!(sub.stdout, "*.a.example\n");
    assert!(
        sub.stderr.contains("1 names that are not listed"),
        "{}",
        sub.stderr
    );
    let csv = rblmap(["dump", "--format", "csv", image]).stdout;
    assert!(
        csv.contains("@,192.0.2.8-192.0.2.255,127.0.0.2,Open proxy: $\n"),
        "{csv}"
    );
    let json = rblmap(["dump", "--format", "json", "--zone", "sub", image]).stdout;
    assert_eq!(json.lines().count(), 2);
    let row: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&row["zone"], &row["key"]),
        (&"sub".into(), &"*.a.example".into())
    );
    assert_eq!(
        rblmap(["dump", "--format", "csv", "--zone", "no", image]).code,
        3
    );
    assert_eq!(rblmap(["dump", "--zone", "sub", image]).code, 2);
}
