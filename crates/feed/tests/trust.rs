//! Whom a mirror trusts, and what a thief of the online key, a hostile publisher or a standby that
//! hangs can make of it. Each test is named for what went wrong once.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod world;

use std::fs;
use std::time::Duration;

use rblmap_feed::{
    Error, KeyChange, KeyFiles, Outcome, Refusal, Role, SigningKey, Source, accept, change_keys,
    keygen, mirror, publish, read_public,
};
use serde_json::json;

use world::{DAY, World, zone};

fn list(count: u32) -> Vec<u32> {
    (0..count).map(|n| 0x2000_0000 + n * 7).collect()
}

fn next_keys(world: &World) -> KeyFiles {
    keygen(&world.path("next"), None).unwrap()
}

fn online(keys: &KeyFiles) -> rblmap_feed::PublicKey {
    let keys = read_public(&keys.public).unwrap();
    let mut keys = keys.into_iter();
    keys.find(|(_, role)| *role == Role::Online).unwrap().0
}

fn key(path: &std::path::Path) -> SigningKey {
    SigningKey::read(path, None).unwrap()
}

/// The offline key removes the online one and puts the next in its place.
fn remove_stolen(world: &mut World, next: &KeyFiles) {
    let change = KeyChange {
        announce: Some(online(next)),
        remove: vec![world.key().public().clone()],
    };
    let offline = key(&world.keys.offline);
    world.now += 60;
    let reports = change_keys(&world.feed(), &offline, &change, &world.options, world.now);
    for report in reports.unwrap() {
        report.result.unwrap();
    }
}

