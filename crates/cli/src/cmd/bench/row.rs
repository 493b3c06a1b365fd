//! One figure with all that belongs to it.

use rblmap_measure::Latencies;
use serde::Serialize;

/// What a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Address,
    Ipv6,
    Name,
}

impl Kind {
    pub(super) fn title(self) -> &'static str {
        match self {
            Kind::Address => "IPv4",
            Kind::Ipv6 => "IPv6",
            Kind::Name => "name",
        }
    }
}

/// How questions are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum How {
    /// Each waits for the answer of the one before.
    #[serde(rename = "one at a time")]
    Alone,
    /// No question waits for another.
    #[serde(rename = "many at once")]
    AtOnce,
    /// Each after other work that has filled the caches with something else.
    #[serde(rename = "cold")]
    Cold,
    /// Of a DNS server, each waiting for the reply before.
    #[serde(rename = "DNS, one at a time")]
    DnsAlone,
    /// Of a DNS server, with many queries on their way.
    #[serde(rename = "DNS, many at once")]
    DnsAtOnce,
}

impl How {
    pub(super) fn title(self) -> &'static str {
        match self {
            How::Alone => "one at a time",
            How::AtOnce => "many at once",
            How::Cold => "cold",
            How::DnsAlone => "DNS, one at a time",
            How::DnsAtOnce => "DNS, many at once",
        }
    }
}

/// The median of some figures, the lowest and the highest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Spread {
    /// None of no figures.
    pub(super) fn of(figures: &[f64]) -> Option<Spread> {
        let mut sorted: Vec<f64> = figures
            .iter()
            .copied()
            .filter(|it| it.is_finite())
            .collect();
        sorted.sort_by(f64::total_cmp);
        Some(Spread {
            median: *sorted.get(sorted.len() / 2)?,
            low: *sorted.first()?,
            high: *sorted.last()?,
        })
    }
}

/// How single lookups are distributed, in nanoseconds. None: too few lookups to say, or less than the
/// clock can tell.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Latency {
    pub(super) p50: Option<u64>,
    pub(super) p99: Option<u64>,
    pub(super) p99_9: Option<u64>,
    pub(super) p99_99: Option<u64>,
    pub(super) longest: u64,
    pub(super) lookups: u64,
    /// What takes less cannot be told from nothing.
    pub(super) clock_tells: u64,
}

impl Latency {
    /// None where nothing was timed.
    pub(super) fn of(latencies: &Latencies, clock_tells: u64) -> Option<Latency> {
        (latencies.count() > 0).then(|| Latency {
            p50: latencies.quantile(0.5),
            p99: latencies.quantile(0.99),
            p99_9: latencies.quantile(0.999),
            p99_99: latencies.quantile(0.9999),
            longest: latencies.longest(),
            lookups: latencies.count(),
            clock_tells,
        })
    }
}

/// One figure, what it was asked of, and the limit beside it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) asked: &'static str,
    pub(super) how: How,
    pub(super) image: String,
    pub(super) zone: String,
    pub(super) threads: usize,
    /// Whether each thread was kept on one processor.
    pub(super) pinned: bool,
    /// Nanoseconds that a thread takes for a lookup. None: less than the clock can tell.
    pub(super) ns: Option<Spread>,
    /// What it is less than, where the clock cannot tell it.
    pub(super) less_than_ns: Option<f64>,
    /// A random line of the same file, read in the same way.
    pub(super) limit_ns: Option<Spread>,
    /// Times that line.
    pub(super) ratio: Option<Spread>,
    /// Of all threads together.
    pub(super) per_second: Option<f64>,
    /// Times what one thread does.
    pub(super) scaling: Option<f64>,
    pub(super) latency: Option<Latency>,
    /// The DNS server that was asked, with what became of its replies.
    pub(super) server: Option<Replies>,
    /// By which share the machine itself moved while it measured.
    pub(super) noise: Option<f64>,
}

/// What became of the queries that a DNS server was sent.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Replies {
    pub(super) address: String,
    pub(super) replies: u64,
    pub(super) lost: u64,
    /// Replies that say something else than the image about whether the key is listed.
    pub(super) differ: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_what_is_no_number_is_left_out() {
        let spread = Spread::of(&[3.0, f64::INFINITY, 1.0, f64::NAN, 2.0]);
        let expected = Spread {
            median: 2.0,
            low: 1.0,
            high: 3.0,
        };
        assert_eq!(spread, Some(expected));
        assert_eq!(Spread::of(&[f64::NAN]), None);
    }
}
