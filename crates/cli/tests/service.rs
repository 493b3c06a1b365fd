//! Life as a service: what cron, systemd, monitoring and hooks see of a mirror, and how one bad thing
//! does not stop the healthy. Each test is named for what went wrong once.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;
mod peers;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Run, command, files, finish, rblmap};
use peers::{Feed, rsyncd};

/// Builds a list of `count` addresses of a zone.
fn image(feed: &Feed, zone: &str, count: u32) -> String {
    let (list, image) = (
        feed.arg(&format!("{zone}.txt")),
        feed.arg(&format!("{zone}.rbl")),
    );
    fs::write(&list, peers::list(count)).unwrap();
    let run = rblmap(["build", "-q", "-o", &image, &format!("{zone}:plain:{list}")]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    image
}

fn publish(feed: &Feed, images: &[String], more: &[&str]) -> Run {
    let (tree, key) = (feed.arg("feed"), feed.arg("ops.key"));
    let mut args = vec!["publish", &tree, "--key", &key];
    args.extend(images.iter().map(String::as_str));
    args.extend(more);
    rblmap(args)
}

/// Publishes zones of so many addresses.
fn zones(feed: &Feed, names: &[&str], count: u32) {
    let images: Vec<String> = names.iter().map(|zone| image(feed, zone, count)).collect();
    let run = publish(feed, &images, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

fn serial(feed: &Feed, zone: &str) -> u64 {
    let path = feed.arg(&format!("mirror/{zone}.rbl"));
    let run = rblmap(["info", "--json", &path]);
    let info: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    info["serial"].as_u64().unwrap()
}

fn status(feed: &Feed, more: &[&str]) -> Run {
    let folder = feed.arg("mirror");
    let mut args = vec!["status", &folder];
    args.extend(more);
    rblmap(args)
}

/// A server that takes connections and never answers.
fn silent() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let kept: Vec<_> = listener.incoming().collect();
        drop(kept);
    });
    format!("http://{address}")
}

#[test]
fn one_empty_zone_does_not_keep_the_others_from_being_published() {
    let feed = Feed::new();
    zones(&feed, &["a.example", "b.example", "c.example"], 500);
    let images = [
        image(&feed, "a.example", 510),
        image(&feed, "b.example", 0),
        image(&feed, "c.example", 510),
    ];
    let run = publish(&feed, &images, &[]);
    assert_eq!(run.code, 8, "{}", run.stderr);
    assert!(run.stderr.contains("b.example"), "{}", run.stderr);
    assert_eq!(feed.mirror().code, 0);
    let found = ["a.example", "b.example", "c.example"].map(|zone| serial(&feed, zone));
    assert_eq!(found, [2, 1, 2]);
}

