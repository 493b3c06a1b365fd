//! Sources that nobody would want: what they can make a mirror do. Each test is named for what went
//! wrong once.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and say what they skip"
)]

mod common;
mod peers;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{command, files, finish, rblmap};
use peers::{Feed, is_root, rsyncd, rsyncd_with};

fn mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Answers each request with what `answer` writes; gives the address, and how often it was asked.
fn server(
    answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let answer = Arc::new(answer);
    // Ends with the test.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (answer, count) = (answer.clone(), count.clone());
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                    request.push(byte[0]);
                }
                count.fetch_add(1, Ordering::Relaxed);
                answer(&String::from_utf8_lossy(&request), &mut stream);
            });
        }
    });
    (format!("http://127.0.0.1:{port}"), asked)
}

fn path_of(request: &str) -> String {
    request.split(' ').nth(1).unwrap_or("/").to_owned()
}

fn send(stream: &mut TcpStream, bytes: &[u8]) {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(bytes));
}

#[test]
fn a_name_with_a_line_feed_makes_mirror_tree_remove_nothing() {
    let feed = Feed::new();
    feed.publish(100);
    let victim = feed.path("victim");
    fs::write(&victim, "precious").unwrap();
    // find prints "dst/a", then the path of the victim.
    let hostile = feed
        .path("feed")
        .join(format!("a\n{}", feed.dir.path().display()));
    fs::create_dir_all(&hostile).unwrap();
    fs::write(hostile.join("victim"), "x").unwrap();
    let old = Command::new("find")
        .arg(feed.path("feed"))
        .args(["-exec", "touch", "-d", "5 days ago", "{}", "+"])
        .status();
    assert!(old.unwrap().success());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/mirror-tree");
    for _ in 0..2 {
        let run = Command::new(script)
            .args([feed.path("feed"), feed.path("copy")])
            .output()
            .unwrap();
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert!(
        files(&feed.path("copy"))
            .iter()
            .all(|name| !name.contains('\n'))
    );
}

#[test]
fn a_server_that_goes_away_makes_mirror_tree_remove_nothing() {
    let feed = Feed::new();
    feed.publish(100);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/mirror-tree");
    let mirror_tree = |source: &std::path::Path| {
        let mut run = Command::new(script);
        run.arg(source).arg(feed.path("copy"));
        finish(run, b"")
    };
    assert_eq!(mirror_tree(&feed.path("feed")).code, 0);
    let count = || walk(&feed.path("copy")).len();
    let before = count();
    let old = Command::new("find")
        .arg(feed.path("copy"))
        .args(["-exec", "touch", "-d", "5 days ago", "{}", "+"])
        .status();
    assert!(old.unwrap().success());
    assert_ne!(mirror_tree(&feed.path("nowhere")).code, 0);
    assert_eq!(count(), before);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(walk(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn folders_that_a_source_closes_do_not_stop_the_mirror_for_good() {
    let feed = Feed::new();
    feed.publish(500);
    if !is_root() {
        println!("skipped: a mirror as another user (needs root)");
        return;
    }
    let evil = feed.path("evil");
    let copied = Command::new("cp")
        .arg("-a")
        .arg(feed.path("feed"))
        .arg(&evil)
        .status();
    assert!(copied.unwrap().success());
    mode(&evil.join("ops.example"), 0o555);
    mode(feed.dir.path(), 0o755);
    let binary = feed.path("rblmap");
    fs::copy(env!("CARGO_BIN_EXE_rblmap"), &binary).unwrap();
    mode(&binary, 0o755);
    fs::create_dir(feed.path("mirror")).unwrap();
    let given = Command::new("chown")
        .arg("65534")
        .arg(feed.path("mirror"))
        .status();
    assert!(given.unwrap().success());
    let hostile = rsyncd(feed.dir.path(), &evil);
    let mirror = |source: &str| {
        let mut run = Command::new("setpriv");
        run.args(["--reuid=65534", "--clear-groups"]).arg(&binary);
        run.args([
            "mirror",
            source,
            &feed.arg("mirror"),
            "--key",
            &feed.arg("ops.pub"),
        ]);
        finish(run, b"")
    };
    // What it brings is honest, so it may well be taken; what counts is what it leaves behind.
    let run = mirror(&format!("rsync://127.0.0.1:{}/feed", hostile.port));
    assert!(run.code == 0 || run.code == 5, "{}", run.stderr);
    feed.is_clean();
    let run = mirror(&feed.arg("feed"));
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn a_folder_or_a_closed_file_in_place_of_a_pointer_leads_to_the_next_source() {
    let feed = Feed::new();
    feed.publish(500);
    let evil = feed.path("evil");
    let copied = Command::new("cp")
        .arg("-a")
        .arg(feed.path("feed"))
        .arg(&evil)
        .status();
    assert!(copied.unwrap().success());
    let pointer = evil.join("ops.example/current.minisig");
    fs::remove_file(&pointer).unwrap();
    fs::create_dir(&pointer).unwrap();
    fs::write(pointer.join("x"), "x").unwrap();
    let server = rsyncd(feed.dir.path(), &evil);
    let evil_url = format!("rsync://127.0.0.1:{}/feed", server.port);
    let (good, folder, key) = (feed.arg("feed"), feed.arg("mirror"), feed.arg("ops.pub"));
    for _ in 0..6 {
        let run = rblmap([
            "mirror",
            &evil_url,
            &good,
            &folder,
            "--key",
            &key,
            "--zone",
            "ops.example",
        ]);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
}

#[test]
fn a_source_that_sends_more_than_it_claims_fills_no_disk() {
    let feed = Feed::new();
    feed.publish(500);
    // A server that says 1,000 bytes and sends gigabytes: over HTTP without a length.
    let (source, _) = server(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        let block = vec![b'u'; 1 << 20];
        while stream.write_all(&block).is_ok() {}
    });
    let started = Instant::now();
    let run = feed.mirror_from(&source, &["--timeout", "5s"]);
    assert!(run.code == 5 || run.code == 4, "{}", run.stderr);
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    let left: u64 = walk(&feed.path("mirror"))
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .sum();
    assert!(left < 1 << 20, "{left} bytes left");
    feed.is_clean();
}

#[test]
fn a_part_that_another_source_sent_does_not_make_the_good_one_fail() {
    let feed = Feed::new();
    feed.publish_scattered(30_000);
    let root = feed.path("feed");
    let (evil, _) = server({
        let root = root.clone();
        move |request, stream| {
            let path = path_of(request);
            let bytes = fs::read(root.join(&path[1..])).unwrap_or_default();
            match path.contains("/s/") {
                // All but one byte, of garbage, and gone.
                true => {
                    let head =
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
                    let _ = stream.write_all(head.as_bytes());
                    let _ = stream.write_all(&vec![0x89; bytes.len() - 1]);
                }
                false => send(stream, &bytes),
            }
        }
    });
    let (good, _) = server(move |request, stream| {
        let path = path_of(request);
        let bytes = fs::read(root.join(&path[1..])).unwrap_or_default();
        send(stream, &bytes);
    });
    let (folder, key) = (feed.arg("mirror"), feed.arg("ops.pub"));
    for _ in 0..6 {
        let run = rblmap(["mirror", &evil, &good, &folder, "--key", &key]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let records = fs::read_to_string(feed.path("mirror/.sources.json")).unwrap_or_default();
        assert!(
            !records.contains(&good),
            "the good one was blamed: {records}"
        );
        fs::remove_file(feed.path("mirror/ops.example.rbl")).unwrap();
        fs::remove_file(feed.path("mirror/ops.example.state.json")).unwrap();
    }
}

#[test]
fn a_source_that_drips_is_left_for_the_next_within_the_timeout() {
    let feed = Feed::new();
    feed.publish_scattered(30_000);
    let root = feed.path("feed");
    let (drip, _) = server(move |request, stream| {
        let path = path_of(request);
        let bytes = fs::read(root.join(&path[1..])).unwrap_or_default();
        if !path.contains("/s/") {
            return send(stream, &bytes);
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
        let _ = stream.write_all(head.as_bytes());
        for byte in bytes {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let started = Instant::now();
    let run = feed.mirror_from(&drip, &["--timeout", "2s"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("too slow"), "{}", run.stderr);
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn ten_zones_behind_a_dead_server_cost_one_timeout() {
    let feed = Feed::new();
    feed.publish(100);
    let (source, asked) = server(|_, _| std::thread::sleep(Duration::from_secs(60)));
    let (folder, key) = (feed.arg("mirror"), feed.arg("ops.pub"));
    let zones: Vec<String> = (0..10).map(|n| format!("z{n}.example")).collect();
    let mut args = vec!["mirror", &source, &folder, "--key", &key, "--timeout", "2s"];
    for zone in &zones {
        args.extend(["--zone", zone.as_str()]);
    }
    let started = Instant::now();
    let run = rblmap(&args);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

#[test]
fn texts_of_a_publisher_reach_no_terminal_and_no_monitor_raw() {
    let feed = Feed::new();
    feed.publish(100);
    assert_eq!(feed.mirror().code, 0);
    // What a publisher may not say, its own command does not either.
    let url = "https://x/\u{1b}[2J|'ops.example_v4'=9\n";
    let (source, key) = (feed.arg("feed"), feed.arg("ops.key"));
    let run = rblmap(["publish", &source, "--key", &key, "--retire", url]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
    // And what reaches the monitor is one line without a second bar.
    let url = "https://x/|'ops.example_v4'=9";
    let key = feed.arg("ops.offline.key");
    let run = rblmap(["publish", &source, "--key", &key, "--retire", url]);
    assert_eq!(run.code, 0);
    assert!(run.stderr.contains("; given up"), "{}", run.stderr);
    assert_eq!(feed.mirror().code, 0);
    let shown = rblmap(["status", &feed.arg("mirror")]).stdout;
    assert_eq!(
        (shown.matches('|').count(), shown.lines().count()),
        (1, 1),
        "{shown:?}"
    );
}

#[test]
fn a_daemon_that_refuses_compress_is_mirrored_from() {
    let feed = Feed::new();
    feed.publish(500);
    let more = "refuse options = compress\n";
    let server = rsyncd_with(feed.dir.path(), &feed.path("feed"), more);
    let url = format!("rsync://127.0.0.1:{}/feed", server.port);
    let run = feed.mirror_from(&url, &["--timeout", "5s"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn a_password_in_an_address_is_in_no_file_message_or_metric() {
    let feed = Feed::new();
    feed.publish(500);
    let root = feed.path("feed");
    let (source, _) = server(move |request, stream| {
        // isp:s3cr3t
        if !request.contains("Basic aXNwOnMzY3IzdA==") {
            let _ = stream.write_all(
                b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
            return;
        }
        let path = path_of(request);
        let bytes = fs::read(root.join(&path[1..])).unwrap_or_default();
        send(stream, &bytes);
    });
    let with = |user: &str| source.replace("http://", &format!("http://{user}@"));
    let run = feed.mirror_from(&with("isp:wr0ng"), &["--json"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    let mut said = run.stdout + &run.stderr;
    let run = feed.mirror_from(&with("isp:s3cr3t"), &["--json", "-v"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    said += &(run.stdout + &run.stderr);
    said += &rblmap(["status", &feed.arg("mirror"), "--prometheus"]).stdout;
    for path in walk(&feed.path("mirror")) {
        said += &String::from_utf8_lossy(&fs::read(path).unwrap());
    }
    for secret in ["s3cr3t", "wr0ng", "isp:", "isp@"] {
        assert!(!said.contains(secret), "{secret}");
    }
    // From a file, and from the environment.
    fs::write(feed.path("password"), "s3cr3t\n").unwrap();
    let file = feed.arg("password");
    let run = feed.mirror_from(&with("isp"), &["--password-file", &file]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let (folder, key) = (feed.arg("mirror"), feed.arg("ops.pub"));
    let mut run = command(["mirror", &with("isp"), &folder, "--key", &key]);
    run.env("RBLMAP_SOURCE_PASSWORD", "s3cr3t");
    assert_eq!(finish(run, b"").code, 0);
}

#[test]
fn links_in_a_mirrors_folder_do_not_make_it_write_elsewhere() {
    let feed = Feed::new();
    feed.publish(500);
    fs::create_dir(feed.path("mirror")).unwrap();
    let victim = feed.path("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, feed.path("mirror/ops.example.log")).unwrap();
    symlink(feed.path("new"), feed.path("mirror/.lock")).unwrap();
    let run = feed.mirror();
    assert_eq!(run.code, 6, "{}", run.stderr);
    assert!(run.stderr.contains("symbolic link"), "{}", run.stderr);
    assert!(!feed.path("new").exists());
    fs::remove_file(feed.path("mirror/.lock")).unwrap();
    let run = feed.mirror();
    assert_eq!(run.code, 6, "{}", run.stderr);
    feed.answers();
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    // A folder in the place of one of ours.
    fs::remove_file(feed.path("mirror/ops.example.log")).unwrap();
    fs::create_dir(feed.path("elsewhere")).unwrap();
    symlink(
        feed.path("elsewhere"),
        feed.path("mirror/ops.example.history"),
    )
    .unwrap();
    let run = feed.mirror();
    assert_eq!(run.code, 6, "{}", run.stderr);
    assert!(files(&feed.path("elsewhere")).is_empty());
}

#[test]
fn junk_with_status_200_is_transport_and_no_attack() {
    for junk in [
        &b""[..],
        b"Access denied by policy.\n",
        b"{\"error\":\"quota exceeded\"}\n",
        b"\x1f\x8b\x08\x00",
    ] {
        let (source, _) = server(move |_, stream| send(stream, junk));
        let feed = Feed::new();
        let run = feed.mirror_from(&source, &["--zone", "ops.example"]);
        assert_eq!(run.code, 5, "{junk:?}: {}", run.stderr);
    }
}
