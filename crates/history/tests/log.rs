//! The folder of a history over many updates.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::path::Path;

use rblmap::{Image, NameKey, Run};
use rblmap_content::{Draft, Record, ValueBuf};
use rblmap_history::{Error, Log, Retention, Segment, Subject};
use rblmap_image::{Stamp, encode};

const KEEP: Retention = Retention {
    seconds: u64::MAX,
    bytes: u64::MAX,
};

fn time(serial: u64) -> u64 {
    1_700_000_000 + serial * 3600
}

/// An image of these addresses, which rise.
fn image(serial: u64, addresses: impl IntoIterator<Item = u32>) -> Image {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let a = Some([127, 0, 0, 2].into());
    let value = draft
        .values
        .intern(&ValueBuf::new([Record { a, text: None }]))
        .unwrap();
    let zone = draft.zone_mut(&NameKey::ROOT);
    zone.v4.extend(addresses.into_iter().map(|start| Run {
        start,
        end: start,
        value,
    }));
    let content = draft.finish().unwrap();
    let stamp = Stamp {
        serial,
        created: time(serial),
    };
    Image::from_vec(encode(&content, stamp).unwrap()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn segments_are_merged_by_four_and_pruned_from_the_oldest() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new(dir.path().join("h"));
    let mut before = None;
    for serial in 1..=650u32 {
        let next = image(serial.into(), [1, 1000 + serial]);
        log.append(before.as_ref(), &next, time(serial.into()), &KEEP)
            .unwrap();
        before = Some(next);
        let kept = names(log.folder());
        assert!(kept.len() <= 16, "{kept:?}");
    }
    let history = log.open().unwrap();
    assert_eq!(history.versions().len(), 650);
    assert!(history.gaps().is_empty());
    for serial in [2u32, 300, 599] {
        let subject = Subject::Address(std::net::Ipv4Addr::from(1000 + serial).into());
        let events = history.events(&NameKey::ROOT, &subject);
        let serials: Vec<u64> = events.iter().map(|event| event.serial).collect();
        assert_eq!(serials, [u64::from(serial), u64::from(serial) + 1]);
    }
    let short = Retention {
        seconds: 100 * 3600,
        bytes: u64::MAX,
    };
    let next = image(651, [1]);
    log.append(before.as_ref(), &next, time(651), &short)
        .unwrap();
    let history = log.open().unwrap();
    let first = history.first().unwrap().serial;
    assert!(
        (499..=551).contains(&first),
        "{first} of {:?}",
        names(log.folder())
    );
    let small = Retention {
        seconds: u64::MAX,
        bytes: 1,
    };
    log.append(Some(&next), &image(652, [2]), time(652), &small)
        .unwrap();
    assert_eq!(names(log.folder()), ["0000000651-0000000652.rbh"]);
}

#[test]
fn the_same_update_twice_is_recorded_once() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new(dir.path().join("h"));
    let (one, two) = (image(1, [1]), image(2, [1, 2]));
    log.append(None, &one, 0, &KEEP).unwrap();
    log.append(Some(&one), &two, 0, &KEEP).unwrap();
    log.append(Some(&one), &two, 0, &KEEP).unwrap();
    // The segment of the first content goes once another one begins with it.
    assert_eq!(names(log.folder()), ["0000000001-0000000002.rbh"]);
    assert_eq!(log.last_serial(), Some(2));
    let appended = log.append(Some(&two), &one, 0, &KEEP).unwrap();
    assert!(appended.began_anew);
    assert_eq!(names(log.folder()), ["0000000001-0000000001.rbh"]);
}

#[test]
fn a_merge_stays_below_an_eighth_of_what_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new(dir.path().join("h"));
    let keep = Retention {
        seconds: u64::MAX,
        bytes: 16 << 10,
    };
    let mut before = None;
    for serial in 1..=400u32 {
        let next = image(serial.into(), (0..50).map(|at| serial * 1000 + at * 7));
        log.append(before.as_ref(), &next, time(serial.into()), &keep)
            .unwrap();
        before = Some(next);
        let history = log.open().unwrap();
        let sizes = history.segments().iter().map(Segment::byte_count);
        assert!(sizes.clone().all(|bytes| bytes <= 2 << 10));
        let all: u64 = sizes.sum();
        // What is thrown away is a small part of what was kept.
        assert!(all <= 16 << 10 && (serial < 100 || all > 13 << 10), "{all}");
        assert!(history.gaps().is_empty());
    }
}

#[test]
fn a_segment_of_another_version_is_told_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new(dir.path().join("h"));
    let (one, two) = (image(1, [1]), image(2, [1, 2]));
    log.append(Some(&one), &two, 0, &KEEP).unwrap();
    let path = log.folder().join("0000000001-0000000002.rbh");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[7] = 1;
    std::fs::write(&path, bytes).unwrap();
    let history = log.open().unwrap();
    assert!(matches!(
        history.failed(),
        [Error::OtherVersion { found: 1, .. }]
    ));
    let appended = log.append(Some(&two), &image(3, [1]), 0, &KEEP).unwrap();
    assert_eq!((appended.failed.len(), appended.changes), (1, 1));
    assert!(path.exists());
}
