//! The book in `docs/`: every page is in its summary and says in its first paragraph what it is for,
//! every link leads somewhere, and every file, script and test that a page names is there. What it says
//! to the command is read in `src/pages.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and say what they skip"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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

/// `scripts/...`, `crates/...` and others that a page names in its text.
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
    }
    assert!(count > 60, "{count} names");
}

/// Options of scripts that a page names, and the test that it wants to be run.
#[test]
fn what_a_page_says_to_scripts_and_cargo_is_there() {
    let mut count = 0;
    let mut pages = pages();
    pages.push(root().join("CONTRIBUTING.md"));
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for quoted in prose(&text).join(" ").split('`').skip(1).step_by(2) {
            let words: Vec<&str> = quoted.split_whitespace().collect();
            let fault = match words.as_slice() {
                [script, options @ ..]
                    if script.starts_with("scripts/") && root().join(script).is_file() =>
                {
                    unknown_option(script, options)
                }
                _ => match words.iter().position(|word| *word == "cargo") {
                    Some(at) if words[at..].starts_with(&["cargo", "test", "-p"]) => {
                        no_test(words[at + 3], &words[at + 4..])
                    }
                    _ => continue,
                },
            };
            count += 1;
            assert_eq!(fault, None, "{}: `{quoted}`", page.display());
        }
    }
    assert!(count > 60, "{count} commands");
}

/// The first option of a script that does not stand in it.
fn unknown_option(script: &str, options: &[&str]) -> Option<String> {
    let text = std::fs::read_to_string(root().join(script)).unwrap();
    let mut names = options.iter().filter(|word| word.starts_with("--"));
    let unknown = names.find(|name| !text.contains(**name))?;
    Some(format!("{script} has no {unknown}"))
}

/// What of a `cargo test -p PACKAGE [--test FILE]... [WORD]` is not there.
fn no_test(package: &str, words: &[&str]) -> Option<String> {
    let name = match package {
        "rblmap" => "reader",
        name => name.strip_prefix("rblmap-").unwrap_or(name),
    };
    let folder = root().join("crates").join(name);
    if !folder.is_dir() {
        return Some(format!("no package {package}"));
    }
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--test" => {
                let tests = folder.join("tests");
                let file = words.next().unwrap();
                let here = [format!("{file}.rs"), format!("{file}/main.rs")];
                if !here.iter().any(|path| tests.join(path).exists()) {
                    return Some(format!("{package} has no test {file}"));
                }
            }
            "--" => {}
            word => return (!has_function(&folder, word)).then(|| format!("no test with {word}")),
        }
    }
    None
}

/// Whether a file below a folder has a function with this word in its name.
fn has_function(folder: &Path, word: &str) -> bool {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).any(|path| {
        let text = match path.is_dir() {
            true => return has_function(&path, word),
            false => std::fs::read_to_string(&path).unwrap_or_default(),
        };
        let mut lines = text.lines().map(str::trim_start);
        lines.any(|line| line.starts_with("fn ") && line.contains(word))
    })
}

/// The check itself.
#[test]
fn a_script_without_an_option_and_a_test_that_is_gone_are_found() {
    let options = |words: &[&str]| unknown_option("scripts/bench", words).is_some();
    assert!(!options(&["--only", "LIST"]) && options(&["--none"]));
    let gone = |package: &str, words: &[&str]| no_test(package, words).is_some();
    assert!(!gone(
        "rblmap-cli",
        &["--test", "book", "--", "summary_once"]
    ));
    assert!(gone("rblmap-cli", &["--test", "books"]));
    assert!(gone("rblmap-cli", &["--test", "book", "no_such_function"]));
    assert!(gone("rblmap-none", &[]));
}
