//! What somebody who holds the online key may build beside the command: deltas whose image calls itself
//! something else, clocks that are wrong, relays whose source lost files. Each test is named for what
//! went wrong once.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod world;

use std::fs;
use std::time::Duration;

use rblmap::Image;
use rblmap_content::ContentId;
use rblmap_delta::Session;
use rblmap_feed::{Error, Outcome, RelaySettings, Source, accept, mirror, read_public, relay};
use rblmap_image::{Layout, Stamp, encode_named};
use serde_json::json;

use world::{DAY, World, files, zone};

fn list(count: u32) -> Vec<u32> {
    (0..count)
        .map(|n| (n + 1).wrapping_mul(0x9e37_79b1) | 1)
        .collect()
}

/// Puts a delta in the place of the published one from serial 1 to 2: it leads to the image of `list`
/// that calls itself `claimed`, and names the root of that image.
fn forge_delta(world: &World, old: &Image, claimed: ContentId, list: &[u32]) {
    let pointer = fs::read_to_string(world.pointer()).unwrap();
    let target = pointer.lines().nth(2).unwrap().rsplit(' ').next().unwrap();
    let manifest = world.feed().join("ops.example").join(target);
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
    let stamp = Stamp {
        serial: 2,
        created: manifest["created"].as_u64().unwrap(),
    };
    let content = world::list("ops.example", list);
    assert_ne!(content.id(), claimed);
    let bytes = encode_named(&content, claimed, stamp, Layout::default()).unwrap();
    let image = Image::from_vec(bytes).unwrap();
    image.verify().unwrap();
    let session = Session(manifest["session"].as_u64().unwrap());
    let delta = rblmap_delta::diff(old, &image, session).unwrap();
    let hash = &blake3::hash(&delta).to_hex().to_string()[..20];
    let name = format!("ops.example/d/1-2-{hash}.rbd");
    fs::write(world.feed().join(name), &delta).unwrap();
    world.forge(|manifest| {
        manifest["issue"] = json!(manifest["issue"].as_u64().unwrap() + 1);
        manifest["content"] = json!(claimed.to_string());
        manifest["deltas"] = json!([format!("1-2-{hash}:{}", delta.len())]);
        manifest["counts"]["v4"] = json!(list.len());
        manifest["counts"]["runs"] = json!(list.len());
        manifest["counts"]["image"] = json!(image.as_bytes().len());
    });
}

#[test]
fn an_image_that_calls_itself_what_it_is_not_is_taken_back() {
    let mut world = World::new();
    world.publish(&list(600));
    world.mirror().unwrap();
    let old = world.image();
    world.publish(&list(601));
    let honest = world.save();
    // The thief says the honest content's id, and sends another list of the same size.
    let claimed = world::list("ops.example", &list(601)).id();
    let mut other = list(600);
    other.push(0xc633_6402);
    forge_delta(&world, &old, claimed, &other);
    for _ in 0..2 {
        let error = world.refused();
        assert!(matches!(error, Error::Result { .. }), "{error}");
        assert!(error.to_string().contains("content"), "{error}");
        world.image().verify().unwrap();
        assert_eq!(world.image().serial(), 1);
    }
    world.restore(&honest);
    match world.mirror() {
        Ok(Outcome::Updated(update)) => assert_eq!(update.to, 2),
        other => panic!("{other:?}"),
    }
}

#[test]
fn accept_of_one_content_lets_no_other_in_that_calls_itself_so() {
    let mut world = World::new();
    world.options.force = true;
    world.publish(&list(3000));
    world.mirror().unwrap();
    let old = world.image();
    // Harmless, but it shrinks: a person looks at it and accepts.
    let harmless = list(1000);
    world.publish(&harmless);
    let honest = world.save();
    let id = match world.refused() {
        Error::Refused { id, .. } => id,
        error => panic!("{error}"),
    };
    let name = zone("ops.example");
    accept(&world.folder(), &name, &id, Duration::ZERO).unwrap();
    let claimed = world::list("ops.example", &harmless).id();
    let evil: Vec<u32> = (0..1000).map(|n| 0xc633_6400 + n * 2).collect();
    forge_delta(&world, &old, claimed, &evil);
    let error = world.refused();
    assert!(matches!(error, Error::Result { .. }), "{error}");
    assert_eq!(world.image().as_bytes(), old.as_bytes());
    // What was accepted is still taken, from whoever serves it.
    world.restore(&honest);
    assert!(matches!(world.mirror(), Ok(Outcome::Updated(_))));
    assert_eq!(world.image().content_id(), *claimed.as_bytes());
}

