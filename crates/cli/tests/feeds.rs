//! `keygen`, `publish`, `mirror` and what goes with them, as commands, with real peers.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;
mod peers;

use std::fs;
use std::process::Command;

use common::{files, rblmap};
use peers::{Disk, Feed, free_port, rsyncd};
use serde_json::Value;

#[test]
fn the_stock_minisign_and_b3sum_verify_a_feed() {
    let feed = Feed::new();
    feed.publish(100);
    feed.publish(200);
    let zone = feed.path("feed/ops.example");
    let manifest = zone.join("m").join(files(&zone.join("m")).pop().unwrap());
    let verify = |key: &str| {
        let mut minisign = Command::new("minisign");
        minisign
            .arg("-Vm")
            .arg(&manifest)
            .arg("-x")
            .arg(zone.join("current.minisig"));
        minisign.arg("-p").arg(feed.path(key));
        minisign.output().unwrap()
    };
    let verified = verify("ops.pub");
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{said}");
    assert!(
        said.contains("Trusted comment: rblmap zone=ops.example"),
        "{said}"
    );
    rblmap(["keygen", "-q", "-o", &feed.arg("other")]);
    assert!(!verify("other.pub").status.success());
    for folder in ["m", "s", "d"] {
        for name in files(&zone.join(folder)) {
            let sum = Command::new("b3sum")
                .arg(zone.join(folder).join(&name))
                .output()
                .unwrap();
            let digits = String::from_utf8_lossy(&sum.stdout)[..20].to_owned();
            assert!(name.contains(&digits), "{name}: {digits}");
        }
    }
}

#[test]
fn a_feed_is_mirrored_over_a_real_rsync_daemon() {
    let feed = Feed::new();
    feed.publish(3000);
    let server = rsyncd(feed.dir.path(), &feed.path("feed"));
    let url = format!("rsync://127.0.0.1:{}/feed", server.port);
    let run = feed.mirror_from(&url, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("by the snapshot"), "{}", run.stderr);
    feed.publish(3010);
    let run = feed.mirror_from(&url, &["--json"]);
    let line: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(line["outcome"], "updated", "{}", run.stderr);
    assert_eq!(
        (&line["serial"], &line["update"]["deltas"]),
        (&2.into(), &1.into())
    );
    let run = feed.mirror_from(&url, &["--json"]);
    let line: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (&line["outcome"], &line["serial"]),
        (&"current".into(), &2.into())
    );
    feed.answers();
    feed.is_clean();
    // Of all sessions but the one that only tried whether the daemon listens.
    let log = fs::read_to_string(feed.path("rsyncd.log")).unwrap();
    let session = |line: &str| line.split_whitespace().nth(2).map(str::to_owned);
    let with = |text| log.lines().filter(move |line| line.contains(text));
    let sessions: Vec<_> = with("allowed access").map(session).collect();
    assert!(!sessions.is_empty(), "{log}");
    let failed = with("error").any(|line| sessions.contains(&session(line)));
    assert!(!failed, "{log}");
}

