//! What `rblmap lookup` prints, and what it ends with.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;

use std::path::Path;

use common::{Run, build, command, finish, rblmap, rblmap_with_input};
use serde_json::{Value, json};

const LIST: &str = "\
:2:see https://ops.example/?$
192.0.2.1
198.51.100.0/24 :3:tab\there
203.0.113.9 :4:\\ back and caf\u{e9}
";

fn lookup(image: &Path, args: &[&str]) -> Run {
    let mut all = vec!["lookup", image.to_str().unwrap()];
    all.extend(args);
    rblmap(all)
}

#[test]
fn a_line_for_each_key() {
    let dir = tempfile::tempdir().unwrap();
    let image = build(&dir, "a", "ip4set", LIST, &[]);
    let run = lookup(
        &image,
        &["192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1", "198.51.100.7"],
    );
    assert_eq!(
        run.stdout,
        "192.0.2.1\tlisted\t127.0.0.2\tsee https://ops.example/?192.0.2.1\n\
         192.0.2.2\tnot-listed\n\
         ::ffff:192.0.2.1\tlisted\t127.0.0.2\tsee https://ops.example/?192.0.2.1\n\
         198.51.100.7\tlisted\t127.0.0.3\ttab\\x09here\n"
    );
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert_eq!(lookup(&image, &["192.0.2.2", "2001:db8::1"]).code, 1);
}

#[test]
fn texts_are_escaped_in_lines_and_whole_in_json() {
    let dir = tempfile::tempdir().unwrap();
    let image = build(&dir, "a", "ip4set", LIST, &["--serial", "7"]);
    let text = lookup(&image, &["203.0.113.9"]).stdout;
    assert_eq!(
        text,
        "203.0.113.9\tlisted\t127.0.0.4\t\\x5c back and caf\\xc3\\xa9\n"
    );
    let run = lookup(&image, &["--json", "203.0.113.9", "10.0.0.1"]);
    let lines: Vec<Value> = run
        .stdout
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let records = json!([{"a": "127.0.0.4", "txt": "\\ back and caf\u{e9}"}]);
    assert_eq!(
        lines,
        [
            json!({"query": "203.0.113.9", "zone": "ops.example", "listed": true,
                   "records": records, "serial": 7}),
            json!({"query": "10.0.0.1", "zone": "ops.example", "listed": false,
                   "records": [], "serial": 7}),
        ]
    );
}

#[test]
fn a_text_that_is_not_utf8_is_hexadecimal_in_json() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    std::fs::write(&source, b"192.0.2.1 :2:\xff\xfe\n").unwrap();
    let image = dir.path().join("a.rbl");
    let spec = format!("ops.example:ip4set:{}", source.display());
    assert_eq!(
        rblmap(["build", "-q", "-o", image.to_str().unwrap(), &spec]).code,
        0
    );
    let run = lookup(&image, &["--json", "192.0.2.1"]);
    let line: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        line["records"],
        json!([{"a": "127.0.0.2", "txt_hex": "fffe"}])
    );
}

#[test]
fn a_bad_key_is_an_error_and_the_others_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    let image = build(&dir, "a", "ip4set", LIST, &[]);
    let bad = [
        "192.0.2",
        "192.0.2.256",
        "192.0.2.01",
        "192.0.2.0/24",
        "a b",
        "",
        ".",
        "a..b",
        "[::1",
    ];
    for key in bad {
        let run = lookup(&image, &["--", key, "192.0.2.1"]);
        assert_eq!(run.code, 3, "{key:?}");
        assert!(run.stdout.starts_with("192.0.2.1\tlisted\t"), "{key:?}");
        assert!(
            run.stderr.contains("neither an address nor a domain name"),
            "{key:?}: {}",
            run.stderr
        );
    }
    let run = lookup(&image, &["--json", "192.0.2.0/24"]);
    assert_eq!(
        run.stdout,
        "{\"query\":\"192.0.2.0/24\",\"error\":\"neither an address nor a domain name\"}\n"
    );
    let long = "a".repeat(64);
    assert_eq!(lookup(&image, &[&long]).code, 3);
}

