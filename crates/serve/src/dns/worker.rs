//! What each thread of a listener has: its zones, its counters, a buffer.

use std::net::SocketAddr;
use std::sync::Arc;

use super::answer::answer;
use super::counts::Counts;
use super::decision::Settings;
use super::query::Over;
use super::sample::Sample;
use super::zones::Zones;
use crate::log::Level;
use crate::shared::Shared;

/// A thread's own part of a listener.
#[derive(Debug)]
pub(crate) struct Worker {
    shared: Arc<Shared>,
    /// Of the policy that the rest is made from.
    generation: u64,
    zones: Zones,
    settings: Settings,
    counts: Counts,
    sample: Sample,
    reply: Vec<u8>,
}

/// The length of a header, and where in it flags and counts are (RFC 1035 section 4.1.1).
const HEADER_LEN: usize = 12;
const FLAGS_AT: usize = 2;
const TRUNCATED: u8 = 2;
const ANSWERS_AT: usize = 6;
/// Room for most replies; few need more.
const REPLY_LEN: usize = 2048;

impl Worker {
    pub(crate) fn new(shared: &Arc<Shared>) -> Worker {
        // In this order: a policy that comes meanwhile is taken up at the next query.
        let generation = shared.generation();
        let policy = shared.policy();
        let names = policy.zones.iter().map(rblmap_policy::ZonePolicy::name);
        Worker {
            counts: Counts::new(&shared.metrics, names),
            shared: Arc::clone(shared),
            generation,
            zones: Zones::new(&policy),
            sample: Sample::new(policy.listen.dns_log),
            settings: Settings::of(policy),
            reply: Vec::with_capacity(REPLY_LEN),
        }
    }

    /// Takes up another policy and new images.
    pub(crate) fn renew(&mut self, now: u64) {
        if self.shared.generation() != self.generation {
            let shared = Arc::clone(&self.shared);
            *self = Worker::new(&shared);
        }
        self.zones.renew(now);
    }

    /// Answers a packet; no bytes if it gets no reply.
    pub(crate) fn answer(
        &mut self,
        packet: &[u8],
        client: SocketAddr,
        over: Over,
        now: u64,
    ) -> &[u8] {
        self.renew(now);
        let reply = &mut self.reply;
        let outcome = answer(&self.zones, &self.settings, packet, over, now, reply);
        self.counts.count(outcome);
        if let Some(line) = self.sample.line(packet, client, over, outcome) {
            self.shared.log.say(Level::Info, &line);
        }
        &self.reply
    }

    /// The last reply.
    pub(crate) fn reply(&self) -> &[u8] {
        &self.reply
    }

    /// Leaves of the last reply the header and the question, and says that it was cut.
    pub(crate) fn cut_reply(&mut self) {
        self.counts.count_limited();
        let mut end = HEADER_LEN;
        // We have written the name: labels, each behind its length, and the root label.
        while let Some(&len @ 1..) = self.reply.get(end) {
            end += 1 + usize::from(len);
        }
        // After the root label: type and class.
        self.reply.truncate(end + 1 + 4);
        if let Some(flags) = self.reply.get_mut(FLAGS_AT) {
            *flags |= TRUNCATED;
        }
        if let Some(counts) = self.reply.get_mut(ANSWERS_AT..HEADER_LEN) {
            counts.fill(0);
        }
    }

    /// Counts a reply that is held back.
    pub(crate) fn count_limited(&mut self) {
        self.counts.count_limited();
    }

    /// Counts a system call that failed.
    pub(crate) fn count_failed_call(&mut self) {
        self.counts.count_failed_call();
    }
}
