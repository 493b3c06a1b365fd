//! The time that a caller names.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970, which callers name so that the reader need not ask for the time of day.
///
/// ```
/// use std::time::SystemTime;
/// use rblmap::Timestamp;
///
/// assert_eq!(Timestamp::from(1_700_000_000).seconds(), 1_700_000_000);
/// assert!(Timestamp::now() >= Timestamp::from(SystemTime::UNIX_EPOCH));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The time of the machine's clock.
    pub fn now() -> Timestamp {
        SystemTime::now().into()
    }

    /// The number of seconds since 1970.
    pub fn seconds(self) -> u64 {
        self.0
    }
}

impl From<u64> for Timestamp {
    fn from(seconds: u64) -> Timestamp {
        Timestamp(seconds)
    }
}

impl From<SystemTime> for Timestamp {
    /// A time before 1970 counts as 1970.
    fn from(time: SystemTime) -> Timestamp {
        let since = time.duration_since(UNIX_EPOCH);
        Timestamp(since.map_or(0, |since| since.as_secs()))
    }
}

impl From<Timestamp> for SystemTime {
    /// A time that the machine cannot name counts as 1970.
    fn from(time: Timestamp) -> SystemTime {
        let after = UNIX_EPOCH.checked_add(Duration::from_secs(time.0));
        after.unwrap_or(UNIX_EPOCH)
    }
}
