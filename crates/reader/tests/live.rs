//! `Live`: images that are swapped, lost and damaged under readers.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rblmap::{Freshness, Live};
use world::{ADDRESS, Folder, GOLDEN};

mod world;

/// Ends the threads of a test whether it passes or panics, which would wait for them otherwise.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How often an image of the folder is mapped by this process.
fn mapped(folder: &Path) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let (folder, lines) = (folder.to_str().unwrap().to_owned(), maps.lines());
    lines
        .filter(|line| line.contains(&folder) && !line.contains(".status"))
        .count()
}

#[test]
fn readers_see_each_swap_and_old_maps_go() {
    let folder = Folder::new("swap");
    folder.make_page(1, 0, 0);
    let live = folder.live();
    let (done, swaps) = (AtomicBool::new(false), 300);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (mut reader, mut last) = (live.reader(), 0);
                while !done.load(Ordering::Relaxed) {
                    let image = reader.image();
                    assert!(image.serial() >= last, "an older image came back");
                    last = image.serial();
                    assert!(image.base().contains_v4(ADDRESS));
                    assert!(!image.base().contains_v4(ADDRESS + 1));
                }
            });
        }
        let _done = Done(&done);
        for serial in 2..=swaps {
            folder.place(serial);
            folder.set_word(16, serial);
            assert_eq!(live.status(0).image.serial(), serial);
            let most = 4 + 1 + 1; // the readers, what is current, what is being opened
            // The kernel lists maps piece by piece: one may go, and another come, in between.
            let maps = (0..20).map(|_| mapped(&folder.0)).find(|&n| n <= most);
            assert!(maps.is_some(), "{} maps", mapped(&folder.0));
        }
    });
    let mut reader = live.reader();
    assert_eq!(reader.image().serial(), swaps);
    assert_eq!(mapped(&folder.0), 1, "old maps are gone");
}

#[test]
fn what_cannot_be_used_leaves_the_last_good_image() {
    let folder = Folder::new("bad");
    folder.make_page(1, 0, 0);
    let live = folder.live();
    let mut reader = live.reader();
    let good = fs::read(GOLDEN).unwrap();
    let mut newer = good.clone();
    newer[8] = 200;
    let mut other = good.clone();
    other[41] = b'x';
    let mut generation = 1;
    for bytes in [&good[..good.len() - 1], &newer, &other, b"", b"no image"] {
        folder.place_bytes(bytes);
        generation += 1;
        folder.set_word(16, generation);
        assert_eq!(reader.image().serial(), 1);
        assert!(reader.image().base().contains_v4(ADDRESS));
        assert!(live.status(0).problem.is_some(), "{} bytes", bytes.len());
        assert!(live.refresh().is_err());
        assert_eq!(reader.current(0).freshness(), Freshness::Stale);
    }
    fs::remove_file(folder.image()).unwrap();
    assert!(live.refresh().is_err());
    assert_eq!(reader.image().serial(), 1);
    folder.place(9);
    assert!(live.refresh().unwrap());
    assert_eq!(reader.image().serial(), 9);
    assert!(live.status(0).problem.is_none());
}

#[test]
fn without_a_page_refresh_finds_what_is_new() {
    let folder = Folder::new("rsync");
    for way in 0..3 {
        let live = match way {
            0 => folder.live(),
            1 => Live::builder(&folder.0, "ops.example").read().unwrap(),
            _ => Live::builder_of_image(folder.image()).read().unwrap(),
        };
        let mut reader = live.reader();
        let serial = reader.image().serial() + 1;
        assert!(!live.refresh().unwrap(), "nothing is new");
        folder.place(serial);
        assert_eq!(reader.image().serial(), serial - 1);
        assert!(live.refresh().unwrap());
        assert_eq!(reader.image().serial(), serial);
    }
}

#[test]
fn a_dead_mirror_shows_at_the_times_that_the_page_names() {
    let folder = Folder::new("dead");
    folder.make_page(1, 1000, 2000);
    let live = folder.live();
    let mut reader = live.reader();
    let mut at = |now: u64| reader.current(now).freshness();
    let seen = [999, 1000, 1999, 2000].map(&mut at);
    use Freshness::{Expired, Fresh, Retired, Stale};
    assert_eq!(seen, [Fresh, Stale, Stale, Expired]);
    folder.set_word(24, 3000);
    folder.set_word(32, 4000);
    assert_eq!(at(2000), Fresh, "seen without a swap");
    folder.set_word(8, 1 | 1 << 32);
    assert_eq!(live.status(0).freshness, Retired);
}

#[test]
fn what_is_no_folder_or_no_zone_is_refused() {
    let folder = Folder::new("wrong");
    let wrong = [
        "",
        "..",
        "../x",
        "a/b",
        "nul\0",
        "other.example",
        "OPS",
        "ops.example.",
    ];
    for zone in wrong {
        assert!(Live::builder(&folder.0, zone).read().is_err(), "{zone:?}");
    }
    assert!(Live::builder(folder.image(), "ops.example").read().is_err());
    assert!(Live::builder_of_image(&folder.0).read().is_err());
    assert!(Live::builder_of_image("/").read().is_err());
}
