//! A figure without the command that gives it can be neither believed nor kept true. So each figure of
//! README.md and of the pages that measure has one beside it: in its own paragraph, item or table, in
//! the paragraph that leads to it, or in the first one of its section.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::path::{Path, PathBuf};

use regex::Regex;

/// The pages that say what was measured. The others have numbers that are rules: of formats, limits and
/// defaults; what docs/decisions.md has is told as history.
const PAGES: [&str; 14] = [
    "README.md",
    "docs/architecture.md",
    "docs/dns.md",
    "docs/embedding.md",
    "docs/engines.md",
    "docs/figures.md",
    "docs/history.md",
    "docs/impact.md",
    "docs/mail.md",
    "docs/page.md",
    "docs/performance.md",
    "docs/reliability.md",
    "docs/scale.md",
    "docs/security.md",
];

/// Blocks whose numbers are rules as well, each by words of it.
const RULES: [&str; 21] = [
    "check_policy_service { unix:rblmap/policy, timeout=1s",
    "32-bit machines map images",
    "one bit of a map of all /24s",
    "`poll` in `feed.toml` is the publisher's lever",
    "`s-maxage=15`",
    "Twenty relays with 500 mirrors each, on paper",
    "35 minutes without `$TTL`",
    "A reply has at most 512 bytes",
    "with `$SOA 60 ns.example",
    "at most 510 bytes. Its first digit",
    "the failure string",
    "it is tried again every 5 s",
    "16 KiB a request",
    "A line of more than 1 MiB",
    "for 1,000 s of silence",
    "the sums |",
    "What together has more than 32 MiB",
    "the length of its name (2 bytes",
    "they print ASCII, at most 510 bytes",
    "tried again after 0.1 to 51 s",
    "at most every 20 ms within it",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A paragraph, an item of a list or a table, with the line where it begins.
struct Block {
    line: usize,
    text: String,
}

impl Block {
    fn is_heading(&self) -> bool {
        self.text.starts_with('#')
    }

    /// Whether it continues what the paragraph before it says.
    fn is_led(&self) -> bool {
        let item = Regex::new(r"^ *([-*]|[0-9]+\.) |^\|").unwrap();
        item.is_match(&self.text)
    }
}

fn blocks(page: &str) -> Vec<Block> {
    let begins = Regex::new(r"^( *([-*]|[0-9]+\.) |#)").unwrap();
    let (mut found, mut open, mut code) = (Vec::<Block>::new(), false, false);
    for (line, number) in page.lines().zip(1..) {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        if fence || code || line.is_empty() {
            open = false;
            continue;
        }
        if open && !begins.is_match(line) {
            let text = &mut found.last_mut().unwrap().text;
            text.push(' ');
            text.push_str(line.trim_start());
        } else {
            found.push(Block {
                line: number,
                text: line.to_owned(),
            });
        }
        open = !line.starts_with('#');
    }
    found
}

/// A number with a unit, or a share.
fn has_figure(text: &str) -> bool {
    let unit =
        "ns|µs|ms|s|seconds?|minutes?|[kKMG]i?B|bytes|%|times|instructions|a second|a minute";
    let word = "0-9A-Za-z_";
    let figure = format!(
        r"(^|[^{word}.`/])([0-9][0-9,.]* ?({unit})($|[^{word}`])|0\.[0-9]+($|[^{word}.]))|÷"
    );
    Regex::new(&figure).unwrap().is_match(text)
}

/// Whether a command stands in it: a script that is there, or one of cargo or of ours, whose words other
/// tests look at (`tests/book`, `src/pages`).
fn has_command(text: &str) -> bool {
    text.split('`').skip(1).step_by(2).any(|span| {
        let words: Vec<&str> = span.split_whitespace().collect();
        let script = |word: &str| word.starts_with("scripts/") && root().join(word).is_file();
        words.iter().any(|word| script(word))
            || span.contains("cargo test -p ")
            || span.contains("cargo run ")
            || span.starts_with("rblmap bench")
            || span.ends_with("| wc -c")
    })
}

/// The blocks with a figure and no command beside it.
fn without_command(page: &str) -> Vec<Block> {
    let (mut found, mut head, mut leading) = (Vec::new(), None, false);
    for block in blocks(page) {
        if block.is_heading() {
            (head, leading) = (None, false);
            continue;
        }
        let own = has_command(&block.text);
        let head = *head.get_or_insert(own);
        let led = block.is_led();
        if has_figure(&block.text) && !(own || head || led && leading) {
            found.push(block);
        }
        if !led {
            leading = own;
        }
    }
    found
}

#[test]
fn every_figure_has_a_command_beside_it_that_gives_it() {
    let (mut faults, mut rules) = (Vec::new(), RULES.to_vec());
    for page in PAGES {
        for block in without_command(&std::fs::read_to_string(root().join(page)).unwrap()) {
            let before = rules.len();
            rules.retain(|words| !block.text.contains(words));
            if rules.len() == before {
                faults.push(format!("{page}:{}: {}", block.line, block.text));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(rules.is_empty(), "not needed any more: {rules:?}");
}

/// The check itself.
#[test]
fn a_figure_without_a_command_is_found() {
    let found = |page: &str| without_command(page).len();
    assert_eq!(found("# A\n\nIt takes 12 ms.\n"), 1);
    assert_eq!(found("# A\n\nIt takes 12 ms (`scripts/bench`).\n"), 0);
    assert_eq!(found("# A\n\nIt takes 12 ms (`scripts/none`).\n"), 1);
    assert_eq!(
        found("# A\n\n`scripts/bench`:\n\n## B\n\nIt takes\n12 ms.\n"),
        1
    );
    assert_eq!(
        found("# A\n\n`scripts/bench`:\n\nText.\n\n- 0.94 of it\n\n| 3 % |\n"),
        0
    );
    assert_eq!(
        found("# A\n\nText.\n\nBy `scripts/bench`:\n\n- 0.94 of it\n- 2 GB\n"),
        0
    );
    assert_eq!(
        found("# A\n\nText.\n\nBy `scripts/bench`.\n\nText.\n\n- 0.94 of it\n"),
        1
    );
    assert_eq!(found("# A\n\nOn 2 cores, with version 1.2.\n"), 0);
}
