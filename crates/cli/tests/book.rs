//! The book in `docs/`: every page is in its summary and says in its first paragraph what it is for,
//! every link leads somewhere, and every file, script and test that a page names is there.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and say what they skip"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use common::rblmap;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// All pages, README and the second reader's included.
fn pages() -> Vec<PathBuf> {
    let docs = root().join("docs");
    let mut found = vec![
        root().join("README.md"),
        docs.join("second-reader/README.md"),
    ];
    let entries = std::fs::read_dir(docs)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    found.extend(entries.filter(|path| path.extension().is_some_and(|end| end == "md")));
    found
}

/// Lines of a page that are no code.
fn prose(text: &str) -> Vec<&str> {
    let mut code = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if !code {
            lines.push(line);
        }
    }
    lines
}

/// The fragment that a heading gets: lower case, blanks as `-`, other marks left out.
fn fragment(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Where the links of a page lead.
fn links(text: &str) -> Vec<String> {
    let text = prose(text).join("\n");
    let mut found = Vec::new();
    for (at, _) in text.match_indices("](") {
        let target: String = text[at + 2..].chars().take_while(|c| *c != ')').collect();
        found.push(target);
    }
    found
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            if link.contains("://") || link.contains('`') {
                continue;
            }
            count += 1;
            let (file, part) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{}: {link}", page.display());
            if !part.is_empty() {
                let text = std::fs::read_to_string(target).unwrap();
                let there = prose(&text)
                    .iter()
                    .any(|line| line.starts_with('#') && fragment(line) == part);
                assert!(there, "{}: no heading for {link}", page.display());
            }
        }
    }
    assert!(count > 80, "{count} links");
}

/// In the book a link out of `docs/`, or to the summary, led to a page that is not there.
#[test]
fn no_link_leads_out_of_the_book() {
    let docs = root().join("docs");
    for page in pages().iter().filter(|page| page.starts_with(&docs)) {
        if page.ends_with("docs/SUMMARY.md") {
            continue;
        }
        for link in links(&std::fs::read_to_string(page).unwrap()) {
            let (file, _) = link.split_once('#').unwrap_or((&link, ""));
            if link.contains("://") || link.contains('`') || file.is_empty() {
                continue;
            }
            let target = page.parent().unwrap().join(file).canonicalize().unwrap();
            let within = target.starts_with(&docs) && !target.ends_with("SUMMARY.md");
            assert!(within, "{}: {link}", page.display());
        }
    }
}

#[test]
fn the_book_is_built_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let installed = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../mdbook/bin/mdbook");
    let program = if installed.exists() {
        installed
    } else {
        "mdbook".into()
    };
    let mut mdbook = std::process::Command::new(program);
    mdbook.args(["build", "--dest-dir"]).arg(dir.path());
    let Ok(built) = mdbook.arg(root()).output() else {
        println!("skipped: the book (mdbook is not here)");
        return;
    };
    let said = String::from_utf8_lossy(&built.stderr);
    let complains = [" WARN ", "ERROR", "[WARN]"];
    let fine = built.status.success() && !complains.iter().any(|word| said.contains(word));
    assert!(fine, "{said}");
    assert!(dir.path().join("quickstart.html").exists());
}

#[test]
fn every_page_is_in_the_summary_once() {
    let docs = root().join("docs");
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let listed = links(&summary);
    let distinct: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(listed.len(), distinct.len(), "a page is listed twice");
    for page in pages() {
        let name = page
            .strip_prefix(&docs)
            .map(|name| name.display().to_string());
        if let Ok(name) = name
            && name != "SUMMARY.md"
        {
            assert!(distinct.contains(&name), "docs/SUMMARY.md has no {name}");
        }
    }
}

