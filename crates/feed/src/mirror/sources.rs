//! Several sources: which first, and which not for a while.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::folder::Folder;
use crate::state;
use crate::transport::Source;

use super::Failed;

/// The sources of a run, in the order in which they are tried.
#[derive(Debug)]
pub(super) struct Sources {
    order: Vec<Source>,
    records: BTreeMap<String, Record>,
    changed: bool,
}

/// How a source behaved.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Record {
    /// Failures since the last success.
    pub failures: u32,
    /// Failures ever.
    pub failures_total: u64,
    /// Until when it is left alone, seconds since 1970.
    pub rest_until: u64,
    /// What the last failure was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// After the first failure a source rests this long, after each further one twice as long.
const REST: u64 = 30;
/// But never longer than this, unless it asks for it.
const REST_LIMIT: u64 = 6 * 3600;
/// And never longer than this.
const ASKED_LIMIT: u64 = 24 * 3600;

impl Sources {
    /// Puts the sources in a random order, those that rest at the end: a source that rests is
    /// better than none.
    pub(super) fn read(folder: &Folder, given: &[Source], now: u64) -> Result<Sources, Error> {
        let records: BTreeMap<String, Record> = state::read(&folder.sources())?.unwrap_or_default();
        let mut order = given.to_vec();
        fastrand::shuffle(&mut order);
        order.sort_by_key(|source| {
            let record = records.get(&source.name());
            record.is_some_and(|record| record.rest_until > now)
        });
        Ok(Sources {
            order,
            records,
            changed: false,
        })
    }

    /// Tries one source after the other until one does. An error that no other source can mend
    /// ends it. If all fail, the worst is the error, the rest is trouble on the way.
    pub(super) fn try_each<T>(
        &mut self,
        now: u64,
        mut attempt: impl FnMut(&Source) -> Result<T, Error>,
    ) -> Result<(T, Vec<Error>), Failed> {
        let mut trouble = Vec::new();
        for source in self.order.clone() {
            match attempt(&source) {
                Ok(done) => {
                    self.succeeded(&source);
                    return Ok((done, trouble));
                }
                Err(error) if error.is_of_source() => {
                    self.failed(&source, &error, now);
                    trouble.push(error);
                }
                Err(error) => return Err((error, trouble)),
            }
        }
        // Damage tells more than silence.
        let worst = trouble
            .iter()
            .position(|error| error.reason() != "transport");
        let error = match trouble.is_empty() {
            true => Error::BadSource(String::new()),
            false => trouble.remove(worst.unwrap_or(0)),
        };
        Err((error, trouble))
    }

    /// Writes the records, if they changed.
    pub(super) fn write(&self, folder: &Folder) -> Result<(), Error> {
        match self.changed {
            true => state::write(&folder.sources(), &self.records),
            false => Ok(()),
        }
    }

    fn succeeded(&mut self, source: &Source) {
        if let Some(record) = self.records.get_mut(&source.name())
            && record.failures > 0
        {
            record.failures = 0;
            record.rest_until = 0;
            record.error = None;
            self.changed = true;
        }
    }

    fn failed(&mut self, source: &Source, error: &Error, now: u64) {
        let record = self.records.entry(source.name()).or_default();
        record.failures = record.failures.saturating_add(1);
        record.failures_total += 1;
        record.error = Some(error.to_string());
        let doubled = REST.saturating_mul(1 << (record.failures - 1).min(20));
        let asked = match error {
            Error::Transport { retry_after, .. } => retry_after.unwrap_or(0).min(ASKED_LIMIT),
            _ => 0,
        };
        record.rest_until = now.saturating_add(doubled.min(REST_LIMIT).max(asked));
        self.changed = true;
    }
}

/// How the sources of a folder behaved, by their names.
pub(crate) fn records(folder: &Folder) -> Result<BTreeMap<String, Record>, Error> {
    Ok(state::read(&folder.sources())?.unwrap_or_default())
}
