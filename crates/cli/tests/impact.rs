//! What `rblmap impact` prints, and what it ends with.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};

use common::{Run, build, rblmap, rblmap_with_input};
use serde_json::{Value, json};
use tempfile::TempDir;

const LOG: &str = "\
Nov 28 17:45:19 mx postfix/smtpd[1]: connect from a.example[192.0.2.1]
Nov 28 17:45:19 mx postfix/smtpd[1]: 4bX1: client=a.example[192.0.2.1]
Nov 28 17:45:19 mx postfix/qmgr[2]: 4bX1: from=<a@b>, size=1, nrcpt=1 (queue active)
Nov 28 17:45:20 mx postfix/smtpd[1]: connect from a.example[192.0.2.1]
Nov 28 17:45:20 mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example[192.0.2.1]: 550 5.1.1 no; from=<a@b> to=<c@d> proto=ESMTP helo=<x>
Nov 28 17:45:21 mx postfix/smtpd[1]: connect from b.example[198.51.100.7]
Nov 28 17:45:21 mx postfix/smtpd[1]: 4bX2: client=b.example[198.51.100.7]
Nov 28 17:45:22 mx postfix/smtpd[1]: connect from localhost[127.0.0.1]
Nov 28 17:45:22 mx postfix/submission/smtpd[1]: connect from user[203.0.113.5]
Nov 28 17:45:23 mx postfix/smtpd[1]: connect from v6.example[2001:db8::1]
no line of any log
";