#[test]
fn an_index_and_pointers_from_the_future_are_made_again() {
    // Within the bound of issues, and beyond it.
    for days in [40, 400] {
        let mut world = World::new();
        world.settings.zones.clear();
        let today = world.now;
        world.now += days * DAY;
        world.publish(&list(600));
        world.now = today;
        let reports = mirror(&world.folder(), &world.settings, today).unwrap();
        let refused =
            |error: &Error| matches!(error, Error::Clock { .. } | Error::OutOfBounds { .. });
        let first = reports[0].result.as_ref().unwrap_err();
        assert!(refused(first), "{days}: {first}");
        // The clock is right again: a heartbeat mends all of it.
        world.heartbeat();
        let reports = mirror(&world.folder(), &world.settings, world.now).unwrap();
        for report in reports {
            report.result.unwrap();
        }
        assert_eq!(world.image().serial(), 1, "{days}");
        world.publish(&list(601));
        for report in mirror(&world.folder(), &world.settings, world.now).unwrap() {
            report.result.unwrap();
        }
        assert_eq!(world.image().serial(), 2, "{days}");
    }
}

#[test]
fn a_lost_manifest_is_mended_by_a_new_session() {
    let mut world = World::new();
    world.publish(&list(600));
    world.publish(&list(601));
    world.mirror().unwrap();
    for manifest in files(&world.feed().join("ops.example/m")) {
        fs::remove_file(manifest).unwrap();
    }
    let key = world.key();
    world.now += 60;
    let error = world.refresh_as(&key).unwrap_err();
    assert!(error.to_string().contains("--new-session"), "{error}");
    let error = world.try_publish(&list(602)).unwrap_err();
    assert!(error.to_string().contains("--new-session"), "{error}");
    world.options.new_session = true;
    world.publish(&list(602));
    match world.mirror() {
        Ok(Outcome::Updated(update)) => assert!(update.snapshot),
        other => panic!("{other:?}"),
    }
    world.options.new_session = false;
    world.publish(&list(603));
    world.mirror().unwrap();
    assert_eq!(world.image().base().v4_runs().count(), 603);
}

#[test]
fn an_index_that_was_lost_is_no_second_one_of_the_same_issue() {
    let mut world = World::new();
    world.settings.zones.clear();
    world.publish(&list(600));
    mirror(&world.folder(), &world.settings, world.now).unwrap();
    // Lost and made again within the same minute, with another time.
    fs::remove_file(world.feed().join("index.minisig")).unwrap();
    fs::remove_dir_all(world.feed().join("i")).unwrap();
    world.now += 1;
    world.refresh();
    for report in mirror(&world.folder(), &world.settings, world.now).unwrap() {
        report.result.unwrap();
    }
}

fn relayed(world: &World) -> Result<(), Error> {
    let source = Source::Local(world.feed());
    let keys = read_public(&world.keys.public).unwrap();
    let settings = RelaySettings::new(source, keys);
    let mut relayed = relay(&settings, &world.path("relay"), world.now)?;
    relayed.failed.pop().map_or(Ok(()), |(_, error)| Err(error))
}

#[test]
fn a_relay_goes_on_without_a_delta_that_its_source_lost() {
    let mut world = World::new();
    for count in 600..602 {
        world.publish(&list(count));
    }
    relayed(&world).unwrap();
    // Days later a snapshot is made anew, so that no way has to lead over the first delta.
    world.now += 3 * DAY;
    world.publish(&list(602));
    let lost = world.file("d", "2-3-");
    let bytes = fs::read(&lost).unwrap();
    fs::remove_file(&lost).unwrap();
    let error = relayed(&world).unwrap_err();
    assert!(error.to_string().contains("2-3-"), "{error}");
    // It says what is missing, and serves the newest content all the same, to old mirrors and new.
    world.settings.sources = vec![Source::Local(world.path("relay"))];
    world.mirror().unwrap();
    assert_eq!(world.image().serial(), 3);
    assert!(relayed(&world).is_err(), "as long as it is missing");
    fs::write(&lost, bytes).unwrap();
    relayed(&world).unwrap();
    let there = files(&world.path("relay/ops.example/d"));
    let is_it = |path: &std::path::PathBuf| path.file_name() == lost.file_name();
    assert!(there.iter().any(is_it), "{there:?}");
    relayed(&world).unwrap();
}

#[test]
fn a_missing_merged_delta_or_snapshot_leads_over_what_is_there() {
    let mut world = World::new();
    for count in 0..9 {
        world.publish(&list(3000 + count));
        if count == 0 {
            world.mirror().unwrap();
        }
    }
    let saved = world.save();
    let first = world.folder();
    let behind = fs::read(first.image(&zone("ops.example"))).unwrap();
    let state = fs::read(first.state(&zone("ops.example"))).unwrap();
    for lost in [&["5-9-"][..], &["1-5-"], &["8-9-"], &["5-9-", "8-9-"]] {
        for delta in lost {
            fs::remove_file(world.file("d", delta)).unwrap();
        }
        let done = world.report();
        match lost.len() {
            1 => drop(done.result.unwrap()),
            // Nothing else leads to the end, and the snapshot does not help.
            _ => assert!(done.result.is_err(), "{done:?}"),
        }
        world.restore(&saved);
        fs::write(first.image(&zone("ops.example")), &behind).unwrap();
        fs::write(first.state(&zone("ops.example")), &state).unwrap();
    }
    for snapshot in files(&world.feed().join("ops.example/s")) {
        fs::remove_file(snapshot).unwrap();
    }
    world.mirror().unwrap();
    assert_eq!(world.image().serial(), 9);
}
