//! What befell readers of a mirror's folder in real life, each a test named for the failure.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod world;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use rblmap::{ErrorKind, Freshness, Live, LiveSet};
use world::{ADDRESS, Folder, GOLDEN, map};

/// Waits for what a lookup is to see by itself.
fn soon(mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

#[test]
fn a_wiped_folder_that_is_mirrored_anew_is_followed() {
    for copies in [false, true] {
        let folder = Folder::new(&format!("wiped-{copies}"));
        folder.make_page(1, 1000, 2000);
        let builder = Live::builder(&folder.0, "ops.example");
        let live = if copies { builder.read() } else { map(builder) }.unwrap();
        let mut reader = live.reader();
        assert_eq!(reader.current(500).freshness(), Freshness::Fresh);
        folder.wipe();
        let current = reader.current(501);
        assert_eq!(
            current.freshness(),
            Freshness::Stale,
            "said while it is gone"
        );
        assert_eq!(current.problem().unwrap().kind(), &ErrorKind::NotFound);
        assert!(
            current.base().contains_v4(ADDRESS),
            "the last good image answers"
        );
        // The generation begins anew: it tells nothing.
        folder.place(7);
        folder.make_page(1, 9000, 9900);
        let current = reader.current(3000);
        assert_eq!(current.image().serial(), 7);
        assert_eq!(current.freshness(), Freshness::Fresh);
        assert!(current.problem().is_none());
        folder.place(8);
        folder.set_word(16, 2);
        assert_eq!(
            reader.current(3001).image().serial(),
            8,
            "later updates too"
        );
    }
}

#[test]
fn what_a_retired_page_said_holds_while_the_page_is_gone() {
    let folder = Folder::new("retired-gone");
    folder.make_page(1, 0, 0);
    folder.set_word(8, 1 | 1 << 32);
    let live = folder.live();
    let mut reader = live.reader();
    assert_eq!(reader.current(1).freshness(), Freshness::Retired);
    fs::remove_file(folder.page()).unwrap();
    assert_eq!(reader.current(2).freshness(), Freshness::Retired);
}

#[test]
fn a_swap_that_fails_once_is_tried_again_by_lookups_alone() {
    let folder = Folder::new("retry");
    folder.make_page(1, 0, 0);
    let live = folder.live();
    let mut reader = live.reader();
    let hidden = folder.0.join("hidden");
    folder.place(2);
    fs::rename(folder.image(), &hidden).unwrap();
    folder.set_word(16, 2);
    assert_eq!(reader.image().serial(), 1);
    fs::rename(&hidden, folder.image()).unwrap();
    assert_eq!(reader.image().serial(), 1, "not at once");
    assert!(soon(|| reader.image().serial() == 2));
    assert_eq!(reader.current(1).freshness(), Freshness::Fresh);
}

#[test]
fn while_a_swap_has_failed_answers_are_stale_and_the_cause_is_told() {
    let folder = Folder::new("failed");
    folder.make_page(1, 0, 0);
    let live = folder.live();
    let mut reader = live.reader();
    fs::remove_file(folder.image()).unwrap();
    folder.set_word(16, 2);
    let current = reader.current(1);
    assert_eq!(current.freshness(), Freshness::Stale);
    let problem = current.problem().unwrap();
    assert_eq!(problem.path(), Some(folder.image().as_path()));
    assert_eq!(problem.io().unwrap().raw_os_error(), Some(libc::ENOENT));
}

#[test]
fn who_asks_freshness_first_is_told_of_the_image_that_would_answer() {
    for copies in [false, true] {
        let folder = Folder::new(&format!("idle-{copies}"));
        folder.make_page(1, 1000, 2000);
        let builder = Live::builder(&folder.0, "ops.example");
        let live = if copies { builder.read() } else { map(builder) }.unwrap();
        let mut reader = live.reader();
        assert_eq!(reader.current(3000).freshness(), Freshness::Expired);
        folder.place(2);
        folder.set_word(24, 8000);
        folder.set_word(32, 9000);
        folder.set_word(16, 2);
        live.refresh().unwrap();
        let current = reader.current(3000);
        let told = (current.freshness(), current.image().serial());
        assert_eq!(told, (Freshness::Fresh, 2), "copies: {copies}");
        folder.set_word(8, 1 | 1 << 32);
        live.refresh().unwrap();
        assert_eq!(reader.current(3000).freshness(), Freshness::Retired);
    }
}

#[test]
fn a_page_that_cannot_be_read_is_never_fresh() {
    let cut = |folder: &Folder| {
        let bytes = fs::read(folder.page()).unwrap();
        fs::write(folder.page(), &bytes[..60]).unwrap();
    };
    let newer = |folder: &Folder| folder.set_word(8, 2);
    let other = |folder: &Folder| folder.set_word(0, 0);
    let folder_there = |folder: &Folder| {
        fs::remove_file(folder.page()).unwrap();
        fs::create_dir(folder.page()).unwrap();
    };
    type Way<'a> = (&'a str, &'a dyn Fn(&Folder));
    let ways: [Way<'_>; 4] = [
        ("cut", &cut),
        ("newer", &newer),
        ("other", &other),
        ("folder", &folder_there),
    ];
    for (name, spoil) in ways {
        // Before it is opened, and while it is open.
        for open_first in [false, true] {
            let folder = Folder::new(&format!("unreadable-{name}-{open_first}"));
            folder.make_page(1, 1000, 2000);
            let opened = open_first.then(|| folder.live());
            spoil(&folder);
            let live = opened.unwrap_or_else(|| folder.live());
            let mut reader = live.reader();
            let current = reader.current(500);
            assert_eq!(current.freshness(), Freshness::Stale, "{name}");
            let problem = current.problem().unwrap();
            let told = match name {
                "newer" => matches!(problem.kind(), ErrorKind::NewerPage { .. }),
                "folder" => matches!(problem.kind(), ErrorKind::NotAFile),
                _ => matches!(problem.kind(), ErrorKind::Page { .. }),
            };
            assert!(told, "{name}: {problem}");
            assert!(live.refresh().is_err() && live.status(500).problem.is_some());
            folder.place(2);
            assert_eq!(reader.current(501).image().serial(), 2, "swaps are seen");
        }
    }
}

#[test]
fn a_page_that_may_not_be_read_is_never_fresh() {
    #[allow(unsafe_code, reason = "rights of a process")]
    // SAFETY: takes no argument.
    if unsafe { libc::geteuid() } == 0 {
        // Root may read everything; the C tests try this as another user.
        return;
    }
    let folder = Folder::new("forbidden");
    folder.make_page(1, 1000, 2000);
    fs::set_permissions(folder.page(), fs::Permissions::from_mode(0o000)).unwrap();
    let live = folder.live();
    let current = live.reader();
    assert_eq!(live.status(0).freshness, Freshness::Stale);
    assert_eq!(
        live.status(0).problem.unwrap().kind(),
        &ErrorKind::Permission
    );
    drop(current);
}

#[test]
fn a_page_that_comes_later_is_seen() {
    let folder = Folder::new("later");
    let live = folder.live();
    let mut reader = live.reader();
    assert_eq!(reader.current(5000).freshness(), Freshness::Fresh);
    folder.make_page(1, 1000, 2000);
    assert_eq!(reader.current(5001).freshness(), Freshness::Expired);
}

#[test]
fn a_reader_waits_for_the_first_image() {
    let folder = Folder::empty("first");
    let missing = folder.0.join("not/yet");
    for (place, number) in [(folder.0.clone(), 0), (missing.clone(), 1)] {
        let live = map(Live::builder(&place, "ops.example").wait()).unwrap();
        let mut reader = live.reader();
        let current = reader.current(1);
        assert_eq!(current.freshness(), Freshness::Waiting);
        assert_eq!(current.problem().unwrap().kind(), &ErrorKind::NotFound);
        assert!(!reader.image().base().contains_v4(ADDRESS));
        let mut set = LiveSet::new();
        set.add(&live, "@").unwrap();
        assert_eq!(set.freshness(0, 1), Some(Freshness::Waiting));
        assert!(set.lookup([192, 0, 2, 1]).all(|answer| answer.is_none()));
        fs::create_dir_all(&place).unwrap();
        fs::copy(GOLDEN, place.join("ops.example.rbl")).unwrap();
        assert!(
            soon(|| reader.image().base().contains_v4(ADDRESS)),
            "{number}"
        );
        assert_eq!(reader.current(1).freshness(), Freshness::Fresh);
        assert!(soon(|| set
            .lookup([192, 0, 2, 1])
            .all(|answer| answer.is_some())));
    }
    assert!(Live::builder(&folder.0, "BAD").wait().read().is_err());
}

#[test]
fn a_bad_image_at_the_start_is_waited_for() {
    let folder = Folder::empty("bad-start");
    fs::write(folder.image(), b"no image").unwrap();
    let live = map(Live::builder(&folder.0, "ops.example").wait()).unwrap();
    assert_eq!(
        live.status(1).problem.unwrap().kind(),
        &ErrorKind::NotAnImage
    );
    folder.place(3);
    assert_eq!(live.reader().current(2).image().serial(), 3);
}

#[test]
fn a_link_to_the_folder_that_is_moved_is_followed() {
    let (a, b) = (Folder::new("link-a"), Folder::empty("link-b"));
    b.place(2);
    let link = a.0.join("current");
    symlink(&a.0, &link).unwrap();
    let by_zone = map(Live::builder(&link, "ops.example")).unwrap();
    let by_path = map(Live::builder_of_image(link.join("ops.example.rbl"))).unwrap();
    let next = a.0.join("next");
    symlink(&b.0, &next).unwrap();
    fs::rename(&next, &link).unwrap();
    for live in [by_zone, by_path] {
        assert!(live.refresh().unwrap());
        assert_eq!(live.reader().image().serial(), 2);
    }
}

#[test]
fn a_folder_that_takes_the_name_of_another_is_followed() {
    let (a, b) = (Folder::new("name-a"), Folder::empty("name-b"));
    b.place(2);
    let live = a.live();
    let mut reader = live.reader();
    let old = a.0.with_extension("old");
    fs::rename(&a.0, &old).unwrap();
    fs::rename(&b.0, &a.0).unwrap();
    assert_eq!(reader.current(1).image().serial(), 2);
    fs::remove_dir_all(old).unwrap();
}

#[test]
fn the_page_beside_an_image_that_is_opened_by_its_path_counts() {
    let folder = Folder::new("by-path");
    folder.make_page(1, 1000, 2000);
    let live = map(Live::builder_of_image(folder.image())).unwrap();
    let mut reader = live.reader();
    assert_eq!(reader.current(5000).freshness(), Freshness::Expired);
    folder.place(2);
    folder.set_word(16, 2);
    assert_eq!(reader.image().serial(), 2, "a lookup sees the swap");
}

#[test]
fn a_copy_of_a_half_written_image_is_refused() {
    let folder = Folder::new("half");
    let live = Live::builder(&folder.0, "ops.example").read().unwrap();
    let mut bytes = fs::read(GOLDEN).unwrap();
    bytes[24] = 9;
    let half = bytes.len() / 2;
    bytes[half..].fill(0);
    // In place, as an editor or `cp` writes.
    fs::write(folder.image(), &bytes).unwrap();
    assert!(live.refresh().is_err());
    let mut reader = live.reader();
    assert_eq!(reader.image().serial(), 1);
    assert_eq!(reader.current(1).freshness(), Freshness::Stale);
    assert!(Live::builder_of_image(folder.image()).read().is_err());
    fs::remove_file(folder.image()).unwrap();
    folder.place(4);
    assert!(live.refresh().unwrap());
}

#[test]
fn a_descriptor_that_the_host_has_closed_is_not_used() {
    let folder = Folder::new("closefrom");
    folder.make_page(1, 0, 0);
    let live = folder.live();
    let mut reader = live.reader();
    let path = fs::canonicalize(&folder.0).unwrap();
    let ours: Vec<i32> = fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let is_ours = fs::read_link(entry.path()).is_ok_and(|to| to == path);
            is_ours.then(|| entry.file_name().to_str()?.parse().ok())?
        })
        .collect();
    assert_eq!(ours.len(), 1);
    // The number belongs to another file from here on, as after closefrom(3).
    let other = fs::File::open(GOLDEN).unwrap();
    #[allow(unsafe_code, reason = "as a host does")]
    // SAFETY: two open descriptors.
    let moved = unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&other), ours[0]) };
    assert_eq!(moved, ours[0]);
    folder.place(2);
    folder.set_word(16, 2);
    assert_eq!(reader.image().serial(), 2, "the swap is seen");
    drop((reader, live));
    let still = fs::read_link(format!("/proc/self/fd/{moved}")).unwrap();
    assert_eq!(still, fs::canonicalize(GOLDEN).unwrap(), "it is not closed");
    #[allow(unsafe_code, reason = "as a host does")]
    // SAFETY: the number that `dup2` gave.
    unsafe {
        libc::close(moved)
    };
}

