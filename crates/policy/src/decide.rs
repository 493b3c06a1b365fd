//! The decision, from what the zones said. No image, file or clock is used here.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use crate::allow::Allowed;
use crate::mode::{Look, Mode, OnTrouble};
use crate::policy::{Policy, Thresholds, ZonePolicy};
use crate::recipients::bare;
use crate::reply::{Listing, MAX_REPLY, ReplyTemplate, Severity, clean, trouble_reply};
use crate::request::{Request, host_name};
use crate::score::Score;
use crate::zones::Trouble;

/// What is done with a message.
///
/// See the example of [`Decider`](crate::Decider).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Action {
    /// Nothing: it is not listed, or the sum is below every threshold.
    #[default]
    Pass,
    /// It is listed, and only that is said.
    Log,
    /// It gets a header.
    Tag,
    /// The client is told to come back later.
    Defer,
    /// The client is refused.
    Reject,
    /// It is listed, and allowed here.
    Allowed,
    /// It is listed, and this recipient, login, port or network is exempt.
    Exempt,
}

impl Action {
    /// All of them, for metrics.
    pub const ALL: [Action; 7] = [
        Action::Pass,
        Action::Log,
        Action::Tag,
        Action::Defer,
        Action::Reject,
        Action::Allowed,
        Action::Exempt,
    ];

    /// The word for it in logs, metrics and reports.
    pub fn word(self) -> &'static str {
        match self {
            Action::Pass => "pass",
            Action::Log => "log",
            Action::Tag => "tag",
            Action::Defer => "defer",
            Action::Reject => "reject",
            Action::Allowed => "allowed",
            Action::Exempt => "exempt",
        }
    }

    /// Whether the client is told something: [`Decision::reply`] has the text.
    pub fn refuses(self) -> bool {
        matches!(self, Action::Defer | Action::Reject)
    }
}

/// A listing that counts.
///
/// See the example of [`Decider`](crate::Decider).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The index of the zone in the policy.
    pub zone: usize,
    /// What was looked up.
    pub look: Look,
    /// The address or name that is listed.
    pub key: String,
    /// The first A record that counts.
    pub code: Ipv4Addr,
    /// The zone's text, cleaned.
    pub text: String,
    /// What the zone may do for this recipient.
    pub mode: Mode,
    /// What the zone adds to the sum.
    pub weight: Score,
    /// Since when it is listed, as a reply says it; empty where no reply asks or nobody knows.
    pub since: String,
}

/// Why a listed client is not treated as the zones say.
///
/// See the example of [`Decider`](crate::Decider).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// It is on an allow-list.
    Allowed(Allowed),
    /// The recipient is exempt, by this word of the list.
    Recipient(String),
    /// The client has logged in.
    Authenticated,
    /// The client came to this port.
    Port(u16),
    /// The client's network is exempt.
    Network(Allowed),
    /// The client forwards mail of others, so it is only logged.
    Forwarder(Allowed),
    /// A zone that could refuse has no opinion, and the policy is closed then.
    Trouble,
}

/// What was decided, and why.
///
/// See the example of [`Decider`](crate::Decider).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// What is done.
    pub action: Action,
    /// The sum of the weights that count; 0 without `[score]`.
    pub score: Score,
    /// For defer and reject the line that the client is told, with its code; for tag the header
    /// with its name; else empty.
    pub reply: String,
    /// The listings, one a zone at most.
    pub hits: Vec<Hit>,
    /// The zones that have no opinion, by index.
    pub troubles: Vec<(usize, Trouble)>,
    /// What overrides the zones.
    pub because: Option<Because>,
    /// What would be done if the zones in mode log were in mode reject.
    pub would: Action,
}

/// What the zones said.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) hits: Vec<Hit>,
    pub(crate) troubles: Vec<(usize, Mode, Trouble)>,
}

/// What the zones lead to, before exceptions.
struct Verdict {
    mode: Mode,
    score: Score,
    /// The hit whose reply is used.
    by: Option<usize>,
}

