//! `Live`: images that are swapped, lost and damaged under readers.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rblmap::{Error, Freshness, Live};

const GOLDEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/golden/three.rbl"
);
const ADDRESS: u32 = 0xc000_0201;

/// A mirror's folder, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let name = format!("rblmap-live-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        let folder = Folder(path);
        folder.place(1);
        folder
    }

    /// Puts an image of this serial in place, as a mirror does.
    fn place(&self, serial: u64) {
        let mut bytes = fs::read(GOLDEN).unwrap();
        bytes[24..32].copy_from_slice(&serial.to_le_bytes());
        self.place_bytes(&bytes);
    }

    fn place_bytes(&self, bytes: &[u8]) {
        let temporary = self.0.join(".new");
        fs::write(&temporary, bytes).unwrap();
        fs::rename(temporary, self.image()).unwrap();
    }

    fn image(&self) -> PathBuf {
        self.0.join("ops.example.rbl")
    }

    fn page(&self) -> PathBuf {
        self.0.join("ops.example.status")
    }

    /// Makes a status page: generation, stale and expired from.
    fn make_page(&self, generation: u64, stale: u64, expired: u64) {
        let mut page = b"\x89rblstat\x01\0\0\0\0\0\0\0".to_vec();
        for field in [generation, stale, expired] {
            page.extend(field.to_le_bytes());
        }
        page.resize(4096, 0);
        fs::write(self.page(), page).unwrap();
    }

    fn set_word(&self, at: u64, word: u64) {
        let page = fs::OpenOptions::new().write(true).open(self.page());
        page.unwrap().write_all_at(&word.to_le_bytes(), at).unwrap();
    }

    fn live(&self) -> Live {
        Live::open(&self.0, "ops.example").unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

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
        assert!(matches!(live.refresh(), Err(Error::Live(_))));
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
            1 => Live::open_copied(&folder.0, "ops.example").unwrap(),
            _ => Live::open_file(folder.image(), false).unwrap(),
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
    let reader = live.reader();
    let at = [999, 1000, 1999, 2000].map(|now| reader.freshness_at(now));
    use Freshness::{Expired, Fresh, Retired, Stale};
    assert_eq!(at, [Fresh, Stale, Stale, Expired]);
    folder.set_word(24, 3000);
    folder.set_word(32, 4000);
    assert_eq!(reader.freshness_at(2000), Fresh, "seen without a swap");
    folder.set_word(8, 1 | 1 << 32);
    assert_eq!(live.status(0).freshness, Retired);
}

#[test]
fn what_is_no_folder_or_no_zone_is_refused() {
    let folder = Folder::new("wrong");
    for zone in ["", "..", "../x", "a/b", "nul\0", "other.example", "OPS"] {
        assert!(Live::open(&folder.0, zone).is_err(), "{zone:?}");
    }
    assert!(Live::open(folder.image(), "ops.example").is_err());
    assert!(Live::open_file(&folder.0, false).is_err());
    assert!(Live::open_file("/", false).is_err());
}
