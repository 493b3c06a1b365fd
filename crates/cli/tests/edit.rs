//! `rblmap edit`: changes without the sources, against a build from changed sources.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic and say their seeds"
)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use common::{build, rblmap};
use fastrand::Rng;
use tempfile::TempDir;

fn id(image: &std::path::Path) -> String {
    let run = rblmap(["info", "--json", image.to_str().unwrap()]);
    let info: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    info["content_id"].as_str().unwrap().to_owned()
}

/// What a list says of single addresses and names: the source of it can be written again.
#[derive(Clone, Default)]
struct Model {
    addresses: BTreeMap<u32, u8>,
    names: BTreeMap<String, u8>,
}

impl Model {
    fn source(&self) -> String {
        let mut text = String::new();
        for (address, value) in &self.addresses {
            let _ = writeln!(
                text,
                "{} :{value}:text {value} $",
                Ipv4Addr::from_bits(*address)
            );
        }
        for (name, value) in &self.names {
            let _ = writeln!(text, "{name} :{value}:");
        }
        text
    }
}

#[test]
fn an_edit_is_a_build_of_changed_sources() {
    let first = fastrand::u64(..);
    println!("seeds from {first}");
    for round in 0..12 {
        let seed = first.wrapping_add(round);
        let mut rng = Rng::with_seed(seed);
        let mut model = Model::default();
        // Large zones are held by /16, small ones as lists.
        for _ in 0..if round % 3 == 0 { 20_000 } else { 50 } {
            model
                .addresses
                .insert(0x0a00_0000 + rng.u32(..0x4_0000), rng.u8(2..5));
        }
        for _ in 0..20 {
            model
                .names
                .insert(format!("n{}.example", rng.u8(..40)), rng.u8(2..5));
        }
        let dir = TempDir::new().unwrap();
        let old = build(&dir, "old", "plain", &model.source(), &[]);
        let new = dir.path().join("new.rbl");
        let mut args = vec![
            "edit".to_owned(),
            old.display().to_string(),
            "-o".to_owned(),
            new.display().to_string(),
        ];
        change(&mut rng, &mut model, &mut args);
        let run = rblmap(&args);
        assert_eq!(run.code, 0, "seed {seed}: {args:?}: {}", run.stderr);
        let expected = build(&dir, "expected", "plain", &model.source(), &[]);
        assert_eq!(id(&new), id(&expected), "seed {seed}: {args:?}");
        assert_eq!(rblmap(["verify", new.to_str().unwrap()]).code, 0);
    }
}

/// Removals, then additions, of the model and on the command line.
fn change(rng: &mut Rng, model: &mut Model, args: &mut Vec<String>) {
    for _ in 0..rng.usize(..4) {
        let bits = rng.u32(22..33);
        let start = (0x0a00_0000 + rng.u32(..0x4_0000)) & u32::MAX << (32 - bits);
        let end = start | u32::MAX.checked_shr(bits).unwrap_or(0);
        model
            .addresses
            .retain(|address, _| !(start..=end).contains(address));
        args.extend([
            "--remove".to_owned(),
            format!("{}/{bits}", Ipv4Addr::from_bits(start)),
        ]);
        let name = format!("n{}.example", rng.u8(..40));
        model.names.remove(&name);
        args.extend(["--remove".to_owned(), name]);
    }
    let mut added = Model::default();
    for _ in 0..rng.usize(1..5) {
        added
            .addresses
            .insert(0x0a00_0000 + rng.u32(..0x4_0000), rng.u8(2..9));
        added
            .names
            .insert(format!("n{}.example", rng.u8(..50)), rng.u8(2..9));
    }
    for line in added.source().lines() {
        args.extend(["--add".to_owned(), line.to_owned()]);
    }
    model.addresses.append(&mut added.addresses);
    model.names.append(&mut added.names);
}

#[test]
fn a_removed_key_is_not_listed_whatever_listed_it() {
    let dir = TempDir::new().unwrap();
    let old = build(
        &dir,
        "old",
        "plain",
        "10.0.0.0/8\n.example\nmail.a.example 127.0.0.3\n2001:db8::/32\n",
        &["--names", "exact"],
    );
    let new = dir.path().join("new.rbl");
    let run = rblmap([
        "edit",
        old.to_str().unwrap(),
        "--remove",
        "10.1.2.3",
        "--remove",
        "b.example",
        "--remove",
        ".a.example",
        "--remove",
        "2001:db8:1::/48",
        "--remove",
        "192.0.2.1",
        "-o",
        new.to_str().unwrap(),
    ]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (0, "192.0.2.1: was not listed\n")
    );
    let listed = |key: &str| rblmap(["lookup", new.to_str().unwrap(), key]).code == 0;
    for key in [
        "10.1.2.3",
        "b.example",
        "a.example",
        "mail.a.example",
        "2001:db8:1::1",
    ] {
        assert!(!listed(key), "{key}");
    }
    for key in ["10.1.2.4", "x.b.example", "c.example", "2001:db8:2::1"] {
        assert!(listed(key), "{key}");
    }
}

