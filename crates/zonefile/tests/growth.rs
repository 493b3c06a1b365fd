//! How time grows with a source. In a program of its own, so that no other test runs beside it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic and say what they measured"
)]

mod common;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use common::lines;
use rblmap_zonefile::Options;

/// Held by the test that takes times.
static ALONE: Mutex<()> = Mutex::new(());

/// The least time of several runs.
fn time_of(kind: &str, text: &str) -> (Duration, u64) {
    let dir = tempfile::tempdir().unwrap();
    let path = common::file(&dir, "source", text);
    let mut least = Duration::MAX;
    let mut bytes = 0;
    for _ in 0..5 {
        let start = Instant::now();
        let spec = common::spec("bl.test", kind, std::slice::from_ref(&path));
        let (image, _) = common::image_of(&[spec], &Options::default()).unwrap();
        least = least.min(start.elapsed());
        bytes = image.as_bytes().len() as u64;
    }
    (least, bytes)
}

#[test]
fn twice_the_text_is_about_twice_the_work() {
    let _alone = ALONE.lock().unwrap();
    type Source = (&'static str, fn(u32) -> String);
    let sources: [Source; 5] = [
        ("ip4set", |n| {
            lines(n, |i| {
                format!("10.0.0.{}-11.{}.{}.9", i % 250, i >> 8 & 255, i & 255)
            })
        }),
        ("ip4set", |n| lines(n, |i| format!("{}.128.0.0/9", i % 200))),
        ("ip4trie", |n| lines(n, |i| format!("0.0.0.0/{}", i % 33))),
        ("dnset", |n| {
            lines(n, |i| format!("*.{}a{i}", "a.".repeat(100)))
        }),
        ("ip4set", |n| {
            format!(
                "$1 {}\n{}",
                "x$1".repeat(300),
                lines(n, |i| format!(
                    "1.2.{}.{} {}{i}",
                    i >> 8 & 255,
                    i & 255,
                    "$1".repeat(100)
                ))
            )
        }),
    ];
    for (kind, source) in sources {
        // Of fewer lines the smaller source takes so little that caches decide.
        let (small, large) = (source(16_000), source(32_000));
        let mut ratio = f64::MAX;
        // What else the machine does may hit one of them: then once more.
        for _ in 0..4 {
            let ((once, _), (twice, _)) = (time_of(kind, &small), time_of(kind, &large));
            ratio = twice.as_secs_f64() / once.as_secs_f64();
            println!("{kind}: {ratio:.2}");
            if ratio < 2.5 {
                break;
            }
        }
        assert!(ratio < 2.5, "{kind}: {ratio}");
    }
}

#[test]
fn a_text_for_each_entry_is_no_cliff() {
    let _alone = ALONE.lock().unwrap();
    const COUNT: u32 = 60_000;
    let address = |i: u32| std::net::Ipv4Addr::from_bits(0x0b00_0000 + i * 3);
    let one = lines(COUNT, |i| format!("{} :2:Case 00000000", address(i)));
    let many = lines(COUNT, |i| {
        format!("{} :2:Case {:08}", address(i), i * 7919 % 100_000_000)
    });
    let (once, small) = time_of("ip4set", &one);
    let (each, large) = time_of("ip4set", &many);
    // For what goes wrong by orders: tests are not optimized. `docs/performance.md` has figures.
    let ratio = each.as_secs_f64() / once.as_secs_f64();
    println!("a text for each entry: {ratio:.1}");
    assert!(ratio < 8.0, "{once:?} to {each:?}");
    let texts = u64::from(COUNT) * 13;
    assert!(
        large < small + texts + u64::from(COUNT) * 12,
        "{small} to {large} bytes"
    );
}
