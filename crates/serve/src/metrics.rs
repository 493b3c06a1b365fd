//! Counters and gauges, written as Prometheus text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// All metrics of the process. Handles are fetched once and kept: counting is one atomic addition,
/// or less than that with a [`Part`].
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    families: Mutex<BTreeMap<&'static str, Family>>,
    histograms: Mutex<BTreeMap<&'static str, (&'static str, Arc<Histogram>)>>,
}

#[derive(Debug)]
struct Family {
    help: &'static str,
    kind: Kind,
    /// By the text of the labels.
    values: BTreeMap<String, Value>,
}

#[derive(Debug, Default)]
struct Value {
    shared: Arc<AtomicU64>,
    /// Of threads that count for themselves.
    parts: Vec<Arc<Cell>>,
}

impl Value {
    fn sum(&self) -> u64 {
        let parts = self.parts.iter().map(|part| part.0.load(Ordering::Relaxed));
        parts.fold(self.shared.load(Ordering::Relaxed), u64::wrapping_add)
    }

    /// Keeps what threads have counted that are gone, and forgets their parts.
    fn fold(&mut self) {
        let shared = &self.shared;
        self.parts.retain_mut(|part| match Arc::get_mut(part) {
            Some(cell) => {
                shared.fetch_add(*cell.0.get_mut(), Ordering::Relaxed);
                false
            }
            None => true,
        });
    }
}

/// A count that one thread writes. It has a cache line of its own: where two threads write the same
/// line, each waits for the other.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Cell(AtomicU64);

/// What a number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only rises.
    Counter,
    /// It is as things stand.
    Gauge,
}

/// One number of a family, shared with the registry.
#[derive(Debug, Clone)]
pub(crate) struct Number(Arc<AtomicU64>);

impl Number {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn increment(&self) {
        self.add(1);
    }

    pub(crate) fn decrement(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// What one thread counts of a number. Others read it, and no other writes it.
#[derive(Debug)]
pub(crate) struct Part(Arc<Cell>);

impl Part {
    pub(crate) fn increment(&mut self) {
        // No other thread writes between the two: there is one `Part` of a cell.
        let count = self.0.0.load(Ordering::Relaxed);
        self.0.0.store(count.wrapping_add(1), Ordering::Relaxed);
    }
}

/// The name of a family, what it counts, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FamilyName {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: Kind,
}

impl Metrics {
    /// The number of a family with these labels, made on first use.
    pub(crate) fn number(&self, family: FamilyName, labels: &[(&str, &str)]) -> Number {
        self.value(family, labels, |value| Number(Arc::clone(&value.shared)))
    }

    /// A part of that number, for a thread that counts so often that it should not wait for others.
    pub(crate) fn part(&self, family: FamilyName, labels: &[(&str, &str)]) -> Part {
        self.value(family, labels, |value| {
            value.fold();
            let cell = Arc::<Cell>::default();
            value.parts.push(Arc::clone(&cell));
            Part(cell)
        })
    }

    fn value<T>(
        &self,
        family: FamilyName,
        labels: &[(&str, &str)],
        of: impl FnOnce(&mut Value) -> T,
    ) -> T {
        let mut families = lock(&self.families);
        let family = families.entry(family.name).or_insert_with(|| Family {
            help: family.help,
            kind: family.kind,
            values: BTreeMap::new(),
        });
        of(family.values.entry(label_text(labels)).or_default())
    }

    /// Takes away the numbers whose label has this value, of zones that are no longer configured.
    pub(crate) fn forget(&self, label: (&str, &str)) {
        let text = label_text(&[label]);
        let text = text.trim_start_matches('{').trim_end_matches('}');
        for family in lock(&self.families).values_mut() {
            family.values.retain(|labels, _| !labels.contains(text));
        }
    }

    /// The histogram of that name, made on first use.
    pub(crate) fn histogram(&self, name: &'static str, help: &'static str) -> Arc<Histogram> {
        let mut histograms = lock(&self.histograms);
        let entry = histograms
            .entry(name)
            .or_insert_with(|| (help, Arc::default()));
        Arc::clone(&entry.1)
    }

