//! `rblmap bench`: rows for each way to ask, and what it says of bad queries.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::process::Command;

const THREE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/golden/three.rbl"
);

fn rblmap(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rblmap"))
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn each_mix_is_asked_in_each_way() {
    let (code, out, _) = rblmap(&["bench", "--json", THREE]);
    assert_eq!(code, Some(0));
    let rows: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let asked: Vec<_> = rows
        .iter()
        .map(|row| row["asked"].as_str().unwrap())
        .collect();
    assert_eq!(
        asked,
        [
            "listed addresses",
            "listed addresses",
            "any addresses",
            "any addresses"
        ]
    );
    for row in &rows {
        let [low, median, high] =
            ["low", "median", "high"].map(|key| row["ns"][key].as_f64().unwrap());
        assert!(low <= median && median <= high, "{row}");
        assert!(
            row["ratio"]["median"].is_number() && row["per_second"].is_number(),
            "{row}"
        );
    }
}

#[test]
fn queries_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queries");
    std::fs::write(&path, "192.0.2.1\n192.0.2.2\nmail.example\n\n").unwrap();
    let path = path.to_str().unwrap();
    let (code, out, err) = rblmap(&["bench", "--queries", path, THREE]);
    assert_eq!(code, Some(0));
    assert_eq!(out.lines().count(), 2);
    assert!(out.starts_with("queries, one at a time: "), "{out}");
    assert!(err.contains("1 lines are no IPv4 address"), "{err}");
    std::fs::write(path, "nothing\n").unwrap();
    let (code, out, _) = rblmap(&["bench", "--queries", path, THREE]);
    assert_eq!((code, out.as_str()), (Some(3), ""));
}
