//! A mirror that was stopped dead: what embeds the reader sees its list as stale and then as expired,
//! at the times that the status page names, in Rust and C, while the image goes on answering.
#![cfg(target_os = "linux")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may panic, and say what they skip"
)]

mod common;
#[path = "../../capi/tests/installed/mod.rs"]
mod installed;
mod peers;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{command, rblmap};
use installed::{CRATE, compile, output};
use peers::Feed;
use rblmap::{Freshness, Live};
use serde_json::Value;

#[test]
fn a_mirror_stopped_dead_is_seen_as_stale_and_then_as_expired() {
    let examples = Path::new(CRATE).join("examples");
    let flags = ["-std=c99", "-D_POSIX_C_SOURCE=200809L"];
    let lookup = compile("cc", &flags, &examples.join("lookup.c"), "lookup-stopped");
    let feed = Feed::new();
    feed.publish(3000);
    let (source, folder, key) = (feed.arg("feed"), feed.arg("mirror"), feed.arg("ops.pub"));
    let mut mirror = command(["mirror", "--watch", &source, &folder, "--key", &key])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let page = feed.path("mirror/ops.example.status");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !page.exists() {
        assert!(Instant::now() < deadline, "no status page");
        std::thread::sleep(Duration::from_millis(20));
    }
    // What the mail software has opened while all was well.
    let live = Live::builder(&folder, "ops.example").read().unwrap();
    mirror.kill().unwrap();
    mirror.wait().unwrap();

    let status = rblmap(["status", &folder, "--json"]);
    let line: Value = serde_json::from_str(status.stdout.lines().next().unwrap()).unwrap();
    let [stale, expired] = ["stale_from", "expired_from"].map(|name| line[name].as_u64().unwrap());
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    assert!(since.unwrap().as_secs() < stale && stale < expired);

    let listed = std::fs::read_to_string(feed.path("list.txt")).unwrap();
    let listed = listed.lines().next().unwrap();
    let mut reader = live.reader();
    for (now, freshness) in [
        (stale - 1, Freshness::Fresh),
        (stale, Freshness::Stale),
        (expired - 1, Freshness::Stale),
        (expired, Freshness::Expired),
    ] {
        let current = reader.current(now);
        assert_eq!(current.freshness(), freshness);
        let zone = current.base();
        assert!(
            zone.lookup(listed.parse::<std::net::IpAddr>().unwrap())
                .is_listed()
        );
        let mut program = Command::new(&lookup);
        {
            let program = &mut program;
            program.args([&folder, "ops.example", &now.to_string(), listed]);
            let output = output(program);
            let stderr = String::from_utf8_lossy(&output.stderr);
            let stdout = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{program:?}: {stderr}");
            assert_eq!(stderr.starts_with("stale:"), freshness == Freshness::Stale);
            let said = match freshness {
                Freshness::Expired => format!("{listed} expired\n"),
                _ => format!("{listed} listed "),
            };
            assert!(stdout.starts_with(&said), "{program:?}: {stdout}");
        }
    }
}