#[test]
fn keys_come_from_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let image = build(&dir, "a", "ip4set", LIST, &[]);
    let image = image.to_str().unwrap();
    let input = b"192.0.2.1\r\n\n 198.51.100.1 \n10.0.0.1";
    let whole = rblmap_with_input(["lookup", image], input);
    let keys: Vec<&str> = whole
        .stdout
        .lines()
        .map(|line| line.split('\t').next().unwrap())
        .collect();
    assert_eq!(keys, ["192.0.2.1", "198.51.100.1", "10.0.0.1"]);
    let mixed = rblmap_with_input(["lookup", image, "192.0.2.9", "-"], input);
    assert_eq!(mixed.stdout.lines().count(), 4);
    assert_eq!(rblmap_with_input(["lookup", image], b"").code, 1);
}

#[test]
fn names_take_escapes_with_the_flag() {
    let dir = tempfile::tempdir().unwrap();
    let list = ":2:$\n.spam.example\na\\.b.example\n";
    let image = build(&dir, "a", "dnset", list, &[]);
    let run = lookup(&image, &["mx.SPAM.example.", "other.example"]);
    assert_eq!(
        run.stdout,
        "mx.SPAM.example.\tlisted\t127.0.0.2\tspam.example\nother.example\tnot-listed\n"
    );
    assert_eq!(lookup(&image, &["--name", r"a\.b.example"]).code, 0);
    assert_eq!(lookup(&image, &["--name", r"a\0462.example"]).code, 1);
    assert_eq!(lookup(&image, &["--name", "@"]).code, 1);
}

#[test]
fn a_name_asks_as_over_dns() {
    let dir = tempfile::tempdir().unwrap();
    let list = "$DATASET ip4set @\n192.0.2.1\n$DATASET ip4set proxies\n192.0.2.7\n";
    let image = build(&dir, "a", "combined", list, &[]);
    let code = |args: &[&str]| lookup(&image, args).code;
    assert_eq!(code(&["--name", "1.2.0.192"]), 0);
    assert_eq!(code(&["--name", "192.0.2.1"]), 1);
    assert_eq!(code(&["--name", "7.2.0.192"]), 1);
    assert_eq!(code(&["--name", "7.2.0.192.proxies"]), 0);
    assert_eq!(code(&["--name", "--zone", "proxies", "7.2.0.192"]), 0);
    assert_eq!(code(&["--name", "--zone", "proxies", "1.2.0.192"]), 1);
}

#[test]
fn an_expired_zone_says_so_and_lists_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let list = "$TIMESTAMP 2026-01-01 2026-01-02\n192.0.2.1\n";
    let image = build(&dir, "a", "ip4set", list, &["--now", "1767225700"]);
    let fresh = lookup(&image, &["--now", "1767225700", "192.0.2.1"]);
    assert_eq!((fresh.code, fresh.stdout.contains("\tlisted")), (0, true));
    let late = lookup(&image, &["--now", "1867225700", "192.0.2.1", "10.0.0.1"]);
    assert_eq!(late.code, 9);
    assert_eq!(late.stdout, "192.0.2.1\texpired\n10.0.0.1\texpired\n");
    let late = lookup(&image, &["--json", "--now", "1867225700", "192.0.2.1"]);
    let line: Value = serde_json::from_str(&late.stdout).unwrap();
    assert_eq!(
        (&line["listed"], &line["expired"]),
        (&json!(false), &json!(true))
    );
    // A damaged key is less than data that must not be used.
    assert_eq!(lookup(&image, &["--now", "1867225700", "1.2.3"]).code, 9);
}