#[test]
fn all_bytes_of_an_update_over_rsync_stay_within_the_gate() {
    let feed = Feed::new();
    // As many issues as a manifest names deltas.
    for count in 0..18 {
        feed.publish_scattered_with(3000, count);
    }
    let server = rsyncd(feed.dir.path(), &feed.path("feed"));
    let url = format!("rsync://127.0.0.1:{}/feed", server.port);
    assert_eq!(feed.mirror_from(&url, &[]).code, 0);
    feed.publish_scattered_with(3000, 18);
    let skip = fs::read_to_string(feed.path("rsyncd.log")).unwrap().len();
    let run = feed.mirror_from(&url, &["--json"]);
    let line: Value = serde_json::from_str(&run.stdout).unwrap();
    let delta = line["update"]["bytes"].as_u64().unwrap();
    // The daemon writes its line after the client has left.
    let sessions = |log: &str| log.matches(" received ").count();
    let mut log = String::new();
    for _ in 0..100 {
        log = fs::read_to_string(feed.path("rsyncd.log"))
            .unwrap()
            .split_off(skip);
        if sessions(&log) == log.matches("connect from").count() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let words: Vec<&str> = log.split_whitespace().collect();
    let bytes = words
        .windows(2)
        .filter(|pair| matches!(pair[0], "sent" | "received"));
    let bytes: u64 = bytes.map(|pair| pair[1].parse::<u64>().unwrap()).sum();
    assert!(
        bytes > delta && bytes <= delta + 3072,
        "{bytes} bytes for a delta of {delta}"
    );
}

#[test]
fn what_is_no_feed_has_its_own_exit_code() {
    let feed = Feed::new();
    feed.publish(100);
    assert_eq!(feed.mirror().code, 0);
    let server = rsyncd(feed.dir.path(), &feed.path("feed"));
    let (port, closed) = (server.port, free_port());
    fs::create_dir(feed.path("empty")).unwrap();
    for (source, code) in [
        (feed.arg("nowhere"), 5),
        (feed.arg("empty"), 5),
        (format!("rsync://127.0.0.1:{port}/nothing"), 5),
        (format!("rsync://127.0.0.1:{port}/feed/ops.example"), 5),
        (format!("rsync://127.0.0.1:{closed}/feed"), 5),
        ("rsync://no-such-host.invalid/feed".to_owned(), 5),
        ("ftp://127.0.0.1/feed".to_owned(), 2),
    ] {
        let run = feed.mirror_from(&source, &["--timeout", "5s"]);
        assert_eq!(run.code, code, "{source}: {}", run.stderr);
        // The index and the zone are asked for one by one; each is told once.
        assert!(run.stderr.lines().count() <= 2, "{source}: {}", run.stderr);
        feed.answers();
    }
}

#[test]
fn a_zone_that_the_feed_does_not_have_is_a_mistake_of_the_caller() {
    let feed = Feed::new();
    feed.publish(100);
    let run = feed.mirror_from(&feed.arg("feed"), &["--zone", "rss.example"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.contains("no such zone"), "{}", run.stderr);
    let run = feed.mirror_from(&feed.arg("nowhere"), &["--zone", "rss.example"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
}

#[test]
fn a_feed_of_another_key_or_zone_is_untrusted() {
    let feed = Feed::new();
    feed.publish(100);
    assert_eq!(feed.mirror().code, 0);
    rblmap(["keygen", "-q", "-o", &feed.arg("other")]);
    let (image, key) = (feed.arg("built.rbl"), feed.arg("other.key"));
    let run = rblmap(["publish", &feed.arg("feed"), &image, "--key", &key]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = feed.mirror_from(&feed.arg("feed"), &["--zone", "ops.example"]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("not signed by a key that is trusted here"),
        "{}",
        run.stderr
    );
    feed.answers();
    fs::create_dir_all(feed.path("feed/rss.example")).unwrap();
    let (from, to) = (
        "feed/ops.example/current.minisig",
        "feed/rss.example/current.minisig",
    );
    fs::copy(feed.path(from), feed.path(to)).unwrap();
    let run = feed.mirror_from(&feed.arg("feed"), &["--zone", "rss.example"]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(
        run.stderr.contains("of zone ops.example, not rss.example"),
        "{}",
        run.stderr
    );
    for bad in ["ops.key", "list.txt", "nowhere.pub"] {
        let (source, folder) = (feed.arg("feed"), feed.arg("new"));
        let run = rblmap(["mirror", &source, &folder, "--key", &feed.arg(bad)]);
        assert_eq!(run.code, 3, "{bad}: {}", run.stderr);
        assert!(!feed.path("new").exists());
    }
}

#[test]
fn one_run_at_a_time() {
    let feed = Feed::new();
    feed.publish(100);
    assert_eq!(feed.mirror().code, 0);
    let lock = fs::File::open(feed.path("mirror/.lock")).unwrap();
    lock.lock().unwrap();
    let run = feed.mirror();
    assert_eq!(run.code, 7, "{}", run.stderr);
    assert!(
        run.stderr.contains("locked by another run"),
        "{}",
        run.stderr
    );
    feed.answers();
    drop(lock);
    assert_eq!(feed.mirror().code, 0);
    let lock = fs::File::open(feed.path("feed/.state/.lock")).unwrap();
    lock.lock().unwrap();
    let (source, key) = (feed.arg("feed"), feed.arg("ops.key"));
    assert_eq!(rblmap(["publish", &source, "--key", &key]).code, 7);
}

#[test]
fn a_full_disk_leaves_everything_as_it_was() {
    let feed = Feed::new();
    feed.publish(3000);
    let Some(disk) = Disk::mount(&feed.path("mirror"), "size=2m") else {
        return;
    };
    assert_eq!(feed.mirror().code, 0);
    let image = fs::read(feed.path("mirror/ops.example.rbl")).unwrap();
    feed.publish(3100);
    let server = rsyncd(feed.dir.path(), &feed.path("feed"));
    let url = format!("rsync://127.0.0.1:{}/feed", server.port);
    // Every stage: no page free, a few, and all but what an image takes.
    let all = 2 << 20;
    for left in [0u64, 4 << 10, 8 << 10, 12 << 10, 20 << 10, 40 << 10] {
        let used = used(&feed);
        let filler = vec![0; usize::try_from(all - used - left).unwrap()];
        let _ = fs::write(feed.path("mirror/filler"), filler);
        for source in [&feed.arg("feed"), &url] {
            let run = feed.mirror_from(source, &[]);
            assert_eq!(run.code, 6, "{left} from {source}: {}", run.stderr);
            assert_eq!(
                fs::read(feed.path("mirror/ops.example.rbl")).unwrap(),
                image
            );
            feed.answers();
        }
        fs::remove_file(feed.path("mirror/filler")).unwrap();
    }
    disk.remount("ro");
    let run = feed.mirror();
    assert_eq!(run.code, 6, "{}", run.stderr);
    assert!(
        run.stderr.contains("Read-only file system"),
        "{}",
        run.stderr
    );
    feed.answers();
    disk.remount("rw");
    assert_eq!(feed.mirror().code, 0);
    feed.is_clean();
}

/// Bytes in pages of 4 KiB of all that lies in the mirror's folder.
fn used(feed: &Feed) -> u64 {
    let mut used = 0;
    let mut folders = vec![feed.path("mirror")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => used += entry.metadata().unwrap().len().div_ceil(4096) * 4096,
            }
        }
    }
    used
}

#[test]
fn a_publisher_on_a_full_disk_keeps_the_feed_as_it_was() {
    let feed = Feed::new();
    let Some(disk) = Disk::mount(&feed.path("feed"), "size=1m") else {
        return;
    };
    feed.publish(3000);
    assert_eq!(feed.mirror().code, 0);
    let pointer = fs::read(feed.path("feed/ops.example/current.minisig")).unwrap();
    let filler = vec![0; 1 << 20];
    let _ = fs::write(feed.path("feed/filler"), filler);
    let (source, key) = (feed.arg("feed"), feed.arg("ops.key"));
    let run = rblmap(["publish", &source, "--key", &key]);
    assert_eq!(run.code, 6, "{}", run.stderr);
    assert_eq!(
        fs::read(feed.path("feed/ops.example/current.minisig")).unwrap(),
        pointer
    );
    assert_eq!(feed.mirror().code, 0);
    fs::remove_file(feed.path("feed/filler")).unwrap();
    disk.remount("ro");
    assert_eq!(rblmap(["publish", &source, "--key", &key]).code, 6);
    disk.remount("rw");
    assert_eq!(rblmap(["publish", &source, "--key", &key]).code, 0);
    assert_eq!(feed.mirror().code, 0);
}

#[test]
fn status_speaks_to_people_nagios_and_prometheus() {
    let feed = Feed::new();
    feed.publish(100);
    fs::create_dir(feed.path("mirror")).unwrap();
    let status = |more: &[&str]| {
        let folder = feed.arg("mirror");
        let mut args = vec!["status", folder.as_str()];
        args.extend(more);
        rblmap(args)
    };
    assert_eq!(status(&[]).code, 3, "no zones");
    assert_eq!(feed.mirror().code, 0);
    let run = status(&[]);
    assert!(
        run.stdout.starts_with("RBLMAP OK - ops.example serial 1 |"),
        "{}",
        run.stdout
    );
    assert_eq!(run.code, 0);
    let run = status(&["--prometheus"]);
    assert!(
        run.stdout
            .contains("\nrblmap_serial{zone=\"ops.example\"} 1\n"),
        "{}",
        run.stdout
    );
    feed.publish(110);
    assert_eq!(feed.mirror().code, 0);
    let rollback = |more: &[&str]| {
        let folder = feed.arg("mirror");
        let mut args = vec!["rollback", folder.as_str(), "ops.example"];
        args.extend(more);
        rblmap(args).code
    };
    assert_eq!(rollback(&[]), 0);
    let run = status(&[]);
    assert!(
        run.stdout
            .starts_with("RBLMAP WARNING - ops.example: held by"),
        "{}",
        run.stdout
    );
    assert_eq!(run.code, 1);
    assert_eq!(feed.mirror().code, 0);
    assert_eq!(rollback(&["--release"]), 0);
    feed.publish(4000);
    let run = feed.mirror();
    assert_eq!(run.code, 8, "{}", run.stderr);
    let id = run.stderr.trim_end().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(
        rblmap(["accept", &feed.arg("mirror"), "ops.example", &id]).code,
        0
    );
    assert_eq!(feed.mirror().code, 0);
    let line: Value = serde_json::from_str(&status(&["--json"]).stdout).unwrap();
    assert_eq!((&line["serial"], &line["level"]), (&3.into(), &"ok".into()));
    fs::remove_file(feed.path("mirror/ops.example.rbl")).unwrap();
    assert_eq!(status(&[]).code, 2);
    // And the next run brings the image back.
    assert_eq!(feed.mirror().code, 0);
    feed.answers();
}

#[test]
fn a_heartbeat_goes_by_without_a_transfer() {
    let feed = Feed::new();
    feed.publish(3000);
    assert_eq!(feed.mirror().code, 0);
    let (source, key) = (feed.arg("feed"), feed.arg("ops.key"));
    assert_eq!(rblmap(["publish", &source, "--key", &key]).code, 0);
    let run = feed.mirror_from(&source, &["-v"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (0, "ops.example: serial 1\n")
    );
    // With nothing new, two pointers are all that is read.
    let pointers = ["feed/index.minisig", "feed/ops.example/current.minisig"];
    let bytes = pointers
        .iter()
        .map(|path| fs::metadata(feed.path(path)).unwrap().len());
    assert!(bytes.sum::<u64>() < 1024);
}

#[test]
fn a_folder_of_someone_else_is_left_alone() {
    let feed = Feed::new();
    feed.publish(100);
    assert_eq!(feed.mirror().code, 0);
    // Root may write everywhere, so it is someone else who tries.
    if !peers::is_root() {
        let folder = feed.path("mirror");
        let mut permissions = fs::metadata(&folder).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o555);
        fs::set_permissions(&folder, permissions).unwrap();
    }
    let command = feed.path("rblmap");
    fs::copy(env!("CARGO_BIN_EXE_rblmap"), &command).unwrap();
    for path in [feed.dir.path(), &feed.path("feed"), &command] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(path, mode).unwrap();
    }
    let (source, folder, key) = (feed.arg("feed"), feed.arg("mirror"), feed.arg("ops.pub"));
    let mut run = match peers::is_root() {
        true => {
            let mut run = Command::new("setpriv");
            run.args(["--reuid=65534", "--regid=65534", "--clear-groups"])
                .arg(&command);
            run
        }
        false => Command::new(&command),
    };
    run.args(["mirror", &source, &folder, "--key", &key]);
    let run = common::finish(run, b"");
    assert_eq!(run.code, 6, "{}", run.stderr);
    assert!(run.stderr.contains("Permission denied"), "{}", run.stderr);
    feed.answers();
}

#[test]
fn a_feed_goes_through_two_relays_over_real_daemons() {
    let feed = Feed::new();
    feed.publish(3000);
    let relay = |source: &str, to: &str| {
        let (to, key) = (feed.arg(to), feed.arg("ops.pub"));
        rblmap(["relay", source, &to, "--key", &key])
    };
    let first = rsyncd(feed.dir.path(), &feed.path("feed"));
    let origin = format!("rsync://127.0.0.1:{}/feed", first.port);
    let run = relay(&origin, "one");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let second = peers::nginx(feed.dir.path(), &feed.path("one"), false);
    let middle = format!("http://127.0.0.1:{}", second.port);
    let run = relay(&middle, "two");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = feed.mirror_from(&feed.arg("two"), &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let published = files(&feed.path("feed/.state/ops.example"));
    let image = published
        .iter()
        .find(|name| name.ends_with("-1.rbl"))
        .unwrap();
    let image = fs::read(feed.path("feed/.state/ops.example").join(image)).unwrap();
    assert!(image == fs::read(feed.path("mirror/ops.example.rbl")).unwrap());
    let run = relay(&feed.arg("nowhere"), "three");
    assert_eq!(run.code, 5, "{}", run.stderr);
}

#[test]
fn keys_are_announced_and_removed_by_the_command() {
    let feed = Feed::new();
    feed.publish(100);
    assert_eq!(feed.mirror().code, 0);
    rblmap(["keygen", "-q", "-o", &feed.arg("next")]);
    let source = feed.arg("feed");
    let keys = |key: &str, more: &[&str]| {
        let key = feed.arg(key);
        let mut args = vec!["keys", source.as_str(), "--key", &key];
        args.extend(more);
        rblmap(args)
    };
    let (old, next) = (feed.arg("ops.pub"), feed.arg("next.pub"));
    assert_eq!(keys("ops.key", &[]).code, 2, "nothing to say");
    assert_eq!(keys("ops.key", &["--announce", &next]).code, 0);
    let run = keys("ops.key", &["--remove", &old]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(
        run.stderr.contains("only the offline key removes"),
        "{}",
        run.stderr
    );
    let run = keys("ops.offline.key", &["--remove", &old, "--announce", &next]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(feed.mirror().code, 0);
    let heartbeat = |key: &str| rblmap(["publish", &source, "--key", &feed.arg(key)]).code;
    assert_eq!(heartbeat("next.key"), 0);
    assert_eq!(feed.mirror().code, 0);
    assert_eq!(heartbeat("ops.key"), 0);
    assert_eq!(feed.mirror().code, 4, "the stolen key");
    feed.answers();
    assert_eq!(heartbeat("next.key"), 0);
    assert_eq!(feed.mirror().code, 0);
}

#[test]
fn a_password_protects_the_keys() {
    let feed = Feed::new();
    feed.publish(100);
    let with = |password: Option<&str>, args: &[&str]| {
        let mut run = common::command(args);
        run.env_remove("RBLMAP_PASSWORD");
        password.map(|password| run.env("RBLMAP_PASSWORD", password));
        common::finish(run, b"")
    };
    let (name, image) = (feed.arg("safe"), feed.arg("built.rbl"));
    assert_eq!(with(None, &["keygen", "-o", &name, "--password"]).code, 2);
    assert_eq!(
        with(Some("x"), &["keygen", "-o", &name, "--password"]).code,
        0
    );
    let (other, key) = (feed.arg("other"), feed.arg("safe.key"));
    let publish = ["publish", &other, &image, "--key", &key];
    let run = with(None, &publish);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.contains("RBLMAP_PASSWORD"), "{}", run.stderr);
    assert_eq!(with(Some("y"), &publish).code, 3);
    assert_eq!(with(Some("x"), &publish).code, 0);
}
