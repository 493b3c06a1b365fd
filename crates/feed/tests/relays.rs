//! Feeds that are served on.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod world;

use std::fs;
use std::path::Path;
use std::process::Command;

use rblmap_feed::{Error, Outcome, RelaySettings, Relayed, Source, read_public, relay};
use serde_json::json;

use world::{World, files};

fn list(count: u32) -> Vec<u32> {
    (0..count)
        .map(|n| (n + 1).wrapping_mul(0x9e37_79b1) | 1)
        .collect()
}

fn relayed(world: &World, from: &str, to: &str) -> Result<Relayed, Error> {
    let keys = read_public(&world.keys.public).unwrap();
    let source = Source::Local(world.path(from));
    let settings = RelaySettings::new(source, keys);
    let mut relayed = relay(&settings, &world.path(to), world.now)?;
    match relayed.failed.pop() {
        Some((_, error)) => Err(error),
        None => Ok(relayed),
    }
}

/// All files of a tree but those that begin with a dot, with their bytes.
fn tree(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in files(&folder) {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            match (name.starts_with('.'), path.is_dir()) {
                (true, _) => {}
                (_, true) => folders.push(path),
                _ => found.push((name, fs::read(path).unwrap())),
            }
        }
    }
    found.sort();
    found
}

/// Everything that pointers lead to is there: a mirror that begins gets the newest.
fn serves(world: &mut World, from: &str, serial: u64) {
    world.settings.sources = vec![Source::Local(world.path(from))];
    let _ = fs::remove_dir_all(world.path("mirror"));
    match world.mirror() {
        Ok(Outcome::Updated(update)) => assert_eq!(update.to, serial, "{from}"),
        other => panic!("{from}: {other:?}"),
    }
}

#[test]
fn a_relay_of_a_relay_ends_with_the_publishers_bytes() {
    let mut world = World::new();
    for count in 1000..1022 {
        world.publish(&list(count));
    }
    assert_eq!(relayed(&world, "feed", "one").unwrap().zones, 1);
    relayed(&world, "one", "two").unwrap();
    assert!(
        tree(&world.path("one")) == tree(&world.path("two")),
        "the relays differ"
    );
    let published = tree(&world.path("feed"));
    for file in tree(&world.path("two")) {
        assert!(published.contains(&file), "{}", file.0);
    }
    serves(&mut world, "two", 22);
    let again = relayed(&world, "one", "two").unwrap();
    assert_eq!((again.zones, again.files), (0, 0));
    world.publish(&list(1022));
    let brought = relayed(&world, "feed", "one").unwrap();
    assert!(brought.files <= 4, "{brought:?}");
    relayed(&world, "one", "two").unwrap();
    serves(&mut world, "two", 23);
}

#[test]
fn a_relay_never_serves_what_is_incomplete() {
    let mut world = World::new();
    world.publish(&list(1000));
    relayed(&world, "feed", "one").unwrap();
    world.publish(&list(1001));
    let saved = world.save();
    let delta = world.file("d", "1-2-");
    let bytes = fs::read(&delta).unwrap();
    for bad in [None, Some(&bytes[..10]), Some(&b"<html>"[..])] {
        match bad {
            None => fs::remove_file(&delta).unwrap(),
            Some(bytes) => fs::write(&delta, bytes).unwrap(),
        }
        assert!(relayed(&world, "feed", "one").is_err());
        serves(&mut world, "one", 1);
    }
    world.restore(&saved);
    relayed(&world, "feed", "one").unwrap();
    serves(&mut world, "one", 2);
}

#[test]
fn bare_rsync_in_two_passes_serves_the_tree_on() {
    let mut world = World::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/mirror-tree");
    let copy = |world: &World| {
        let run = Command::new(script)
            .args([world.path("feed"), world.path("copy")])
            .output();
        let run = run.unwrap();
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
    };
    for serial in 1..=2 {
        world.publish(&list(1000 + serial));
        copy(&world);
        assert!(
            tree(&world.path("feed")) == tree(&world.path("copy")),
            "the copy differs"
        );
        assert!(!world.path("copy/.state").exists());
        serves(&mut world, "copy", serial.into());
    }
}

#[test]
fn a_relay_prunes_and_keeps_room_whatever_its_publisher_says() {
    let mut world = World::new();
    world.publish(&list(1000));
    relayed(&world, "feed", "one").unwrap();
    let first = files(&world.path("one/ops.example/m")).remove(0);
    // Looks every thousand years, says the publisher: its old files go all the same.
    for _ in 0..2 {
        world.now += 4 * world::DAY;
        world.refresh();
        world.forge(|manifest| {
            manifest["issue"] = json!(manifest["issue"].as_u64().unwrap() + 1);
            manifest["poll"] = json!(1000 * 365 * world::DAY);
        });
        let done = relayed(&world, "feed", "one");
        assert!(
            matches!(done, Ok(_) | Err(Error::Manifest { .. })),
            "{done:?}"
        );
        world.now += 60;
        world.refresh();
        relayed(&world, "feed", "one").unwrap();
    }
    assert!(!first.exists(), "{}", first.display());
    // What no disk has room for is refused before it is fetched.
    world.forge(|manifest| {
        manifest["issue"] = json!(manifest["issue"].as_u64().unwrap() + 1);
        manifest["snapshot"]["bytes"] = json!(u64::MAX / 4);
    });
    let error = relayed(&world, "feed", "one").unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    serves(&mut world, "one", 1);
}
