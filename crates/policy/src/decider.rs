//! Asks the zones, and decides: one in each thread.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rblmap::{Answer, NameKey, TextBuf};

use crate::decide::{Decision, Findings, Hit, judge};
use crate::mode::{Look, Mode};
use crate::policy::{Policy, ZonePolicy};
use crate::reply::clean;
use crate::request::{Request, host_name};
use crate::zones::{Current, ZoneReader};

/// The function that every adapter calls, with one thread's hold on the images.
///
/// ```
/// use std::path::Path;
/// use std::sync::Arc;
/// use rblmap_policy::{Action, Because, Decider, Look, Policy, Request, Score};
///
/// let text = r#"
/// score = { reject = 5 }
/// [[zone]]
/// name = "ops.example"
/// from = "testdata/three.rbl"
/// mode = "reject"
/// weight = 7
/// [exempt]
/// recipients = ["postmaster"]
/// "#;
/// let policy = Arc::new(Policy::parse(text, Path::new("mail.toml"), "mx.example.net")?);
/// policy.look();
/// let mut decider = Decider::new(&policy); // one for each thread
///
/// let mut request = Request::of_client("192.0.2.1");
/// request.recipient = "bob@isp.example";
/// let decision = decider.decide(&request, 1_700_000_000);
/// assert_eq!((decision.action, decision.score), (Action::Reject, Score::from_thousandths(7000)));
/// assert_eq!((decision.hits[0].look, decision.hits[0].zone), (Look::Client, 0));
///
/// request.recipient = "postmaster@isp.example";
/// let decision = decider.decide(&request, 1_700_000_000);
/// assert_eq!(decision.action, Action::Exempt);
/// assert!(matches!(decision.because, Some(Because::Recipient(_))));
/// # Ok::<(), rblmap_policy::Error>(())
/// ```
#[derive(Debug)]
pub struct Decider {
    policy: Arc<Policy>,
    readers: Vec<ZoneReader>,
    buffer: TextBuf,
}

impl Decider {
    /// For one thread.
    pub fn new(policy: &Arc<Policy>) -> Decider {
        Decider {
            policy: Arc::clone(policy),
            readers: policy
                .zones
                .iter()
                .map(|zone| zone.followed.reader())
                .collect(),
            buffer: TextBuf::new(),
        }
    }

    /// The policy that it decides by.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Decides about a client at `now`, in seconds since 1970. Cost: a lookup a zone and look.
    pub fn decide(&mut self, request: &Request<'_>, now: u64) -> Decision {
        let mut findings = Findings::default();
        let policy = Arc::clone(&self.policy);
        for (index, (zone, reader)) in policy.zones.iter().zip(&mut self.readers).enumerate() {
            if zone.mode == Mode::Off || !request.zones.holds(zone.name()) {
                continue;
            }
            let found = match reader.current(now) {
                Ok(current) => look_up(zone, &current, request, &mut self.buffer).map(Ok),
                Err(trouble) => Some(Err(trouble)),
            };
            let Some(found) = found else { continue };
            let mode = policy.mode_for(index, request.recipient);
            if mode == Mode::Off {
                continue;
            }
            match found {
                Ok(found) => findings.hits.push(Hit {
                    zone: index,
                    look: found.look,
                    key: found.key,
                    code: found.code,
                    text: found.text,
                    mode,
                    weight: zone.weight,
                    since: found.since,
                }),
                Err(trouble) => findings.troubles.push((index, mode, trouble)),
            }
        }
        judge(&policy, request, findings)
    }
}

/// A listing that counts.
struct Found {
    look: Look,
    key: String,
    code: Ipv4Addr,
    text: String,
    since: String,
}

/// The first look of a zone that finds something.
fn look_up(
    zone: &ZonePolicy,
    current: &Current<'_>,
    request: &Request<'_>,
    buffer: &mut TextBuf,
) -> Option<Found> {
    let wanted = |look: &Look| match &zone.looks {
        Some(looks) => looks.contains(look),
        None => *look == Look::Client || current.facts.names,
    };
    Look::ALL.into_iter().filter(wanted).find_map(|look| {
        let name = match look {
            Look::Client => {
                let client = request.client?;
                let answer = current.zone.lookup(client);
                let found = found(zone, look, &client_text(client), &answer, buffer)?;
                let since = since(zone, client, current.image.serial());
                return Some(Found { since, ..found });
            }
            Look::Helo => host_name(request.helo),
            Look::Sender => host_name(request.sender_domain()),
            Look::Rdns => host_name(request.rdns),
        };
        if name.is_empty() {
            return None;
        }
        let key = NameKey::parse(name.as_bytes()).ok()?;
        found(
            zone,
            look,
            &|| name.to_ascii_lowercase(),
            &current.zone.lookup_name(&key),
            buffer,
        )
    })
}

/// Since when a client is listed, if the zone's reply says it. What is known of another content than
/// that of the image says nothing of it.
fn since(zone: &ZonePolicy, client: IpAddr, serial: u64) -> String {
    if !zone.tells_since() {
        return String::new();
    }
    let known = zone.followed.since_when();
    let known = known.filter(|known| known.serial() == serial);
    known
        .and_then(|known| known.since(client))
        .unwrap_or_default()
}

fn client_text(client: IpAddr) -> impl Fn() -> String {
    move || client.to_string()
}

/// The first record of an answer whose code counts, with its text; a text without a code is taken
/// where that record has none.
fn found(
    zone: &ZonePolicy,
    look: Look,
    key: &dyn Fn() -> String,
    answer: &Answer<'_>,
    buffer: &mut TextBuf,
) -> Option<Found> {
    if !answer.is_listed() {
        return None;
    }
    let counts = |code: Option<Ipv4Addr>| code.is_some_and(|code| zone.codes.contains(code));
    let code = answer
        .records()
        .filter_map(|record| record.a())
        .find(|code| counts(Some(*code)))?;
    let mut text = String::new();
    for with_code in [true, false] {
        for record in answer.records() {
            let fits = if with_code {
                counts(record.a())
            } else {
                record.a().is_none()
            };
            if fits && text.is_empty() {
                let bytes = record.txt(buffer).unwrap_or_default();
                text = clean(&String::from_utf8_lossy(bytes));
            }
        }
    }
    Some(Found {
        look,
        key: key(),
        code,
        text,
        since: String::new(),
    })
}
