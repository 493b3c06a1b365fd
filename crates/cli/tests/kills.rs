//! Runs that are killed at any moment: afterwards there is the old image or the new one, whole, and
//! the next run succeeds and leaves nothing over. And one that is asked to stop.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and say what they skip"
)]

mod common;
mod peers;

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{command, rblmap};
use fastrand::Rng;
use peers::Feed;

/// More by `RBLMAP_KILLS`.
fn kills() -> u32 {
    std::env::var("RBLMAP_KILLS").map_or(40, |text| text.parse().unwrap())
}

/// Starts a run and kills it after a random time, at most `within`. Whether it was killed.
fn kill_within(mut run: Command, within: Duration, random: &mut Rng) -> bool {
    run.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = run.spawn().unwrap();
    let micros = u64::try_from(within.as_micros()).unwrap();
    std::thread::sleep(Duration::from_micros(random.u64(0..=micros)));
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

#[test]
fn a_killed_mirror_leaves_the_old_image_or_the_new() {
    let seed = 0xdead;
    let mut random = Rng::with_seed(seed);
    let feed = Feed::new();
    feed.publish(3000);
    assert_eq!(feed.mirror().code, 0);
    let image = feed.path("mirror/ops.example.rbl");
    let mut old = fs::read(&image).unwrap();
    let mut within = Duration::from_millis(20);
    let (mut killed, mut swapped) = (0, 0);
    for round in 0..kills() {
        feed.publish(3001 + round);
        let (source, folder, key) = (feed.arg("feed"), feed.arg("mirror"), feed.arg("ops.pub"));
        let run = command(["mirror", &source, &folder, "--key", &key]);
        killed += u32::from(kill_within(run, within, &mut random));
        let verified = rblmap(["verify", image.to_str().unwrap()]);
        assert_eq!(
            verified.code, 0,
            "seed {seed}, round {round}: {}",
            verified.stderr
        );
        let found = fs::read(&image).unwrap();
        let started = Instant::now();
        let next = feed.mirror();
        within = (started.elapsed() + within) / 2;
        assert_eq!(next.code, 0, "seed {seed}, round {round}: {}", next.stderr);
        let new = fs::read(&image).unwrap();
        assert!(
            found == old || found == new,
            "seed {seed}, round {round}: neither"
        );
        assert!(
            new == fs::read(newest(&feed)).unwrap(),
            "seed {seed}, round {round}"
        );
        swapped += u32::from(found == new);
        feed.is_clean();
        old = new;
    }
    // Else the test tests nothing.
    assert!(
        killed > 0 && swapped < kills(),
        "{killed} killed, {swapped} swapped"
    );
}

/// The image as the publisher keeps it.
fn newest(feed: &Feed) -> std::path::PathBuf {
    let state = feed.path("feed/.state/ops.example");
    let serial = |name: &str| {
        let digits = name.strip_suffix(".rbl")?.split('-').nth(1)?;
        digits.parse::<u64>().ok()
    };
    let names = common::files(&state);
    let newest = names.iter().max_by_key(|name| serial(name)).unwrap();
    state.join(newest)
}

#[test]
fn a_killed_publisher_leaves_a_feed_that_can_be_mirrored() {
    let seed = 0xbeef;
    let mut random = Rng::with_seed(seed);
    let feed = Feed::new();
    feed.publish(3000);
    assert_eq!(feed.mirror().code, 0);
    let mut within = Duration::from_millis(30);
    for round in 0..kills() {
        let count = 3001 + round;
        let started = Instant::now();
        feed.publish(count);
        within = (started.elapsed() + within) / 2;
        // Another list over it, killed on the way.
        let text = format!("192.0.2.{}\n", round % 250);
        let old = fs::read_to_string(feed.path("list.txt")).unwrap();
        fs::write(feed.path("list.txt"), old + &text).unwrap();
        let (list, image) = (feed.arg("list.txt"), feed.arg("killed.rbl"));
        let spec = format!("ops.example:plain:{list}");
        assert_eq!(rblmap(["build", "-q", "-o", &image, &spec]).code, 0);
        let (source, key) = (feed.arg("feed"), feed.arg("ops.key"));
        let run = command(["publish", &source, &image, "--key", &key]);
        kill_within(run, within, &mut random);
        let mirrored = feed.mirror();
        assert_eq!(
            mirrored.code, 0,
            "seed {seed}, round {round}: {}",
            mirrored.stderr
        );
        // A mirror that begins needs the snapshot and all deltas after it.
        let (new, key) = (feed.arg("new"), feed.arg("ops.pub"));
        let begun = rblmap(["mirror", &source, &new, "--key", &key]);
        assert_eq!(
            begun.code, 0,
            "seed {seed}, round {round}: {}",
            begun.stderr
        );
        let both = ["mirror", "new"].map(|folder| feed.path(folder).join("ops.example.rbl"));
        assert!(fs::read(&both[0]).unwrap() == fs::read(&both[1]).unwrap());
        fs::remove_dir_all(feed.path("new")).unwrap();
    }
    feed.publish(3000);
    assert_eq!(feed.mirror().code, 0);
}

#[test]
fn a_watching_mirror_tells_systemd_and_stops_when_asked() {
    let feed = Feed::new();
    feed.publish(100);
    let path = feed.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let (source, folder, key) = (feed.arg("feed"), feed.arg("mirror"), feed.arg("ops.pub"));
    let mut run = command(["mirror", &source, &folder, "--key", &key, "--watch"]);
    run.env("NOTIFY_SOCKET", &path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = run.spawn().unwrap();
    let mut buffer = [0; 256];
    let mut hear = |begins: &str| loop {
        let len = socket.recv(&mut buffer).unwrap();
        let message = String::from_utf8_lossy(&buffer[..len]).into_owned();
        if message.starts_with(begins) {
            return message;
        }
    };
    hear("READY=1");
    assert!(hear("STATUS=exit code 0").contains("WATCHDOG=1"));
    feed.answers();
    let kill = Command::new("kill")
        .arg(child.id().to_string())
        .status()
        .unwrap();
    assert!(kill.success());
    hear("STOPPING=1");
    assert!(child.wait().unwrap().success());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(
        said.starts_with("ops.example: serial 1 by the snapshot"),
        "{said}"
    );
}

#[test]
fn a_hook_runs_after_an_update_and_guards_come_from_the_file() {
    let feed = Feed::new();
    feed.publish(100);
    let config = format!(
        "hook = [\"sh\", \"-c\", \"echo $RBLMAP_ZONE $RBLMAP_SERIAL $RBLMAP_OUTCOME >> {}\"]\n\
         [guards]\nnever = [\"10.0.6.64/28\"]\n",
        feed.arg("told")
    );
    fs::write(feed.path("mirror.toml"), config).unwrap();
    let mirror = || feed.mirror_from(&feed.arg("feed"), &["--config", &feed.arg("mirror.toml")]);
    assert_eq!(mirror().code, 0);
    assert_eq!(mirror().code, 0);
    feed.publish(110);
    let run = mirror();
    assert_eq!(run.code, 8, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("10.0.6.76 is listed, but nothing of 10.0.6.64/28 must be")
    );
    let told = fs::read_to_string(feed.path("told")).unwrap();
    assert_eq!(told, "ops.example 1 updated\nops.example 2 refused\n");
}

/// All calls: `scripts/kill-at-each-call` alone.
#[test]
fn a_run_that_is_killed_at_a_system_call_leaves_the_old_or_the_new() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: kills at system calls (no strace)");
        return;
    }
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let run = Command::new(format!("{root}/scripts/kill-at-each-call"))
        .arg("12")
        .env("RBLMAP", env!("CARGO_BIN_EXE_rblmap"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    if said.contains("ptrace") && said.contains("not permitted") {
        println!("skipped: kills at system calls (ptrace is not permitted)");
        return;
    }
    assert!(run.status.success(), "{said}");
}
