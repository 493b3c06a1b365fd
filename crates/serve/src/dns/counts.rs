//! Counts of queries by zone and answer.

use super::answer::Outcome;
use super::decision::Kind;
use crate::metrics::{self, FamilyName, Metrics, Part};

const QUERIES: FamilyName = FamilyName {
    name: "rblmap_dns_queries_total",
    help: "DNS queries by zone and answer; without a zone, queries for none of them.",
    kind: metrics::Kind::Counter,
};
const TRUNCATED: FamilyName = FamilyName {
    name: "rblmap_dns_truncated_total",
    help: "DNS replies that were cut to the size that the client takes.",
    kind: metrics::Kind::Counter,
};
const LIMITED: FamilyName = FamilyName {
    name: "rblmap_dns_limited_total",
    help: "DNS replies that were held back or cut because their client network gets too many.",
    kind: metrics::Kind::Counter,
};
const FAILED_CALLS: FamilyName = FamilyName {
    name: "rblmap_dns_failed_calls_total",
    help: "System calls of the DNS listeners that failed.",
    kind: metrics::Kind::Counter,
};

/// The counters of one thread, which no other writes: with shared ones two threads would wait for
/// each other at every query.
#[derive(Debug)]
pub(crate) struct Counts {
    /// By zone, and after the last zone for queries of none: [`Kind::ALL`] counters each.
    answers: Vec<Part>,
    zones: usize,
    truncated: Part,
    limited: Part,
    failed_calls: Part,
}

impl Counts {
    /// Counters for zones of these names, by their numbers.
    pub(crate) fn new<'n>(metrics: &Metrics, names: impl IntoIterator<Item = &'n str>) -> Counts {
        let mut answers = Vec::new();
        let mut zones = 0;
        let of = |name: &str, kind: Kind| {
            metrics.part(QUERIES, &[("zone", name), ("answer", kind.as_str())])
        };
        for name in names {
            answers.extend(Kind::ALL.map(|kind| of(name, kind)));
            zones += 1;
        }
        answers.extend(Kind::ALL.map(|kind| of("", kind)));
        Counts {
            answers,
            zones,
            truncated: metrics.part(TRUNCATED, &[]),
            limited: metrics.part(LIMITED, &[]),
            failed_calls: metrics.part(FAILED_CALLS, &[]),
        }
    }

    /// Counts an answer.
    pub(crate) fn count(&mut self, outcome: Outcome) {
        let zone = outcome.zone.unwrap_or(self.zones);
        let at = zone * Kind::ALL.len() + outcome.kind as usize;
        if let Some(part) = self.answers.get_mut(at) {
            part.increment();
        }
        if outcome.truncated {
            self.truncated.increment();
        }
    }

    /// Counts a reply that was held back or cut because its client gets too many.
    pub(crate) fn count_limited(&mut self) {
        self.limited.increment();
    }

    /// Counts a system call that failed.
    pub(crate) fn count_failed_call(&mut self) {
        self.failed_calls.increment();
    }
}
