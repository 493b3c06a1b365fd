//! When a transfer is too slow to wait for.

use std::time::{Duration, Instant};

use super::Options;

/// Slower sources than this are given up, bytes a second.
const SLOWEST: u64 = 1000;

/// Watches bytes come in. Over each period as long as the timeout, the rate must hold: a
/// source that drips is given up as one that is silent.
#[derive(Debug)]
pub(super) struct Pace {
    timeout: Duration,
    least: u64,
    since: Instant,
    bytes: u64,
    last: Instant,
}

impl Pace {
    pub(super) fn new(options: &Options) -> Pace {
        let rate = options
            .bandwidth
            .map_or(SLOWEST, |limit| SLOWEST.min(limit / 2).max(1));
        let timeout = options.timeout;
        let seconds = timeout.as_secs().max(1);
        Pace {
            timeout,
            least: rate.saturating_mul(seconds),
            since: Instant::now(),
            bytes: 0,
            last: Instant::now(),
        }
    }

    /// So many bytes came.
    pub(super) fn came(&mut self, bytes: u64) {
        if bytes > 0 {
            self.bytes = self.bytes.saturating_add(bytes);
            self.last = Instant::now();
        }
    }

    /// Why the transfer is given up, if it is.
    pub(super) fn given_up(&mut self) -> Option<String> {
        let seconds = self.timeout.as_secs().max(1);
        if self.last.elapsed() >= self.timeout {
            return Some(format!("timeout: silent for {seconds} s"));
        }
        if self.since.elapsed() >= self.timeout {
            if self.bytes < self.least {
                let bytes = self.bytes;
                return Some(format!("timeout: {bytes} bytes in {seconds} s, too slow"));
            }
            self.since = Instant::now();
            self.bytes = 0;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drip_is_given_up_after_the_timeout_and_a_stream_is_not() {
        let options = Options {
            timeout: Duration::from_millis(30),
            ..Options::default()
        };
        let mut drip = Pace::new(&options);
        let mut stream = Pace::new(&options);
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(100) {
            stream.came(1 << 20);
            assert_eq!(stream.given_up(), None);
            drip.came(1);
            if let Some(why) = drip.given_up() {
                assert!(why.starts_with("timeout"), "{why}");
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("the drip went on");
    }
}
