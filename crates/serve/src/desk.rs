//! Where the adapters ask: decides, counts and logs.

use std::sync::Arc;
use std::time::Instant;

use rblmap_policy::{Action, Decider, Decision, Policy, Request, log_line};

use crate::log::Level;
use crate::metrics::{FamilyName, Histogram, Kind, Number};
use crate::shared::{Shared, now};

/// The protocols, as metrics and log name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Adapter {
    Policy,
    Socketmap,
    Milter,
    Query,
    Opensmtpd,
    Metrics,
}

impl Adapter {
    pub(crate) const ALL: [Adapter; 6] = [
        Adapter::Policy,
        Adapter::Socketmap,
        Adapter::Milter,
        Adapter::Query,
        Adapter::Opensmtpd,
        Adapter::Metrics,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Adapter::Policy => "policy",
            Adapter::Socketmap => "socketmap",
            Adapter::Milter => "milter",
            Adapter::Query => "query",
            Adapter::Opensmtpd => "opensmtpd",
            Adapter::Metrics => "metrics",
        }
    }
}

/// One thread's desk.
#[derive(Debug)]
pub(crate) struct Desk {
    decider: Decider,
    shared: Arc<Shared>,
    seconds: Arc<Histogram>,
    /// By adapter and action.
    decisions: Vec<Number>,
    /// By adapter.
    malformed: Vec<Number>,
    /// By zone, adapter and action, fetched when they are first counted.
    listings: Vec<Option<Number>>,
    would_refuse: Vec<Option<Number>>,
}

const DECISIONS: FamilyName = FamilyName {
    name: "rblmap_decisions_total",
    help: "Decisions, by adapter and action.",
    kind: Kind::Counter,
};
const LISTINGS: FamilyName = FamilyName {
    name: "rblmap_listings_total",
    help: "Decisions in which the zone listed the client, by zone, adapter and action.",
    kind: Kind::Counter,
};
const WOULD_REFUSE: FamilyName = FamilyName {
    name: "rblmap_would_refuse_total",
    help: "Decisions that passed and would have refused if the zones in mode log could, by zone.",
    kind: Kind::Counter,
};
const MALFORMED: FamilyName = FamilyName {
    name: "rblmap_malformed_total",
    help: "Requests that were not understood and passed, by adapter.",
    kind: Kind::Counter,
};

impl Desk {
    pub(crate) fn new(shared: &Arc<Shared>) -> Desk {
        let policy = shared.policy();
        let metrics = &shared.metrics;
        let decision = |adapter: Adapter, action: Action| {
            metrics.number(
                DECISIONS,
                &[("adapter", adapter.word()), ("action", action.word())],
            )
        };
        let per_zone = Adapter::ALL.len() * Action::ALL.len();
        Desk {
            decisions: Adapter::ALL
                .iter()
                .flat_map(|adapter| Action::ALL.iter().map(|action| decision(*adapter, *action)))
                .collect(),
            malformed: Adapter::ALL
                .iter()
                .map(|adapter| metrics.number(MALFORMED, &[("adapter", adapter.word())]))
                .collect(),
            listings: vec![None; policy.zones.len() * per_zone],
            would_refuse: vec![None; policy.zones.len()],
            seconds: metrics.histogram("rblmap_decision_seconds", "How long decisions took."),
            decider: Decider::new(&policy),
            shared: Arc::clone(shared),
        }
    }

    pub(crate) fn policy(&self) -> &Policy {
        self.decider.policy()
    }

    /// All metrics as text.
    pub(crate) fn metrics_text(&self) -> String {
        self.shared.metrics.text()
    }

    /// Decides, counts and logs.
    pub(crate) fn decide(&mut self, adapter: Adapter, request: &Request<'_>) -> Decision {
        let start = Instant::now();
        let decision = self.decider.decide(request, now());
        self.seconds.observe(start.elapsed());
        self.count(adapter, &decision);
        let line = log_line(adapter.word(), self.decider.policy(), request, &decision);
        self.shared.log.say(Level::Info, &line);
        decision
    }

    /// A request that was not understood, and passes.
    pub(crate) fn count_malformed(&self, adapter: Adapter) {
        if let Some(number) = self.malformed.get(adapter as usize) {
            number.increment();
        }
    }

    fn count(&mut self, adapter: Adapter, decision: &Decision) {
        let cell = adapter as usize * Action::ALL.len() + decision.action as usize;
        if let Some(number) = self.decisions.get(cell) {
            number.increment();
        }
        let would = decision.would == Action::Reject && decision.action == Action::Log;
        for hit in &decision.hits {
            let at = hit.zone * Adapter::ALL.len() * Action::ALL.len() + cell;
            let zone = self.decider.policy().zones.get(hit.zone);
            let zone = zone.map(|zone| zone.name().to_owned()).unwrap_or_default();
            let metrics = &self.shared.metrics;
            if let Some(place) = self.listings.get_mut(at) {
                let labels = [
                    ("zone", zone.as_str()),
                    ("adapter", adapter.word()),
                    ("action", decision.action.word()),
                ];
                place
                    .get_or_insert_with(|| metrics.number(LISTINGS, &labels))
                    .increment();
            }
            if would && let Some(place) = self.would_refuse.get_mut(hit.zone) {
                let labels = [("zone", zone.as_str())];
                place
                    .get_or_insert_with(|| metrics.number(WOULD_REFUSE, &labels))
                    .increment();
            }
        }
    }
}
