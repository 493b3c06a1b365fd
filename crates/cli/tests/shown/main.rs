//! The commands that the pages of `docs/` show, run as they are shown.
//!
//! A comment before a block, which no reader of the page sees, says what is done with it:
//!
//! - `<!-- run -->`: it is run by bash, and must end well. Where its lines begin with `$ `, the others
//!   are what must be printed, in that order; `...` stands for what is not shown.
//! - `<!-- run after: COMMAND -->`: the same, once this command has run.
//! - `<!-- file: PATH -->`: it is written to this file before anything runs.
//! - `<!-- not run: WHY -->`: it is not.
//!
//! The blocks of a page run one after the other in a folder of their own, after `NAME.sh` beside this
//! file has made what the page takes for granted. Absolute paths of the page lie below that folder, and
//! `rsync://feed.example/ops` is the folder `/srv/feed` there. README.md is run by
//! `scripts/check-readme`, docs/quickstart.md by `scripts/fresh`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

#[path = "../common/mod.rs"]
mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use common::files;

/// What a comment says of the block after it.
#[derive(Debug, Clone, PartialEq)]
enum Mark {
    Run { after: String },
    File(String),
    NotRun,
}

#[derive(Debug)]
struct Block {
    line: usize,
    mark: Option<Mark>,
    lines: Vec<String>,
}

fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    here.canonicalize().unwrap()
}

fn mark(line: &str) -> Option<Mark> {
    let said = line.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
    if said == "run" {
        return Some(Mark::Run {
            after: String::new(),
        });
    }
    let (word, rest) = said.split_once(": ")?;
    match word {
        "run after" => Some(Mark::Run { after: rest.into() }),
        "file" => Some(Mark::File(rest.into())),
        "not run" => Some(Mark::NotRun),
        _ => None,
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut inside = false;
    let mut before = "";
    for (at, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = !inside;
            if inside {
                found.push(Block {
                    line: at + 1,
                    mark: mark(before),
                    lines: Vec::new(),
                });
            }
        } else if inside {
            found.last_mut().unwrap().lines.push(line.to_owned());
        }
        before = line;
    }
    found
}

/// Whether a line calls the command, and not only names it.
fn calls_rblmap(line: &str) -> bool {
    let starts = line.match_indices("rblmap ").filter(|(at, _)| {
        let before = line[..*at].trim_end();
        before.is_empty() || before.ends_with(['|', '&', ';', '$'])
    });
    starts.into_iter().any(|(at, call)| {
        let word = line[at + call.len()..].split(' ').next().unwrap();
        word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_lowercase())
    })
}

/// Paths of the page as they are in the folder.
fn placed(text: &str, root: &str) -> String {
    let mut text = text.replace("rsync://feed.example/ops", "/srv/feed");
    for folder in ["/srv/", "/etc/rblmap", "/var/lib/", "/var/log/"] {
        text = text.replace(folder, &format!("{root}{folder}"));
    }
    text
}

/// The commands of a block: all of it, or what comes after `$ ` with the lines that go on.
fn commands(block: &Block) -> String {
    if !block.lines.iter().any(|line| line.starts_with("$ ")) {
        return block.lines.join("\n");
    }
    let mut commands = String::new();
    let mut goes_on = false;
    for line in &block.lines {
        let command = line.strip_prefix("$ ");
        if let Some(text) = command.or_else(|| goes_on.then_some(line.as_str())) {
            commands.push_str(text);
            commands.push('\n');
            goes_on = text.ends_with('\\');
        }
    }
    commands
}

/// What a block says is printed.
fn printed(block: &Block) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut command = false;
    for line in &block.lines {
        command = line.starts_with("$ ") || (command && line.starts_with(' '));
        if !command && block.lines.iter().any(|line| line.starts_with("$ ")) {
            lines.push(line.as_str());
        }
    }
    lines
}

/// Whether a line is as shown, where `...` may stand for anything.
fn is_shown(line: &str, shown: &str) -> bool {
    match shown.split_once("...") {
        Some((head, tail)) => {
            line.len() >= head.len() + tail.len() && line.starts_with(head) && line.ends_with(tail)
        }
        None => line == shown,
    }
}

/// The script of a page: each block in a shell of its own, with a line before it that names it.
fn script(page: &str, blocks: &[Block], root: &str) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shown");
    let mut script = format!("set -eu -o pipefail\nexec 2>&1\nROOT={root}\n");
    for name in ["world.sh".to_owned(), page.replace(".md", ".sh")] {
        let text = fs::read_to_string(here.join(&name)).unwrap_or_default();
        script.push_str(&text);
    }
    for block in blocks {
        if let Some(Mark::Run { after }) = &block.mark {
            let commands = placed(&commands(block), root);
            let after = placed(after, root);
            script.push_str(&format!(
                "{after}\necho '@@{}'\n(\n{commands}\n)\n",
                block.line
            ));
        }
    }
    script.push_str("echo '@@end'\n");
    script
}

