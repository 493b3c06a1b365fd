//! Times as people read them, beside the seconds since 1970 that files and decisions use.

use jiff::Timestamp;

/// A day, seconds.
pub(crate) const DAY: u64 = 24 * 3600;

/// Seconds since 1970 as RFC 3339 in UTC, `2026-11-28T19:48:30Z`; a number that no calendar has
/// stays a number.
///
/// ```
/// assert_eq!(rblmap_feed::time_text(1_795_895_310), "2026-11-28T19:48:30Z");
/// ```
pub fn time_text(seconds: u64) -> String {
    let second = i64::try_from(seconds).ok();
    let stamp = second.and_then(|second| Timestamp::from_second(second).ok());
    stamp.map_or_else(|| seconds.to_string(), |stamp| stamp.to_string())
}

/// A length of time in its two largest units, `3 days 4 h`.
///
/// ```
/// assert_eq!(rblmap_feed::duration_text(4 * 3600 + 90), "4 h 1 min");
/// ```
pub fn duration_text(seconds: u64) -> String {
    let parts = [
        (seconds / DAY, "days"),
        (seconds % DAY / 3600, "h"),
        (seconds % 3600 / 60, "min"),
        (seconds % 60, "s"),
    ];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let said = parts.iter().skip(first).take(2);
    let said = said.filter(|(count, unit)| *count > 0 || *unit == "s" && first == 3);
    let words: Vec<String> = said
        .map(|(count, unit)| match (*count, *unit) {
            (1, "days") => "1 day".to_owned(),
            (count, unit) => format!("{count} {unit}"),
        })
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_for_people() {
        assert_eq!(time_text(0), "1970-01-01T00:00:00Z");
        assert_eq!(time_text(u64::MAX), u64::MAX.to_string());
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min 59 s"),
            (DAY, "1 day"),
            (3 * DAY + 4 * 3600 + 5, "3 days 4 h"),
        ] {
            assert_eq!(duration_text(seconds), text);
        }
    }
}
