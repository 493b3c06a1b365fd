//! Times and rates as people write them.

use std::str::FromStr;
use std::time::Duration;

/// Seconds, written as `90`, `90s`, `15m`, `24h` or `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) u64);

/// Bytes a second, written as `500000`, `500k` or `2m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) u64);

/// How long to wait for another run.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Wait {
    /// Wait for another run to end, at most TIME (without it a day), in place of exit code 7
    #[arg(
        long = "wait",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1d",
        value_name = "TIME"
    )]
    wait: Option<Seconds>,
}

impl Wait {
    pub(crate) fn time(self) -> Duration {
        Duration::from_secs(self.wait.map_or(0, |wait| wait.0))
    }
}

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seconds, String> {
        let seconds = rblmap_feed::seconds(text);
        Ok(Seconds(seconds.ok_or("not a time as 90s, 15m, 24h or 7d")?))
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        let rate = scaled(text, &[("k", 1000), ("m", 1_000_000)]);
        let rate = rate.ok_or("not bytes a second as 500000, 500k or 2m")?;
        Ok(Rate(rate))
    }
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let unit = units
        .iter()
        .find_map(|(end, unit)| Some((text.strip_suffix(end)?, *unit)));
    let (number, unit) = unit.unwrap_or((text, 1));
    let number = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (number > 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        assert_eq!("24h".parse(), Ok(Seconds(86_400)));
        assert_eq!("90".parse(), Ok(Seconds(90)));
        assert_eq!("500k".parse(), Ok(Rate(500_000)));
        for bad in ["", "h", "0", "-1h", "1w", "99999999999999999999d"] {
            assert!(bad.parse::<Seconds>().is_err(), "{bad}");
        }
    }
}