#[test]
fn a_stolen_online_key_cannot_number_the_owner_out_for_good() {
    let mut world = World::new();
    world.publish(&list(1000));
    world.mirror().unwrap();
    let honest = world.save();
    // Beyond all bounds: not taken at all.
    for (field, value) in [("issue", u64::MAX), ("expires", u64::MAX)] {
        world.forge(|manifest| {
            manifest["issue"] = json!(manifest["issue"].as_u64().unwrap() + 1);
            manifest[field] = json!(value);
        });
        let error = world.refused();
        assert!(
            matches!(error, Error::OutOfBounds { .. }),
            "{field}: {error}"
        );
        world.restore(&honest);
    }
    // Within the bounds, but far ahead of the owner: it is, until the offline key speaks.
    world.forge(|manifest| {
        manifest["issue"] = json!(manifest["issue"].as_u64().unwrap() + 60_000);
        manifest["expires"] = json!(manifest["generated"].as_u64().unwrap() + 29 * DAY);
    });
    world.mirror().unwrap();
    world.restore(&honest);
    let next = next_keys(&world);
    world.now += 60;
    world.refresh();
    assert!(matches!(world.refused(), Error::Behind { .. }));
    remove_stolen(&mut world, &next);
    let new = key(&next.online);
    world.publish_as("ops.example", &list(1001), &new).unwrap();
    match world.mirror() {
        Ok(Outcome::Updated(update)) => assert_eq!(update.to, 2),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stolen_online_key_cannot_number_the_index_out_for_good() {
    let mut world = World::new();
    world.settings.zones.clear();
    world.publish(&list(1000));
    world.mirror().unwrap();
    let honest = world.save();
    let thief = world.key();
    // The thief's clock is 40 days ahead, in a feed of his own that has the zone's files.
    world.options.expires = Some(DAY);
    let now = world.now;
    world.forge_index(|index| {
        index["issue"] = json!(index["issue"].as_u64().unwrap() + 50_000);
    });
    mirror(&world.folder(), &world.settings, now).unwrap();
    world.restore(&honest);
    drop(thief);
    let next = next_keys(&world);
    remove_stolen(&mut world, &next);
    let new = key(&next.online);
    world.publish_as("ops.example", &list(1001), &new).unwrap();
    let reports = mirror(&world.folder(), &world.settings, world.now).unwrap();
    for report in reports {
        report.result.unwrap();
    }
    assert_eq!(world.image().serial(), 2);
}

#[test]
fn a_zone_that_begins_after_a_key_was_removed_does_not_take_the_removed_key() {
    let mut world = World::new();
    world.settings.zones.clear();
    world.publish(&list(1000));
    world.mirror().unwrap();
    let next = next_keys(&world);
    remove_stolen(&mut world, &next);
    let new = key(&next.online);
    world.refresh_as(&new).unwrap();
    world.mirror().unwrap();
    // The thief's zone, in an honest feed.
    let thief = world.key();
    let honest = world.save();
    let aside = world.path("aside");
    fs::rename(world.feed(), &aside).unwrap();
    world.publish_as("aa.example", &list(3), &thief).unwrap();
    let stolen = world.save();
    fs::remove_dir_all(world.feed()).unwrap();
    fs::rename(&aside, world.feed()).unwrap();
    for (path, bytes) in &stolen {
        if path.to_string_lossy().contains("/aa.example/") {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    world.settings.zones = vec![zone("aa.example")];
    let error = world.mirror().unwrap_err();
    assert!(matches!(error, Error::Signature { .. }), "{error}");
    assert!(!world.folder().image(&zone("aa.example")).exists());
    // And the honest one, which carries what the offline key said, is taken by old and new mirrors.
    world.restore(&honest);
    world.settings.zones.clear();
    for name in ["aa.example", "zz.example"] {
        world.publish_as(name, &list(500), &new).unwrap();
    }
    for folder in ["mirror", "new"] {
        let folder = rblmap_feed::Folder::new(world.path(folder));
        for report in mirror(&folder, &world.settings, world.now).unwrap() {
            report.result.unwrap();
        }
        assert!(folder.image(&zone("zz.example")).exists());
    }
}

#[test]
fn both_keys_lost_needs_a_word_of_the_operator_and_then_works() {
    let mut world = World::new();
    world.publish(&list(1000));
    world.mirror().unwrap();
    let new = keygen(&world.path("new"), None).unwrap();
    let signer = key(&new.online);
    world
        .publish_as("ops.example", &list(1001), &signer)
        .unwrap();
    world.settings.keys = read_public(&new.public).unwrap();
    let error = world.refused();
    assert!(matches!(error, Error::Signature { .. }), "{error}");
    assert!(error.to_string().contains("--new-trust"), "{error}");
    world.settings.new_trust = true;
    let reports = mirror(&world.folder(), &world.settings, world.now).unwrap();
    assert!(
        reports
            .iter()
            .any(|report| matches!(report.result, Ok(Outcome::NewTrust { .. }))),
        "it says so"
    );
    assert_eq!(world.image().serial(), 2);
    // From then on without the word; and what the old keys sign is worth nothing.
    world.settings.new_trust = false;
    world
        .publish_as("ops.example", &list(1002), &signer)
        .unwrap();
    world.mirror().unwrap();
    let old = world.key();
    world.publish_as("ops.example", &list(1003), &old).unwrap();
    assert!(matches!(world.refused(), Error::Signature { .. }));
}

#[test]
fn a_key_file_of_another_feed_does_not_become_its_trust() {
    let mut world = World::new();
    world.publish(&list(1000));
    let right = world.settings.keys.clone();
    let other = keygen(&world.path("other"), None).unwrap();
    world.settings.keys = read_public(&other.public).unwrap();
    assert!(matches!(world.mirror(), Err(Error::Signature { .. })));
    world.settings.keys = right;
    world.mirror().unwrap();
}

#[test]
fn a_damaged_trust_is_read_from_its_copy_and_a_lost_one_is_told() {
    let mut world = World::new();
    world.publish(&list(1000));
    world.mirror().unwrap();
    let next = next_keys(&world);
    remove_stolen(&mut world, &next);
    let new = key(&next.online);
    world.publish_as("ops.example", &list(1001), &new).unwrap();
    world.mirror().unwrap();
    world
        .settings
        .sources
        .push(Source::Local(world.path("nowhere")));
    let trust = world::files(&world.path("mirror"))
        .into_iter()
        .find(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.starts_with(".trust-") && name.ends_with(".json")
        })
        .unwrap();
    let copy = trust.with_file_name(format!(
        "{}.copy",
        trust.file_name().unwrap().to_string_lossy()
    ));
    fs::write(&trust, "").unwrap();
    // The copy knows what the trust knew: a key that was removed stays removed.
    let honest = world.save();
    let stolen = world.key();
    world
        .publish_as("ops.example", &list(1002), &stolen)
        .unwrap();
    let reports = mirror(&world.folder(), &world.settings, world.now).unwrap();
    let error = reports.into_iter().find_map(|report| report.result.err());
    let error = error.unwrap();
    assert!(matches!(error, Error::Signature { .. }), "{error}");
    world.restore(&honest);
    fs::write(&trust, "").unwrap();
    world.now += 60;
    world.refresh_as(&new).unwrap();
    let reports = mirror(&world.folder(), &world.settings, world.now).unwrap();
    assert!(
        reports.iter().all(|report| report.result.is_ok()),
        "{reports:?}"
    );
    assert!(
        fs::read(&trust).unwrap() == fs::read(&copy).unwrap(),
        "it is mended"
    );
    fs::write(&trust, "").unwrap();
    fs::write(&copy, "").unwrap();
    let lost = mirror(&world.folder(), &world.settings, world.now).unwrap_err();
    assert!(matches!(lost, Error::Config { .. }), "{lost}");
    assert!(lost.to_string().contains("--new-trust"), "{lost}");
}

#[test]
fn a_standby_that_hangs_does_not_take_mirrors_back() {
    let mut world = World::new();
    let main = world.path("feed");
    world.publish(&list(1000));
    let standby = world.path("standby");
    // The standby publishes the same list in a feed of its own, then hangs but for its heartbeat.
    fs::rename(&main, world.path("aside")).unwrap();
    world.publish(&list(1000));
    fs::rename(&main, &standby).unwrap();
    fs::rename(world.path("aside"), &main).unwrap();
    world.publish(&list(1010));
    world.mirror().unwrap();
    let running = world.image().as_bytes().to_vec();
    world.now += 3600;
    publish(&standby, &[], &world.key(), &world.options, world.now).unwrap();
    world.settings.sources = vec![Source::Local(standby)];
    let error = world.refused();
    assert!(matches!(error, Error::OlderContent { .. }), "{error}");
    assert_eq!(world.image().as_bytes(), running);
}

#[test]
fn accept_takes_the_refused_update_and_nothing_that_calls_itself_so() {
    let mut world = World::new();
    world.publish(&list(4000));
    world.mirror().unwrap();
    world.publish(&list(20_000));
    let Error::Refused { id, .. } = world.refused() else {
        panic!("taken");
    };
    let name = zone("ops.example");
    accept(&world.folder(), &name, &id, Duration::ZERO).unwrap();
    // Another content comes in its place: what was accepted does not let it in.
    world.publish(&list(60_000));
    assert!(matches!(world.refused(), Error::Refused { .. }));
    let error = accept(&world.folder(), &name, "0123456789ab", Duration::ZERO).unwrap_err();
    assert!(
        error.to_string().contains("the update that was refused"),
        "{error}"
    );
}

#[test]
fn growth_in_many_small_swaps_is_the_growth_of_a_day() {
    let mut world = World::new();
    world.publish(&list(5000));
    world.mirror().unwrap();
    let mut taken = 5000;
    for round in 1..20 {
        let more = 5000 + round * 1500;
        world.publish(&list(more));
        match world.mirror() {
            Ok(_) => taken = more,
            Err(Error::Refused { .. }) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(taken <= 7500, "{taken} addresses within minutes");
    // A day later the size of now is what is compared with.
    world.now += DAY;
    world.refresh();
    world.publish(&list(taken + 2000));
    world.mirror().unwrap();
}

#[test]
fn a_list_that_changes_weekly_may_not_vanish_at_once() {
    let mut world = World::new();
    world.options.force = true;
    world.publish(&list(8000));
    world.mirror().unwrap();
    for _ in 0..14 {
        world.now += DAY / 2;
        world.refresh();
        world.mirror().unwrap();
    }
    world.publish(&list(100));
    assert!(matches!(world.refused(), Error::Refused { .. }));
}

#[test]
fn names_that_spell_addresses_are_guarded_as_networks() {
    for names in [
        &["*.10"][..],
        &["*.0.2.192", "*.1"],
        &["7.2.0.192"],
        &["*.com"],
        &["2.0.0.127", "1.0.0.127"],
    ] {
        let mut world = World::new();
        world.settings.guards.never = vec![rblmap_feed::Network::parse("192.0.2.0/24").unwrap()];
        world.settings.guards.widest4 = 9;
        world.publish_content(world::names("ops.example", names));
        let error = world.mirror().unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{names:?}: {error}");
    }
    let mut world = World::new();
    world.publish_content(world::names("ops.example", &["*.spam.example", "4.3.2.1"]));
    world.mirror().unwrap();
}

#[test]
fn mapped_and_6to4_networks_are_guarded_as_their_ipv4() {
    for (start, end) in [
        (0xffff_c000_0200u128, 0xffff_c000_02ff),
        (0x2002_c000_0210u128 << 80, (0x2002_c000_0211u128 << 80) - 1),
    ] {
        let mut world = World::new();
        world.settings.guards.never = vec![rblmap_feed::Network::parse("192.0.2.0/24").unwrap()];
        world.publish_content(world::list6("ops.example", &[(start, end)]));
        let error = world.mirror().unwrap_err();
        let Error::Refused { refusal, .. } = error else {
            panic!("{error}");
        };
        assert!(matches!(*refusal, Refusal::Never { .. }), "{refusal}");
    }
}

#[test]
fn a_zone_cannot_be_called_as_files_of_another_are() {
    let mut world = World::new();
    let signer = world.key();
    for name in ["ops.example.prev", "ops.example.state", "x.rbl", "x.tmp"] {
        let error = world.publish_as(name, &list(10), &signer).unwrap_err();
        assert!(
            matches!(error, Error::NotPossible { .. }),
            "{name}: {error}"
        );
        world.settings.zones = vec![zone(name)];
        let refused = mirror(&world.folder(), &world.settings, world.now).unwrap_err();
        assert!(
            matches!(refused, Error::NotPossible { .. }),
            "{name}: {refused}"
        );
    }
}

#[test]
fn an_index_cannot_bring_zones_without_end() {
    let mut world = World::new();
    world.settings.zones.clear();
    world.publish(&list(100));
    world.mirror().unwrap();
    world.forge_index(|index| {
        index["issue"] = json!(index["issue"].as_u64().unwrap() + 1);
        let zones: Vec<_> = (0..3000)
            .map(|n| json!({"zone": format!("z{n}.example")}))
            .collect();
        index["zones"].as_array_mut().unwrap().extend(zones);
    });
    let reports = mirror(&world.folder(), &world.settings, world.now).unwrap();
    let too_many = |result: &Result<Outcome, Error>| {
        matches!(result, Err(Error::TooManyZones { found: 3001, .. }))
    };
    assert!(
        reports.iter().any(|report| too_many(&report.result)),
        "{reports:?}"
    );
    assert!(reports.len() <= 3, "{} reports", reports.len());
}

#[test]
fn the_offline_keys_word_retires_a_zone_at_once() {
    let mut world = World::new();
    let signer = world.key();
    world.publish(&list(1000));
    world
        .publish_as("rss.example", &list(1000), &signer)
        .unwrap();
    world.settings.zones.clear();
    mirror(&world.folder(), &world.settings, world.now).unwrap();
    world.now += 60;
    world.options.retire = Some("https://ops.example/closed".to_owned());
    world.options.retire_zones = vec![zone("rss.example")];
    world.refresh_as(&key(&world.keys.offline)).unwrap();
    // The mirror sleeps over that issue, and sees the next one of the online key.
    world.options.retire = None;
    world.options.retire_zones.clear();
    world.now += 60;
    world.refresh();
    let reports = mirror(&world.folder(), &world.settings, world.now).unwrap();
    let of = |name: &str| {
        let mut found = reports.iter();
        let found = found.find(|report| report.zone.as_ref() == Some(&zone(name)));
        &found.unwrap().result
    };
    assert!(
        matches!(of("rss.example"), Ok(Outcome::Retired { .. })),
        "{reports:?}"
    );
    assert!(
        matches!(of("ops.example"), Ok(Outcome::Current { .. })),
        "{reports:?}"
    );
}

#[test]
fn a_missing_delta_leads_to_the_snapshot() {
    let mut world = World::new();
    let scattered = |count: u32| -> Vec<u32> {
        let of = |n: u32| (n + 1).wrapping_mul(0x9e37_79b1) | 1;
        (0..count).map(of).collect()
    };
    world.publish(&scattered(3000));
    world.mirror().unwrap();
    world.now += 3 * DAY;
    assert!(
        world.publish(&scattered(3010)).snapshot.is_some(),
        "made anew after days"
    );
    fs::remove_file(world.file("d", "1-2-")).unwrap();
    match world.mirror() {
        Ok(Outcome::Updated(update)) => assert!(update.snapshot),
        other => panic!("{other:?}"),
    }
}