/// A reader sees in the first paragraph whether the page is for him.
#[test]
fn every_page_begins_with_a_paragraph() {
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let mut lines = text.lines().filter(|line| !line.is_empty());
        assert!(
            lines.next().unwrap().starts_with("# "),
            "{}",
            page.display()
        );
        let first = lines.next().unwrap();
        let summary = page.ends_with("docs/SUMMARY.md") || page.ends_with("docs/README.md");
        let marks = ["#", "|", "```", "-"];
        let paragraph = !marks.iter().any(|mark| first.starts_with(mark));
        assert!(
            paragraph || summary,
            "{}: begins with {first}",
            page.display()
        );
    }
}

/// `scripts/...`, `crates/...` and others that a page names in its text, and tests of commands.
#[test]
fn what_a_page_names_of_the_repository_is_there() {
    let folders = [
        "scripts/",
        "crates/",
        "testdata/",
        "packaging/",
        "docs/",
        "benches/",
    ];
    let mut count = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for quoted in prose(&text).join("\n").split('`').skip(1).step_by(2) {
            let named = quoted.split_whitespace().next().unwrap_or_default();
            if folders.iter().any(|folder| named.starts_with(folder)) && !named.contains(['*', '{'])
            {
                count += 1;
                let there = root().join(named).exists();
                assert!(there, "{}: `{named}` is not there", page.display());
            }
        }
        for (at, _) in text.match_indices("cargo test -p ") {
            let words: Vec<&str> = text[at..].split([' ', '`', '\n', ')']).take(6).collect();
            let name = words[3].trim_start_matches("rblmap-");
            let package = if name == "rblmap" { "reader" } else { name };
            if words[4] == "--test" {
                count += 1;
                let tests = root().join("crates").join(package).join("tests");
                let file = tests.join(format!("{}.rs", words[5]));
                let folder = tests.join(words[5]).join("main.rs");
                assert!(
                    file.exists() || folder.exists(),
                    "{}: {words:?}",
                    page.display()
                );
            }
        }
    }
    assert!(count > 60, "{count} names");
}

/// Commands that a page shows, from its blocks of shell and from its text between backquotes.
fn commands(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined
        .lines()
        .map(|line| line.trim().trim_start_matches("$ "));
    let text = prose(&joined).join("\n");
    let quoted = text.split('`').skip(1).step_by(2);
    let mut found = Vec::new();
    for shown in lines
        .chain(quoted)
        .filter(|shown| shown.starts_with("rblmap "))
    {
        let command = shown.split(['|', '>', ';', '`']).next().unwrap();
        let command = command.split(" #").next().unwrap();
        found.push(command.split("&&").next().unwrap().trim().to_owned());
    }
    found
}

/// The README's commands are run by `scripts/check-readme`, the quick start by `scripts/fresh`, and what
/// a page shows in blocks by `tests/shown`. Of all others, those within the text, the command and each
/// of its options must be ones that the program has.
#[test]
fn every_command_and_option_that_a_page_shows_exists() {
    let mut help: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut count = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for shown in commands(&text) {
            let mut words = shown.split_whitespace().skip(1);
            let Some(command) = words.next() else {
                continue;
            };
            if !command.bytes().all(|byte| byte.is_ascii_lowercase()) {
                continue;
            }
            let help = help.entry(command.to_owned()).or_insert_with(|| {
                let run = rblmap([command, "--help"]);
                (run.code == 0).then_some(run.stdout)
            });
            let place = page.display();
            // `rblmap` also begins a sentence that is told, such as "rblmap serve is ...".
            let Some(help) = help.as_ref() else {
                assert!(!shown.contains(" --"), "{place}: no such command: {shown}");
                continue;
            };
            count += 1;
            for option in words.filter(|word| word.starts_with("--") && word.len() > 2) {
                let name = option
                    .trim_end_matches([',', '.', ')'])
                    .split('=')
                    .next()
                    .unwrap();
                assert!(
                    help.contains(name),
                    "{place}: {command} has no {name}: {shown}"
                );
            }
        }
    }
    assert!(count > 60, "{count} commands");
}