#[test]
fn one_damaged_zone_does_not_stop_the_heartbeat_of_the_others_and_is_mended() {
    let feed = Feed::new();
    zones(&feed, &["a.example", "b.example"], 500);
    let snapshots = feed.path("feed/a.example/s");
    let snapshot = snapshots.join(files(&snapshots).remove(0));
    fs::remove_file(&snapshot).unwrap();
    let run = publish(&feed, &[], &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("made again"), "{}", run.stderr);
    assert!(snapshot.exists());
    assert_eq!(feed.mirror().code, 0);
    // Without the kept image it cannot be made again: the others go on, and it is told what helps.
    fs::remove_file(&snapshot).unwrap();
    fs::remove_dir_all(feed.path("feed/.state/a.example")).unwrap();
    let run = publish(&feed, &[], &[]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.contains("--new-session"), "{}", run.stderr);
    assert!(run.stderr.contains("b.example: issue"), "{}", run.stderr);
    let run = publish(&feed, &[image(&feed, "a.example", 500)], &["--new-session"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(feed.mirror().code, 0);
}

#[test]
fn one_damaged_state_does_not_stop_the_other_zones() {
    let feed = Feed::new();
    zones(&feed, &["a.example", "b.example"], 500);
    assert_eq!(feed.mirror().code, 0);
    zones(&feed, &["a.example", "b.example"], 510);
    fs::write(feed.path("mirror/a.example.state.json"), "").unwrap();
    fs::write(feed.path("mirror/.sources.json"), "").unwrap();
    let shown = status(&feed, &["--prometheus"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(
        shown.stdout.contains("rblmap_level{zone=\"a.example\"} 1"),
        "{}",
        shown.stdout
    );
    assert!(
        shown.stdout.contains("rblmap_level{zone=\"b.example\"} 0"),
        "{}",
        shown.stdout
    );
    let run = feed.mirror();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("damaged"), "{}", run.stderr);
    assert_eq!(
        (serial(&feed, "a.example"), serial(&feed, "b.example")),
        (2, 2)
    );
}

#[test]
fn a_zone_that_never_came_is_told_until_it_comes() {
    let feed = Feed::new();
    zones(&feed, &["a.example", "b.example"], 500);
    let snapshots = feed.path("feed/b.example/s");
    let snapshot = snapshots.join(files(&snapshots).remove(0));
    fs::rename(&snapshot, feed.path("aside")).unwrap();
    let run = feed.mirror_from(
        &feed.arg("feed"),
        &["--zone", "a.example", "--zone", "b.example"],
    );
    assert_eq!(run.code, 5, "{}", run.stderr);
    let run = status(&feed, &[]);
    assert_eq!(run.code, 2, "{}", run.stdout);
    assert!(run.stdout.contains("b.example: no image"), "{}", run.stdout);
    let shown = status(&feed, &["--prometheus"]).stdout;
    assert!(
        shown.contains("rblmap_failing{zone=\"b.example\"} 1"),
        "{shown}"
    );
    fs::rename(feed.path("aside"), &snapshot).unwrap();
    assert_eq!(feed.mirror().code, 0);
    assert_eq!(status(&feed, &[]).code, 0);
}

#[test]
fn a_first_run_that_failed_is_told_with_its_reason() {
    let feed = Feed::new();
    let run = feed.mirror_from(&feed.arg("nowhere"), &[]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    let run = status(&feed, &[]);
    assert_eq!(run.code, 3, "{}", run.stdout);
    assert!(run.stdout.contains("no such folder"), "{}", run.stdout);
}

#[test]
fn status_writes_its_file_by_rename_and_keeps_it_where_it_cannot_tell() {
    let feed = Feed::new();
    feed.publish(100);
    assert_eq!(feed.mirror().code, 0);
    let file = feed.arg("rblmap.prom");
    assert_eq!(status(&feed, &["--prometheus", "--output", &file]).code, 0);
    let written = fs::read_to_string(&file).unwrap();
    assert!(
        written.contains("rblmap_serial{zone=\"ops.example\"} 1"),
        "{written}"
    );
    let run = rblmap([
        "status",
        &feed.arg("gone"),
        "--prometheus",
        "--output",
        &file,
    ]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
}

#[test]
fn status_knows_publishers_and_relays() {
    let feed = Feed::new();
    feed.publish(100);
    let run = rblmap(["status", &feed.arg("feed")]);
    assert_eq!(run.code, 0, "{}", run.stdout);
    let (source, copy, key) = (feed.arg("feed"), feed.arg("copy"), feed.arg("ops.pub"));
    assert_eq!(rblmap(["relay", &source, &copy, "--key", &key]).code, 0);
    let run = rblmap(["status", &copy, "--json"]);
    assert_eq!(run.code, 0, "{}", run.stdout);
    assert!(run.stdout.contains("\"kind\":\"relay\""), "{}", run.stdout);
    let manifests = feed.path("copy/ops.example/m");
    fs::remove_file(manifests.join(files(&manifests).remove(0))).unwrap();
    assert_eq!(rblmap(["status", &copy]).code, 2);
}

#[test]
fn retry_after_is_obeyed_by_the_next_runs_too() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let source = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 2048];
            let _ = stream.read(&mut buffer);
            count.fetch_add(1, Ordering::Relaxed);
            let _ = stream.write_all(
                b"HTTP/1.1 429 Slow down\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\
                  Connection: close\r\n\r\n",
            );
        }
    });
    let feed = Feed::new();
    for _ in 0..3 {
        let run = feed.mirror_from(&source, &["--zone", "a.example", "--zone", "b.example"]);
        assert_eq!(run.code, 5, "{}", run.stderr);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn a_signal_ends_a_transfer_within_a_second() {
    let feed = Feed::new();
    let rsync_silent = silent().replace("http://", "rsync://") + "/feed";
    for (source, watch) in [(silent(), true), (silent(), false), (rsync_silent, true)] {
        let (folder, key) = (feed.arg("mirror"), feed.arg("ops.pub"));
        let mut run = command([
            "mirror",
            &source,
            &folder,
            "--key",
            &key,
            "--timeout",
            "20s",
        ]);
        if watch {
            run.arg("--watch");
        }
        let mut child = run
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(700));
        let asked = Instant::now();
        let pid = child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        let ended = child.wait().unwrap();
        assert!(
            asked.elapsed() < Duration::from_millis(1500),
            "{source}: {:?}",
            asked.elapsed()
        );
        assert_eq!(ended.success(), watch, "{source}: {ended}");
        feed.is_clean();
    }
}

#[test]
fn systemd_hears_at_once_that_a_mirror_is_ready_and_during_a_run_that_it_lives() {
    let feed = Feed::new();
    let socket = UnixDatagram::bind(feed.path("notify")).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(8)))
        .unwrap();
    let (source, folder, key) = (silent(), feed.arg("mirror"), feed.arg("ops.pub"));
    let mut run = command([
        "mirror",
        &source,
        &folder,
        "--key",
        &key,
        "--timeout",
        "20s",
    ]);
    run.arg("--watch").env("NOTIFY_SOCKET", feed.path("notify"));
    let mut child = run
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let hear = || {
        let mut buffer = [0; 256];
        let len = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    };
    let started = Instant::now();
    assert!(hear().starts_with("READY=1"));
    assert!(started.elapsed() < Duration::from_secs(3));
    let alive = hear();
    assert!(
        alive.contains("WATCHDOG=1") && alive.contains("EXTEND_TIMEOUT_USEC="),
        "{alive}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn two_feeds_of_one_folder_do_not_wait_for_each_other() {
    let feed = Feed::new();
    feed.publish(100);
    let (slow, folder) = (silent(), feed.arg("mirror"));
    rblmap(["keygen", "-q", "-o", &feed.arg("other")]);
    let mut run = command(["mirror", &slow, &folder, "--key", &feed.arg("other.pub")]);
    let mut child = run
        .args(["--timeout", "20s"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let run = feed.mirror();
    assert_eq!(run.code, 0, "{}", run.stderr);
    // The same feed is another matter: one run at a time, or --wait.
    let run = rblmap(["mirror", &slow, &folder, "--key", &feed.arg("other.pub")]);
    assert_eq!(run.code, 7, "{}", run.stderr);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(feed.mirror().code, 0);
    feed.is_clean();
}

#[test]
fn wait_waits_for_the_other_run() {
    let feed = Feed::new();
    feed.publish(100);
    assert_eq!(feed.mirror().code, 0);
    let lock = fs::File::open(feed.path("mirror/.lock")).unwrap();
    lock.lock().unwrap();
    let started = Instant::now();
    assert_eq!(feed.mirror_from(&feed.arg("feed"), &["--wait=1s"]).code, 7);
    assert!(started.elapsed() >= Duration::from_secs(1));
    let release = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(600));
        drop(lock);
    });
    assert_eq!(feed.mirror_from(&feed.arg("feed"), &["--wait"]).code, 0);
    release.join().unwrap();
}

