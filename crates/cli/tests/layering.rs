//! Compares what the crates depend on with the table of docs/architecture.md. Arrows point down
//! only; a new one, or a new package from elsewhere, is a decision and belongs into both tables.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// A package of the workspace: the crates right below it, and the packages of others that it may
/// use. What lies below those crates may be used as well.
struct Room {
    package: &'static str,
    below: &'static [&'static str],
    others: &'static [&'static str],
}

const ROOMS: &[Room] = &[
    Room {
        package: "rblmap",
        below: &[],
        others: &["blake3", "libc", "memmap2"],
    },
    Room {
        package: "rblmap-capi",
        below: &["rblmap"],
        others: &[],
    },
    Room {
        package: "rblmap-image",
        below: &["rblmap"],
        others: &["blake3", "hashbrown", "rayon", "tempfile", "thiserror"],
    },
    Room {
        package: "rblmap-zonefile",
        below: &["rblmap-image"],
        others: &[
            "flate2",
            "hashbrown",
            "memchr",
            "rayon",
            "serde_json",
            "thiserror",
        ],
    },
    Room {
        package: "rblmap-delta",
        below: &["rblmap-image"],
        others: &["blake3", "rayon", "thiserror", "zstd"],
    },
    Room {
        package: "rblmap-report",
        below: &["rblmap-delta"],
        others: &["minijinja", "serde", "serde_json", "thiserror", "toml"],
    },
    Room {
        package: "rblmap-wasm",
        below: &["rblmap"],
        others: &[],
    },
    Room {
        package: "rblmap-feed",
        below: &["rblmap-delta"],
        others: &[
            "blake3",
            "fastrand",
            "httpdate",
            "minisign",
            "minisign-verify",
            "rustix",
            "serde",
            "serde_json",
            "tempfile",
            "thiserror",
            "toml",
            "ureq",
        ],
    },
    Room {
        package: "rblmap-cli",
        below: &["rblmap-feed", "rblmap-zonefile"],
        others: &[
            "clap",
            "clap_complete",
            "clap_mangen",
            "indicatif",
            "serde",
            "serde_json",
            "signal-hook",
            "tempfile",
            "thiserror",
        ],
    },
    Room {
        package: "rblmap-benches",
        below: &["rblmap-cli"],
        others: &[
            "fastrand",
            "fst",
            "hashbrown",
            "heed",
            "maxminddb",
            "prefix-trie",
            "roaring",
            "rustix",
            "serde_json",
            "tempfile",
        ],
    },
];

/// All that the reader may bring along without the feature `verify`.
const READER_TREE: &[&str] = &["libc", "memmap2"];

#[test]
fn arrows_point_down() {
    let metadata = metadata();
    let members: BTreeSet<&str> = packages(&metadata)
        .filter(|package| package["source"].is_null())
        .map(|package| text(&package["name"]))
        .collect();
    let rooms: BTreeSet<&str> = ROOMS.iter().map(|room| room.package).collect();
    assert_eq!(members, rooms, "the packages of the workspace");

    for package in packages(&metadata).filter(|package| package["source"].is_null()) {
        let name = text(&package["name"]);
        let below = reach(name);
        for dependency in linked_dependencies(package) {
            let to = text(&dependency["name"]);
            let allowed = if members.contains(to) {
                below.contains(to)
            } else {
                uses(name, to)
            };
            assert!(allowed, "{name} depends on {to}: not in the table");
        }
    }
}

#[test]
fn readers_tree_stays_small() {
    let metadata = metadata();
    let reader = packages(&metadata)
        .find(|package| package["name"] == "rblmap")
        .unwrap();
    let blake3 = linked_dependencies(reader)
        .find(|d| d["name"] == "blake3")
        .unwrap();
    assert_eq!(
        blake3["optional"], true,
        "blake3 comes with the feature `verify` only"
    );
    assert!(
        reader["features"].get("default").is_none(),
        "the reader has no default features"
    );

    let mut tree = BTreeSet::new();
    let mut queue = vec![text(&reader["id"]).to_owned()];
    while let Some(id) = queue.pop() {
        for to in resolved(&metadata, &id) {
            let name = name_of(&metadata, &to);
            if name != "blake3" && tree.insert(name) {
                queue.push(to);
            }
        }
    }
    let allowed: BTreeSet<String> = READER_TREE.iter().map(|name| (*name).to_owned()).collect();
    assert!(!tree.is_empty(), "the reader maps files");
    assert!(tree.is_subset(&allowed), "the reader brings along {tree:?}");
}

/// Everything below a package of the workspace.
fn reach(package: &str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut queue = below(package).to_vec();
    while let Some(name) = queue.pop() {
        if found.insert(name) {
            queue.extend(below(name));
        }
    }
    found
}

fn below(package: &str) -> &'static [&'static str] {
    ROOMS
        .iter()
        .find(|room| room.package == package)
        .unwrap()
        .below
}

fn uses(package: &str, other: &str) -> bool {
    ROOMS
        .iter()
        .any(|room| room.package == package && room.others.contains(&other))
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
