//! Times as people write them: how long from now, or when.

use std::str::FromStr;

use crate::cmd::duration::Seconds;

/// When something ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// So many seconds from now.
    After(u64),
    /// At this second since 1970.
    At(u64),
}

impl Until {
    /// The second since 1970.
    pub(super) fn after(self, now: u64) -> u64 {
        match self {
            Until::After(seconds) => now.saturating_add(seconds),
            Until::At(time) => time,
        }
    }
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Until, String> {
        if let Ok(time) = text.parse() {
            return Ok(Until::At(time));
        }
        if let Some(time) = stamp(text) {
            return Ok(Until::At(time));
        }
        let length: Result<Seconds, _> = text.parse();
        length
            .map(|seconds| Until::After(seconds.0))
            .map_err(|_| "not 24h, 7d, seconds since 1970, or 2026-12-31T00:00:00Z".to_owned())
    }
}

/// `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SSZ` (RFC 3339, in UTC).
fn stamp(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let numbers = |text: &str, mark: char| -> Option<Vec<u64>> {
        text.split(mark).map(|part| part.parse().ok()).collect()
    };
    let [year, month, day] = numbers(date, '-')?.try_into().ok()?;
    let [hour, minute, second] = numbers(time.strip_suffix('Z')?, ':')?.try_into().ok()?;
    let good = (1970..10_000).contains(&year) && (1..=12).contains(&month);
    let good = good && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
    good.then(|| days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970. Years begin in March here, so that the odd day is the last of one.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month < 3 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_each_way() {
        let read = |text: &str| text.parse::<Until>().ok();
        assert_eq!(read("24h"), Some(Until::After(86_400)));
        assert_eq!(read("1800000000"), Some(Until::At(1_800_000_000)));
        assert_eq!(read("2027-01-15T08:00:00Z"), Some(Until::At(1_800_000_000)));
        assert_eq!(read("1970-01-01"), Some(Until::At(0)));
        assert_eq!(read("2000-02-29"), Some(Until::At(951_782_400)));
        for bad in ["", "soon", "2026-13-01", "2026-01-01T00:00:00", "0h"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
