//! `pack`, `unpack`, `diff`, `apply` and `merge`, on real lists too.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;

use std::path::{Path, PathBuf};

use common::{Run, build, files, rblmap, shared, unpacked};
use rblmap::Image;
use rblmap_delta::{Header, Limits, Session, apply, diff, pack, unpack};
use rblmap_image::{Stamp, encode};
use rblmap_zonefile::{Options, Spec};
use serde_json::{Value, json};

const OLD: &str = "\
:2:see https://ops.example/?$
192.0.2.1
198.51.100.0/24
203.0.113.9 :4:other
";
const NEW: &str = "\
:2:see https://ops.example/?$
192.0.2.1
198.51.100.0/25
203.0.113.9 :5:other
203.0.113.10 :4:new case 77
";

fn run(args: &[&Path]) -> Run {
    rblmap(args)
}

fn path(text: &str) -> &Path {
    Path::new(text)
}

#[test]
fn a_delta_leads_from_one_image_to_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let old = build(
        &dir,
        "old",
        "ip4set",
        OLD,
        &["--serial", "1", "--created", "10"],
    );
    let new = build(
        &dir,
        "new",
        "ip4set",
        NEW,
        &["--serial", "2", "--created", "20"],
    );
    let back = build(
        &dir,
        "back",
        "ip4set",
        OLD,
        &["--serial", "3", "--created", "30"],
    );
    let at = |name: &str| dir.path().join(name);
    for (from, to, delta) in [(&old, &new, "1.rbd"), (&new, &back, "2.rbd")] {
        let made = run(&[path("diff"), from, to, path("-o"), &at(delta)]);
        assert_eq!(
            (made.code, made.stdout.as_str()),
            (0, ""),
            "{}",
            made.stderr
        );
    }
    let applied = run(&[path("apply"), &old, &at("1.rbd"), path("-o"), &at("a.rbl")]);
    assert_eq!(applied.code, 0, "{}", applied.stderr);
    assert_eq!(
        std::fs::read(at("a.rbl")).unwrap(),
        std::fs::read(&new).unwrap()
    );
    let merged = run(&[
        path("merge"),
        &old,
        &at("1.rbd"),
        &at("2.rbd"),
        path("-o"),
        &at("3.rbd"),
    ]);
    assert_eq!(merged.code, 0, "{}", merged.stderr);
    for deltas in [&["1.rbd", "2.rbd"][..], &["3.rbd"]] {
        let deltas: Vec<PathBuf> = deltas.iter().map(|name| at(name)).collect();
        let out = at("b.rbl");
        let mut args = vec![path("apply"), &old];
        args.extend(deltas.iter().map(PathBuf::as_path));
        args.extend([path("-o"), &out]);
        assert_eq!(run(&args).code, 0);
        assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(&back).unwrap());
    }
    let packed = run(&[path("pack"), &new, path("-o"), &at("new.rbs")]);
    assert_eq!(packed.code, 0, "{}", packed.stderr);
    let unpacked = run(&[path("unpack"), &at("new.rbs"), path("-o"), &at("c.rbl")]);
    assert_eq!(unpacked.code, 0, "{}", unpacked.stderr);
    assert_eq!(
        std::fs::read(at("c.rbl")).unwrap(),
        std::fs::read(&new).unwrap()
    );
}

#[test]
fn what_changed_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    let old = build(&dir, "old", "ip4set", OLD, &[]);
    let new = build(&dir, "new", "ip4set", NEW, &[]);
    let listed = run(&[path("diff"), path("--list"), &old, &new]);
    assert_eq!(
        listed.stdout,
        "removed\t198.51.100.128/25\t127.0.0.2 see https://ops.example/?$\n\
         changed\t203.0.113.9\t127.0.0.5 other\t127.0.0.4 other\n\
         added\t203.0.113.10\t127.0.0.4 new case 77\n"
    );
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    let listed = run(&[path("diff"), path("--json"), &old, &new]);
    let lines: Vec<Value> = listed
        .stdout
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(
        lines[1],
        json!({"change": "changed", "zone": "ops.example", "key": "203.0.113.9",
            "records": [{"a": "127.0.0.5", "txt": "other"}],
            "was": [{"a": "127.0.0.4", "txt": "other"}]})
    );
    assert_eq!(lines.len(), 3);
    assert_eq!(
        run(&[path("diff"), &old, &new]).code,
        2,
        "neither -o nor --list"
    );
    let names = build(
        &dir,
        "names",
        "dnset",
        ":2:\n.a.example\n*.b.example\n",
        &[],
    );
    let listed = run(&[path("diff"), path("--list"), &names, &old]).stdout;
    assert!(
        listed.contains("removed\t.a.example\t127.0.0.2\n"),
        "{listed}"
    );
    assert!(
        listed.contains("removed\t*.b.example\t127.0.0.2\n"),
        "{listed}"
    );
}

