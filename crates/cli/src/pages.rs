//! Every command that a page shows, in a block or within a sentence, is read here by the parser that
//! reads the command line: a command, an option or a value that it does not take fails. That those in
//! blocks also run is for `tests/shown`, `scripts/check-readme` and `scripts/fresh`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use crate::Cli;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All pages: those of the book, of which the manual pages of formats are made, and those beside code.
fn pages() -> Vec<PathBuf> {
    let root = root();
    let folders = ["", "docs", "docs/second-reader", "testdata"].map(|name| root.join(name));
    let crates = files(&root.join("crates"));
    let all = folders
        .into_iter()
        .chain(crates)
        .flat_map(|folder| files(&folder));
    all.filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// What is code in a page: lines of blocks, with those that go on, and spans within the text.
fn code(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut lines, mut prose, mut inside) = (Vec::new(), String::new(), false);
    for line in text.replace("\\\n", " ").lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if inside {
            lines.push(line.to_owned());
        } else {
            prose.push_str(line.trim());
            prose.push('\n');
        }
    }
    let spans = prose.split('`').skip(1).step_by(2);
    let spans = spans.map(|span| span.replace('\n', " ").replace("\\|", "|"));
    (lines, spans.collect())
}

/// The commands of a line, each from its name up to what ends it for a shell.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, name) in line.match_indices("rblmap ") {
        let before = line[..at].chars().next_back();
        let begins = before.is_none_or(|c| " '\"/=(".contains(c));
        let comment = line[..at].contains("# ") && !line.starts_with("# ");
        let words = words(
            &line[at + name.len()..],
            before.filter(|c| "'\")".contains(*c)),
        );
        if begins && !comment && words.first().is_some_and(|word| is_command(word)) {
            found.push(words);
        }
    }
    found
}

fn is_command(word: &str) -> bool {
    word == "help" || Cli::command().find_subcommand(word).is_some()
}

/// Words as a shell makes them, up to `|`, `;`, `&`, `>`, `<`, `)`, a comment, or the quote that the
/// whole stands in.
fn words(text: &str, end: Option<char>) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, _) if end == Some(c) => break,
            (None, '|' | ';' | '&' | '>' | '<' | ')') => break,
            (None, '#') if word.is_none() => break,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A word of a synopsis as somebody would write it: `[--until TIME]` and `KEY...` are examples of
/// themselves, but for values that are no texts.
fn filled(word: &str) -> Option<String> {
    let word = word.trim_matches(['[', ']', '…']).trim_end_matches("...");
    let value = match word.trim_matches(['[', ']']) {
        "" => return None,
        "N" | "ID" | "FROM" | "TO" => "1",
        "TIME" => "24h",
        "NETWORK" => "192.0.2.0/24",
        "FORMAT" => "plain",
        other => other,
    };
    Some(value.to_owned())
}

/// What the parser says against a command; of a span, which may leave out what the text around it says,
/// not that something is missing.
fn fault(words: &[String], whole: bool) -> Option<String> {
    let words = words.iter().filter_map(|word| filled(word));
    let words = std::iter::once("rblmap".to_owned()).chain(words);
    let error = Cli::command().try_get_matches_from(words).err()?;
    let fine = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        ErrorKind::MissingRequiredArgument | ErrorKind::TooFewValues => !whole,
        // As in `publish --retire`.
        ErrorKind::InvalidValue => !whole && error.to_string().contains("none was supplied"),
        _ => false,
    };
    (!fine).then(|| error.to_string())
}

/// The words of a span that is a command of ours, with its name or without it, as in `mirror --watch`.
fn of_span(span: &str) -> Option<Vec<String>> {
    let named = span.strip_prefix("rblmap ");
    let words = words(named.unwrap_or(span), None);
    let first = words.first()?;
    let shown = match named {
        Some(_) => first.bytes().all(|byte| byte.is_ascii_lowercase()),
        None => is_command(first) && span.contains(" --"),
    };
    shown.then_some(words)
}

/// The faults of a page, and how many commands were read.
fn faults(text: &str) -> (Vec<String>, usize) {
    let (lines, spans) = code(text);
    let blocks = lines.iter().flat_map(|line| commands(line));
    let blocks = blocks.map(|words| (words, true));
    let spans = spans.iter().filter_map(|span| of_span(span));
    // A list of commands, such as `rblmap keygen publish mirror`, is none.
    let list = |words: &[String]| words.len() > 1 && words.iter().all(|word| is_command(word));
    let spans = spans
        .filter(|words| !list(words))
        .map(|words| (words, false));
    let (mut found, mut count) = (Vec::new(), 0);
    for (words, whole) in blocks.chain(spans) {
        count += 1;
        found.extend(fault(&words, whole).map(|why| format!("{}\n{why}", words.join(" "))));
    }
    (found, count)
}

#[test]
fn every_command_that_a_page_shows_is_one_that_the_program_takes() {
    let (mut found, mut count) = (Vec::new(), 0);
    for page in pages() {
        let (faults, commands) = faults(&std::fs::read_to_string(&page).unwrap());
        found.extend(
            faults
                .iter()
                .map(|fault| format!("{}: {fault}", page.display())),
        );
        count += commands;
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(count > 200, "{count} commands");
}

/// The check itself.
#[test]
fn a_command_that_the_program_does_not_take_is_found() {
    let count = |text: &str| faults(text).0.len();
    let block = |line: &str| count(&format!("```sh\n{line}\n```\n"));
    assert_eq!(
        count("`rblmap dump IMAGE --format nft`, `mirror --watch`"),
        0
    );
    assert_eq!(count("`rblmap dump IMAGE --format none`"), 1);
    assert_eq!(count("`rblmap dumb IMAGE`"), 1);
    assert_eq!(count("`mirror --watches`"), 1);
    assert_eq!(count("`rblmap accept DIR ZONE ID MORE`"), 1);
    assert_eq!(block("cat a | rblmap lookup 'a b.rbl' 192.0.2.1 > b"), 0);
    assert_eq!(block("ExecStart=/usr/bin/rblmap mirror --watch"), 1);
    assert_eq!(
        block("parallel 'rblmap impact --partial {} > {}.part' ::: --x"),
        0
    );
    assert_eq!(block("rblmap lookup \\\n  a.rbl --none"), 1);
}
