//! `rblmap build`: warnings, refusals, options, and what is left of a build that fails.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;

use std::path::Path;

use common::{Run, build, files, rblmap, testdata};
use tempfile::TempDir;

/// A folder with one source in it.
fn folder(text: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("source"), text).unwrap();
    dir
}

/// Builds the source of a folder, from inside of it.
fn run(dir: &TempDir, kind: &str, more: &[&str]) -> Run {
    let spec = format!("ops.example:{kind}:source");
    let mut command = common::command(["build"]);
    command.args(more).arg(&spec).current_dir(dir.path());
    common::finish(command, b"")
}

#[test]
fn warnings_name_file_line_and_class() {
    let dir = folder("1.2.3.4\nx\n1.2.3.5 :0:\n1.2.3.6");
    let built = run(&dir, "ip4set", &["-o", "a.rbl", "--warnings", "w.tsv"]);
    assert_eq!((built.code, built.stdout.as_str()), (0, ""));
    let lines: Vec<&str> = built.stderr.lines().collect();
    assert_eq!(
        lines[0],
        "source:2: not an address as this type takes them; line skipped: x"
    );
    assert_eq!(
        lines.last(),
        Some(
            &"ops.example: 4 lines, 2 entries, 4 warnings, bad-address 1, bad-a 1, long-line 1, \
              no-newline 1"
        )
    );
    let table = std::fs::read_to_string(dir.path().join("w.tsv")).unwrap();
    assert_eq!(
        table,
        "source\t2\tbad-address\nsource\t3\tbad-a\nsource\t4\tlong-line\nsource\t4\tno-newline\n"
    );
    let strict = run(&dir, "ip4set", &["-o", "b.rbl", "--strict"]);
    assert_eq!(strict.code, 3);
    assert_eq!(files(dir.path()), ["a.rbl", "source", "w.tsv"]);
    let quiet = run(&dir, "ip4set", &["-q", "-o", "a.rbl"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
}

#[test]
fn a_refused_load_leaves_the_image_that_was_there() {
    let dir = folder("1.2.3.4\n");
    assert_eq!(run(&dir, "ip4set", &["-o", "a.rbl"]).code, 0);
    let before = std::fs::read(dir.path().join("a.rbl")).unwrap();
    let cases = [
        ("combined", "$TTL 5\n1.2.3.4\n", "source:2:"),
        ("combined", "$DATASET nosuch @\n", "source:1:"),
        ("combined", "\n$DATASET acl @\n", "source:2:"),
        ("ip4set", "\n\n$TIMESTAMP 2037:01:01\n", "source:3:"),
        ("generic", "a 5x A 1\n", "source:1:"),
        ("generic", "a A 1\nb MX 10\n", "source:2:"),
        ("plain", "1.2.3.4\0\n", "source: not a text"),
        ("ip4set", "\x1f\u{8b}", "source"),
        ("acl", "1.2.3.4 :refuse\n", "acl"),
        ("nosuch", "1.2.3.4\n", "nosuch"),
    ];
    for (kind, text, said) in cases {
        let bytes: Vec<u8> = text
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect();
        std::fs::write(dir.path().join("source"), bytes).unwrap();
        let more = ["-o", "a.rbl", "--now", "1800000000", "--warnings", "w.tsv"];
        let refused = run(&dir, kind, &more);
        assert_eq!(refused.code, 3, "{text:?}: {}", refused.stderr);
        assert!(
            refused.stderr.contains(said),
            "{text:?}: {}",
            refused.stderr
        );
        assert_eq!(std::fs::read(dir.path().join("a.rbl")).unwrap(), before);
    }
    let table = std::fs::read_to_string(dir.path().join("w.tsv")).unwrap();
    assert_eq!(table, "source\t0\tread-error\n");
    assert_eq!(files(dir.path()), ["a.rbl", "source", "w.tsv"]);
}

/// Every cause that the vectors recorded.
#[test]
fn recorded_refusals_exit_3_and_name_the_file() {
    let root = testdata("vectors/rbldnsd");
    let text = std::fs::read_to_string(root.join("cases.json")).unwrap();
    let cases: serde_json::Value = serde_json::from_str(&text).unwrap();
    let loads = std::fs::read_to_string(root.join("loads.tsv")).unwrap();
    let warnings = std::fs::read_to_string(root.join("warnings.tsv")).unwrap();
    let dir = TempDir::new().unwrap();
    let image = dir.path().join("a.rbl");
    let before = b"not looked at".as_slice();
    std::fs::write(&image, before).unwrap();
    let mut refused = 0;
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        if !loads.contains(&format!("{name}\trefused\n")) {
            continue;
        }
        refused += 1;
        let mut args = vec![
            "build".to_owned(),
            "-o".to_owned(),
            image.display().to_string(),
        ];
        args.extend(["--now".to_owned(), "1780000000".to_owned()]);
        if case["flags"]
            .as_array()
            .is_some_and(|flags| flags.contains(&"-C".into()))
        {
            args.push("--no-gzip".to_owned());
        }
        let mut first = String::new();
        for spec in case["specs"].as_array().unwrap() {
            let files: Vec<String> = spec["files"]
                .as_array()
                .unwrap()
                .iter()
                .map(|file| {
                    root.join("zones")
                        .join(file.as_str().unwrap())
                        .display()
                        .to_string()
                })
                .collect();
            first = files[0].clone();
            args.push(format!(
                "bl.test:{}:{}",
                spec["type"].as_str().unwrap(),
                files.join(",")
            ));
        }
        let run = rblmap(&args);
        assert_eq!(run.code, 3, "{name}: {}", run.stderr);
        let folder = Path::new(&first).parent().unwrap();
        let named = run.stderr.contains(&*folder.to_string_lossy()) || run.stderr.contains("acl");
        assert!(named, "{name}: {}", run.stderr);
        let rows = warnings.lines().filter_map(|row| {
            let mut fields = row.split('\t');
            (fields.next() == Some(name)).then(|| (fields.next(), fields.next()))
        });
        // Line 0 is the whole file, named above.
        let rows = rows.filter(|(_, line)| *line != Some("0"));
        let mut places = rows.map(|(file, line)| format!("{}:{}", file.unwrap(), line.unwrap()));
        let at = places.clone().count() == 0 || places.any(|at| run.stderr.contains(&at));
        assert!(at, "{name}: {}", run.stderr);
        assert_eq!(std::fs::read(&image).unwrap(), before);
    }
    assert!(refused >= 8, "{refused}");
}

#[test]
fn limits_end_a_build() {
    let dir = folder("1.2.3.4\n1.2.3.5\n1.2.3.6\n");
    let entries = run(&dir, "ip4set", &["-o", "a.rbl", "--max-entries", "2"]);
    assert_eq!(entries.code, 3);
    assert!(
        entries.stderr.contains("more than 2 entries"),
        "{}",
        entries.stderr
    );
    let bytes = run(&dir, "ip4set", &["-o", "a.rbl", "--max-source-bytes", "20"]);
    assert_eq!(bytes.code, 3);
    assert!(
        bytes.stderr.contains("more than 20 bytes"),
        "{}",
        bytes.stderr
    );
    std::fs::write(dir.path().join("source"), "1.2.3.4 :2:a\n1.2.3.4 :2:b\n").unwrap();
    let records = run(&dir, "ip4set", &["-o", "a.rbl", "--max-records", "1"]);
    assert_eq!(records.code, 3);
    assert!(
        records.stderr.contains("of more than 1 records"),
        "{}",
        records.stderr
    );
}

#[test]
fn check_reports_and_writes_nothing() {
    let dir = folder("127.0.0.2\n10.0.0.0/8\n1.0.0.0/8\n!9.9.9.9\n");
    let checked = run(&dir, "ip4set", &["--check"]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    for said in [
        "source:2: private or reserved",
        "source:4: the exclusion takes nothing out",
    ] {
        assert!(checked.stderr.contains(said), "{}", checked.stderr);
    }
    assert!(!checked.stderr.contains("wider"), "{}", checked.stderr);
    let strict = run(
        &dir,
        "ip4set",
        &["--check", "--strict", "--widest", "16,32"],
    );
    assert_eq!(strict.code, 3);
    assert!(
        strict.stderr.contains("source:3: wider"),
        "{}",
        strict.stderr
    );
    assert_eq!(run(&dir, "ip4set", &["--check", "-o", "a.rbl"]).code, 2);
    assert_eq!(
        run(&dir, "ip4set", &["--check", "--widest", "33,1"]).code,
        2
    );
    assert_eq!(run(&dir, "ip4set", &[]).code, 2);
    assert_eq!(files(dir.path()), ["source"]);
}

#[test]
fn a_mask_says_which_lists_have_a_key() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("rbl"), "1.2.3.0/24 :2:RBL $\n").unwrap();
    std::fs::write(path("dul"), "1.2.3.4 :3:DUL $\n5.0.0.0/8\n").unwrap();
    std::fs::write(path("ops"), "*.a.example\n1.2.3.4\n").unwrap();
    let image = path("plus.rbl");
    let run = rblmap([
        "build",
        "-q",
        "--mask",
        "rbl.example=1,dul.example=2,ops.example=8",
        "--as",
        "plus.example",
        "-o",
        &image,
        &format!("rbl.example:ip4set:{}", path("rbl")),
        &format!("dul.example:ip4trie:{}", path("dul")),
        &format!("ops.example:plain:{}", path("ops")),
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let found = rblmap([
        "lookup",
        &image,
        "1.2.3.4",
        "1.2.3.5",
        "5.6.7.8",
        "b.a.example",
        "9.9.9.9",
    ]);
    assert_eq!(
        found.stdout,
        "1.2.3.4\tlisted\t127.1.0.11\tDUL 1.2.3.4\tRBL 1.2.3.4\n\
         1.2.3.5\tlisted\t127.1.0.1\tRBL 1.2.3.5\n5.6.7.8\tlisted\t127.1.0.2\n\
         b.a.example\tlisted\t127.1.0.8\n9.9.9.9\tnot-listed\n"
    );
}

#[test]
fn plain_lists_are_read_by_their_options() {
    let dir = TempDir::new().unwrap();
    let lookup = |image: &Path, key: &str| {
        rblmap(["lookup".as_ref(), image.as_os_str(), key.as_ref()]).stdout
    };
    let list = "\u{feff}1.2.3.4\t7\r\n1.2.3.5 3 # few\r\n";
    let image = build(&dir, "a", "plain", list, &["--min-count", "5"]);
    assert_eq!(lookup(&image, "1.2.3.4"), "1.2.3.4\tlisted\t127.0.0.2\n");
    assert_eq!(lookup(&image, "1.2.3.5"), "1.2.3.5\tnot-listed\n");
    let list = "1.2.3.4 SBL$\n1.2.3.5 127.0.0.9\na.example\n";
    let image = build(
        &dir,
        "b",
        "plain",
        list,
        &["--text", "--names", "both", "--value", "127.0.0.5:no"],
    );
    assert_eq!(
        lookup(&image, "1.2.3.4"),
        "1.2.3.4\tlisted\t127.0.0.5\tSBL$\n"
    );
    assert_eq!(
        lookup(&image, "1.2.3.5"),
        "1.2.3.5\tlisted\t127.0.0.9\tno\n"
    );
    assert_eq!(
        lookup(&image, "b.a.example"),
        "b.a.example\tlisted\t127.0.0.5\tno\n"
    );
    let list = "{\"net\":\"1.2.3.0/24\",\"id\":\"SBL1\"}\n{\"type\":\"metadata\"}\n";
    let image = build(
        &dir,
        "c",
        "plain-json",
        list,
        &["--json-key", "net", "--json-text", "id"],
    );
    assert_eq!(
        lookup(&image, "1.2.3.4"),
        "1.2.3.4\tlisted\t127.0.0.2\tSBL1\n"
    );
}

#[test]
fn names_without_their_order_answer_and_dump_alike() {
    let dir = TempDir::new().unwrap();
    let text: String = (0..6000u32)
        .map(|n| format!(".n{:x}.example\n", n.wrapping_mul(0x9e37_79b9)))
        .collect();
    let with = build(&dir, "with", "plain", &text, &[]);
    let without = build(&dir, "without", "plain", &text, &["--no-name-index"]);
    let len = |path: &Path| std::fs::metadata(path).unwrap().len();
    assert!(len(&with) >= len(&without) + 6000 * 4);
    let said = |command: &[&str], image: &Path| {
        let run = rblmap(command.iter().map(Path::new).chain([image]));
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    let dump = ["dump", "--format", "plain"];
    assert_eq!(said(&dump, &with), said(&dump, &without));
    said(&["verify"], &without);
    let key = Path::new("mx.n9e3779b9.example");
    let asked = rblmap([Path::new("lookup"), &without, key]);
    assert_eq!(asked.code, 0, "{}", asked.stderr);
}
