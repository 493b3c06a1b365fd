//! How a reader follows its mirror where containers put layers and mounts between them: in a mount
//! namespace of its own, which needs root.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may panic, and says what it skips"
)]

mod world;

use std::fs;
use std::path::Path;
use std::process::Command;

use rblmap::{ErrorKind, Freshness, Live};
use world::{Folder, map};

/// Tells the process that a test starts in a namespace of its own from the one that starts it.
const INSIDE: &str = "RBLMAP_IN_A_NAMESPACE";

/// Whether this process has a mount namespace of its own. If not, runs the test again in one.
fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let tried = Command::new("unshare")
        .args(["-m", "mount", "-t", "tmpfs", "none", "/tmp"])
        .output();
    if !tried.is_ok_and(|output| output.status.success()) {
        println!("skipped: no mount namespace here");
        return false;
    }
    let status = Command::new("unshare")
        .arg("-m")
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .status();
    assert!(status.unwrap().success(), "{test} in a namespace");
    false
}

fn mount(arguments: &[&str]) -> bool {
    let output = Command::new("mount").args(arguments).output().unwrap();
    if !output.status.success() {
        println!(
            "skipped: mount: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    output.status.success()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_single_file_that_is_mounted_is_said_to_stay_old() {
    if !is_inside("a_single_file_that_is_mounted_is_said_to_stay_old") {
        return;
    }
    let host = Folder::new("mounted-host");
    let container = Folder::new("mounted-container");
    if !mount(&["--bind", text(&host.image()), text(&container.image())]) {
        return;
    }
    let live = container.live();
    let mut reader = live.reader();
    assert_eq!(reader.current(500).freshness(), Freshness::Fresh);
    assert!(live.refresh().is_ok());
    host.place(2);
    let current = reader.current(501);
    assert_eq!(current.image().serial(), 1, "no new file ever comes");
    assert_eq!(current.freshness(), Freshness::Stale, "and it is said");
    assert_eq!(current.problem().unwrap().kind(), &ErrorKind::Detached);
    assert!(
        live.refresh()
            .unwrap_err()
            .to_string()
            .contains("mount its folder")
    );
    // By the path as it is: the table of mounts has it with `//deleted` behind it.
    let image = container.image();
    let status = Command::new("umount")
        .args(["-c", "-l", text(&image)])
        .status();
    if status.unwrap().success() {
        container.place(3);
        let current = reader.current(502);
        let seen = (current.image().serial(), current.freshness());
        assert_eq!(seen, (3, Freshness::Fresh));
    }
}

#[test]
fn a_folder_that_is_mounted_is_followed() {
    if !is_inside("a_folder_that_is_mounted_is_followed") {
        return;
    }
    let host = Folder::new("folder-host");
    host.make_page(1, 1000, 2000);
    let container = Folder::empty("folder-container");
    if !mount(&["--bind", text(&host.0), text(&container.0)]) {
        return;
    }
    let live = container.live();
    let mut reader = live.reader();
    assert_eq!(reader.image().serial(), 1);
    host.place(2);
    host.set_word(16, 2);
    assert_eq!(reader.image().serial(), 2, "by a lookup alone");
    let status = Command::new("umount")
        .args(["-l", text(&container.0)])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn an_overlay_that_copies_the_page_up_is_followed() {
    if !is_inside("an_overlay_that_copies_the_page_up_is_followed") {
        return;
    }
    // An overlay takes no overlay as its upper layer.
    let layers = Folder::empty("overlay");
    if !mount(&["-t", "tmpfs", "none", text(&layers.0)]) {
        return;
    }
    let lower = Folder(layers.0.join("lower"));
    let merged = Folder(layers.0.join("merged"));
    for name in ["lower", "upper", "work", "merged"] {
        fs::create_dir(layers.0.join(name)).unwrap();
    }
    lower.place(1);
    lower.make_page(1, 1000, 2000);
    let at = |name: &str| layers.0.join(name).display().to_string();
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        at("lower"),
        at("upper"),
        at("work")
    );
    if !mount(&["-t", "overlay", "none", "-o", &options, text(&merged.0)]) {
        return;
    }
    for copies in [false, true] {
        let builder = Live::builder(&merged.0, "ops.example");
        let live = if copies { builder.read() } else { map(builder) }.unwrap();
        let mut reader = live.reader();
        let before = reader.current(500).image().serial();
        // The mirror in the same container: the first write copies the page up, so that mappings of
        // before never change.
        merged.place(before + 1);
        merged.set_word(16, before + 1);
        merged.set_word(24, 700);
        let current = reader.current(501);
        assert_eq!(current.image().serial(), before + 1, "copies: {copies}");
        assert_eq!(current.freshness(), Freshness::Fresh);
        assert_eq!(
            reader.current(800).freshness(),
            Freshness::Stale,
            "the page that counts"
        );
        merged.set_word(24, 1000);
    }
    let status = Command::new("umount").arg(&merged.0).status();
    assert!(status.unwrap().success());
}
