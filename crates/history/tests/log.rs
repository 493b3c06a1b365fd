//! The folder of a history over many updates.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::path::Path;

use rblmap::{Image, NameKey, Run};
use rblmap_content::{Draft, Record, ValueBuf};
use rblmap_history::{Log, Retention, Subject};
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
fn segments_are_merged_by_eight_and_pruned_from_the_oldest() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new(dir.path().join("h"));
    let mut before = None;
    for serial in 1..=650u32 {
        let next = image(serial.into(), [1, 1000 + serial]);
        log.append(before.as_ref(), &next, time(serial.into()), &KEEP)
            .unwrap();
        before = Some(next);
    }
    let kept = names(log.folder());
    assert!(kept.len() <= 16, "{kept:?}");
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

/// The gates of docs/history.md: `cargo test --release -p rblmap-history --test log -- --ignored
/// --nocapture`.
#[test]
#[ignore = "measures, a minute in a release build"]
#[allow(clippy::print_stdout, reason = "a measurement")]
fn measure_a_million_entries_and_2000_versions() {
    use std::collections::BTreeSet;
    use std::time::Instant;
    let mut random = fastrand::Rng::with_seed(20);
    let mut listed: BTreeSet<u32> = BTreeSet::new();
    let mut clusters: Vec<u32> = (0..40_000).map(|_| random.u32(..) & !0xff).collect();
    clusters.sort_unstable();
    while listed.len() < 1_000_000 {
        listed.insert(clusters[random.usize(..clusters.len())] | random.u32(..256));
    }
    let mut gone: Vec<u32> = Vec::new();
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new(dir.path().join("h"));
    let mut before = image(1, listed.iter().copied());
    log.append(None, &before, time(1), &KEEP).unwrap();
    let (mut events, mut walk, mut times) = (0u64, Vec::new(), Vec::new());
    for serial in 2..=2000u64 {
        let churn = 10f64.powf(-4.0 + random.f64());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small"
        )]
        let count = (1_000_000.0 * churn / 2.0) as usize;
        for _ in 0..count {
            let at = clusters[random.usize(..clusters.len())] | random.u32(..256);
            if let Some(&old) = listed.range(at..).next() {
                listed.remove(&old);
                gone.push(old);
            }
            let back = random.u8(..10) < 3 && !gone.is_empty();
            let new = if back {
                gone[random.usize(..gone.len())]
            } else {
                clusters[random.usize(..clusters.len())] | random.u32(..256)
            };
            listed.insert(new);
        }
        let next = image(serial, listed.iter().copied());
        let started = Instant::now();
        rblmap_history::changes(Some(&before), &next, |_| {}).unwrap();
        walk.push(started.elapsed().as_secs_f64() * 1e3);
        let started = Instant::now();
        events += log
            .append(Some(&before), &next, time(serial), &KEEP)
            .unwrap()
            .changes;
        times.push(started.elapsed().as_secs_f64() * 1e3 - walk.last().unwrap());
        before = next;
    }
    times.sort_by(f64::total_cmp);
    walk.sort_by(f64::total_cmp);
    let bytes: u64 = log
        .open()
        .unwrap()
        .segments()
        .iter()
        .map(|s| s.byte_count())
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
    let each = bytes as f64 / events as f64;
    println!(
        "{events} events, {bytes} bytes, {each:.2} a event, {} segments",
        names(log.folder()).len()
    );
    let at = |list: &[f64], part: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        list[((list.len() - 1) as f64 * part) as usize]
    };
    println!(
        "append, beside the walk over both images: median {:.2} ms, p99 {:.2}, max {:.2}; the walk {:.1} ms",
        at(&times, 0.5),
        at(&times, 0.99),
        at(&times, 1.0),
        at(&walk, 0.5)
    );
    let mut opened = Vec::new();
    for _ in 0..20 {
        let started = Instant::now();
        let history = log.open().unwrap();
        let subject =
            Subject::Address(std::net::Ipv4Addr::from(gone[random.usize(..gone.len())]).into());
        std::hint::black_box(history.events(&NameKey::ROOT, &subject));
        opened.push(started.elapsed().as_secs_f64() * 1e3);
    }
    opened.sort_by(f64::total_cmp);
    let history = log.open().unwrap();
    let started = Instant::now();
    for old in gone.iter().step_by(gone.len() / 2000) {
        let subject = Subject::Address(std::net::Ipv4Addr::from(*old).into());
        assert!(!history.events(&NameKey::ROOT, &subject).is_empty());
    }
    println!(
        "question: {:.3} ms with the log open; {:.2} ms with opening and checking it",
        started.elapsed().as_secs_f64() * 1e3 / 2000.0,
        at(&opened, 0.5)
    );
}
