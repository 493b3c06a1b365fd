//! What the benches say of their gates, and what becomes of it.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn script(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts")).join(name)
}

/// Exit code, output and errors of `scripts/gate`.
fn gate(arguments: &[&str]) -> (i32, String, String) {
    let run = Command::new(script("gate"))
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        run.status.code().unwrap(),
        text(&run.stdout),
        text(&run.stderr),
    )
}

#[test]
fn a_gate_is_held_against_the_figure_before_it_is_rounded() {
    for (arguments, row) in [
        (vec!["a", "3.5", "3.5"], "| a | 3.50 | 3.5 | holds |\n"),
        (
            vec!["a", "3.504", "3.5"],
            "| a | 3.50 | 3.5 | **FAILS** |\n",
        ),
        (vec!["a", "7 / 2 - 4", "1"], "| a | -0.50 | 1 | holds |\n"),
        (
            vec!["a", "7.9", "8", "least"],
            "| a | 7.90 | at least 8 | **FAILS** |\n",
        ),
        (
            vec!["a", "8", "8", "least"],
            "| a | 8.00 | at least 8 | holds |\n",
        ),
    ] {
        assert_eq!(gate(&arguments), (0, row.to_owned(), String::new()));
    }
}

#[test]
fn what_was_not_measured_does_not_hold() {
    for figure in ["", " / 3", "- / 2", "1 / 0", "0 / 0", "inf", "nan", "12 s"] {
        let (code, row, said) = gate(&["a", figure, "1", "least"]);
        assert_eq!((code, row.as_str()), (1, ""), "{figure}");
        assert_eq!(said, format!("gate: a: not measured: {figure}\n"));
    }
    for arguments in [vec!["a"], vec!["a", "1", "2", "most"]] {
        assert_eq!(gate(&arguments).0, 2);
    }
}

/// Runs `scripts/bench-all --gates` of two benches, of which one prints these rows. Gives the exit
/// code, the end of what was said, and the page.
fn bench_all(rows: &str, code: i32) -> (i32, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let program = |path: &Path, text: &str| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let all = fs::read_to_string(script("bench-all")).unwrap();
    program(&at("scripts/bench-all"), &all);
    program(&at("bin/cargo"), "#!/bin/sh\n");
    let head =
        "printf '%s\\n' 'step  wall s' '' '| gate | measured | limit | |' '|---|--:|--:|---|'";
    program(
        &at("scripts/bench-10m"),
        &format!("#!/bin/sh\n{head}\ncat << END\n{rows}\nEND\nexit {code}\n"),
    );
    let other = "printf '%s\\n' '| b | 0.50 | 1 | holds |'";
    program(
        &at("scripts/load-feed"),
        &format!("#!/bin/sh\n{head}\n{other}\n"),
    );
    let path = format!("{}:{}", at("bin").display(), std::env::var("PATH").unwrap());
    let run = Command::new(at("scripts/bench-all"))
        .args(["--gates", "out.md", "bench-10m", "load-feed"])
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    let page = fs::read_to_string(at("out.md")).unwrap();
    (run.status.code().unwrap(), said, page)
}

#[test]
fn all_gates_stand_in_one_table_and_one_that_fails_is_the_exit_code() {
    let (code, said, page) = bench_all("| a | 1.00 | 2 | holds |", 0);
    assert_eq!((code, said.as_str()), (0, "bench-10m\nload-feed\n"));
    let table = "2 of 2 hold.\n\n| by | gate | measured | limit | |\n|---|---|--:|--:|---|\n\
        | bench-10m | a | 1.00 | 2 | holds |\n| load-feed | b | 0.50 | 1 | holds |\n";
    assert!(page.ends_with(table), "{page}");

    let (code, said, page) = bench_all("| a | 3.00 | 2 | **FAILS** |", 0);
    assert_eq!(code, 1);
    assert!(
        said.ends_with("bench-all: failed: 1 gates of 2\n"),
        "{said}"
    );
    assert!(page.contains("\n1 of 2 hold.\n"), "{page}");

    // A bench that ends early has not said all of its gates.
    let (code, said, _) = bench_all("| a | 1.00 | 2 | holds |", 6);
    assert_eq!(code, 1);
    assert!(said.ends_with("bench-all: failed: bench-10m\n"), "{said}");
}
