//! Images that are not what they should be: a clear message, the right exit code, nothing written.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;
mod peers;

use common::{files, rblmap, testdata};
use peers::Feed;

/// Commands that open an image, each with its arguments around the path.
fn runs(image: &str) -> [Vec<&str>; 3] {
    [
        vec!["lookup", image, "192.0.2.1"],
        vec!["info", image],
        vec!["verify", "-q", image],
    ]
}

#[test]
fn an_image_cut_at_any_length_is_damaged_and_an_empty_file_is_none() {
    let whole = std::fs::read(testdata("golden/three.rbl")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.rbl");
    for len in 0..whole.len() {
        std::fs::write(&path, &whole[..len]).unwrap();
        let run = rblmap(["lookup", path.to_str().unwrap(), "192.0.2.1"]);
        let expected = if len == 0 { 3 } else { 4 };
        assert_eq!(run.code, expected, "{len} bytes: {}", run.stderr);
        assert_eq!(run.stdout, "");
    }
    assert_eq!(files(dir.path()), ["cut.rbl"]);
}

#[test]
fn a_changed_byte_anywhere_is_found_by_verify() {
    let whole = std::fs::read(testdata("golden/three.rbl")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bent.rbl");
    for at in 0..whole.len() {
        let mut bent = whole.clone();
        bent[at] ^= 1 << (at % 8);
        std::fs::write(&path, &bent).unwrap();
        let run = rblmap(["verify", "-q", path.to_str().unwrap()]);
        // Another magic is another file, a higher version a newer one.
        let expected: &[i32] = match at {
            0..8 => &[3],
            8..10 => &[3, 4],
            _ => &[4],
        };
        assert!(
            expected.contains(&run.code),
            "byte {at}: {} {}",
            run.code,
            run.stderr
        );
    }
}

#[test]
fn what_is_no_image_is_bad_input() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.rbl");
    let foreign = dir.path().join("foreign.rbl");
    std::fs::write(&foreign, "192.0.2.1\n").unwrap();
    let newer = dir.path().join("newer.rbl");
    let mut bytes = std::fs::read(testdata("golden/three.rbl")).unwrap();
    bytes[8] = 200;
    std::fs::write(&newer, &bytes).unwrap();
    let older = dir.path().join("older.rbl");
    bytes[8] = 3;
    std::fs::write(&older, bytes).unwrap();
    let folder = dir.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let cases = [
        (&missing, "No such file"),
        (&foreign, "not an"),
        (&newer, "format 200 is newer than this reader"),
        (&older, "format 3 is older than this reader"),
        (&folder, "is a directory"),
    ];
    for (path, said) in cases {
        let path = path.to_str().unwrap();
        for args in runs(path) {
            let run = rblmap(&args);
            assert_eq!(run.code, 3, "{args:?}: {}", run.stderr);
            assert_eq!(run.stdout, "", "{args:?}");
            assert!(run.stderr.contains(said), "{args:?}: {}", run.stderr);
            assert!(run.stderr.contains(path), "{args:?}: {}", run.stderr);
        }
    }
}

#[test]
fn verify_goes_on_after_a_bad_one_and_ends_with_the_worst() {
    let dir = tempfile::tempdir().unwrap();
    let good = testdata("golden/three.rbl");
    let bent = dir.path().join("bent.rbl");
    let mut bytes = std::fs::read(&good).unwrap();
    bytes[900] ^= 1;
    std::fs::write(&bent, bytes).unwrap();
    let run = rblmap([
        "verify",
        bent.to_str().unwrap(),
        "no-such-file",
        good.to_str().unwrap(),
    ]);
    assert_eq!(run.code, 4);
    assert!(run.stderr.contains("three.rbl: whole"), "{}", run.stderr);
}

#[test]
fn wrong_usage_is_told_on_standard_error() {
    for args in [
        vec!["lookup"],
        vec!["no-such-command"],
        vec!["lookup", "--no-such-flag", "a.rbl"],
        vec![],
    ] {
        let run = rblmap(&args);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}");
        assert!(run.stderr.contains("Usage:"), "{args:?}: {}", run.stderr);
    }
    let help = rblmap(["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    assert_eq!(rblmap(["--version"]).code, 0);
}

#[test]
fn snapshots_are_verified_and_described_too() {
    let dir = tempfile::tempdir().unwrap();
    let image = testdata("golden/three.rbl");
    let (snapshot, bent) = (dir.path().join("a.rbs"), dir.path().join("b.rbs"));
    let path = snapshot.to_str().unwrap();
    assert_eq!(
        rblmap(["pack", image.to_str().unwrap(), "-o", path]).code,
        0
    );
    assert_eq!(rblmap(["verify", "-q", path]).code, 0);
    let info = rblmap(["info", "--json", path]).stdout;
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    assert_eq!(
        (&info["kind"], &info["serial"]),
        (&"snapshot".into(), &1.into())
    );
    let whole = std::fs::read(&snapshot).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&bent, bytes).unwrap();
        for command in ["verify", "info"] {
            let run = rblmap([command, bent.to_str().unwrap()]);
            let expected: &[i32] = if at < 5 { &[3, 4] } else { &[4] };
            assert!(
                expected.contains(&run.code),
                "{command}, byte {at}: {run:?}"
            );
        }
    }
}

