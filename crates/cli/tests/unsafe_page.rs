//! Makes docs/unsafe.md of the sources: every `unsafe`, and why it holds. `RBLMAP_BLESS=1` writes the
//! page anew; else it must be what the sources say.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// An argument stands at most so many lines above what it is about.
const NEAR: usize = 12;
const HEAD: &str = "\
# Every `unsafe`, and why it holds

`RBLMAP_BLESS=1 cargo test -p rblmap-cli --test unsafe_page` makes this page of the sources, and the
same test fails where the two differ, or where an `unsafe` has no argument. A block holds by its
argument; a function, by what it asks of its caller. Tests and examples are left out: nobody runs them
on mail. Where `unsafe` may stand at all is in `CONTRIBUTING.md`, and what reads
outside of a buffer is looked for by `scripts/valgrind`, `scripts/fuzz` and `scripts/tsan`.
";

/// One `unsafe` of a file.
#[derive(Debug, PartialEq)]
struct Found {
    /// The function or type that it is in, or that it is.
    place: String,
    kind: Kind,
    argument: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Block,
    Function,
    Impl,
    Foreign,
    /// An attribute that gives a function its own name for linkers.
    Export,
}

/// Reads the tokens of a file; comments are in its lines only.
struct Reader<'a> {
    lines: Vec<&'a str>,
    within: Vec<String>,
    found: Vec<Found>,
}

impl Reader<'_> {
    fn read(text: &str) -> Vec<Found> {
        let mut reader = Reader {
            lines: text.lines().collect(),
            within: Vec::new(),
            found: Vec::new(),
        };
        reader.tokens(text.parse().unwrap());
        reader.found
    }

    fn tokens(&mut self, stream: TokenStream) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut named = None;
        for (at, token) in tokens.iter().enumerate() {
            let rest = &tokens[at + 1..];
            match token {
                TokenTree::Ident(word) if word == "unsafe" => {
                    self.note(word.span().start().line, rest);
                }
                TokenTree::Ident(word) => named = name_after(&word.to_string(), rest).or(named),
                TokenTree::Group(group) => {
                    let body = group.delimiter() == Delimiter::Brace;
                    let pushed = if body { named.take() } else { None };
                    let depth = self.within.len();
                    self.within.extend(pushed);
                    self.tokens(group.stream());
                    self.within.truncate(depth);
                }
                // An item without a body.
                TokenTree::Punct(punct) if punct.as_char() == ';' => named = None,
                _ => {}
            }
        }
    }

    fn note(&mut self, line: usize, rest: &[TokenTree]) {
        let word = |at: usize| rest.get(at).map(ToString::to_string).unwrap_or_default();
        let kind = match &rest[0] {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Kind::Block,
            TokenTree::Group(_) => Kind::Export,
            _ => match (word(0).as_str(), word(2).as_str()) {
                ("fn", _) | ("extern", "fn") => Kind::Function,
                ("impl", _) => Kind::Impl,
                ("extern", _) => Kind::Foreign,
                other => panic!("line {line}: unsafe {other:?}"),
            },
        };
        let mut place = self.within.join("::");
        if kind == Kind::Function {
            let name = rest.iter().skip_while(|token| token.to_string() != "fn");
            let name = name.skip(1).map(ToString::to_string).next();
            place = [self.within.clone(), name.into_iter().collect()]
                .concat()
                .join("::");
        }
        if kind == Kind::Impl {
            place = name_after("impl", &rest[1..]).unwrap();
        }
        let argument = match kind {
            Kind::Function => self.asked_of_the_caller(line),
            Kind::Export => String::new(),
            _ => self.argument(line),
        };
        self.found.push(Found {
            place,
            kind,
            argument,
        });
    }

    /// The comment above a line, from its word SAFETY on.
    fn argument(&self, line: usize) -> String {
        let above = &self.lines[..line - 1];
        let is_comment = |line: &&&str| line.trim_start().starts_with("//");
        let code = above
            .iter()
            .rev()
            .take_while(|line| !is_comment(line))
            .count();
        let of_another = above
            .iter()
            .rev()
            .take(code)
            .any(|line| line.contains("unsafe ") || line.contains("unsafe("));
        let comment = above.iter().rev().skip(code).take_while(is_comment);
        let mut comment: Vec<&str> = comment
            .map(|line| line.trim_start_matches([' ', '/']))
            .collect();
        comment.reverse();
        let text = comment.join(" ");
        match text.split_once("SAFETY: ") {
            Some((_, argument)) if code < NEAR && !of_another => argument.to_owned(),
            _ => String::new(),
        }
    }

    /// The section Safety of the doc comment above a line.
    fn asked_of_the_caller(&self, line: usize) -> String {
        let above = self.lines[..line - 1].iter().rev();
        // Attributes may stand between, of several lines.
        let head = above.take_while(|line| !line.is_empty() && line.trim() != "}");
        let mut docs: Vec<&str> = head
            .filter_map(|line| line.trim_start().strip_prefix("///"))
            .collect();
        docs.reverse();
        let section = docs
            .iter()
            .skip_while(|line| line.trim() != "# Safety")
            .skip(1);
        let section = section.take_while(|line| !line.trim().starts_with("# "));
        let lines: Vec<&str> = section
            .map(|line| line.trim())
            .filter(|line| !line.is_empty())
            .collect();
        lines.join(" ")
    }
}

