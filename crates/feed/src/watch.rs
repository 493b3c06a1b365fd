//! A mirror that goes on by itself: when to look at which zone next, and whom to tell.

use std::collections::{BTreeMap, BTreeSet};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rblmap_content::ZoneName;

use crate::error::{Class, Error};
use crate::mirror::{Pending, Report};

/// If no publisher says how often to look, seconds.
const POLL: u64 = 300;
/// Never more often, whatever a publisher says.
const LEAST: u64 = 10;
/// Never more seldom, whatever a publisher says.
const MOST: u64 = 6 * 3600;
/// A zone that fails is looked at at least this often: an outage must not be outlasted by its echo.
const FAILING: u64 = 900;

/// When which zone is looked at: each has its own pace, so one that fails does not slow the others.
///
/// ```
/// use rblmap_feed::Schedule;
/// # let (reports, now) = (Vec::new(), 1_790_000_000);
/// let mut schedule = Schedule::default();
/// let skip = schedule.not_due(now); // for `Settings::skip`, before a run of the mirror
/// let wait = schedule.next(&reports, now); // with the reports of the run
/// assert!(skip.is_empty() && wait > 0);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    zones: BTreeMap<ZoneName, Turn>,
    /// Runs in a row that failed as a whole.
    failures: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    failures: u32,
    due: u64,
}

impl Schedule {
    /// The zones that are not to be looked at now.
    pub fn not_due(&self, now: u64) -> BTreeSet<ZoneName> {
        let waiting = self.zones.iter().filter(|(_, turn)| turn.due > now);
        waiting.map(|(zone, _)| zone.clone()).collect()
    }

    /// How long to wait after a run, in seconds. Mirrors that were started together drift apart: up
    /// to a fifth is added at random.
    pub fn next(&mut self, reports: &[Report], now: u64) -> u64 {
        let mut resting = 0;
        let mut well = false;
        for report in reports {
            if let Err(Error::Resting { until, .. }) = &report.result {
                resting = resting.max(*until);
            }
            let fine = went_well(report);
            well |= fine;
            let Some(zone) = &report.zone else {
                continue;
            };
            let turn = self.zones.entry(zone.clone()).or_default();
            turn.failures = match fine {
                true => 0,
                false => turn.failures.saturating_add(1),
            };
            let poll = report.poll.unwrap_or(POLL).clamp(LEAST, MOST);
            // A little early, for the next run is up to a fifth late.
            turn.due = now + paced(poll, turn.failures) - LEAST / 2;
        }
        self.failures = match well {
            true => 0,
            false => self.failures.saturating_add(1),
        };
        let due = self.zones.values().map(|turn| turn.due.saturating_sub(now));
        let due = due.min().map(|due| (due + LEAST / 2).max(LEAST));
        // Without any zone there is only the run as a whole to go by.
        let wait = due.unwrap_or_else(|| paced(POLL, self.failures.saturating_sub(1)));
        let wait = wait.max(resting.saturating_sub(now));
        wait + fastrand::u64(0..=wait / 5)
    }
}

/// A poll interval, longer after failures.
fn paced(poll: u64, failures: u32) -> u64 {
    let slower = poll.saturating_mul(1 << failures.min(16));
    slower.min(FAILING.max(poll))
}

/// Whether nothing failed but what waits for a person to decide.
fn went_well(report: &Report) -> bool {
    match &report.result {
        Ok(_) => true,
        Err(error) => error.class() == Class::Guard,
    }
}

/// Tells systemd, if it started us, how we are (`sd_notify(3)`): `READY=1`, `STATUS=…`,
/// `WATCHDOG=1`, `STOPPING=1`. Where nobody listens, nothing happens.
///
/// ```
/// rblmap_feed::notify("STATUS=3 zones are current");
/// ```
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
///
/// ```
/// # use rblmap_feed::{Folder, PublishOptions, Settings, SigningKey, Source};
/// # use rblmap_feed::{keygen, publish, read_public};
/// use std::time::Duration;
/// use rblmap_feed::{Hook, hook_told, mirror, pending_events};
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// # let now = 1_790_000_000;
/// # let keys = keygen(&dir.join("ops"), None)?;
/// # let key = SigningKey::read(&keys.online, None)?;
/// # publish(&dir.join("feed"), &["testdata/three.rbl".into()], &key, &PublishOptions::default(), now)?;
/// # let folder = Folder::new(dir.join("mirror"));
/// # let settings = Settings::new(vec![Source::Local(dir.join("feed"))], read_public(&keys.public)?);
/// let hook = Hook { command: vec!["true".to_owned()], limit: Duration::from_secs(60) };
/// mirror(&folder, &settings, now)?;
/// for pending in pending_events(&folder, &settings)? {
///     assert_eq!((pending.event.outcome.as_str(), pending.event.serial), ("updated", 1));
///     let error = hook.run(&pending);
///     hook_told(&folder, &pending, error)?;
/// }
/// assert!(pending_events(&folder, &settings)?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Program and arguments; no shell.
    pub command: Vec<String>,
    /// How long it may take.
    pub limit: Duration,
}

