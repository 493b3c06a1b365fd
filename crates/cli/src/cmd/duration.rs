//! Times and rates as people write them.

use std::str::FromStr;

/// Seconds, written as `90`, `90s`, `15m`, `24h` or `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) u64);

/// Bytes a second, written as `500000`, `500k` or `2m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) u64);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seconds, String> {
        let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 24 * 3600)];
        let seconds = scaled(text, &units).ok_or("not a time as 90s, 15m, 24h or 7d")?;
        Ok(Seconds(seconds))
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
