//! Builds the wheel, installs it with pip into a folder of its own, and runs the tests in Python.
#![cfg(target_os = "linux")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may panic, and says what it skips"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

/// Needed to build and to test, from PyPI by name.
const PACKAGES: [&str; 3] = ["maturin>=1.8,<2", "numpy", "pyarrow"];

fn output(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn run(command: &mut Command) -> String {
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}{complaint}");
    said + &complaint
}

/// A virtual environment with what the tests need, made once; why not, if it cannot be had.
fn environment() -> Result<PathBuf, String> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("venv");
    let done = place.join("done");
    if !done.exists() {
        let made = Command::new("python3")
            .args(["-m", "venv"])
            .arg(&place)
            .output();
        if !made.is_ok_and(|made| made.status.success()) {
            return Err("python3 -m venv does not work here".to_owned());
        }
        let install = Command::new(place.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check"])
            .args(PACKAGES)
            .output();
        if !install.is_ok_and(|install| install.status.success()) {
            return Err("pip cannot install maturin, numpy and pyarrow".to_owned());
        }
        fs::write(done, "").unwrap();
    }
    Ok(place)
}

#[test]
fn the_wheel_installs_and_its_tests_pass() {
    let place = match environment() {
        Ok(place) => place,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    let wheels = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wheels");
    let _ = fs::remove_dir_all(&wheels);
    run(Command::new(place.join("bin/maturin"))
        .args(["build", "--quiet", "--profile", "dev", "--out"])
        .arg(&wheels)
        .arg("--interpreter")
        .arg(place.join("bin/python"))
        .current_dir(CRATE));
    let wheel = fs::read_dir(&wheels)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let name = wheel.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(
        name.starts_with("rblmap-") && name.contains("-abi3-"),
        "{name}"
    );
    run(Command::new(place.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .args(["--force-reinstall", "--no-deps", "--no-index"])
        .arg(&wheel));
    let image = Path::new(CRATE).join("../../testdata/golden/three.rbl");
    let said = run(Command::new(place.join("bin/python"))
        .arg(Path::new(CRATE).join("tests/test_rblmap.py"))
        .env("RBLMAP_TEST_IMAGE", fs::canonicalize(image).unwrap())
        .env("PYTHONDONTWRITEBYTECODE", "1"));
    println!("{said}");
}