#[test]
fn quiet_runs_that_end_well_print_nothing() {
    let feed = Feed::new();
    feed.publish(500);
    let quiet = || feed.mirror_from(&feed.arg("feed"), &["-q"]);
    assert_eq!((quiet().stderr.as_str(), quiet().code), ("", 0));
    feed.publish(520);
    quiet();
    let folder = feed.arg("mirror");
    assert_eq!(rblmap(["rollback", "-q", &folder, "ops.example"]).code, 0);
    let held = quiet();
    assert_eq!((held.stderr.as_str(), held.code), ("", 0));
    assert_eq!(
        rblmap(["rollback", "-q", &folder, "ops.example", "--release"]).code,
        0
    );
    quiet();
    let (source, key) = (feed.arg("feed"), feed.arg("ops.offline.key"));
    let url = "https://ops.example/closed";
    assert_eq!(
        rblmap(["publish", "-q", &source, "--key", &key, "--retire", url]).code,
        0
    );
    let retired = quiet();
    assert_eq!((retired.stderr.as_str(), retired.code), ("", 0));
}

#[test]
fn slips_of_the_hand_are_usage_errors_that_say_so() {
    let feed = Feed::new();
    feed.publish(100);
    let (source, key) = (feed.arg("feed"), feed.arg("ops.pub"));
    let before = files(feed.dir.path());
    for (args, says) in [
        (
            vec!["mirror", &source, "rsync://b.example/feed", "--key", &key],
            "DIR is missing",
        ),
        (
            vec!["mirror", "127.0.0.1::feed", &source, "--key", &key],
            "rsync://127.0.0.1/feed",
        ),
        (
            vec!["relay", "isp@h:/srv/feed", &source, "--key", &key],
            "rsync://",
        ),
        (vec!["mirror", &source, "--key", &key], "DIR"),
    ] {
        let mut run = command(&args);
        run.current_dir(feed.dir.path());
        let run = finish(run, b"");
        assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{args:?}: {}", run.stderr);
    }
    assert_eq!(files(feed.dir.path()), before);
}

