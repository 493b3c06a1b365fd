//! Hundreds of issues: the cheapest way, merged, pruning, and a mirrored image that equals the
//! published one, byte for byte.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod world;

use std::collections::BTreeSet;
use std::fs;

use rblmap_feed::{Outcome, Update, publish};

use world::{DAY, World, files};

fn updated(world: &World) -> Update {
    match world.mirror() {
        Ok(Outcome::Updated(update)) => update,
        other => panic!("{other:?}"),
    }
}

/// The published image of a serial, as the publisher keeps it.
fn published(world: &World, serial: u64) -> Vec<u8> {
    let folder = world.feed().join(".state/ops.example");
    let end = format!("-{serial}.rbl");
    let path = files(&folder)
        .into_iter()
        .find(|path| path.to_string_lossy().ends_with(&end));
    fs::read(path.unwrap()).unwrap()
}

#[test]
fn a_mirror_at_any_lag_takes_few_files_and_ends_with_the_same_bytes() {
    let seed = 0xfeed;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut world = World::new();
    let mut listed: BTreeSet<u32> = (0..20_000).map(|_| random.u32(..)).collect();
    let mut mirrors = Vec::new();
    let count = 90;
    for step in 0..count {
        for _ in 0..3 {
            listed.insert(random.u32(..));
        }
        let list: Vec<u32> = listed.iter().copied().collect();
        world.publish(&list);
        if step % 11 == 0 {
            world.mirror().unwrap();
            let aside = world.path(&format!("mirror-{step}"));
            fs::rename(world.path("mirror"), &aside).unwrap();
            mirrors.push((step + 1, aside));
        }
    }
    let expected = published(&world, count);
    for (from, aside) in mirrors {
        let _ = fs::remove_dir_all(world.path("mirror"));
        fs::rename(aside, world.path("mirror")).unwrap();
        let update = updated(&world);
        assert_eq!((update.from, update.to), (Some(from), count), "seed {seed}");
        assert!(!update.snapshot, "deltas suffice from {from}");
        assert!(update.deltas <= 18, "{} files from {from}", update.deltas);
        assert_eq!(world.image().as_bytes(), expected);
    }
    // A mirror that begins takes the snapshot and what follows it.
    fs::remove_dir_all(world.path("mirror")).unwrap();
    let update = updated(&world);
    assert!(update.snapshot);
    assert_eq!(world.image().as_bytes(), expected);
    // The publisher keeps few images, and its manifest stays small.
    let kept = files(&world.feed().join(".state/ops.example"));
    assert!(kept.len() <= 8, "{kept:?}");
    for manifest in files(&world.feed().join("ops.example/m")) {
        assert!(fs::metadata(manifest).unwrap().len() <= 4096);
    }
}

#[test]
fn a_publisher_without_its_memory_goes_on() {
    let mut world = World::new();
    let list: Vec<u32> = (0..2000).map(|n| n * 977).collect();
    for count in 1990..1996 {
        world.publish(&list[..count]);
    }
    world.mirror().unwrap();
    fs::remove_dir_all(world.feed().join(".state")).unwrap();
    world.publish(&list);
    let update = updated(&world);
    assert_eq!((update.snapshot, update.deltas, update.to), (false, 1, 7));
    assert_eq!(world.image().as_bytes(), published(&world, 7));
}

#[test]
fn equal_content_is_a_heartbeat() {
    let mut world = World::new();
    let first = world.publish(&[1, 3]);
    let again = world.publish(&[1, 3]);
    assert_eq!((first.serial, again.serial), (1, 1));
    assert!(!again.new_content);
    assert!(again.issue > first.issue);
    world.mirror().unwrap();
    world.heartbeat();
    assert!(matches!(world.mirror(), Ok(Outcome::Current { serial: 1 })));
}

#[test]
fn unreferenced_files_stay_for_a_day() {
    let mut world = World::new();
    let list: Vec<u32> = (0..3000).map(|n| n * 977).collect();
    world.publish(&list[..2000]);
    world.publish(&list[..2500]);
    let manifests = || files(&world.path("feed/ops.example/m")).len();
    assert_eq!(manifests(), 2);
    let publish_at = |now| {
        let reports = publish(&world.feed(), &[], &world.key(), &world.options, now).unwrap();
        assert!(reports.iter().all(|report| report.result.is_ok()));
    };
    publish_at(world.now + DAY - 60);
    assert_eq!(manifests(), 3, "a day is not over");
    publish_at(world.now + DAY + 60);
    assert_eq!(manifests(), 3, "one went, one came");
}

#[test]
fn a_feed_of_many_zones_is_mirrored_by_its_index() {
    let mut world = World::new();
    let key = world.key();
    for name in ["ops.example", "rss.example", "dul.example"] {
        world.publish_as(name, &[7, 9, 11], &key).unwrap();
    }
    world.settings.zones.clear();
    let reports = rblmap_feed::mirror(&world.folder(), &world.settings, world.now).unwrap();
    let zones: Vec<String> = reports
        .iter()
        .map(|report| report.zone.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(zones, ["dul.example", "ops.example", "rss.example"]);
    assert!(reports.iter().all(|report| report.result.is_ok()));
}

#[test]
fn the_image_itself_is_there_on_request() {
    let mut world = World::new();
    world.options.with_image = true;
    world.publish(&[1, 3]);
    world.mirror().unwrap();
    let beside = fs::read(world.feed().join("ops.example/ops.example.rbl")).unwrap();
    assert_eq!(beside, world.image().as_bytes());
}

#[test]
fn long_texts_and_numbers_leave_room_for_fewer_steps() {
    let mut world = World::new();
    let text = || Some("x".repeat(300));
    let texts = rblmap_feed::Texts {
        title: text(),
        url: text(),
        contact: text(),
        notice: text(),
    };
    world
        .options
        .config
        .zone
        .insert("ops.example".to_owned(), texts);
    let list: Vec<u32> = (0..4000).map(|n| n * 977).collect();
    for step in 0..20u64 {
        world.now += 60;
        let image = world.path("given.rbl");
        let stamp = rblmap_image::Stamp {
            serial: u64::MAX / 2 + step,
            created: 0,
        };
        let count = 3000 + usize::try_from(step).unwrap();
        let content = world::list("ops.example", &list[..count]);
        fs::write(&image, rblmap_image::encode(&content, stamp).unwrap()).unwrap();
        let reports = publish(
            &world.feed(),
            &[image],
            &world.key(),
            &world.options,
            world.now,
        );
        reports.unwrap().remove(0).result.unwrap();
        if step == 0 {
            world.mirror().unwrap();
        }
    }
    let update = updated(&world);
    assert!(!update.snapshot && update.deltas <= 7, "{update:?}");
    assert_eq!(world.image().serial(), u64::MAX / 2 + 19);
}

#[test]
fn known_zones_go_on_while_the_index_is_broken() {
    let mut world = World::new();
    world.settings.zones.clear();
    world.publish(&[7, 9]);
    world.mirror().unwrap();
    world.publish(&[7, 9, 11]);
    fs::write(world.feed().join("index.minisig"), "junk").unwrap();
    let reports = rblmap_feed::mirror(&world.folder(), &world.settings, world.now).unwrap();
    assert!(reports[0].result.is_err() && reports[0].zone.is_none());
    assert!(
        matches!(reports[1].result, Ok(Outcome::Updated(_))),
        "{:?}",
        reports[1].result
    );
}
