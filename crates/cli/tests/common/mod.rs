//! What the tests of the command share: running it, and finding lists.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may panic, and say what they skip"
)]

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What a run left: exit code and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the command to its end.
pub fn rblmap<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Run {
    finish(command(args), b"")
}

/// Runs the command with `input` as its standard input.
pub fn rblmap_with_input<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>, input: &[u8]) -> Run {
    finish(command(args), input)
}

/// The command, not started yet.
pub fn command<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rblmap"));
    command.args(args);
    command
}

/// Runs a command to its end.
pub fn finish(mut command: Command, input: &[u8]) -> Run {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Whoever refuses its arguments does not read.
            let _ = stdin.write_all(input);
        });
        let output = child.wait_with_output().unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    })
}

/// A file of the repository's test data.
pub fn testdata(path: &str) -> PathBuf {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata"));
    root.join(path)
}

/// The folder of shared data, if it is there; says so if it is not.
pub fn shared() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let path = std::env::var_os("RBLMAP_SHARED").map_or_else(|| default.into(), PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: real lists ({} is not there)", path.display());
    None
}

/// A text of the shared data, which keeps them compressed.
pub fn unpacked(path: &Path) -> Vec<u8> {
    zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap()
}

/// Builds `ops.example` of one source that is written for it; gives the image's path.
pub fn build(dir: &TempDir, name: &str, kind: &str, text: &str, more: &[&str]) -> PathBuf {
    let source = dir.path().join(format!("{name}.txt"));
    std::fs::write(&source, text).unwrap();
    let image = dir.path().join(format!("{name}.rbl"));
    let spec = format!("ops.example:{kind}:{}", source.display());
    let mut args = vec!["build", "-q", "-o", image.to_str().unwrap()];
    args.extend(more);
    args.push(&spec);
    let run = rblmap(&args);
    assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
    image
}

/// The names of the files in a folder.
pub fn files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