    /// Everything, in Prometheus' text format 0.0.4.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for (name, family) in lock(&self.families).iter() {
            let kind = match family.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            };
            // Writing to a string cannot fail.
            let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", family.help);
            for (labels, value) in &family.values {
                let _ = writeln!(out, "{name}{labels} {}", value.sum());
            }
        }
        for (name, (help, histogram)) in lock(&self.histograms).iter() {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} histogram");
            histogram.write(name, &mut out);
        }
        out
    }
}

/// How long something took, in buckets that double from a microsecond to half a second.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    over: AtomicU64,
    nanoseconds: AtomicU64,
}

const BUCKETS: usize = 20;

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            over: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    pub(crate) fn observe(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        // Bucket n holds what took at most 2^n microseconds.
        let microseconds = nanoseconds.div_ceil(1000).max(1);
        let bucket = (microseconds - 1)
            .checked_ilog2()
            .map_or(0, |log| log as usize + 1);
        self.buckets
            .get(bucket)
            .unwrap_or(&self.over)
            .fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    #[expect(clippy::cast_precision_loss, reason = "for show")]
    fn write(&self, name: &str, out: &mut String) {
        let mut count = 0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            count += bucket.load(Ordering::Relaxed);
            let bound = (1u64 << index) as f64 / 1e6;
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        count += self.over.load(Ordering::Relaxed);
        let sum = self.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9;
        let _ = writeln!(
            out,
            "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}"
        );
    }
}

fn label_text(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let one = |(name, value): &(&str, &str)| {
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        format!("{name}=\"{value}\"")
    };
    let all: Vec<String> = labels.iter().map(one).collect();
    format!("{{{}}}", all.join(","))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Numbers are right whatever happened to another thread.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_every_number_once() {
        let metrics = Metrics::default();
        let family = FamilyName {
            name: "rblmap_x_total",
            help: "Things.",
            kind: Kind::Counter,
        };
        metrics.number(family, &[("zone", "a\"b")]).add(3);
        metrics.number(family, &[("zone", "a\"b")]).increment();
        metrics.number(family, &[]).increment();
        let text = metrics.text();
        assert_eq!(
            text,
            "# HELP rblmap_x_total Things.\n# TYPE rblmap_x_total counter\n\
            rblmap_x_total 1\nrblmap_x_total{zone=\"a\\\"b\"} 4\n"
        );
        metrics.forget(("zone", "a\"b"));
        assert!(!metrics.text().contains("zone="));
    }

    #[test]
    fn what_a_thread_counted_stays_when_it_is_gone() {
        let metrics = Metrics::default();
        let family = FamilyName {
            name: "rblmap_x_total",
            help: "Things.",
            kind: Kind::Counter,
        };
        let mut kept = metrics.part(family, &[]);
        for round in 1..=3u64 {
            let mut part = metrics.part(family, &[]);
            part.increment();
            kept.increment();
            metrics.number(family, &[]).increment();
            let count = format!("rblmap_x_total {}\n", 3 * round);
            assert!(metrics.text().ends_with(&count), "{}", metrics.text());
        }
        let families = lock(&metrics.families);
        let parts = families["rblmap_x_total"].values[""].parts.len();
        assert_eq!(parts, 2, "the kept one and the last");
    }

    #[test]
    fn buckets_hold_what_they_say() {
        let histogram = Histogram::default();
        for nanoseconds in [1, 1000, 1001, 2000, 2001, 10_000_000_000] {
            histogram.observe(Duration::from_nanos(nanoseconds));
        }
        let mut text = String::new();
        histogram.write("t", &mut text);
        assert!(text.contains("t_bucket{le=\"0.000001\"} 2\nt_bucket{le=\"0.000002\"} 4\nt_bucket{le=\"0.000004\"} 5\n"), "{text}");
        assert!(
            text.ends_with("t_bucket{le=\"+Inf\"} 6\nt_sum 10.000006003\nt_count 6\n"),
            "{text}"
        );
    }
}