#[test]
fn what_does_not_fit_is_refused_by_its_name_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let old = build(&dir, "old", "ip4set", OLD, &[]);
    let new = build(&dir, "new", "ip4set", NEW, &[]);
    let at = |name: &str| dir.path().join(name);
    let other = at("other.rbl");
    let source = format!("other.example:ip4set:{}", at("old.txt").display());
    let built = run(&[path("build"), path("-o"), &other, path(&source)]);
    assert_eq!(built.code, 0, "{}", built.stderr);
    assert_eq!(
        run(&[path("diff"), &old, &new, path("-o"), &at("d.rbd")]).code,
        0
    );
    assert_eq!(run(&[path("pack"), &old, path("-o"), &at("s.rbs")]).code, 0);
    std::fs::write(at("text"), "192.0.2.1\n").unwrap();
    let mut cut = std::fs::read(at("d.rbd")).unwrap();
    cut.pop();
    std::fs::write(at("cut.rbd"), &cut).unwrap();
    let mut newer = std::fs::read(at("s.rbs")).unwrap();
    newer[4] = 9;
    std::fs::write(at("newer.rbs"), newer).unwrap();
    let mut bad = std::fs::read(&new).unwrap();
    *bad.last_mut().unwrap() ^= 1;
    std::fs::write(at("bad.rbl"), bad).unwrap();
    let before = files(dir.path());
    let out = at("out");
    let delta = at("d.rbd");
    let (bad, cut, text) = (at("bad.rbl"), at("cut.rbd"), at("text"));
    let (snapshot, newer, none) = (at("s.rbs"), at("newer.rbs"), at("none"));
    let damage = "image is damaged: digest differs at offset";
    // The arguments, the one that is named, the exit code and what is said of it.
    type Case<'a> = (&'a [&'a Path], &'a Path, i32, &'a str);
    let cases: [Case<'_>; 19] = [
        (&[path("diff"), &old, &bad], &bad, 4, damage),
        (&[path("diff"), &bad, &new], &bad, 4, damage),
        (
            &[path("diff"), &old, &other],
            &other,
            3,
            "image of zone other.example",
        ),
        (
            &[path("diff"), path("--list"), &old, &other],
            &other,
            3,
            "image of zone other.example",
        ),
        (&[path("apply"), &bad, &delta], &bad, 4, damage),
        (
            &[path("apply"), &new, &delta],
            &delta,
            3,
            "delta is for content",
        ),
        (
            &[path("apply"), &other, &delta],
            &delta,
            3,
            "delta of zone ops.example",
        ),
        (
            &[path("apply"), &old, &snapshot],
            &snapshot,
            3,
            "a snapshot, not a delta",
        ),
        (
            &[path("apply"), &old, &text],
            &text,
            3,
            "not an rblmap snapshot or delta",
        ),
        (&[path("apply"), &old, &none], &none, 3, "cannot be read"),
        (
            &[path("apply"), &old, &cut],
            &cut,
            4,
            "file is damaged: its check",
        ),
        // The second of two.
        (
            &[path("apply"), &old, &delta, &cut],
            &cut,
            4,
            "file is damaged: its check",
        ),
        (
            &[path("squash"), &old, &delta, &cut],
            &cut,
            4,
            "file is damaged: its check",
        ),
        (&[path("squash"), &bad, &delta], &bad, 4, damage),
        (
            &[path("squash"), &old, &delta, &delta],
            &delta,
            3,
            "delta is for content",
        ),
        (&[path("pack"), &bad], &bad, 4, damage),
        (
            &[path("unpack"), &delta],
            &delta,
            3,
            "a delta, not a snapshot",
        ),
        (&[path("unpack"), &newer], &newer, 3, "format 9 is newer"),
        (
            &[path("unpack"), &old],
            &old,
            3,
            "not an rblmap snapshot or delta",
        ),
    ];
    for (args, named, code, message) in cases {
        let mut args = args.to_vec();
        if args[1] != path("--list") {
            args.extend([path("-o"), &out]);
        }
        let failed = run(&args);
        assert_eq!(failed.code, code, "{args:?}: {}", failed.stderr);
        let said = format!("rblmap: {}: {message}", named.display());
        assert!(
            failed.stderr.starts_with(&said),
            "{args:?}: {}",
            failed.stderr
        );
        assert_eq!(files(dir.path()), before, "{args:?}");
    }
    let nowhere = at("no/such/folder");
    assert_eq!(run(&[path("pack"), &old, path("-o"), &nowhere]).code, 6);
}

/// The image of one version of a real list.
fn real(text: &[u8], serial: u64) -> Image {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("list.txt");
    std::fs::write(&file, text).unwrap();
    let spec: Spec = format!("ops.example:plain:{}", file.display())
        .parse()
        .unwrap();
    let built = rblmap_zonefile::build(&[spec], &Options::default()).unwrap();
    let created = serial * 3600;
    Image::from_vec(encode(&built.content, Stamp { serial, created }).unwrap()).unwrap()
}

/// Issue: for every pair of hours the delta gives the image built from the newer text.
#[test]
fn every_hour_of_the_open_proxies_follows_from_the_one_before() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("data/openproxy-30d");
    let mut hours: Vec<PathBuf> = files(&folder)
        .iter()
        .filter(|name| name.starts_with("2026-08-21T2") || name.starts_with("2026-08-22"))
        .map(|name| folder.join(name))
        .collect();
    hours.sort();
    assert_eq!(hours.len(), 25, "the hours of a day, both ends included");
    let mut old: Option<Image> = None;
    let mut sizes = Vec::new();
    for (serial, hour) in (1..).zip(&hours) {
        let new = real(&unpacked(hour), serial);
        let snapshot = pack(&new, Session(1)).unwrap();
        assert!(
            unpack(&snapshot, &Limits::default()).unwrap() == new.as_bytes(),
            "{hour:?}"
        );
        if let Some(old) = &old {
            let delta = diff(old, &new, Session(1)).unwrap();
            let applied = apply(old, &[&delta], &Limits::default()).unwrap();
            assert!(applied == new.as_bytes(), "{hour:?}");
            assert_eq!(Header::read(&delta).unwrap().to_serial, serial);
            sizes.push(delta.len());
        }
        old = Some(new);
    }
    assert_eq!(sizes.len(), 24);
    let largest = sizes.iter().max().copied().unwrap_or(0);
    assert!(largest < 300, "an hour has about twenty changes: {sizes:?}");
}
