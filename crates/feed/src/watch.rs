//! A mirror that goes on by itself: when to look next, and whom to tell.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rblmap_content::ZoneName;

use crate::error::Error;
use crate::mirror::{Outcome, Report};

/// If no publisher says how often to look, seconds.
const POLL: u64 = 300;
/// Never more often, whatever a publisher says.
const LEAST: u64 = 10;
/// Never more seldom, however often it failed.
const MOST: u64 = 6 * 3600;

/// How long to wait after a run, in seconds; `failures` runs went wrong in a row, this one included.
/// Mirrors that were started together drift apart: up to a fifth is added at random.
pub fn pause(reports: &[Report], failures: u32) -> u64 {
    let polls = reports.iter().filter_map(|report| report.poll);
    let poll = polls.min().unwrap_or(POLL).clamp(LEAST, MOST);
    let wait = poll
        .saturating_mul(1 << failures.min(16))
        .min(MOST.max(poll));
    wait + fastrand::u64(0..=wait / 5)
}

/// Whether a run went well: nothing failed but what waits for a person to decide.
pub fn went_well(reports: &[Report]) -> bool {
    let fine = |report: &Report| matches!(report.result, Ok(_) | Err(Error::Refused { .. }));
    reports.iter().all(fine)
}

/// Tells systemd, if it started us, how we are (`sd_notify(3)`): `READY=1`, `STATUS=…`,
/// `WATCHDOG=1`, `STOPPING=1`. Where nobody listens, nothing happens.
pub fn notify(message: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let bytes = path.as_encoded_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    let sent = address.and_then(|address| {
        let socket = UnixDatagram::unbound()?;
        socket.send_to_addr(message.as_bytes(), &address)
    });
    // Who asked to be told and does not listen has no say in what we do.
    let _ = sent;
}

/// A program that is run after an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Program and arguments; no shell.
    pub command: Vec<String>,
    /// How long it may take.
    pub limit: Duration,
}

impl Hook {
    /// Runs the program for a zone that was updated, with `RBLMAP_ZONE`, `RBLMAP_SERIAL` and
    /// `RBLMAP_OUTCOME` in its environment. Gives what went wrong.
    pub fn run(&self, zone: &ZoneName, result: &Result<Outcome, Error>) -> Option<String> {
        let (outcome, serial) = match result {
            Ok(Outcome::Updated(update)) => ("updated", update.to),
            Err(Error::Refused { .. }) => ("refused", 0),
            Ok(Outcome::Retired { .. }) => ("retired", 0),
            _ => return None,
        };
        let (program, arguments) = self.command.split_first()?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        command.env("RBLMAP_ZONE", zone.as_str());
        command.env("RBLMAP_SERIAL", serial.to_string());
        command.env("RBLMAP_OUTCOME", outcome);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return Some(format!("hook {program}: {error}")),
        };
        let deadline = Instant::now() + self.limit;
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return None,
                Ok(Some(status)) => return Some(format!("hook {program}: {status}")),
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
                Ok(None) => {
                    // Both fail only for a child that is gone.
                    let _ = child.kill();
                    let _ = child.wait();
                    let limit = self.limit.as_secs();
                    return Some(format!("hook {program}: killed after {limit} s"));
                }
                Err(error) => return Some(format!("hook {program}: {error}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(poll: u64) -> Report {
        Report {
            zone: None,
            result: Ok(Outcome::Current { serial: 1 }),
            trouble: Vec::new(),
            poll: Some(poll),
        }
    }

    #[test]
    fn the_publisher_says_how_often_within_bounds() {
        for (poll, failures, least) in [(300, 0, 300), (1, 0, 10), (300, 3, 2400), (60, 30, MOST)] {
            for _ in 0..100 {
                let pause = pause(&[report(poll)], failures);
                assert!(
                    (least..=least + least / 5).contains(&pause),
                    "{poll} {failures}: {pause}"
                );
            }
        }
    }

    #[test]
    fn systemd_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        // The other test of this process does not look at the environment.
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "watch::tests::tell", "--ignored"]);
        let status = command
            .env("NOTIFY_SOCKET", &path)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        let mut buffer = [0; 64];
        let len = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"READY=1");
    }

    #[test]
    #[ignore = "run by systemd_is_told, with a socket in its environment"]
    fn tell() {
        notify("READY=1");
    }

    #[test]
    fn a_hook_is_told_what_happened_and_has_its_limit() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let script = format!("echo $RBLMAP_ZONE $RBLMAP_OUTCOME > {}", out.display());
        let mut hook = Hook {
            command: ["sh", "-c", &script].map(str::to_owned).to_vec(),
            limit: Duration::from_secs(10),
        };
        let zone: ZoneName = "ops.example".parse().unwrap();
        let url = String::new();
        let retired = Ok(Outcome::Retired { url });
        assert_eq!(hook.run(&zone, &retired), None);
        assert_eq!(
            std::fs::read_to_string(&out).unwrap(),
            "ops.example retired\n"
        );
        assert_eq!(hook.run(&zone, &Ok(Outcome::Current { serial: 1 })), None);
        hook.command = ["sleep", "20"].map(str::to_owned).to_vec();
        hook.limit = Duration::from_millis(50);
        assert!(hook.run(&zone, &retired).unwrap().contains("killed"));
        hook.command = vec!["false".to_owned()];
        assert!(
            hook.run(&zone, &retired)
                .unwrap()
                .contains("exit status: 1")
        );
        hook.command = vec!["/no/such/program".to_owned()];
        assert!(hook.run(&zone, &retired).is_some());
    }
}
