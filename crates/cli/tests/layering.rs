//! Reads the table of crates in docs/architecture.md and compares it with `cargo metadata`, both
//! ways. Arrows point down only; a new one, or a new package from elsewhere, is a decision.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

/// A row of the table: what a package of the workspace uses.
#[derive(Debug, Default)]
struct Row {
    ours: BTreeSet<String>,
    others: BTreeSet<String>,
}

/// All that the reader may bring along without the feature `verify`.
const READER_TREE: &[&str] = &["libc", "memmap2", "rblmap-format"];

#[test]
fn packages_use_what_the_table_says() {
    let metadata = metadata();
    let table = table();
    let members = members(&metadata);
    let rows: BTreeSet<&str> = table.keys().map(String::as_str).collect();
    assert_eq!(members, rows, "packages of the workspace, and rows");
    for package in packages(&metadata).filter(|package| package["source"].is_null()) {
        let name = text(&package["name"]);
        let used: BTreeSet<String> = linked_dependencies(package)
            .map(|dependency| text(&dependency["name"]).to_owned())
            .collect();
        let of_ours = |name: &String| members.contains(name.as_str());
        let (ours, others): (BTreeSet<_>, BTreeSet<_>) = used.into_iter().partition(of_ours);
        let row = &table[name];
        assert_eq!(ours, row.ours, "{name}: packages of ours, and the table");
        assert_eq!(
            others, row.others,
            "{name}: packages of others, and the table"
        );
    }
}

#[test]
fn arrows_point_down() {
    let table = table();
    // Taking away packages that use none of what is left must take all away.
    let mut left: BTreeSet<&String> = table.keys().collect();
    while !left.is_empty() {
        let lowest: BTreeSet<&String> = left
            .iter()
            .copied()
            .filter(|name| !table[*name].ours.iter().any(|used| left.contains(used)))
            .collect();
        assert!(
            !lowest.is_empty(),
            "these use each other in a circle: {left:?}"
        );
        left.retain(|name| !lowest.contains(name));
    }
}

#[test]
fn readers_tree_stays_small() {
    let metadata = metadata();
    let reader = packages(&metadata)
        .find(|package| package["name"] == "rblmap")
        .unwrap();
    let optional: BTreeSet<&str> = linked_dependencies(reader)
        .filter(|dependency| dependency["optional"] == true)
        .map(|dependency| text(&dependency["name"]))
        .collect();
    let behind_features = BTreeSet::from(["blake3", "ipnet", "serde"]);
    assert_eq!(optional, behind_features, "each has a feature of its own");
    assert_eq!(
        reader["features"]["default"],
        serde_json::json!(["verify"]),
        "the one default feature is that copies are compared with their digests"
    );

    let mut tree = BTreeSet::new();
    let mut queue = vec![text(&reader["id"]).to_owned()];
    while let Some(id) = queue.pop() {
        for to in resolved(&metadata, &id) {
            let name = name_of(&metadata, &to);
            if !optional.contains(name.as_str()) && tree.insert(name) {
                queue.push(to);
            }
        }
    }
    let allowed: BTreeSet<String> = READER_TREE.iter().map(|name| (*name).to_owned()).collect();
    assert!(!tree.is_empty(), "the reader maps files");
    assert!(tree.is_subset(&allowed), "the reader brings along {tree:?}");
}

/// Features that a dependency would bring by default are switched off, or somebody said why not.
#[test]
fn dependencies_bring_no_features_that_nobody_asked_for() {
    let metadata = metadata();
    // The standard library is there; names of temporary files shall not be guessed.
    let wanted = BTreeSet::from(["std", "getrandom"]);
    let ours = packages(&metadata).filter(|package| package["source"].is_null());
    let dependencies = ours
        .filter(|package| package["name"] != "rblmap-benches")
        .flat_map(linked_dependencies);
    let with_default = dependencies.filter(|dependency| {
        dependency["uses_default_features"] == true && !dependency["source"].is_null()
    });
    let names: BTreeSet<&str> = with_default.map(|one| text(&one["name"])).collect();
    assert!(names.contains("serde"), "the dependencies were not found");
    for package in packages(&metadata).filter(|package| names.contains(text(&package["name"]))) {
        let default = package["features"]["default"].as_array();
        let brought: BTreeSet<&str> = default.into_iter().flatten().map(text).collect();
        assert!(
            brought.is_subset(&wanted),
            "{} brings {brought:?}",
            package["name"]
        );
    }
}