/// A mirror's page beside the image was not looked at: an expired or retired list went on listing.
#[test]
fn what_the_mirror_says_beside_the_image_counts() {
    let dir = tempfile::tempdir().unwrap();
    let image = build(&dir, "a", "ip4set", "192.0.2.1\n", &[]);
    // docs/feed.md: magic, version, flags, generation, stale from, expired from.
    let page = |flags: u32, stale: u64, expired: u64| {
        let mut page = b"\x89rblstat".to_vec();
        page.extend(1u32.to_le_bytes());
        page.extend(flags.to_le_bytes());
        for word in [1, stale, expired] {
            page.extend(word.to_le_bytes());
        }
        page.resize(4096, 0);
        std::fs::write(image.with_extension("status"), page).unwrap();
    };
    let run = |args: &[&str]| {
        let run = lookup(&image, &[&["--now", "1000"], args].concat());
        (run.code, run.stdout, run.stderr)
    };
    page(0, 2000, 3000);
    assert_eq!(run(&["192.0.2.1"]).0, 0);
    assert_eq!(run(&["192.0.2.1"]).2, "");
    page(0, 1000, 3000);
    let (code, _, told) = run(&["192.0.2.1"]);
    assert!(
        code == 0 && told.contains("a.status: stale"),
        "{code} {told}"
    );
    for (flags, expired, word) in [(0, 1000, "expired"), (1, 0, "retired")] {
        page(flags, 1000, expired);
        let (code, said, told) = run(&["192.0.2.1", "192.0.2.2"]);
        assert_eq!(said, "192.0.2.1\texpired\n192.0.2.2\texpired\n", "{word}");
        assert_eq!((code, told.matches(word).count()), (9, 1), "{told}");
        let filter = [
            "lookup",
            "--filter",
            "--now",
            "1000",
            image.to_str().unwrap(),
        ];
        let told = rblmap_with_input(filter, b"192.0.2.1\n");
        assert_eq!(
            (told.code, &*told.stdout),
            (0, "192.0.2.1\texpired\n"),
            "{word}"
        );
    }
    std::fs::write(image.with_extension("status"), "no page").unwrap();
    let (code, said, told) = run(&["192.0.2.1"]);
    assert!(code == 0 && said.contains("\tlisted"), "{code} {said}");
    assert!(told.contains("not a status page"), "{told}");
}

#[test]
fn a_zone_that_is_none_is_not_an_unlisted_key() {
    let dir = tempfile::tempdir().unwrap();
    let list = "$DATASET ip4set proxies\n192.0.2.1\n";
    let image = build(&dir, "a", "combined", list, &[]);
    let run = lookup(&image, &["--zone", "proxies", "--json", "192.0.2.1"]);
    let line: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(line["zone"], "proxies.ops.example");
    assert_eq!(run.code, 0);
    let run = lookup(&image, &["--zone", "relays", "192.0.2.1"]);
    assert_eq!((run.code, run.stdout.as_str()), (3, ""));
    assert!(run.stderr.contains("no zone \"relays\""), "{}", run.stderr);
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let image = build(&dir, "a", "ip4set", LIST, &[]);
    let script = format!(
        "yes 192.0.2.1 | head -n 200000 | {} lookup {} | head -n 1; echo ${{PIPESTATUS[2]}}",
        env!("CARGO_BIN_EXE_rblmap"),
        image.display()
    );
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", &script]);
    let run = finish(shell, b"");
    assert!(run.stdout.ends_with("\n0\n"), "{run:?}");
    assert_eq!(run.stderr, "");
}

#[test]
fn one_question_at_a_time_gets_its_answer_at_once() {
    use std::io::{BufRead, BufReader, Write};
    use std::process::Stdio;

    let dir = tempfile::tempdir().unwrap();
    let image = build(&dir, "a", "ip4set", LIST, &[]);
    let mut child = command(["lookup", image.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for key in ["192.0.2.1", "10.0.0.1"] {
        writeln!(stdin, "{key}").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.starts_with(key), "{line}");
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
