//! What an attacker, a broken server or a confused publisher may serve. Each ends with the error
//! that names it, and the old image goes on answering.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod world;

use std::fs;
use std::os::unix::fs::symlink;

use rblmap_feed::{Error, Outcome, SigningKey, Source, keygen, publish};
use serde_json::json;

use world::{DAY, World, files};

/// Enough addresses that a delta is cheaper than a snapshot.
fn old() -> Vec<u32> {
    (0..600u32)
        .map(|n| (n + 1).wrapping_mul(0x9e37_79b1) | 1)
        .collect()
}

fn new() -> Vec<u32> {
    let mut list = old();
    list.push(0xc633_6402);
    list
}

/// A mirror that runs, and a feed that is one content ahead.
fn ahead() -> World {
    let mut world = World::new();
    world.publish(&old());
    assert!(matches!(world.mirror(), Ok(Outcome::Updated(_))));
    world.publish(&new());
    world
}

/// The mirror is not harmed for good: with the honest feed back, it goes on.
fn recovers(world: &World) {
    match world.mirror() {
        Ok(Outcome::Updated(update)) => assert_eq!(update.to, 2),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_replayed_pointer_is_behind() {
    let mut world = World::new();
    world.publish(&old());
    let old = fs::read(world.pointer()).unwrap();
    world.publish(&new());
    world.mirror().unwrap();
    fs::write(world.pointer(), old).unwrap();
    let error = world.refused();
    assert!(matches!(error, Error::Behind { .. }), "{error}");
}

#[test]
fn an_expired_pointer_is_not_taken() {
    let mut world = ahead();
    let honest = world.now;
    world.now += DAY + 1;
    let error = world.refused();
    assert!(
        matches!(error, Error::ExpiredPointer { ago: 1, .. }),
        "{error}"
    );
    world.now = honest;
    recovers(&world);
    // A frozen source: the pointer that was followed, but too old now.
    world.now += DAY + 1;
    assert!(matches!(world.refused(), Error::ExpiredPointer { .. }));
}

#[test]
fn a_pointer_of_another_zone_is_not_taken() {
    let mut world = ahead();
    let key = world.key();
    world.publish_as("rss.example", &new(), &key).unwrap();
    let other = fs::read(world.feed().join("rss.example/current.minisig")).unwrap();
    let honest = fs::read(world.pointer()).unwrap();
    fs::write(world.pointer(), &other).unwrap();
    let error = world.refused();
    assert!(matches!(error, Error::WrongZone { .. }), "{error}");
    // The whole folder of the other zone under this one's name.
    let (ours, theirs) = (
        world.feed().join("ops.example"),
        world.feed().join("rss.example"),
    );
    let aside = world.feed().join("aside");
    fs::rename(&ours, &aside).unwrap();
    symlink(&theirs, &ours).unwrap();
    assert!(matches!(world.refused(), Error::WrongZone { .. }));
    fs::remove_file(&ours).unwrap();
    fs::rename(&aside, &ours).unwrap();
    fs::write(world.pointer(), honest).unwrap();
    recovers(&world);
}

#[test]
fn the_index_in_place_of_a_zone_is_not_taken() {
    let world = ahead();
    fs::copy(world.feed().join("index.minisig"), world.pointer()).unwrap();
    assert!(matches!(world.refused(), Error::WrongZone { .. }));
}

#[test]
fn another_key_is_not_trusted() {
    let mut world = ahead();
    let saved = world.save();
    let stranger = keygen(&world.path("stranger"), None).unwrap();
    world.forge_with(&stranger.online, |manifest| {
        manifest["issue"] = json!(90_000_000)
    });
    assert!(matches!(world.refused(), Error::Signature { .. }));
    world.restore(&saved);
    // A feed of the stranger's own, of the same name.
    let key = SigningKey::read(&stranger.online, None).unwrap();
    world.publish_as("ops.example", &old(), &key).unwrap();
    assert!(matches!(world.refused(), Error::Signature { .. }));
    world.restore(&saved);
    recovers(&world);
}

#[test]
fn a_pointer_with_the_manifest_of_another_issue_is_not_taken() {
    let world = ahead();
    let manifests = files(&world.feed().join("ops.example/m"));
    fs::copy(&manifests[0], &manifests[1]).unwrap();
    let error = world.refused();
    assert!(matches!(error, Error::Hash { what: "hash", .. }), "{error}");
}

#[test]
fn a_changed_comment_is_not_taken() {
    let world = ahead();
    let honest = fs::read_to_string(world.pointer()).unwrap();
    for (from, to) in [("serial=2", "serial=3"), ("expires=1", "expires=2")] {
        let changed = honest.replace(from, to);
        assert_ne!(changed, honest);
        fs::write(world.pointer(), changed).unwrap();
        assert!(matches!(world.refused(), Error::Signature { .. }));
    }
    fs::write(world.pointer(), honest).unwrap();
    recovers(&world);
}

#[test]
fn paths_that_lead_elsewhere_are_no_pointer() {
    let world = ahead();
    let honest = fs::read_to_string(world.pointer()).unwrap();
    for to in [" ../m/", " /m/", " m/../m/", " http://elsewhere/m/"] {
        fs::write(world.pointer(), honest.replace(" m/", to)).unwrap();
        assert!(matches!(world.refused(), Error::Pointer { .. }), "{to}");
    }
    fs::write(world.pointer(), honest).unwrap();
    recovers(&world);
}

#[test]
fn any_flipped_byte_of_any_file_is_found() {
    let world = ahead();
    let saved = world.save();
    let delta = world.file("d", "1-2-");
    let mut manifests = files(&world.feed().join("ops.example/m"));
    let manifest = manifests.pop().unwrap();
    for path in [world.pointer(), manifest] {
        let bytes = fs::read(&path).unwrap();
        let step = 13;
        for at in (0..bytes.len()).step_by(step) {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            // The first line of a signature file is a comment that nobody signs.
            let line = bytes[..at].iter().filter(|&&b| b == b'\n').count();
            if path == world.pointer() && line == 0 {
                continue;
            }
            let error = world.refused();
            assert!(!matches!(error, Error::Write { .. }), "{at}: {error}");
        }
        fs::write(&path, bytes).unwrap();
    }
    // A delta that is damaged: the snapshot and the other deltas would need it, too.
    let bytes = fs::read(&delta).unwrap();
    for at in (0..bytes.len()).step_by(3) {
        let mut bad = bytes.clone();
        bad[at] ^= 0x10;
        fs::write(&delta, &bad).unwrap();
        let error = world.refused();
        // Where the first bytes are not ours, it is no file of a feed at all.
        let told = matches!(error, Error::Hash { .. } | Error::NotAFeed { .. });
        assert!(told, "{at}: {error}");
    }
    world.restore(&saved);
    recovers(&world);
}

#[test]
fn files_of_the_wrong_length_are_found() {
    let world = ahead();
    let saved = world.save();
    let manifest = files(&world.feed().join("ops.example/m")).pop().unwrap();
    for path in [world.pointer(), manifest, world.file("d", "1-2-")] {
        let bytes = fs::read(&path).unwrap();
        for len in [0, 1, bytes.len() - 1] {
            fs::write(&path, &bytes[..len]).unwrap();
            // The last line of a signature file need not end.
            if len + 1 != bytes.len() || path != world.pointer() {
                world.refused();
            }
        }
        for more in [1, 5000, 3 << 20] {
            let mut bad = bytes.clone();
            bad.resize(bytes.len() + more, b'x');
            fs::write(&path, &bad).unwrap();
            // Bytes after the lines of a signature file say nothing, as long as it stays short.
            if more > 1 || path != world.pointer() {
                world.refused();
            }
        }
        fs::write(&path, bytes).unwrap();
    }
    world.restore(&saved);
    recovers(&world);
}

#[test]
fn a_page_in_place_of_a_file_is_a_matter_of_transport() {
    let world = ahead();
    let saved = world.save();
    let manifest = files(&world.feed().join("ops.example/m")).pop().unwrap();
    for path in [world.pointer(), manifest, world.file("d", "1-2-")] {
        fs::write(&path, "<!DOCTYPE html><p>Pay for your WLAN").unwrap();
        let error = world.refused();
        assert!(
            matches!(error, Error::NotAFeed { .. }),
            "{}: {error}",
            path.display()
        );
        fs::remove_file(&path).unwrap();
        assert!(matches!(world.refused(), Error::NotAFeed { .. }));
        world.restore(&saved);
    }
    recovers(&world);
}

#[test]
fn one_issue_with_two_contents_is_an_alarm() {
    let mut world = World::new();
    world.publish(&old());
    world.mirror().unwrap();
    world.forge(|manifest| manifest["poll"] = json!(301));
    let error = world.refused();
    assert!(
        matches!(error, Error::Equivocation { what: "issue", .. }),
        "{error}"
    );
}

#[test]
fn one_serial_with_two_contents_is_an_alarm() {
    let mut world = World::new();
    world.publish(&old());
    world.mirror().unwrap();
    world.forge(|manifest| {
        manifest["issue"] = json!(manifest["issue"].as_u64().unwrap() + 1);
        manifest["content"] = json!("ab".repeat(32));
    });
    let error = world.refused();
    assert!(
        matches!(error, Error::Equivocation { what: "serial", .. }),
        "{error}"
    );
}

#[test]
fn a_delta_that_was_made_anew_is_an_alarm() {
    let mut world = ahead();
    world.mirror().unwrap();
    world.heartbeat();
    world.forge(|manifest| manifest["deltas"][0] = json!("1-2-0123456789abcdef0123:100"));
    let error = world.refused();
    assert!(
        matches!(error, Error::Equivocation { what: "serial", .. }),
        "{error}"
    );
}

#[test]
fn a_serial_that_goes_back_is_refused() {
    let mut world = ahead();
    world.mirror().unwrap();
    world.heartbeat();
    world.forge(|manifest| {
        manifest["serial"] = json!(1);
        manifest["deltas"] = json!([]);
    });
    let error = world.refused();
    assert!(
        matches!(
            error,
            Error::SerialBack {
                found: 1,
                known: 2,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_publisher_may_take_another_name_its_keys_decide() {
    let world = ahead();
    world.forge(|manifest| manifest["publisher"] = json!("another-name"));
    recovers(&world);
}

#[test]
fn a_result_that_is_not_what_the_manifest_says_is_refused() {
    for (field, value) in [
        ("content", json!("ab".repeat(32))),
        ("created", json!(7)),
        (
            "counts",
            json!({"v4": 3, "v6": 0, "names": 1, "runs": 3, "image": 1}),
        ),
    ] {
        let world = ahead();
        world.forge(|manifest| manifest[field] = value);
        let report = world.report();
        let error = report.result.unwrap_err();
        assert!(matches!(error, Error::Result { .. }), "{field}: {error}");
        assert!(!report.trouble.is_empty(), "the snapshot was tried, too");
        assert_eq!(world.image().serial(), 1);
    }
}

#[test]
fn manifests_that_make_no_sense_are_refused() {
    for change in [
        ("format", json!(2)),
        ("deltas", json!(["2-1-0123456789abcdef0123:1"])),
        (
            "snapshot",
            json!({"serial": 9, "bytes": 1, "hash": "0123456789abcdef0123"}),
        ),
        (
            "snapshot",
            json!({"serial": 1, "bytes": 1, "hash": "../../../../etc/passwd"}),
        ),
        ("zone", json!("OPS.example")),
        ("content", json!("short")),
        ("expires", json!("tomorrow")),
    ] {
        let world = ahead();
        world.forge(|manifest| manifest[change.0] = change.1.clone());
        let error = world.refused();
        let expected = matches!(
            error,
            Error::Manifest { .. } | Error::Pointer { .. } | Error::WrongZone { .. }
        );
        assert!(expected, "{change:?}: {error}");
    }
}

#[test]
fn sizes_are_limited_before_anything_is_fetched() {
    let mut world = ahead();
    let mut limits = world.settings.limits;
    limits.payload = 0;
    world.settings.limits = limits;
    assert!(matches!(world.refused(), Error::Delta { .. }));
    let world = ahead();
    world.forge(|manifest| manifest["counts"]["image"] = json!(u64::MAX / 2));
    let error = world.refused();
    assert!(matches!(error, Error::Full { .. }), "{error}");
}

#[test]
fn a_clock_that_was_set_back_is_found() {
    let mut world = ahead();
    let honest = world.now;
    world.now = honest - DAY;
    let error = world.refused();
    assert!(matches!(error, Error::Clock { .. }), "{error}");
    world.now = honest;
    recovers(&world);
    world.now = honest - DAY;
    assert!(
        matches!(world.refused(), Error::Clock { .. }),
        "with nothing new, too"
    );
}

#[test]
fn without_a_memory_the_image_is_the_floor() {
    let mut world = World::new();
    world.publish(&old());
    let old = world.save();
    world.publish(&new());
    world.mirror().unwrap();
    let folder = world.folder();
    fs::remove_file(folder.state(&world::zone("ops.example"))).unwrap();
    world.restore(&old);
    let error = world.refused();
    assert!(matches!(error, Error::SerialBack { .. }), "{error}");
}

#[test]
fn a_publisher_who_lost_all_begins_a_new_session() {
    let mut world = ahead();
    world.publish(&old());
    world.mirror().unwrap();
    assert_eq!(world.image().serial(), 3);
    fs::remove_dir_all(world.feed()).unwrap();
    world.publish(&new());
    match world.mirror() {
        Ok(Outcome::Updated(update)) => {
            assert!(update.snapshot);
            assert_eq!((update.from, update.to), (Some(3), 1));
        }
        other => panic!("{other:?}"),
    }
    // One who restored a backup says so: mirrors may have seen later serials.
    let backup = world.save();
    world.publish(&old());
    world.publish(&new());
    world.mirror().unwrap();
    world.restore(&backup);
    world.publish(&old()[..400]);
    let error = world.refused();
    let told = matches!(error, Error::SerialBack { .. } | Error::Equivocation { .. });
    assert!(told, "{error}");
    world.options.new_session = true;
    world.publish(&old()[..400]);
    assert!(matches!(world.mirror(), Ok(Outcome::Updated(update)) if update.snapshot));
}

#[test]
fn a_second_source_mends_what_the_first_serves() {
    let world = ahead();
    let mut world = world;
    let copy = world.path("copy");
    copy_tree(&world.feed(), &copy);
    fs::write(world.feed().join("ops.example/current.minisig"), "junk").unwrap();
    world.settings.sources.push(Source::Local(copy));
    world
        .settings
        .sources
        .push(Source::Local(world.path("nowhere")));
    for _ in 0..8 {
        let report = world.report();
        assert!(report.result.is_ok(), "{:?}", report.result);
    }
    assert_eq!(world.image().serial(), 2);
}

#[test]
fn a_source_that_lags_is_skipped() {
    let mut world = World::new();
    world.publish(&old());
    let lagging = world.path("lagging");
    copy_tree(&world.feed(), &lagging);
    world.publish(&new());
    world.mirror().unwrap();
    world.settings.sources.push(Source::Local(lagging));
    for _ in 0..8 {
        assert!(matches!(world.mirror(), Ok(Outcome::Current { serial: 2 })));
    }
}

#[test]
fn the_publisher_refuses_what_is_likely_a_mistake() {
    let mut world = World::new();
    let many: Vec<u32> = (0..1000).map(|n| n * 2).collect();
    world.publish(&many);
    let before = world.save();
    assert!(matches!(
        world.try_publish(&[]),
        Err(Error::UnlikelyContent { .. })
    ));
    assert!(matches!(
        world.try_publish(&many[..499]),
        Err(Error::UnlikelyContent { .. })
    ));
    let same = |saved: &[_]| {
        saved
            .iter()
            .filter(|(p, _): &&(std::path::PathBuf, Vec<u8>)| !p.ends_with("new.rbl"))
            .count()
    };
    assert_eq!(same(&before), same(&world.save()), "nothing was written");
    world.options.dry_run = true;
    world.publish(&many[..600]);
    assert_eq!(same(&before), same(&world.save()), "nothing was written");
    world.options.dry_run = false;
    world.options.force = true;
    world.publish(&many[..499]);
}

#[test]
fn a_serial_that_does_not_rise_is_not_published() {
    let mut world = ahead();
    let stamp = rblmap_image::Stamp {
        serial: 2,
        created: 5,
    };
    let image = world.path("given.rbl");
    let bytes = rblmap_image::encode(&world::list("ops.example", &old()), stamp).unwrap();
    fs::write(&image, bytes).unwrap();
    world.now += 60;
    let published = publish(
        &world.feed(),
        &[image],
        &world.key(),
        &world.options,
        world.now,
    );
    let result = &published.unwrap()[0].result;
    assert!(
        matches!(result, Err(Error::SerialBack { .. })),
        "{result:?}"
    );
}

fn copy_tree(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for path in files(from) {
        let name = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy_tree(&path, &name),
            false => drop(fs::copy(path, name).unwrap()),
        }
    }
}