/// What keeps an image in a folder, or is told its path by a file, names it as well as what is given it.
/// Each of these once named it twice, or not at all.
#[test]
fn whoever_meets_a_bad_image_names_it_once() {
    let feed = Feed::new();
    feed.publish(1000);
    assert_eq!(feed.mirror().code, 0);
    feed.publish(1010);
    assert_eq!(feed.mirror().code, 0);
    let (image, before) = (
        feed.arg("mirror/ops.example.rbl"),
        feed.arg("mirror/ops.example.prev.rbl"),
    );
    let whole = std::fs::read(&image).unwrap();
    let mut older = whole.clone();
    older[8] = 3;
    let mut bent = whole.clone();
    *bent.last_mut().unwrap() ^= 1;
    let zone = "[[zone]]\nname = \"ops.example\"\nweight = 100\n";
    for (name, from) in [("file.toml", &image), ("folder.toml", &feed.arg("mirror"))] {
        std::fs::write(feed.path(name), format!("{zone}from = \"{from}\"\n")).unwrap();
    }
    let site = "[site]\nname = \"A\"\nurl = \"https://a.example/\"\ncontact = \"a@a.example\"\n\
                [[zone]]\nname = \"ops.example\"\n";
    std::fs::write(feed.path("page.toml"), site).unwrap();
    let arg = |name: &str| feed.arg(name);
    let cases = [
        (&older, "format 3 is older than this reader", 3),
        (&bent, "image is damaged: digest differs at offset", 4),
    ];
    for (bytes, said, code) in cases {
        let told = |run: common::Run, named: &str, code: i32| {
            assert_eq!(run.code, code, "{run:?}");
            let all = run.stdout + &run.stderr;
            assert_eq!(all.matches(said).count(), 1, "{all}");
            assert_eq!(all.matches(named).count(), 1, "{all}");
        };
        std::fs::write(&image, bytes).unwrap();
        std::fs::write(&before, bytes).unwrap();
        let published = ["publish", &arg("feed"), &image, "--key", &arg("ops.key")];
        told(rblmap(published), &image, code);
        let rolled_back = ["rollback", &arg("mirror"), "ops.example"];
        told(rblmap(rolled_back), &before, 3);
        for policy in ["file.toml", "folder.toml"] {
            let checked = ["check", "--config", &arg(policy), "192.0.2.1"];
            told(rblmap(checked), &image, 3);
        }
        // What is only looked at is not verified.
        if code == 3 {
            let (mirror, config, site) = (arg("mirror"), arg("page.toml"), arg("site"));
            let page = ["page", &mirror, "--config", &config, "-o", &site];
            told(rblmap(page), &image, code);
            told(rblmap(["status", &mirror]), &image, 2);
        }
        // It is replaced, and that is told.
        told(feed.mirror(), &image, 0);
        assert_eq!(std::fs::read(&image).unwrap(), whole);
    }
}