pub(crate) fn judge(policy: &Policy, request: &Request<'_>, findings: Findings) -> Decision {
    let Findings { hits, troubles } = findings;
    let closed = policy.on_trouble == OnTrouble::Closed
        && troubles.iter().any(|(_, mode, _)| *mode >= Mode::Defer);
    let mut decision = Decision {
        troubles: troubles
            .iter()
            .map(|(zone, _, trouble)| (*zone, *trouble))
            .collect(),
        ..Decision::default()
    };
    if hits.is_empty() && !closed {
        return decision;
    }
    let verdict = weigh(policy.score.as_ref(), &hits, |hit| hit.mode);
    decision.score = verdict.score;
    let listed = !hits.is_empty();
    let exception = exception(policy, request);
    decision.action = match &exception {
        Some(Because::Allowed(_)) if listed => Action::Allowed,
        Some(Because::Forwarder(_)) if listed => Action::Log,
        Some(Because::Allowed(_) | Because::Forwarder(_)) => Action::Pass,
        Some(_) if listed => Action::Exempt,
        Some(_) => Action::Pass,
        None => action_of(verdict.mode),
    };
    if exception.is_none() {
        let as_if = |hit: &Hit| {
            if hit.mode == Mode::Log {
                Mode::Reject
            } else {
                hit.mode
            }
        };
        decision.would = action_of(weigh(policy.score.as_ref(), &hits, as_if).mode);
    }
    decision.because = exception.filter(|_| listed);
    let by = verdict.by.and_then(|index| hits.get(index));
    decision.reply = match (decision.action, by) {
        (Action::Reject, Some(hit)) => reply(policy, request, hit, Severity::Permanent),
        (Action::Defer, Some(hit)) => reply(policy, request, hit, Severity::Transient),
        (Action::Tag, _) => header(policy, &hits, verdict.score),
        _ => String::new(),
    };
    let passes = matches!(decision.action, Action::Pass | Action::Log | Action::Tag);
    if closed && passes && !is_exception(policy, request) {
        decision.action = Action::Defer;
        decision.reply = trouble_reply();
        decision.because = Some(Because::Trouble);
    }
    decision.hits = hits;
    decision
}

fn is_exception(policy: &Policy, request: &Request<'_>) -> bool {
    exception(policy, request).is_some()
}

fn action_of(mode: Mode) -> Action {
    match mode {
        Mode::Off => Action::Pass,
        Mode::Log => Action::Log,
        Mode::Tag => Action::Tag,
        Mode::Defer => Action::Defer,
        Mode::Reject => Action::Reject,
    }
}

/// The strongest mode, or what the sum reaches, at most the strongest mode of those that add to it.
/// Zones that may not act count for nothing, so that trying one changes no answer.
fn weigh(score: Option<&Thresholds>, hits: &[Hit], mode: impl Fn(&Hit) -> Mode) -> Verdict {
    let strongest = hits.iter().map(&mode).max().unwrap_or(Mode::Off);
    let first_of = |wanted: Mode| hits.iter().position(|hit| mode(hit) == wanted);
    let Some(thresholds) = score else {
        return Verdict {
            mode: strongest,
            score: Score::ZERO,
            by: first_of(strongest),
        };
    };
    let counted = || hits.iter().enumerate().filter(|(_, hit)| mode(hit).acts());
    let sum: Score = counted().map(|(_, hit)| hit.weight).sum();
    let adding = || counted().filter(|(_, hit)| hit.weight > Score::ZERO);
    let cap = adding()
        .map(|(_, hit)| mode(hit))
        .max()
        .unwrap_or(Mode::Off);
    let reached = thresholds.reached(sum).min(cap);
    let only_logged = hits.iter().any(|hit| mode(hit) == Mode::Log);
    let reached = if reached == Mode::Off && only_logged {
        Mode::Log
    } else {
        reached
    };
    // The heaviest of those that may do as much, the first of equals.
    let by = adding().filter(|(_, hit)| mode(hit) >= reached);
    let by = by.reduce(|best, next| {
        if next.1.weight > best.1.weight {
            next
        } else {
            best
        }
    });
    Verdict {
        mode: reached,
        score: sum,
        by: by.map(|(index, _)| index),
    }
}

impl Thresholds {
    fn reached(&self, sum: Score) -> Mode {
        let at = |threshold: Option<Score>| threshold.is_some_and(|threshold| sum >= threshold);
        if at(self.reject) {
            Mode::Reject
        } else if at(self.defer) {
            Mode::Defer
        } else if at(self.tag) {
            Mode::Tag
        } else {
            Mode::Off
        }
    }

    /// The highest threshold that a sum reaches, else the lowest that there is.
    fn told(&self, sum: Score) -> String {
        let all = [
            ("reject", self.reject),
            ("defer", self.defer),
            ("tag", self.tag),
        ];
        let mut given = all
            .into_iter()
            .filter_map(|(name, at)| at.map(|at| (name, at)));
        if let Some((name, at)) = given.clone().find(|(_, at)| sum >= *at) {
            return format!(">= {at} ({name})");
        }
        given
            .next_back()
            .map(|(name, at)| format!("< {at} ({name})"))
            .unwrap_or_default()
    }
}