fn args(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn lists(dir: &TempDir) -> (PathBuf, PathBuf) {
    let one = build(dir, "one", "ip4set", "192.0.2.1\n203.0.113.0/24\n", &[]);
    let source = dir.path().join("two.txt");
    std::fs::write(&source, "192.0.2.0/24\n2001:db8::/32\n").unwrap();
    let two = dir.path().join("two.rbl");
    let spec = format!("other.example:plain:{}", source.display());
    assert_eq!(rblmap(["build", "-q", "-o", args(&two), &spec]).code, 0);
    (one, two)
}

fn log(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("mail.log");
    std::fs::write(&path, LOG).unwrap();
    path
}

fn json_of(run: &Run) -> Value {
    assert_eq!(run.stdout.lines().count(), 1, "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn fields_of_json() {
    let dir = tempfile::tempdir().unwrap();
    let ((one, two), log) = (lists(&dir), log(&dir));
    let run = rblmap([
        "impact",
        "--image",
        args(&one),
        "--image",
        args(&two),
        "--json",
        args(&log),
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains("1 of 11 lines are of no known kind"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("no line of any log"), "{}", run.stderr);
    let expected = json!({
        "lines": 11, "unread": 1, "unreadable": 0,
        "connections": 4, "clients": 3, "accepted": 2, "refused": 1,
        "apart": {"authenticated": 1, "own": 1, "reinjected": 0, "no_address": 0},
        "listed": {"clients": 2, "connections": 3, "accepted": 1, "only_here": 1},
        "zones": {
            "ops.example": {"clients": 1, "connections": 2, "accepted": 1, "only_here": 0},
            "other.example": {"clients": 2, "connections": 3, "accepted": 1, "only_here": 1},
        },
        "overlap": {"ops.example": {"other.example": 1}, "other.example": {"ops.example": 1}},
        "score": {"0": 1, "1": 1, "2": 1},
        "allowed": 0, "exempt": 0,
        "top_networks": [
            {"network": "192.0.2.0/24", "clients": 1, "connections": 2},
            {"network": "2001:db8::/48", "clients": 1, "connections": 1},
        ],
    });
    assert_eq!(json_of(&run), expected);
}

#[test]
fn packed_logs_and_standard_input_count_alike() {
    let dir = tempfile::tempdir().unwrap();
    let ((one, _), log) = (lists(&dir), log(&dir));
    let plain = json_of(&rblmap([
        "impact",
        "--json",
        "--image",
        args(&one),
        args(&log),
    ]));
    let gz = dir.path().join("mail.log.1.gz");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(LOG.as_bytes()).unwrap();
    std::fs::write(&gz, packer.finish().unwrap()).unwrap();
    let zst = dir.path().join("named-otherwise");
    std::fs::write(&zst, zstd::encode_all(LOG.as_bytes(), 1).unwrap()).unwrap();
    for path in [&gz, &zst] {
        let run = rblmap(["impact", "--json", "--image", args(&one), args(path)]);
        assert_eq!(
            (run.code, json_of(&run)),
            (0, plain.clone()),
            "{}",
            path.display()
        );
        let bytes = std::fs::read(path).unwrap();
        let run = rblmap_with_input(["impact", "--json", "--image", args(&one), "-"], &bytes);
        assert_eq!((run.code, json_of(&run)), (0, plain.clone()));
    }
}

#[test]
fn a_log_that_is_cut_or_missing_is_told_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let ((one, _), log) = (lists(&dir), log(&dir));
    let packed = zstd::encode_all(LOG.repeat(5000).as_bytes(), 1).unwrap();
    let cut = dir.path().join("cut.zst");
    std::fs::write(&cut, &packed[..packed.len() / 2]).unwrap();
    let none = dir.path().join("none.log");
    let image = args(&one);
    let run = rblmap([
        "impact",
        "--json",
        "--image",
        image,
        args(&none),
        args(&cut),
        args(&log),
        image,
    ]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(
        run.stderr.contains("none.log: cannot be read"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("cut.zst: the zstd data are cut or damaged after"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("one.rbl: not a text"), "{}", run.stderr);
    let report = json_of(&run);
    assert_eq!(report["unreadable"], 3);
    assert!(report["lines"].as_u64().unwrap() >= 11);
    let run = rblmap(["impact", "--image", image, args(&log)]);
    assert!(
        run.stdout.contains("left out: 1 lines of no known kind"),
        "{}",
        run.stdout
    );
}

#[test]
fn partial_counts_merged_are_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = lists(&dir);
    let asked = ["--json", "--image", args(&one), "--image", args(&two)];
    let whole = {
        let log = log(&dir);
        rblmap([&["impact"], &asked[..], &[args(&log)]].concat())
    };
    let lines: Vec<&str> = LOG.split_inclusive('\n').collect();
    for text in [&["--text"][..], &[]] {
        let mut parts = Vec::new();
        let mut all = Vec::new();
        for (number, lines) in lines.chunks(3).enumerate() {
            let log = dir.path().join(format!("part-{number}.log"));
            std::fs::write(&log, lines.concat()).unwrap();
            let mut command =
                common::command([&["impact", "--partial"], text, &[args(&log)]].concat());
            let output = command.output().unwrap();
            assert!(output.status.success());
            let part = dir.path().join(format!("{number}.part"));
            std::fs::write(&part, &output.stdout).unwrap();
            all.extend(output.stdout);
            parts.push(part.to_str().unwrap().to_owned());
        }
        assert_eq!(parts.len(), 4);
        parts.reverse();
        let files: Vec<&str> = parts.iter().map(String::as_str).collect();
        let merged = rblmap([&["impact", "merge"], &asked[..], &files].concat());
        assert_eq!((merged.code, &merged.stdout), (0, &whole.stdout));
        let merged = rblmap_with_input([&["impact", "merge"], &asked[..], &["-"]].concat(), &all);
        assert_eq!((merged.code, &merged.stdout), (0, &whole.stdout));
        // Options after the files, as people write them.
        let merged = rblmap([&["impact", "merge"], &files[..], &asked[..]].concat());
        assert_eq!((merged.code, &merged.stdout), (0, &whole.stdout));
    }
}

#[test]
fn damaged_and_foreign_partial_counts() {
    let dir = tempfile::tempdir().unwrap();
    let ((one, _), log) = (lists(&dir), log(&dir));
    let mut command = common::command(["impact", "--partial", args(&log)]);
    let bytes = command.output().unwrap().stdout;
    let (good, cut) = (dir.path().join("good"), dir.path().join("cut"));
    std::fs::write(&good, &bytes).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() - 3]).unwrap();
    let run = rblmap([
        "impact",
        "merge",
        "--json",
        "--image",
        args(&one),
        args(&cut),
        args(&good),
    ]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert_eq!(
        (&json_of(&run)["lines"], &json_of(&run)["unreadable"]),
        (&json!(11), &json!(1))
    );
    let run = rblmap(["impact", "merge", "--image", args(&one), args(&log)]);
    assert_eq!(run.code, 3, "{}", run.stderr);
}

#[test]
fn images_of_one_zone_are_told_apart_by_serial() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(&dir);
    let old = build(&dir, "old", "ip4set", "192.0.2.1\n", &["--serial", "1"]);
    let new = build(&dir, "new", "ip4set", "198.51.100.7\n", &["--serial", "2"]);
    let run = rblmap([
        "impact",
        "--json",
        "--image",
        args(&old),
        "--image",
        args(&new),
        args(&log),
    ]);
    let zones = json_of(&run)["zones"].as_object().unwrap().clone();
    let names: Vec<&String> = zones.keys().collect();
    assert_eq!(names, ["ops.example@1", "ops.example@2"]);
}

#[test]
fn own_networks_and_labels() {
    let dir = tempfile::tempdir().unwrap();
    let ((_, two), log) = (lists(&dir), log(&dir));
    let table = dir.path().join("labels.tsv");
    std::fs::write(&table, "192.0.2.0/24\tDE\n198.51.100.0/24\tFR\n").unwrap();
    let labels = dir.path().join("labels.rbl");
    let spec = format!("labels:plain:{}", table.display());
    assert_eq!(
        rblmap(["build", "-q", "--text", "-o", args(&labels), &spec]).code,
        0
    );
    let (image, labels) = (args(&two), args(&labels));
    let run = rblmap([
        "impact",
        "--json",
        "--image",
        image,
        "--labels",
        labels,
        args(&log),
    ]);
    let report = json_of(&run);
    assert_eq!(report["labels"]["DE"]["clients"], 1, "{}", run.stderr);
    assert_eq!(report["labels"]["-"]["clients"], 1);
    let own = "192.0.2.0/24";
    let run = rblmap([
        "impact",
        "--json",
        "--image",
        image,
        "--own",
        own,
        args(&log),
    ]);
    assert_eq!(json_of(&run)["apart"]["own"], 3);
    assert_eq!(json_of(&run)["clients"], 2);
}

#[test]
fn a_report_in_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let ((one, two), log) = (lists(&dir), log(&dir));
    let page = dir.path().join("report.html");
    let run = rblmap([
        "impact",
        "--image",
        args(&one),
        "--image",
        args(&two),
        "--html",
        args(&page),
        args(&log),
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let page = std::fs::read_to_string(page).unwrap();
    for text in ["other.example", "192.0.2.0&#x2f;24", "66.67 %", "</html>"] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn recipients_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = lists(&dir);
    let log = dir.path().join("mail.log");
    let more = "\
Nov 28 17:45:23 mx postfix/lmtp[2]: 4bX1: to=<Ann@example.com>, relay=x, status=sent (ok)
Nov 28 17:45:23 mx postfix/lmtp[2]: 4bX1: to=<list@example.com>, orig_to=<bob@example.com>, relay=x, status=sent (ok)
Nov 28 17:45:23 mx postfix/lmtp[2]: 4bX2: to=<eve@example.com>, relay=x, status=sent (ok)
Nov 28 17:45:24 mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example[192.0.2.1]: 550 5.7.1 no; from=<a@b> to=<ann@example.com> proto=ESMTP helo=<x>
";
    std::fs::write(&log, [LOG, more].concat()).unwrap();
    let asked = ["impact", "--image", args(&one), "--image", args(&two)];
    let run = rblmap([&asked[..], &["--json", "--recipients", args(&log)]].concat());
    let report = json_of(&run);
    assert_eq!(report["recipients"], 3, "{}", run.stderr);
    let expected = json!([
        {"recipient": "ann@example.com", "clients": 1, "accepted": 1, "refused": 1},
        {"recipient": "bob@example.com", "clients": 1, "accepted": 1, "refused": 0},
        {"recipient": "c@d", "clients": 1, "accepted": 0, "refused": 1},
    ]);
    assert_eq!(report["top_recipients"], expected);
    let run = rblmap([&asked[..], &["--recipients", "--top", "1", args(&log)]].concat());
    assert!(run.stdout.contains("listed clients wrote to 3 recipients"));
    assert!(run.stdout.contains("ann@example.com") && !run.stdout.contains("bob@"));
    let run = rblmap([&asked[..], &["--json", args(&log)]].concat());
    assert_eq!(json_of(&run).get("recipients"), None);
    let run = rblmap(["impact", "--partial", "--recipients", args(&log)]);
    assert_eq!(run.code, 2);
}

#[test]
fn usage() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(&dir);
    assert_eq!(rblmap(["impact", args(&log)]).code, 2);
    assert_eq!(rblmap(["impact"]).code, 2);
    assert_eq!(
        rblmap(["impact", "--image", "/no/such.rbl", args(&log)]).code,
        3
    );
    assert_eq!(
        rblmap(["impact", "--partial", "--json", args(&log)]).code,
        2
    );
}

/// What a slow reference counts in each format: `scripts/check-impact --megabytes 100` for more.
#[test]
fn counts_equal_those_of_a_slow_reference_in_each_format() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/check-impact");
    let run = std::process::Command::new(script)
        .args(["--megabytes", "0.1", env!("CARGO_BIN_EXE_rblmap")])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success() && told.matches("ok ").count() == 9,
        "{told}\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
}
