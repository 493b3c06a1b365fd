//! Several sources: which first, which not for a while, and which not again in this run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::disk::Dir;
use crate::error::{Class, Error, Reach};
use crate::fetcher::{Fetcher, Pointers};
use crate::path::FeedPath;
use crate::state;
use crate::transport::{Options, Source};

/// An error, and what went wrong before it.
pub(super) type Failed = (Error, Vec<Error>);

/// The sources of a run, in the order in which they are tried.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    entries: Vec<Entry>,
    dir: &'a Dir,
    options: &'a Options,
    records: BTreeMap<String, Record>,
    changed: bool,
}

/// A source within a run.
#[derive(Debug)]
struct Entry {
    source: Source,
    /// A folder of its own: what one source sends is never taken for another's.
    spool: Dir,
    pointers: Pointers,
    /// Why it is not asked again in this run.
    down: Option<Down>,
    /// How often it gave up in the middle of a file.
    broke_off: u32,
    served: bool,
}

/// A source that cannot be reached.
#[derive(Debug, Clone)]
enum Down {
    Failed(String),
    Resting(u64),
}

/// How a source behaved.
///
/// See the example of [`Health`](crate::Health).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Record {
    /// Failures since the last success.
    pub failures: u32,
    /// Failures ever.
    pub failures_total: u64,
    /// Until then it is tried after all others, seconds since 1970.
    pub rest_until: u64,
    /// No request goes there before this time: the source said so.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub asked_until: u64,
    /// What the last failure was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

const RECORDS: &str = ".sources.json";
/// After the first failure a source rests this long, after each further one twice as long.
const REST: u64 = 30;
/// But never longer than this, unless it asks for it.
const REST_LIMIT: u64 = 6 * 3600;
/// And never longer than this.
const ASKED_LIMIT: u64 = 24 * 3600;
/// A source that breaks off so many files is given up for this run.
const BREAKS: u32 = 2;

impl<'a> Sources<'a> {
    /// Puts the sources in a random order, those that rest at the end: a source that rests is
    /// better than none. What is known of them is worth little: damaged, it is forgotten.
    pub(super) fn read(
        dir: &'a Dir,
        spool: &Dir,
        given: &[Source],
        options: &'a Options,
        now: u64,
    ) -> Result<Sources<'a>, Error> {
        let records = records(dir);
        let mut order = given.to_vec();
        fastrand::shuffle(&mut order);
        order.sort_by_key(|source| {
            let record = records.get(&source.name());
            record.is_some_and(|record| record.rest_until > now)
        });
        let mut entries = Vec::new();
        for (number, source) in order.into_iter().enumerate() {
            let record = records.get(&source.name());
            let asked = record.map_or(0, |record| record.asked_until);
            // A time that no source can have asked for was written by a clock that was ahead.
            let resting = asked > now && asked <= now.saturating_add(ASKED_LIMIT);
            entries.push(Entry {
                spool: spool.make_child(&number.to_string())?,
                source,
                pointers: Pointers::default(),
                down: resting.then_some(Down::Resting(asked)),
                broke_off: 0,
                served: false,
            });
        }
        Ok(Sources {
            entries,
            dir,
            options,
            records,
            changed: false,
        })
    }

    /// These pointers will be looked at.
    pub(super) fn want(&self, paths: &[FeedPath]) {
        for entry in &self.entries {
            entry.pointers.want(paths.iter().cloned());
        }
    }

    /// The names of those that served something.
    pub(super) fn served(&self) -> impl Iterator<Item = String> {
        let served = self.entries.iter().filter(|entry| entry.served);
        served.map(|entry| entry.source.name())
    }

    /// Whether none of them can be reached any more.
    pub(super) fn all_down(&self) -> bool {
        self.entries.iter().all(|entry| entry.down.is_some())
    }

    /// Tries one source after the other until one does. An error that no other source can mend
    /// ends it. If all fail, the worst is the error, the rest is trouble on the way.
    pub(super) fn try_each<T>(
        &mut self,
        now: u64,
        mut attempt: impl FnMut(Fetcher<'_>) -> Result<T, Error>,
    ) -> Result<(T, Vec<Error>), Failed> {
        let mut trouble = Vec::new();
        for entry in &mut self.entries {
            if let Some(down) = &entry.down {
                trouble.push(down.error(&entry.source));
                continue;
            }
            let fetcher = Fetcher {
                source: &entry.source,
                spool: &entry.spool,
                lasting: Some(self.dir),
                options: self.options,
                pointers: &entry.pointers,
            };
            match attempt(fetcher) {
                Ok(done) => {
                    entry.served = true;
                    self.changed |= succeeded(&mut self.records, &entry.source);
                    return Ok((done, trouble));
                }
                Err(error) if error.is_of_source() => {
                    entry.failed(&error);
                    failed(&mut self.records, &entry.source, &error, now);
                    self.changed = true;
                    trouble.push(error);
                }
                Err(error) => return Err((error, trouble)),
            }
        }
        // Damage tells more than silence.
        let worst = trouble
            .iter()
            .position(|error| error.class() != Class::Transport);
        match trouble.is_empty() {
            true => Err((no_source(), trouble)),
            false => Err((trouble.remove(worst.unwrap_or(0)), trouble)),
        }
    }

    /// Writes the records of our sources, if they changed; others may have been written meanwhile.
    pub(super) fn write(&self) -> Result<(), Error> {
        if !self.changed {
            return Ok(());
        }
        let mut all = records(self.dir);
        for entry in &self.entries {
            let name = entry.source.name();
            if let Some(record) = self.records.get(&name) {
                all.insert(name, record.clone());
            }
        }
        self.dir
            .place(RECORDS, &state::to_bytes(&all), &Access::public())
    }
}