#[test]
fn an_expired_subzone_is_told_and_a_lost_one_leaves_the_others() {
    let folder = Folder::new("subzones");
    let live = folder.live();
    let mut set = LiveSet::new();
    assert_eq!(set.add(&live, "@").unwrap(), 0);
    let error = set.add(&live, "proxies").unwrap_err();
    assert_eq!(
        error.kind(),
        &ErrorKind::NoSuchZone {
            name: "proxies".into()
        }
    );
    assert_eq!(set.len(), 1);
    assert_eq!(set.freshness(1, 0), None);
}

#[test]
fn a_set_holds_256_zones_and_says_when_there_are_more() {
    let folder = Folder::new("many");
    let live = folder.live();
    let mut set = LiveSet::new();
    for index in 0..LiveSet::MOST {
        assert_eq!(set.add(&live, "@").unwrap(), index);
    }
    let error = set.add(&live, "@").unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::TooMany { most: 256 });
    let listed = set
        .lookup([192, 0, 2, 1])
        .filter(|a| a.is_some_and(|a| a.is_listed()));
    assert_eq!(listed.count(), 256);
    folder.place(2);
    live.refresh().unwrap();
    assert!(
        set.lookup([192, 0, 2, 1])
            .all(|a| a.is_some_and(|a| a.is_listed()))
    );
}