/// What overrides the zones, the strongest first.
fn exception(policy: &Policy, request: &Request<'_>) -> Option<Because> {
    let network = request
        .client
        .and_then(|client| policy.allow.find_network(client));
    let names = [
        (Look::Rdns, host_name(request.verified)),
        (Look::Helo, host_name(request.helo)),
        (Look::Sender, host_name(request.sender_domain())),
    ];
    let name = || {
        names
            .iter()
            .find_map(|(look, name)| policy.allow.find_name(name, *look))
    };
    if let Some(place) = network.or_else(name) {
        return Some(Because::Allowed(place.clone()));
    }
    let exempt = &policy.exempt;
    if let Some(word) = exempt.recipients.find(bare(request.recipient)) {
        return Some(Because::Recipient(word.to_owned()));
    }
    if exempt.authenticated && request.authenticated {
        return Some(Because::Authenticated);
    }
    if let Some(port) = request.port.filter(|port| exempt.ports.contains(port)) {
        return Some(Because::Port(port));
    }
    let client = request.client?;
    if let Some(place) = exempt.networks.find_network(client) {
        return Some(Because::Network(place.clone()));
    }
    let forwarder = exempt.forwarders.find_network(client);
    forwarder.map(|place| Because::Forwarder(place.clone()))
}

fn reply(policy: &Policy, request: &Request<'_>, hit: &Hit, severity: Severity) -> String {
    let zone = policy.zones.get(hit.zone);
    let listing = Listing {
        client: request.client,
        key: &hit.key,
        zone: zone.map(ZonePolicy::name).unwrap_or_default(),
        code: hit.code,
        text: &hit.text,
        url: zone.and_then(|zone| zone.url.as_ref()),
        host: &policy.host,
        since: &hit.since,
    };
    match zone.and_then(|zone| zone.reply.as_ref()) {
        Some(template) => template.render(&listing, severity),
        None => ReplyTemplate::built_in(hit.look).render(&listing, severity),
    }
}

/// `X-Rblmap: ops.example 127.0.0.2 client [192.0.2.1], ...; score 5`.
fn header(policy: &Policy, hits: &[Hit], score: Score) -> String {
    let counted = hits.iter().filter(|hit| hit.mode.acts());
    let one = |hit: &Hit| {
        let zone = policy.zone_name(hit.zone);
        format!("{zone} {} {} [{}]", hit.code, hit.look.word(), hit.key)
    };
    let hits: Vec<String> = counted.map(one).collect();
    let mut text = format!("X-Rblmap: {}", hits.join(", "));
    if policy.score.is_some() {
        // Writing to a string cannot fail.
        let _ = write!(text, "; score {score}");
    }
    let mut text = clean(&text);
    text.truncate(MAX_REPLY);
    text
}

impl Decision {
    /// The terms of the decision on one line: `ops.example 5 + dul.example 3 = 8 >= 8 (reject)`, or
    /// `ops.example reject`, and what overrides them.
    pub fn terms(&self, policy: &Policy) -> String {
        let name = |zone| policy.zone_name(zone);
        let mut said: Vec<String> = Vec::new();
        let (counted, others): (Vec<&Hit>, Vec<&Hit>) = self
            .hits
            .iter()
            .partition(|hit| policy.score.is_some() && hit.mode.acts());
        if let Some(thresholds) = &policy.score
            && !counted.is_empty()
        {
            let mut sum = String::new();
            for hit in counted {
                let sign = match (sum.is_empty(), hit.weight < Score::ZERO) {
                    (true, false) => "",
                    (true, true) => "- ",
                    (false, false) => " + ",
                    (false, true) => " - ",
                };
                // Writing to a string cannot fail.
                let _ = write!(sum, "{sign}{} {}", name(hit.zone), hit.weight.magnitude());
            }
            said.push(format!(
                "{sum} = {} {}",
                self.score,
                thresholds.told(self.score)
            ));
        }
        said.extend(
            others
                .iter()
                .map(|hit| format!("{} {}", name(hit.zone), hit.mode.word())),
        );
        said.extend(
            self.troubles
                .iter()
                .map(|(zone, why)| format!("{} {}", name(*zone), why.word())),
        );
        said.extend(self.because.as_ref().map(ToString::to_string));
        if self.would != self.action && self.because.is_none() && self.would != Action::Pass {
            said.push(format!("would {}", self.would.word()));
        }
        said.join("; ")
    }
}

impl std::fmt::Display for Because {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Because::Allowed(place) => write!(f, "listed, but allowed here ({place})"),
            Because::Recipient(word) => write!(f, "exempt: recipient {word}"),
            Because::Authenticated => f.write_str("exempt: authenticated"),
            Because::Port(port) => write!(f, "exempt: port {port}"),
            Because::Network(place) => write!(f, "exempt: network ({place})"),
            Because::Forwarder(place) => write!(f, "forwarder: only logged ({place})"),
            Because::Trouble => f.write_str("closed: a zone has no opinion"),
        }
    }
}
