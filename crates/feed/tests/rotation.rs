//! Keys that change while mirrors run unattended.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod world;

use rblmap_feed::{
    Error, KeyChange, KeyFiles, Outcome, Role, SigningKey, change_keys, keygen, read_public,
};

use world::{DAY, World};

fn list(more: u32) -> Vec<u32> {
    (0..600 + more)
        .map(|n| (n + 1).wrapping_mul(0x9e37_79b1) | 1)
        .collect()
}

fn next_keys(world: &World) -> KeyFiles {
    keygen(&world.path("next"), None).unwrap()
}

fn online(keys: &KeyFiles) -> rblmap_feed::PublicKey {
    let keys = read_public(&keys.public).unwrap();
    keys.into_iter()
        .find(|(_, role)| *role == Role::Online)
        .unwrap()
        .0
}

fn say(world: &mut World, key: &SigningKey, change: &KeyChange) -> Result<(), Error> {
    world.now += 60;
    let reports = change_keys(&world.feed(), key, change, &world.options, world.now)?;
    reports
        .into_iter()
        .try_for_each(|report| report.result.map(drop))
}

#[test]
fn an_announced_key_takes_over() {
    let mut world = World::new();
    world.publish(&list(0));
    world.mirror().unwrap();
    let next = next_keys(&world);
    let change = KeyChange {
        announce: Some(online(&next)),
        ..KeyChange::default()
    };
    let key = world.key();
    say(&mut world, &key, &change).unwrap();
    world.mirror().unwrap();
    let early = SigningKey::read(&next.online, None).unwrap();
    let saved = world.save();
    world.publish_as("ops.example", &list(1), &early).unwrap();
    assert!(
        matches!(world.refused(), Error::Signature { .. }),
        "too early"
    );
    world.restore(&saved);
    // The announcement goes on through heartbeats and new content.
    for day in 1..=8 {
        world.now += DAY - 120;
        world.publish(&list(day));
        world.mirror().unwrap();
    }
    world.publish_as("ops.example", &list(20), &early).unwrap();
    assert!(matches!(world.mirror(), Ok(Outcome::Updated(_))));
    // A new mirror that has the old key file does not know the new key, and says so.
    std::fs::remove_dir_all(world.path("mirror")).unwrap();
    assert!(matches!(world.mirror(), Err(Error::Signature { .. })));
}

#[test]
fn the_offline_key_ends_a_stolen_one() {
    let mut world = World::new();
    world.publish(&list(0));
    world.mirror().unwrap();
    let next = next_keys(&world);
    let change = KeyChange {
        announce: Some(online(&next)),
        remove: vec![world.key().public().clone()],
    };
    let thief = world.key();
    assert!(matches!(
        say(&mut world, &thief, &change),
        Err(Error::Key { .. })
    ));
    let offline = SigningKey::read(&world.keys.offline, None).unwrap();
    say(&mut world, &offline, &change).unwrap();
    // The mirror misses the issue that the offline key signed, and sees the next one alone.
    let new = SigningKey::read(&next.online, None).unwrap();
    world.publish_as("ops.example", &list(1), &new).unwrap();
    assert!(matches!(world.mirror(), Ok(Outcome::Updated(_))));
    // From now on the thief's issues are worth nothing, with or without the statement.
    let honest = world.save();
    world.publish_as("ops.example", &list(2), &thief).unwrap();
    assert!(matches!(world.refused(), Error::Signature { .. }));
    world.restore(&honest);
    world.forge(|manifest| {
        manifest["issue"] = (manifest["issue"].as_u64().unwrap() + 5).into();
        manifest.as_object_mut().unwrap().remove("statement");
    });
    assert!(matches!(world.refused(), Error::Signature { .. }));
    world.restore(&honest);
    world.now += 60;
    world.refresh_as(&new).unwrap();
    assert!(matches!(world.mirror(), Ok(Outcome::Current { .. })));
}

#[test]
fn the_index_follows_the_keys() {
    let mut world = World::new();
    world.settings.zones.clear();
    world.publish(&list(0));
    world.mirror().unwrap();
    let next = next_keys(&world);
    let change = KeyChange {
        announce: Some(online(&next)),
        remove: vec![world.key().public().clone()],
    };
    let offline = SigningKey::read(&world.keys.offline, None).unwrap();
    say(&mut world, &offline, &change).unwrap();
    let new = SigningKey::read(&next.online, None).unwrap();
    world.publish_as("ops.example", &list(1), &new).unwrap();
    assert!(matches!(world.mirror(), Ok(Outcome::Updated(_))));
}