/// The name of the item that a word begins.
fn name_after(word: &str, rest: &[TokenTree]) -> Option<String> {
    let texts: Vec<String> = rest
        .iter()
        .take_while(|token| !matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace))
        .map(ToString::to_string)
        .collect();
    match word {
        "fn" | "mod" | "trait" => texts.first().cloned(),
        "macro_rules" => texts.get(1).cloned(),
        "impl" => {
            let after_for = texts.iter().position(|text| text == "for");
            let mut depth = 0;
            let mut outside = texts.iter().enumerate().filter(|(_, text)| {
                depth += i32::from(*text == "<") - i32::from(*text == ">");
                depth == 0 && *text != ">"
            });
            let is_name = |text: &str| text.starts_with(|first: char| first.is_ascii_alphabetic());
            let found =
                outside.find(|(at, text)| after_for.is_none_or(|from| *at > from) && is_name(text));
            found.map(|(_, text)| text.clone())
        }
        _ => None,
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// The files with an `unsafe`, by their names from the root.
fn files() -> BTreeMap<String, Vec<Found>> {
    let root = Path::new(ROOT).canonicalize().unwrap();
    let mut paths = Vec::new();
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        let sources = entry.unwrap().path().join("src");
        if sources.is_dir() {
            rust_files(&sources, &mut paths);
        }
    }
    rust_files(&root.join("benches/src"), &mut paths);
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        for exported in text.split("#[unsafe(no_mangle)]").skip(1) {
            let name = exported.split_once("fn ").unwrap().1;
            assert!(
                name.starts_with("rblmap_"),
                "{}: {name:.30}",
                path.display()
            );
        }
        let found = Reader::read(&text);
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        (!found.is_empty()).then_some((name, found))
    };
    paths.into_iter().filter_map(read).collect()
}

fn page(files: &BTreeMap<String, Vec<Found>>) -> String {
    let mut page = HEAD.to_owned();
    let all: Vec<&Found> = files.values().flatten().collect();
    let count = |kind| all.iter().filter(|found| found.kind == kind).count();
    let counts = [
        Kind::Block,
        Kind::Function,
        Kind::Impl,
        Kind::Foreign,
        Kind::Export,
    ]
    .map(count);
    let [blocks, functions, impls, foreign, exports] = counts;
    writeln!(
        page,
        "\nBlocks: {blocks}. Functions: {functions}. Implementations: {impls}. Blocks of foreign \
         functions: {foreign}.\n{exports} functions are linked by their own names, which all begin \
         with `rblmap_`."
    )
    .unwrap();
    for (file, all) in files {
        let rows = all.iter().filter(|found| found.kind != Kind::Export);
        let rows: Vec<String> = rows.map(row).collect();
        if !rows.is_empty() {
            let head = "| in | is | holds because |\n|---|---|---|";
            writeln!(page, "\n## `{file}`\n\n{head}\n{}", rows.join("\n")).unwrap();
        }
    }
    page
}

fn row(found: &Found) -> String {
    let (kind, before) = match found.kind {
        Kind::Block => ("block", ""),
        Kind::Function => ("function", "the caller promises: "),
        Kind::Impl => ("implementation", ""),
        Kind::Foreign => ("foreign functions", ""),
        Kind::Export => ("export", ""),
    };
    // Links of doc comments lead nowhere here.
    let argument = found
        .argument
        .replace("[`", "`")
        .replace("`]", "`")
        .replace('|', "\\|");
    format!("| `{}` | {kind} | {before}{argument} |", found.place)
}

#[test]
fn the_page_of_unsafe_says_what_the_sources_say() {
    let files = files();
    for (file, all) in &files {
        for found in all.iter().filter(|found| found.kind != Kind::Export) {
            assert!(!found.argument.is_empty(), "{file}: {found:?}: no argument");
        }
    }
    assert!(files.len() > 20, "the sources were not found");
    let path = Path::new(ROOT).join("docs/unsafe.md");
    let made = page(&files);
    if std::env::var_os("RBLMAP_BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == made,
        "docs/unsafe.md is not current: RBLMAP_BLESS=1 makes it anew"
    );
}

#[test]
fn every_kind_of_unsafe_is_found_with_its_argument() {
    let text = r#"
mod deep {
    impl<T: Fn()> Drop for Cell<T> {
        fn drop(&mut self) {
            // Why.
            // SAFETY: nobody
            // has it.
            drop(unsafe { take() });
            let bare = 1;
            unsafe { gone() }
        }
    }
}
/// Text.
///
/// # Safety
/// Be [`good`].
///
/// # Errors
/// None.
#[inline]
pub unsafe extern "C" fn asks() {}
// SAFETY: a number.
unsafe impl Send for Place {}
#[unsafe(no_mangle)]
fn exported() {}
macro_rules! made { () => { /* unsafe */ unsafe { x() } } }
"#;
    let found = Reader::read(text);
    let brief: Vec<(Kind, &str, &str)> = found
        .iter()
        .map(|found| (found.kind, found.place.as_str(), found.argument.as_str()))
        .collect();
    assert_eq!(
        brief,
        [
            (Kind::Block, "deep::Cell::drop", "nobody has it."),
            (Kind::Block, "deep::Cell::drop", ""),
            (Kind::Function, "asks", "Be [`good`]."),
            (Kind::Impl, "Place", "a number."),
            (Kind::Export, "", ""),
            (Kind::Block, "made", ""),
        ]
    );
}