#[test]
fn what_is_added_for_a_time_goes_when_it_is_due() {
    let dir = TempDir::new().unwrap();
    let image = build(&dir, "a", "plain", "192.0.2.0/31\nold.example\n", &[]);
    let path = image.to_str().unwrap();
    let before = id(&image);
    let add = [
        "edit",
        path,
        "--add",
        "192.0.2.0/30 127.0.0.9",
        "--add",
        "new.example",
        "--add",
        "old.example 127.0.0.9",
        "--until",
        "2h",
        "--now",
        "1000",
        "-o",
        path,
    ];
    let run = rblmap(add);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("left as it is"), "{}", run.stderr);
    let kept = std::fs::read_to_string(dir.path().join("a.rbl.until")).unwrap();
    assert_eq!(kept, "8200\t@\t192.0.2.2-192.0.2.3\n8200\t@\tnew.example\n");
    let listed = |key: &str| rblmap(["lookup", path, key]).stdout;
    assert!(
        listed("192.0.2.0").ends_with("127.0.0.2\n")
            && listed("192.0.2.3").ends_with("127.0.0.9\n")
    );
    let early = rblmap(["edit", path, "--due", "--now", "8199", "-o", path]);
    assert_eq!(early.code, 0, "{}", early.stderr);
    assert_ne!(id(&image), before);
    assert_eq!(
        rblmap(["edit", path, "--due", "--now", "8200", "-o", path]).code,
        0
    );
    assert_eq!(id(&image), before);
    assert!(!dir.path().join("a.rbl.until").exists());
}

#[test]
fn a_file_of_changes_and_any_type_of_line() {
    let dir = TempDir::new().unwrap();
    let image = build(&dir, "a", "plain", "192.0.2.1\n", &[]);
    let path = image.to_str().unwrap();
    let changes = dir.path().join("changes");
    std::fs::write(&changes, "# today\n198.51.100.1\n!192.0.2.1\n-192.0.2.7\n").unwrap();
    let run = rblmap([
        "edit",
        path,
        "--from",
        changes.to_str().unwrap(),
        "-o",
        path,
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = rblmap([
        "edit",
        path,
        "--type",
        "ranges",
        "--add",
        "203.0.113.0 - 203.0.113.255",
        "-o",
        path,
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let dump = rblmap(["dump", "--format", "cidr", path]);
    assert_eq!(dump.stdout, "198.51.100.1/32\n203.0.113.0/24\n");
    for (args, code) in [
        (vec!["edit", path, "-o", path], 2),
        (vec!["edit", path, "--remove", "1.2.3.4/24", "-o", path], 3),
        (vec!["edit", path, "--add", "no entry", "-o", path], 3),
        (
            vec![
                "edit", path, "--add", "1.2.3.4", "--zone", "nosuch", "-o", path,
            ],
            3,
        ),
        (
            vec!["edit", "/nonexistent", "--add", "1.2.3.4", "-o", path],
            3,
        ),
    ] {
        assert_eq!(rblmap(&args).code, code, "{args:?}");
    }
}

#[test]
fn a_file_of_changes_that_is_cut_changes_no_wider_network() {
    let dir = TempDir::new().unwrap();
    let old = build(&dir, "old", "plain", "192.0.2.1\n65.0.0.1\n", &[]);
    let new = dir.path().join("new.rbl");
    let from = dir.path().join("changes");
    let edit = |text: &str| {
        std::fs::write(&from, text).unwrap();
        let [old, new, from] = [&old, &new, &from].map(|path| path.to_str().unwrap());
        rblmap(["edit", old, "--from", from, "-o", new])
    };
    let run = edit("!192.0.2.9\n198.51.100.1\n64.0.0.0/2");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("changes:3: last line without a newline"),
        "{}",
        run.stderr
    );
    let listed = |key: &str| rblmap(["lookup", new.to_str().unwrap(), key]).code == 0;
    assert!(listed("198.51.100.1") && !listed("66.0.0.1"));
    let run = edit("!64.0.0.0/2");
    assert_eq!(run.code, 3, "{}", run.stderr);
    let run = edit("!192.0.2.1");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!listed("192.0.2.1") && listed("65.0.0.1"));
}
