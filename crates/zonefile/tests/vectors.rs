//! rbldnsd's recorded answers (`testdata/vectors/rbldnsd`): answers, load states and warnings.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;
mod moved;
mod recorded;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use common::{Question, Told, ask, image_of};
use moved::moved;
use rblmap::Image;
use recorded::{NOW, cases, options, root, specs, text};

fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

/// A text of the TSV: one character stands for one byte.
fn bytes(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect()
}

fn question(kind: &str, query: &str) -> Question {
    match kind {
        "ip4" => Question::V4(query.parse().unwrap()),
        "ip6" => Question::V6(query.parse().unwrap()),
        _ => Question::Name(bytes(query)),
    }
}

fn expected(a: &str, txt: &str) -> Told {
    let mut told = Told::default();
    if a != "-" {
        told.a = a.split(',').map(|a| a.parse().unwrap()).collect();
    }
    if txt != "-" {
        let texts: Vec<String> = serde_json::from_str(txt).unwrap();
        told.txt = texts.iter().map(|text| bytes(text)).collect();
    }
    told
}

#[test]
fn every_recorded_answer_is_ours() {
    let mut asked = 0;
    let mut wrong = Vec::new();
    let mut before: Option<Image> = None;
    for case in cases() {
        let name = text(&case, "name");
        let Ok((image, _)) = image_of(&specs(&case), &options(&case)) else {
            continue;
        };
        if image.base().expired_at(NOW) {
            continue;
        }
        for row in rows(&root().join("expect").join(format!("{name}.tsv"))) {
            let [kind, query, sub, _, a, txt] = row.as_slice() else {
                panic!("{name}: {row:?}");
            };
            asked += 1;
            let ours = ask(&image, &question(kind, query), sub);
            let theirs = expected(a, txt);
            if ours != theirs {
                wrong.push(format!(
                    "{name} {kind} {query} {sub}: {ours:?} for {theirs:?}"
                ));
            }
        }
        // What a mirror makes of it is the same image, so that the same answers hold.
        moved(&image, before.as_ref());
        before = Some(image);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(asked > 2_000, "{asked} questions");
}

#[test]
fn every_load_ends_as_recorded() {
    let loads = rows(&root().join("loads.tsv"));
    let states: BTreeMap<&str, &str> = loads
        .iter()
        .map(|row| (row[0].as_str(), row[1].as_str()))
        .collect();
    for case in cases() {
        let name = text(&case, "name");
        let state = match image_of(&specs(&case), &options(&case)) {
            Err(_) => "refused",
            Ok((image, _)) if image.base().expired_at(NOW) => "loaded-not-served",
            Ok(_) => "served",
        };
        assert_eq!(states.get(name), Some(&state), "{name}");
    }
}

#[test]
fn every_recorded_warning_is_ours() {
    let recorded: BTreeSet<String> = rows(&root().join("warnings.tsv"))
        .iter()
        .map(|row| row.join(" "))
        .collect();
    let mut ours = BTreeSet::new();
    for case in cases() {
        let name = text(&case, "name");
        let mut add = |file: &Path, line: u64, class: rblmap_zonefile::Class| {
            let file = file.file_name().unwrap().to_string_lossy().into_owned();
            if !class.is_ours() {
                ours.insert(format!("{name} {file} {line} {}", class.as_str()));
            }
        };
        match image_of(&specs(&case), &options(&case)) {
            Ok((_, built)) => {
                for warning in &built.warnings {
                    add(&warning.file, warning.line, warning.class);
                }
            }
            Err(error) => {
                if let Some((class, file, line)) = error.refusal() {
                    add(file, line, class);
                }
            }
        }
    }
    let missing: Vec<_> = recorded.difference(&ours).collect();
    let extra: Vec<_> = ours.difference(&recorded).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "missing {missing:#?} extra {extra:#?}"
    );
}