impl Hook {
    /// Runs the program for an event of a zone, with `RBLMAP_ZONE`, `RBLMAP_SERIAL` and
    /// `RBLMAP_OUTCOME` in its environment; what it prints goes to standard error. Gives what went
    /// wrong.
    pub fn run(&self, pending: &Pending) -> Option<String> {
        let (program, arguments) = self.command.split_first()?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        command.stdout(Stdio::from(std::io::stderr()));
        command.env("RBLMAP_ZONE", pending.zone.as_str());
        command.env("RBLMAP_SERIAL", pending.event.serial.to_string());
        command.env("RBLMAP_OUTCOME", &pending.event.outcome);
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
    use crate::mirror::Outcome;
    use crate::state::Event;

    fn report(zone: &str, result: Result<Outcome, Error>) -> Report {
        Report {
            zone: Some(zone.parse().unwrap()),
            result,
            trouble: Vec::new(),
            poll: Some(60),
        }
    }

    fn well() -> Result<Outcome, Error> {
        Ok(Outcome::Current { serial: 1 })
    }

    fn silent() -> Result<Outcome, Error> {
        Err(Error::Transport {
            source_name: "x".to_owned(),
            what: "timeout".to_owned(),
            retry_after: None,
            reach: crate::error::Reach::Source,
        })
    }

    #[test]
    fn a_zone_that_fails_does_not_slow_the_others() {
        let mut schedule = Schedule::default();
        let mut now = 1000;
        let mut looked = [0u32; 2];
        for _ in 0..30 {
            let waiting = schedule.not_due(now);
            let mut reports = Vec::new();
            for (index, zone) in ["a.example", "b.example"].into_iter().enumerate() {
                if !waiting.contains(&zone.parse().unwrap()) {
                    looked[index] += 1;
                    let result = if index == 0 { well() } else { silent() };
                    reports.push(report(zone, result));
                }
            }
            let wait = schedule.next(&reports, now);
            assert!((LEAST..=72).contains(&wait), "{wait}");
            now += wait;
        }
        assert!(looked[0] >= 20 && looked[1] <= 10, "{looked:?}");
    }

    #[test]
    fn an_outage_is_not_outlasted_and_a_wish_to_be_left_alone_is_obeyed() {
        let mut schedule = Schedule::default();
        let mut now = 1000;
        for _ in 0..40 {
            let wait = schedule.next(&[report("a.example", silent())], now);
            assert!(wait <= FAILING + FAILING / 5, "{wait}");
            now += wait;
        }
        let until = now + 7200;
        let resting = Err(Error::Resting {
            source_name: "x".to_owned(),
            until,
        });
        assert!(schedule.next(&[report("a.example", resting)], now) >= 7200);
        assert!(schedule.next(&[report("a.example", well())], now) <= 72);
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
        let script = format!(
            "echo $RBLMAP_ZONE $RBLMAP_OUTCOME $RBLMAP_SERIAL > {}",
            out.display()
        );
        let mut hook = Hook {
            command: ["sh", "-c", &script].map(str::to_owned).to_vec(),
            limit: Duration::from_secs(10),
        };
        let pending = Pending {
            zone: "ops.example".parse().unwrap(),
            event: Event {
                outcome: "retired".to_owned(),
                serial: 7,
                key: String::new(),
                told: false,
                error: None,
            },
        };
        assert_eq!(hook.run(&pending), None);
        assert_eq!(
            std::fs::read_to_string(&out).unwrap(),
            "ops.example retired 7\n"
        );
        hook.command = ["sleep", "20"].map(str::to_owned).to_vec();
        hook.limit = Duration::from_millis(50);
        assert!(hook.run(&pending).unwrap().contains("killed"));
        hook.command = vec!["false".to_owned()];
        assert!(hook.run(&pending).unwrap().contains("exit status: 1"));
        hook.command = vec!["/no/such/program".to_owned()];
        assert!(hook.run(&pending).is_some());
    }
}