impl Entry {
    /// Whether it is asked again in this run: ten zones behind a dead server cost one timeout.
    fn failed(&mut self, error: &Error) {
        let Error::Transport { what, reach, .. } = error else {
            return;
        };
        match reach {
            Reach::Source => self.down = Some(Down::Failed(what.clone())),
            Reach::File => {
                self.broke_off += 1;
                if !self.served || self.broke_off >= BREAKS {
                    self.down = Some(Down::Failed(what.clone()));
                }
            }
        }
    }
}

impl Down {
    fn error(&self, source: &Source) -> Error {
        let source_name = source.name();
        match self {
            Down::Failed(what) => Error::Transport {
                source_name,
                what: what.clone(),
                retry_after: None,
                reach: Reach::Source,
            },
            Down::Resting(until) => Error::Resting {
                source_name,
                until: *until,
            },
        }
    }
}

fn succeeded(records: &mut BTreeMap<String, Record>, source: &Source) -> bool {
    match records.get_mut(&source.name()) {
        Some(record) if record.failures > 0 => {
            record.failures = 0;
            record.rest_until = 0;
            record.asked_until = 0;
            record.error = None;
            true
        }
        _ => false,
    }
}

fn failed(records: &mut BTreeMap<String, Record>, source: &Source, error: &Error, now: u64) {
    let record = records.entry(source.name()).or_default();
    record.failures = record.failures.saturating_add(1);
    record.failures_total += 1;
    record.error = Some(crate::error::chain(error));
    let doubled = REST.saturating_mul(1 << (record.failures - 1).min(20));
    let asked = match error {
        Error::Transport { retry_after, .. } => retry_after.unwrap_or(0).min(ASKED_LIMIT),
        _ => 0,
    };
    record.rest_until = now.saturating_add(doubled.min(REST_LIMIT).max(asked));
    record.asked_until = match asked {
        0 => 0,
        asked => now.saturating_add(asked),
    };
}

fn no_source() -> Error {
    Error::BadSource {
        text: String::new(),
        hint: "no source was given".to_owned(),
    }
}

/// How the sources of a folder behaved, by their names.
pub(crate) fn records(dir: &Dir) -> BTreeMap<String, Record> {
    state::read_in(dir, RECORDS)
        .unwrap_or_default()
        .unwrap_or_default()
}