/// Runs what a page shows, and gives how many blocks that were.
fn run(page: &str, blocks: &[Block]) -> usize {
    let wanted = blocks
        .iter()
        .filter(|block| matches!(block.mark, Some(Mark::Run { .. })));
    let wanted: Vec<&Block> = wanted.collect();
    if wanted.is_empty() {
        return 0;
    }
    let dir = TempDir::new().unwrap();
    let root = dir.path().to_str().unwrap();
    let work = dir.path().join("work");
    let bin = dir.path().join("bin");
    fs::create_dir_all(&work).unwrap();
    fs::create_dir_all(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_rblmap"), bin.join("rblmap")).unwrap();
    symlink(repository().join("testdata"), work.join("testdata")).unwrap();
    for block in blocks {
        if let Some(Mark::File(path)) = &block.mark {
            let path = work.join(placed(path, root));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, placed(&block.lines.join("\n"), root) + "\n").unwrap();
        }
    }
    let mut command = Command::new("bash");
    command.current_dir(&work).arg("-c");
    command.arg(script(page, blocks, root));
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", bin.display()));
    let done = command.output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout).replace(root, "");
    let parts: Vec<&str> = told.split("@@").collect();
    assert!(
        done.status.success() && parts.last() == Some(&"end\n"),
        "docs/{page}: a command failed, of the block that begins in line {}\n{}",
        parts.last().unwrap(),
        String::from_utf8_lossy(&done.stderr)
    );
    for (block, part) in wanted.iter().zip(&parts[1..]) {
        let mut lines = part.lines().skip(1);
        for shown in printed(block) {
            assert!(
                lines.any(|line| is_shown(line, shown)),
                "docs/{page}:{}: not printed, or not in this place: {shown}\n{part}",
                block.line
            );
        }
    }
    wanted.len()
}

#[test]
fn the_commands_that_a_page_shows_run() {
    let docs = repository().join("docs");
    let pages = files(&docs);
    let pages: Vec<String> = pages
        .into_iter()
        .filter(|name| name.ends_with(".md") && name != "quickstart.md")
        .collect();
    let counts = std::thread::scope(|scope| {
        let running = pages.iter().map(|page| {
            let path = docs.join(page);
            scope.spawn(move || run(page, &blocks(&fs::read_to_string(path).unwrap())))
        });
        let running: Vec<_> = running.collect();
        let counts = running.into_iter().map(|thread| thread.join().unwrap());
        counts.collect::<Vec<usize>>()
    });
    let count: usize = counts.iter().sum();
    assert!(count >= 28, "{count} blocks");
}

/// A command that is shown later must not stay untried by oversight.
#[test]
fn every_block_with_a_command_says_whether_it_is_run() {
    let docs = repository().join("docs");
    let mut count = 0;
    for page in files(&docs).iter().filter(|name| name.ends_with(".md")) {
        if page == "quickstart.md" {
            continue;
        }
        let text = fs::read_to_string(docs.join(page)).unwrap();
        for block in blocks(&text) {
            if block.lines.iter().any(|line| calls_rblmap(line)) {
                count += 1;
                assert!(
                    block.mark.is_some(),
                    "docs/{page}:{}: write <!-- run --> or <!-- not run: WHY --> before it",
                    block.line
                );
            }
        }
    }
    assert!(count > 30, "{count} blocks");
}

/// The check itself: a command that fails, and a line that is not printed, are found.
#[test]
fn a_page_with_a_fault_is_found() {
    let fails = |text: &str| {
        let blocks = blocks(text);
        std::panic::catch_unwind(|| run("none.md", &blocks)).is_err()
    };
    let shows = |lines: &str| format!("<!-- run -->\n```\n{lines}\n```\n");
    let key = "$ rblmap info testdata/golden/three.rbl | head -n 1";
    assert!(!fails(&shows("rblmap info testdata/golden/three.rbl")));
    assert!(!fails(&shows(&format!("{key}\n..."))));
    assert!(fails(&shows("rblmap info testdata/golden/none.rbl")));
    assert!(fails(&shows(
        "rblmap info --none testdata/golden/three.rbl"
    )));
    assert!(fails(&shows(&format!("{key}\nnot what it prints"))));
}
