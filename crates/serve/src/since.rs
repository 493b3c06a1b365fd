//! Since when clients are listed, for replies that say it (`%s`): the histories beside the images.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rblmap::NameKey;
use rblmap_history::{History, Log, Subject, Version};
use rblmap_policy::{FollowedZone, Policy, SinceWhen};

/// Looks for newer images ([`Policy::look`]), and for newer histories of the zones whose replies say
/// since when. It reads files, so it is called where no mail waits. A history is kept in memory, as
/// large as its files; one that cannot be read leaves the place in the reply empty.
///
/// ```
/// use rblmap_policy::Policy;
/// use rblmap_serve::look;
///
/// let text = r#"
/// [[zone]]
/// name = "ops.example"
/// from = "/var/lib/rblmap"
/// reply = "550 5.7.1 listed since %s"
/// "#;
/// let policy = Policy::parse(text, "mail.toml".as_ref(), "mx.example.net")?;
/// look(&policy);
/// assert!(policy.zones[0].tells_since() && policy.zones[0].followed.since_when().is_none());
/// # Ok::<(), rblmap_policy::Error>(())
/// ```
pub fn look(policy: &Policy) {
    policy.look();
    for zone in policy.zones.iter().filter(|zone| zone.tells_since()) {
        open(&zone.followed);
    }
}

fn open(zone: &FollowedZone) {
    let Some((log, above)) = find(zone.from(), zone.name()) else {
        return;
    };
    let last = log.last_serial();
    let known = zone.since_when().map(|known| known.serial());
    if last.is_none() || last == known {
        return;
    }
    let history = log.open().ok();
    let of_zone = history.and_then(|history| OfZone::new(history, above));
    zone.set_since_when(of_zone.map(|known| Arc::new(known) as Arc<dyn SinceWhen>));
}

/// The history of a zone, or of the nearest zone above it, and what stands before that one's name.
fn find(folder: &Path, zone: &str) -> Option<(Log, NameKey)> {
    let mut base = zone;
    loop {
        let log = Log::new(folder.join(format!("{base}.history")));
        if log.exists() {
            let above = zone.strip_suffix(base)?.trim_end_matches('.');
            let above = match above {
                "" => NameKey::ROOT,
                above => NameKey::parse(above.as_bytes()).ok()?,
            };
            return Some((log, above));
        }
        (_, base) = base.split_once('.')?;
    }
}

/// What the history of an image says of one of its zones.
#[derive(Debug)]
struct OfZone {
    history: History,
    zone: NameKey,
    begins: Version,
    last: Version,
}

impl OfZone {
    fn new(history: History, zone: NameKey) -> Option<OfZone> {
        let last = history.last()?;
        let begins = history.begins()?;
        Some(OfZone {
            history,
            zone,
            begins,
            last,
        })
    }
}

impl SinceWhen for OfZone {
    fn serial(&self) -> u64 {
        self.last.serial
    }

    fn since(&self, client: IpAddr) -> Option<String> {
        // Of such an address the IPv4 address in it may be what is listed, or a name that spells it.
        let within = matches!(client, IpAddr::V6(client) if client.segments()[0] == 0x2002);
        if within || self.spelled(client) {
            return None;
        }
        let events = self.history.events(&self.zone, &Subject::Address(client));
        let mut known = events
            .iter()
            .filter(|event| event.serial > self.begins.serial);
        let listed =
            known.rfind(|event| event.was.listing().is_none() && event.is.listing().is_some());
        match listed {
            Some(event) => date(event.time),
            None => date(self.begins.time).map(|date| format!("before {date}")),
        }
    }
}

impl OfZone {
    /// Whether a name that spells the address has ever changed.
    fn spelled(&self, client: IpAddr) -> bool {
        let name = Subject::Name(NameKey::spelled(client));
        !self.history.events(&self.zone, &name).is_empty()
    }
}

/// The day, in UTC.
fn date(seconds: u64) -> Option<String> {
    let time = jiff::Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_spelled_backwards() {
        let spelling = |text: &str| NameKey::spelled(text.parse().unwrap()).to_string();
        assert_eq!(spelling("192.0.2.1"), "1.2.0.192");
        let six = spelling("2001:db8::1");
        assert!(
            six.starts_with("1.0.0.") && six.ends_with(".8.b.d.0.1.0.0.2"),
            "{six}"
        );
    }

    #[test]
    fn a_day_is_that_of_utc() {
        assert_eq!(date(1_700_000_000).unwrap(), "2023-11-14");
        assert_eq!(date(u64::MAX), None);
    }
}
