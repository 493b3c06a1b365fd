//! What an rsync on the other end may send: bytes, files and time are bounded here, whatever it
//! claims. Each test is named for what went wrong once.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;
mod peers;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::{Duration, Instant};

use common::{Run, command, finish};
use peers::{Feed, rsyncd};

/// Puts a script in the place of rsync, which runs in the spool; it may write to `$NOTES`.
fn mirror_with(feed: &Feed, script: &str, timeout: &str) -> Run {
    let folder = feed.path("bin");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("rsync");
    fs::write(&program, format!("#!/bin/sh\ncat > /dev/null\n{script}\n")).unwrap();
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let (mirror, key) = (feed.arg("mirror"), feed.arg("ops.pub"));
    let source = "rsync://127.0.0.1:9/feed";
    let zone = ["--zone", "ops.example", "--timeout", timeout];
    let mut run = command(["mirror", source, &mirror, "--key", &key]);
    run.args(zone)
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("NOTES", feed.path("notes"));
    finish(run, b"")
}

fn notes(feed: &Feed) -> Vec<u64> {
    let notes = fs::read_to_string(feed.path("notes")).unwrap_or_default();
    notes
        .split_whitespace()
        .map(|note| note.parse().unwrap())
        .collect()
}

#[test]
fn a_file_over_rsync_is_no_longer_than_it_may_be_whatever_is_sent() {
    let feed = Feed::new();
    // A pointer has 4 KiB at most. What is written is cut by the system, and told.
    let script = "head -c 300000000 /dev/zero > ops.example/current.minisig
        stat -c %s ops.example/current.minisig > \"$NOTES\"
        ulimit -f >> \"$NOTES\"
        echo 'rsync: write failed: File too large (27)' >&2
        exit 11";
    let started = Instant::now();
    let run = mirror_with(&feed, script, "5s");
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(
        run.stderr.contains("sent more than was asked for"),
        "{}",
        run.stderr
    );
    assert!(started.elapsed() < Duration::from_secs(4));
    let notes = notes(&feed);
    // The watch of the spool may stop it before the limit of the process does.
    assert!(notes.iter().all(|&bytes| bytes <= 16 << 10), "{notes:?}");
    feed.is_clean();
}

#[test]
fn many_files_over_rsync_are_stopped_by_their_sum() {
    let feed = Feed::new();
    let script = "n=0
        while [ $n -lt 20000 ]; do
            head -c 4000 /dev/zero > ops.example/x$n
            n=$((n + 1))
            echo $n > \"$NOTES\"
        done";
    let run = mirror_with(&feed, script, "5s");
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(
        run.stderr.contains("sent more than was asked for"),
        "{}",
        run.stderr
    );
    let notes = notes(&feed);
    assert!(notes.iter().all(|&files| files < 10_000), "{notes:?}");
    feed.is_clean();
}

#[test]
fn an_rsync_that_drips_is_given_up_within_the_timeout() {
    let feed = Feed::new();
    let script = "while :; do printf x >> ops.example/current.minisig; sleep 0.1; done";
    let started = Instant::now();
    let run = mirror_with(&feed, script, "2s");
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("too slow"), "{}", run.stderr);
    assert!(
        started.elapsed() < Duration::from_secs(6),
        "{:?}",
        started.elapsed()
    );
    feed.is_clean();
}

/// Passes bytes on between a client and an rsync daemon, a few each moment after the first.
fn slowed(server: u16) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the test.
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut server = TcpStream::connect(("127.0.0.1", server)).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
            thread::spawn(move || {
                let mut passed = 0;
                let mut buffer = [0; 4096];
                while let Ok(len @ 1..) = server.read(&mut buffer) {
                    passed += len;
                    // Past the list of files: a drip that keeps rsync's own timeout from ending it.
                    let step = if passed > 12 << 10 { 64 } else { 4096 };
                    for piece in buffer[..len].chunks(step) {
                        if step < 4096 {
                            thread::sleep(Duration::from_millis(250));
                        }
                        if client.write_all(piece).is_err() {
                            return;
                        }
                    }
                }
                let _ = client.shutdown(Shutdown::Write);
            });
        }
    });
    format!("rsync://{address}/feed")
}

#[test]
fn a_daemon_that_drips_is_left_for_the_next_source() {
    let feed = Feed::new();
    feed.publish_scattered(30_000);
    let server = rsyncd(feed.dir.path(), &feed.path("feed"));
    let source = slowed(server.port);
    let started = Instant::now();
    let run = feed.mirror_from(&source, &["--timeout", "2s"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("timeout"), "{}", run.stderr);
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    feed.is_clean();
    assert_eq!(feed.mirror().code, 0);
}
