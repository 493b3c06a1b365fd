//! Updates that are well signed and refused all the same; going back; giving up.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod world;

use std::fs;
use std::time::Duration;

use rblmap::StatusPage;
use rblmap_feed::{
    Error, Health, Level, Network, Outcome, Refusal, accept, publish, release, rollback,
};

use world::{DAY, World, zone};

const TEST_POINT: u32 = 0x7f00_0002;

fn list(count: u32) -> Vec<u32> {
    (0..count).map(|n| 0x2000_0000 + n * 7).collect()
}

fn refusal(world: &World) -> (Refusal, String) {
    match world.refused() {
        Error::Refused { refusal, id, .. } => (*refusal, id),
        error => panic!("{error}"),
    }
}

fn page(world: &World) -> StatusPage {
    let path = world.folder().status(&zone("ops.example"));
    StatusPage::read(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn what_grows_too_fast_waits_to_be_accepted() {
    let mut world = World::new();
    world.publish(&list(4000));
    world.mirror().unwrap();
    world.publish(&list(6001));
    let (why, id) = refusal(&world);
    assert!(
        matches!(
            why,
            Refusal::Grows {
                from: 4000,
                to: 6001,
                limit: 6000,
                ..
            }
        ),
        "{why}"
    );
    // Again and again, as long as nobody says otherwise; counted once.
    refusal(&world);
    let health = Health::of(&world.folder(), world.now).unwrap();
    assert_eq!(health.level(), Level::Warning);
    assert_eq!(health.zones[0].state.totals.refusals, 1);
    let name = zone("ops.example");
    let other = "0123456789ab";
    assert!(
        accept(&world.folder(), &name, other, Duration::ZERO).is_err(),
        "only what was refused"
    );
    refusal(&world);
    assert!(accept(&world.folder(), &name, "0123", Duration::ZERO).is_err());
    accept(&world.folder(), &name, &id, Duration::ZERO).unwrap();
    assert!(matches!(world.mirror(), Ok(Outcome::Updated(_))));
    // Once: what comes next is asked about again.
    world.publish(&list(20_000));
    refusal(&world);
    // A heartbeat does not change what was accepted.
    let (_, id) = refusal(&world);
    accept(&world.folder(), &name, &id, Duration::ZERO).unwrap();
    world.heartbeat();
    assert!(matches!(world.mirror(), Ok(Outcome::Updated(_))));
    assert_eq!(
        Health::of(&world.folder(), world.now).unwrap().level(),
        Level::Ok
    );
}

#[test]
fn what_shrinks_too_fast_is_refused_unless_days_went_by() {
    let mut world = World::new();
    world.options.force = true;
    world.publish(&list(8000));
    world.mirror().unwrap();
    world.publish(&list(2000));
    let (why, _) = refusal(&world);
    assert!(
        matches!(
            why,
            Refusal::Shrinks {
                from: 8000,
                to: 2000,
                limit: 4000,
                ..
            }
        ),
        "{why}"
    );
    world.now += 2 * DAY;
    world.publish(&list(2001));
    assert!(matches!(world.mirror(), Ok(Outcome::Updated(_))));
}

#[test]
fn ones_own_networks_are_never_listed() {
    let mut world = World::new();
    world.settings.guards.never = vec![Network::parse("192.0.2.0/24").unwrap()];
    world.publish(&[0xc000_0301, 0xc000_01ff]);
    world.mirror().unwrap();
    world.publish(&[0xc000_0301, 0xc000_0219]);
    let (why, _) = refusal(&world);
    assert_eq!(
        why.to_string(),
        "192.0.2.25 is listed, but nothing of 192.0.2.0/24 must be"
    );
}

#[test]
fn loopback_and_test_points() {
    let mut world = World::new();
    world.publish(&[0x7f00_0001, 9]);
    assert_eq!(
        refusal(&world).0,
        Refusal::Loopback,
        "on the first install, too"
    );
    world.publish(&[TEST_POINT, 9]);
    world.mirror().unwrap();
    world.publish(&[9, 11]);
    assert_eq!(refusal(&world).0, Refusal::TestPoint);
}

#[test]
fn a_rollback_holds_until_it_is_released() {
    let mut world = World::new();
    let name = zone("ops.example");
    world.publish(&list(1000));
    world.mirror().unwrap();
    assert!(
        rollback(&world.folder(), &name, world.now, Duration::ZERO).is_err(),
        "nothing to go back to"
    );
    world.publish(&list(1001));
    world.mirror().unwrap();
    let before = page(&world).generation;
    assert_eq!(
        rollback(&world.folder(), &name, world.now, Duration::ZERO).unwrap(),
        1
    );
    assert_eq!(world.image().serial(), 1);
    let now = page(&world);
    assert_eq!(
        (now.generation, now.serial, now.held),
        (before + 1, 1, true)
    );
    assert!(matches!(
        world.mirror(),
        Ok(Outcome::Held {
            serial: 1,
            waiting: 2
        })
    ));
    world.publish(&list(1002));
    assert!(matches!(
        world.mirror(),
        Ok(Outcome::Held {
            serial: 1,
            waiting: 3
        })
    ));
    assert!(page(&world).held);
    assert_eq!(page(&world).checked, world.now, "it goes on looking");
    release(&world.folder(), &name, Duration::ZERO).unwrap();
    match world.mirror() {
        Ok(Outcome::Updated(update)) => assert_eq!((update.from, update.to), (Some(1), 3)),
        other => panic!("{other:?}"),
    }
    assert!(!page(&world).held);
    assert!(release(&world.folder(), &name, Duration::ZERO).is_err());
}

#[test]
fn a_zone_that_is_given_up_says_so() {
    let mut world = World::new();
    world.publish(&list(1000));
    world.mirror().unwrap();
    world.now += 60;
    world.options.retire = Some("https://ops.example/closed".to_owned());
    world.refresh();
    // By the online key alone: a person here must say so, too.
    let Error::RetirementRefused { id, .. } = world.refused() else {
        panic!("obeyed");
    };
    assert!(!page(&world).retired);
    let name = zone("ops.example");
    accept(&world.folder(), &name, &id, Duration::ZERO).unwrap();
    match world.mirror() {
        Ok(Outcome::Retired { url }) => assert_eq!(url, "https://ops.example/closed"),
        other => panic!("{other:?}"),
    }
    assert!(page(&world).retired);
    assert!(matches!(world.mirror(), Ok(Outcome::Retired { .. })));
    assert_eq!(
        Health::of(&world.folder(), world.now).unwrap().level(),
        Level::Warning
    );
    // And comes back with new content.
    world.options.retire = None;
    world.publish(&list(1001));
    assert!(matches!(world.mirror(), Ok(Outcome::Updated(_))));
    assert!(!page(&world).retired);
}

#[test]
fn a_zone_without_word_becomes_stale_then_expired() {
    let mut world = World::new();
    world.publish(&list(1000));
    world.mirror().unwrap();
    let health = |now| Health::of(&world.folder(), now).unwrap();
    assert_eq!(health(world.now).level(), Level::Ok);
    assert_eq!(
        health(world.now + DAY - 1).level(),
        Level::Warning,
        "not checked for long"
    );
    assert_eq!(health(world.now + DAY).level(), Level::Critical);
    let page = page(&world);
    assert_eq!(page.stale_from, world.now + DAY);
    assert_eq!(page.expired_from, world.now + 8 * DAY);
    let expired = health(world.now + 8 * DAY);
    assert!(
        expired.zones[0].reasons[0].starts_with("expired"),
        "{:?}",
        expired.zones[0].reasons
    );
}

#[test]
fn a_signer_cannot_make_days_go_by() {
    let mut world = World::new();
    world.publish(&list(4000));
    world.mirror().unwrap();
    // Content that says it was made in ten years.
    let image = world.path("given.rbl");
    let stamp = rblmap_image::Stamp {
        serial: 2,
        created: world.now + 3650 * DAY,
    };
    let content = world::list("ops.example", &list(40_000));
    fs::write(&image, rblmap_image::encode(&content, stamp).unwrap()).unwrap();
    world.now += 60;
    publish(
        &world.feed(),
        &[image],
        &world.key(),
        &world.options,
        world.now,
    )
    .unwrap();
    assert!(matches!(refusal(&world).0, Refusal::Grows { .. }));
}

#[test]
fn a_status_page_that_a_cut_of_the_power_wiped_is_told_until_it_is_made_again() {
    let mut world = World::new();
    world.publish(&[1, 2, 3]);
    world.mirror().unwrap();
    let page = world.path("mirror/ops.example.status");
    let whole = fs::read(&page).unwrap();
    for wiped in [
        vec![0; whole.len()],
        whole[..whole.len() / 2].to_vec(),
        Vec::new(),
    ] {
        fs::write(&page, wiped).unwrap();
        let health = Health::of(&world.folder(), world.now).unwrap();
        assert_eq!(health.level(), Level::Warning);
        assert!(
            health.zones[0].reasons[0].contains("status page"),
            "{health:?}"
        );
        assert_eq!(health.zones[0].page.serial, 1);
        world.mirror().unwrap();
        assert_eq!(
            Health::of(&world.folder(), world.now).unwrap().level(),
            Level::Ok
        );
    }
}