/// What `scripts/supply-chain` asks of cargo-deny, as far as it can be told without that tool.
#[test]
fn licences_and_sources_are_those_that_deny_toml_allows() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deny.toml");
    let rules: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
    let list = |rules: &toml::Value| -> BTreeSet<String> {
        let names = rules.as_array().unwrap().iter();
        names
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    };
    let allowed = list(&rules["licenses"]["allow"]);
    let exceptions = rules["licenses"]["exceptions"].as_array().unwrap();
    let metadata = metadata();
    for package in packages(&metadata).filter(|package| !package["source"].is_null()) {
        let name = text(&package["name"]);
        assert!(
            text(&package["source"]).starts_with("registry+"),
            "{name} is of no registry"
        );
        let own = exceptions
            .iter()
            .find(|one| one["crate"].as_str() == Some(name));
        let allowed = own.map_or_else(|| allowed.clone(), |one| list(&one["allow"]));
        let licence = text(&package["license"]).replace('/', " OR ");
        let is_allowed = |part: &str| {
            let mut either = part.trim_matches(['(', ')', ' ']).split(" OR ");
            either.any(|one| allowed.contains(one.trim()))
        };
        assert!(licence.split(" AND ").all(is_allowed), "{name}: {licence}");
    }
}

/// `crates/fuzz/libfuzzer` is a workspace of its own, so no other test builds with its lock file: it
/// once lacked what a crate had come to need, and `scripts/fuzz` did not build.
#[test]
fn the_lock_file_of_the_fuzzers_does_not_lag_behind() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/libfuzzer/Cargo.lock");
    let lock: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
    let metadata = metadata();
    let mut compared = 0;
    for locked in lock["package"].as_array().unwrap() {
        let name = locked["name"].as_str().unwrap();
        let ours = packages(&metadata)
            .find(|package| package["name"] == name && package["source"].is_null());
        let Some(package) = ours else { continue };
        let known = locked.get("dependencies").and_then(toml::Value::as_array);
        // A version follows the name where there are two.
        let known: BTreeSet<&str> = known
            .into_iter()
            .flatten()
            .filter_map(|one| one.as_str()?.split(' ').next())
            .collect();
        let needed = linked_dependencies(package).filter(|one| one["optional"] == false);
        for dependency in needed {
            let wanted = text(&dependency["name"]);
            assert!(known.contains(wanted), "{name} needs {wanted}: {path}");
        }
        compared += 1;
    }
    assert!(compared > 10, "{compared} packages");
}

/// The rows of the table: package, and what it uses.
fn table() -> BTreeMap<String, Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/architecture.md");
    let page = fs::read_to_string(path).unwrap();
    let lines = page
        .lines()
        .skip_while(|line| !line.starts_with("| crate |"));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    let names = |cell: &str| -> BTreeSet<String> {
        let names = cell.split(',').map(|name| name.trim().to_owned());
        names.filter(|name| !name.is_empty()).collect()
    };
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, _, package, _, ours, others, _] = cells[..] else {
            panic!("a row of five cells, not {line}");
        };
        let row = Row {
            ours: names(ours),
            others: names(others),
        };
        (package.trim_matches('`').to_owned(), row)
    };
    let rows: BTreeMap<String, Row> = rows.map(row).collect();
    assert!(
        !rows.is_empty(),
        "the table of crates in docs/architecture.md"
    );
    rows
}

/// The names of the packages of the workspace.
fn members(metadata: &Value) -> BTreeSet<&str> {
    packages(metadata)
        .filter(|package| package["source"].is_null())
        .map(|package| text(&package["name"]))
        .collect()
}

/// One platform, so that the answer is the same everywhere and nothing has to be fetched for the
/// others.
fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--all-features",
        ])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .args([
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().unwrap().iter()
}

/// What a package links or builds with; what only its tests use is nobody else's burden.
fn linked_dependencies(package: &Value) -> impl Iterator<Item = &Value> {
    let dependencies = package["dependencies"].as_array().unwrap();
    dependencies
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
}

/// The ids of the packages that `id` was resolved to depend on, tests left out.
fn resolved(metadata: &Value, id: &str) -> Vec<String> {
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let node = nodes.iter().find(|node| node["id"] == id).unwrap();
    let linked = |dependency: &&Value| {
        let kinds = dependency["dep_kinds"].as_array().unwrap();
        kinds.iter().any(|kind| kind["kind"] != "dev")
    };
    let dependencies = node["deps"].as_array().unwrap();
    dependencies
        .iter()
        .filter(linked)
        .map(|d| text(&d["pkg"]).to_owned())
        .collect()
}

fn name_of(metadata: &Value, id: &str) -> String {
    text(
        &packages(metadata)
            .find(|package| package["id"] == id)
            .unwrap()["name"],
    )
    .to_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