#[test]
fn a_ca_file_without_a_certificate_is_bad_input() {
    let feed = Feed::new();
    fs::write(feed.path("ca.pem"), "no certificate\n").unwrap();
    let run = feed.mirror_from("https://127.0.0.1:1/", &["--ca", &feed.arg("ca.pem")]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(
        run.stderr.contains("no certificate in it"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_hook_is_called_once_for_an_outcome_and_again_until_it_succeeds() {
    let feed = Feed::new();
    feed.publish(500);
    let log = feed.arg("hook.log");
    let works = feed.arg("works");
    let hook = feed.path("hook");
    let script = format!(
        "#!/bin/sh\necho $RBLMAP_ZONE $RBLMAP_OUTCOME $RBLMAP_SERIAL >> {log}\necho loud\n\
         test -e {works}\n"
    );
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(
        feed.path("mirror.toml"),
        format!("hook = [\"{}\"]\n", hook.display()),
    )
    .unwrap();
    let config = feed.arg("mirror.toml");
    let mirror = || feed.mirror_from(&feed.arg("feed"), &["--config", &config]);
    let calls = || fs::read_to_string(&log).unwrap_or_default().lines().count();
    let run = mirror();
    assert_eq!((run.code, calls()), (10, 1), "{}", run.stderr);
    assert!(
        run.stdout.is_empty() && run.stderr.contains("loud"),
        "{}",
        run.stdout
    );
    assert_eq!(status(&feed, &[]).code, 1, "a hook that fails is told");
    let run = mirror();
    assert_eq!((run.code, calls()), (10, 2), "tried again: {}", run.stderr);
    fs::write(&works, "").unwrap();
    assert_eq!((mirror().code, calls()), (0, 3));
    assert_eq!((mirror().code, calls()), (0, 3), "once");
    // The same refusal is told once, too.
    feed.publish(9000);
    assert_eq!((mirror().code, calls()), (8, 4));
    assert_eq!((mirror().code, calls()), (8, 4));
    let told = fs::read_to_string(&log).unwrap();
    assert_eq!(told.lines().last(), Some("ops.example refused 2"), "{told}");
    assert_eq!(status(&feed, &[]).code, 1);
}

#[test]
fn an_image_that_is_damaged_on_the_disk_is_mended_and_told() {
    let feed = Feed::new();
    feed.publish(9000);
    assert_eq!(feed.mirror().code, 0);
    let path = feed.path("mirror/ops.example.rbl");
    let whole = fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..middle + 64] {
        *byte ^= 0xff;
    }
    fs::write(&path, bytes).unwrap();
    let run = feed.mirror();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("ops.example.rbl"), "{}", run.stderr);
    assert_eq!(fs::read(&path).unwrap(), whole);
    // A page that was wiped is made again.
    let page = feed.path("mirror/ops.example.status");
    let before = fs::read(&page).unwrap();
    fs::write(&page, vec![0; before.len()]).unwrap();
    assert_eq!(feed.mirror().code, 0);
    let after = fs::read(&page).unwrap();
    assert_eq!(after[..16], before[..16]);
    assert!(
        after[16..24] > before[16..24],
        "readers must see that it is another"
    );
}

#[test]
fn mode_and_group_of_a_replaced_image_are_kept_and_those_of_a_feed_do_not_depend_on_the_umask() {
    let feed = Feed::new();
    feed.publish(500);
    assert_eq!(feed.mirror().code, 0);
    let path = feed.path("mirror/ops.example.rbl");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let image = image(&feed, "ops.example", 520);
    let mut run = Command::new("sh");
    run.args([
        "-c",
        "umask 077; exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_rblmap"),
    ]);
    run.args([
        "publish",
        &feed.arg("feed"),
        &image,
        "--key",
        &feed.arg("ops.key"),
    ]);
    let run = finish(run, b"");
    assert_eq!(run.code, 0, "{}", run.stderr);
    for folder in ["", "ops.example", "ops.example/m", "ops.example/d"] {
        let path = feed.path("feed").join(folder);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o755, 0o755, "{folder}");
        for name in files(&path).iter().filter(|name| !name.starts_with('.')) {
            let mode = fs::metadata(path.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o444, 0o444, "{folder}/{name}");
        }
    }
    assert_eq!(feed.mirror().code, 0);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o640
    );
}

