//! What the threads of the server share: the policy in force, metrics and log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rblmap_policy::Policy;

use crate::log::Log;
use crate::metrics::Metrics;

/// Held by every thread of the server, in an `Arc`.
#[derive(Debug)]
pub(crate) struct Shared {
    policy: Mutex<Arc<Policy>>,
    generation: AtomicU64,
    /// All numbers of the process.
    pub(crate) metrics: Metrics,
    /// Standard error, without waiting for it.
    pub(crate) log: Log,
}

impl Shared {
    pub(crate) fn new(policy: Arc<Policy>, log: Log) -> Shared {
        Shared {
            policy: Mutex::new(policy),
            generation: AtomicU64::new(1),
            metrics: Metrics::default(),
            log,
        }
    }

    /// The policy in force. Its zones hold the images that are followed: a thread makes its readers
    /// of them once (`policy.zones[i].followed.reader()`) and again when [`Shared::generation`] is
    /// another.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Rises with every policy that comes into force: one load to see whether there is another.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Brings another policy into force.
    pub(crate) fn replace(&self, policy: Arc<Policy>) {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner) = policy;
        self.generation.fetch_add(1, Ordering::Release);
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
