//! The thread that looks for new images, tells how the zones stand, and reads the policy again.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rblmap_policy::{FollowedZone, Health, Mode, Policy, Trouble, ZonePolicy};

use crate::log::Level;
use crate::metrics::{FamilyName, Kind};
use crate::shared::{Shared, now};
use crate::since::look;

/// How often the images are looked at.
const EVERY: Duration = Duration::from_secs(5);
/// How often the same trouble is told.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// What the thread is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Read the policy file again.
    Reload,
    /// End.
    Stop,
}

/// A policy that was read again, with its images, or why it cannot be used.
pub(crate) type Reloaded = Result<Policy, rblmap_policy::Error>;

/// Looks every few seconds until it is told to stop, or nobody is there to tell it. `reloaded` gets
/// each policy that was read again.
pub(crate) fn run(
    shared: &Shared,
    tasks: &Receiver<Task>,
    host: &str,
    reloaded: impl Fn(Reloaded),
) {
    let mut told = Told::default();
    loop {
        let policy = shared.policy();
        look(&policy);
        told.tell(shared, &policy);
        match tasks.recv_timeout(EVERY) {
            Ok(Task::Reload) => reloaded(read_again(&policy, host)),
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Task::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn read_again(old: &Policy, host: &str) -> Reloaded {
    let mut policy = Policy::read(&old.path, host)?;
    policy.adopt(old);
    look(&policy);
    Ok(policy)
}

/// What was told of each zone, and when.
#[derive(Debug, Default)]
pub(crate) struct Told {
    zones: HashMap<String, (Health, Instant)>,
}

const TROUBLE: FamilyName = FamilyName {
    name: "rblmap_zone_trouble",
    help: "1 if the zone has no opinion for this reason.",
    kind: Kind::Gauge,
};
const PROBLEM: FamilyName = FamilyName {
    name: "rblmap_zone_problem",
    help: "1 if the image in place cannot be used, and an older one or none answers.",
    kind: Kind::Gauge,
};
const STALE: FamilyName = FamilyName {
    name: "rblmap_zone_stale",
    help: "1 if the mirror has not heard from the publisher in time.",
    kind: Kind::Gauge,
};
const SERIAL: FamilyName = FamilyName {
    name: "rblmap_zone_serial",
    help: "The serial of the image that answers.",
    kind: Kind::Gauge,
};
const TEST_POINT: FamilyName = FamilyName {
    name: "rblmap_zone_test_point",
    help: "1 if a test point of RFC 5782 is listed.",
    kind: Kind::Gauge,
};
const LOST: FamilyName = FamilyName {
    name: "rblmap_log_lines_lost_total",
    help: "Lines of the log that nobody read in time.",
    kind: Kind::Counter,
};

impl Told {
    /// Updates the metrics of all zones, and says what changed, or what is wrong for a minute more.
    pub(crate) fn tell(&mut self, shared: &Shared, policy: &Policy) {
        shared.metrics.number(LOST, &[]).set(shared.log.lost());
        let gone: Vec<String> = self
            .zones
            .keys()
            .filter(|name| policy.zone_index(name).is_none())
            .cloned()
            .collect();
        for name in gone {
            shared.metrics.forget(("zone", &name));
            self.zones.remove(&name);
        }
        for zone in policy
            .zones
            .iter()
            .filter(|zone| zone.mode != Mode::Off || !policy.listen.dns.is_empty())
        {
            let health = zone.followed.health(now());
            count(shared, zone, &health);
            self.tell_zone(shared, &zone.followed, health);
        }
    }

    fn tell_zone(&mut self, shared: &Shared, zone: &Arc<FollowedZone>, health: Health) {
        let now = Instant::now();
        let before = self.zones.get(zone.name());
        let same = before.is_some_and(|(told, _)| {
            (told.trouble, &told.problem, told.stale)
                == (health.trouble, &health.problem, health.stale)
        });
        let wrong = health.trouble.is_some() || health.problem.is_some() || health.stale;
        let due = before.is_none_or(|(_, at)| now.duration_since(*at) >= TOLD_EVERY);
        let no_test_point = health.trouble.is_none()
            && !health.test_point
            && before
                .is_none_or(|(told, _)| told.serial != health.serial || told.trouble.is_some());
        if no_test_point {
            let line = format!(
                "event=no-test-point zone={} reason=\"neither 127.0.0.2, ::ffff:7f00:2 nor test is listed\"",
                zone.name()
            );
            shared.log.say(Level::Warning, &line);
        }
        if !same || (wrong && due) {
            let level = if wrong { Level::Warning } else { Level::Info };
            shared.log.say(level, &line(zone, &health));
            self.zones.insert(zone.name().to_owned(), (health, now));
        } else if let Some((told, _)) = self.zones.get_mut(zone.name()) {
            *told = health;
        }
    }
}

/// The line about a zone.
fn line(zone: &FollowedZone, health: &Health) -> String {
    let state = match (health.trouble, health.problem.is_some(), health.stale) {
        (Some(trouble), _, _) => format!(
            "event=zone-no-opinion zone={} reason={}",
            zone.name(),
            trouble.word()
        ),
        (None, true, _) => format!(
            "event=zone-keeps-old-image zone={} serial={}",
            zone.name(),
            health.serial
        ),
        (None, false, true) => format!(
            "event=zone-stale zone={} serial={}",
            zone.name(),
            health.serial
        ),
        (None, false, false) => format!(
            "event=zone-serves zone={} serial={}",
            zone.name(),
            health.serial
        ),
    };
    match &health.problem {
        Some(problem) => format!("{state} problem=\"{}\"", problem.replace(['"', '\n'], "'")),
        None => state,
    }
}

fn count(shared: &Shared, zone: &ZonePolicy, health: &Health) {
    let set = |family: FamilyName, value: u64| {
        shared
            .metrics
            .number(family, &[("zone", zone.name())])
            .set(value);
    };
    for trouble in Trouble::ALL {
        let labels = [("zone", zone.name()), ("reason", trouble.word())];
        shared
            .metrics
            .number(TROUBLE, &labels)
            .set(u64::from(health.trouble == Some(trouble)));
    }
    set(PROBLEM, u64::from(health.problem.is_some()));
    set(STALE, u64::from(health.stale));
    set(SERIAL, health.serial);
    set(TEST_POINT, u64::from(health.test_point));
}