#[test]
fn a_zones_folder_may_be_a_link_in_a_publishers_feed() {
    let feed = Feed::new();
    feed.publish(500);
    // A daemon without chroot follows links that stay within its module, and no others.
    fs::rename(feed.path("feed/ops.example"), feed.path("feed/real_ops")).unwrap();
    symlink("real_ops", feed.path("feed/ops.example")).unwrap();
    feed.publish(520);
    assert!(feed.path("feed/ops.example").is_symlink());
    let server = rsyncd(feed.dir.path(), &feed.path("feed"));
    for source in [
        feed.arg("feed"),
        format!("rsync://127.0.0.1:{}/feed", server.port),
    ] {
        let _ = fs::remove_dir_all(feed.path("mirror"));
        let run = feed.mirror_from(&source, &[]);
        assert_eq!(run.code, 0, "{source}: {}", run.stderr);
        assert_eq!(serial(&feed, "ops.example"), 2);
    }
}

#[test]
fn a_zone_that_left_the_index_is_told_of() {
    let feed = Feed::new();
    zones(&feed, &["a.example", "b.example"], 500);
    assert_eq!(feed.mirror().code, 0);
    fs::remove_dir_all(feed.path("feed/b.example")).unwrap();
    assert_eq!(publish(&feed, &[], &[]).code, 0);
    let run = feed.mirror();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("b.example"), "{}", run.stderr);
    assert_eq!(status(&feed, &[]).code, 1);
}

#[test]
fn twenty_idle_zones_over_rsync_take_three_sessions_at_most() {
    let feed = Feed::new();
    let names: Vec<String> = (0..20).map(|n| format!("z{n}.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    zones(&feed, &names, 20);
    let server = rsyncd(feed.dir.path(), &feed.path("feed"));
    let url = format!("rsync://127.0.0.1:{}/feed", server.port);
    assert_eq!(feed.mirror_from(&url, &[]).code, 0);
    let sessions = || {
        let log = fs::read_to_string(feed.path("rsyncd.log")).unwrap();
        log.matches("connect from").count()
    };
    let before = sessions();
    assert_eq!(feed.mirror_from(&url, &[]).code, 0);
    assert!(sessions() - before <= 3, "{} sessions", sessions() - before);
}

#[test]
fn keygen_leaves_no_half_of_a_key() {
    let feed = Feed::new();
    fs::create_dir(feed.path("closed")).unwrap();
    fs::write(feed.path("closed/ops.pub"), "mine").unwrap();
    let run = rblmap(["keygen", "-q", "-o", &feed.arg("closed/ops")]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(
        run.stderr.contains("nothing is overwritten"),
        "{}",
        run.stderr
    );
    assert_eq!(files(&feed.path("closed")), ["ops.pub"]);
}

#[test]
fn slips_in_a_configuration_are_named_with_their_line() {
    let feed = Feed::new();
    fs::write(feed.path("feed.toml"), "publisher = \"ops\"\npol = 300\n").unwrap();
    let images = [image(&feed, "ops.example", 10)];
    let config = feed.arg("feed.toml");
    let run = publish(&feed, &images, &["--config", &config]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.contains("feed.toml:2: "), "{}", run.stderr);
    // A zone with a slip in its name is told; how long pointers hold is remembered.
    fs::write(
        &config,
        "expires = \"7d\"\n[zone.\"osp.example\"]\ntitle = \"T\"\n",
    )
    .unwrap();
    let run = publish(&feed, &images, &["--config", &config]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("osp.example"), "{}", run.stderr);
    assert_eq!(publish(&feed, &[], &[]).code, 0);
    let manifests = feed.path("feed/ops.example/m");
    for name in files(&manifests) {
        let text = fs::read(manifests.join(name)).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let held = manifest["expires"].as_u64().unwrap() - manifest["generated"].as_u64().unwrap();
        assert_eq!(held, 7 * 24 * 3600);
    }
    assert_eq!(publish(&feed, &[], &["--expires", "31d"]).code, 2);
}
