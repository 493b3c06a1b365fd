//! Weights and their sum.

use std::fmt;
use std::iter::Sum;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// A weight, a sum of weights, or a threshold: a number with at most three decimals, kept exactly
/// so that a sum does not depend on its order.
///
/// ```
/// use rblmap_policy::Score;
/// let sum: Score = [Score::from_thousandths(2500), Score::from_thousandths(-500)].into_iter().sum();
/// assert_eq!(sum.to_string(), "2");
/// assert_eq!(Score::from_thousandths(2500).to_string(), "2.5");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Score(i64);

/// Weights beyond this are a slip; sums of many stay far from the limit of the type.
const LIMIT: i64 = 1_000_000;

impl Score {
    /// One.
    pub const ONE: Score = Score(1000);
    /// Zero.
    pub const ZERO: Score = Score(0);

    /// From a number of thousandths.
    pub fn from_thousandths(thousandths: i64) -> Score {
        Score(thousandths)
    }

    /// The number in thousandths.
    pub fn thousandths(self) -> i64 {
        self.0
    }

    /// Without its sign.
    pub fn magnitude(self) -> Score {
        Score(self.0.abs())
    }
}

impl Sum for Score {
    fn sum<I: Iterator<Item = Score>>(scores: I) -> Score {
        Score(scores.fold(0i64, |sum, score| sum.saturating_add(score.0)))
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (self.0.unsigned_abs() / 1000, self.0.unsigned_abs() % 1000);
        if part == 0 {
            return write!(f, "{sign}{whole}");
        }
        let part = format!("{part:03}");
        write!(f, "{sign}{whole}.{}", part.trim_end_matches('0'))
    }
}

impl<'de> Deserialize<'de> for Score {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Score, D::Error> {
        deserializer.deserialize_any(Number)
    }
}

struct Number;

impl Visitor<'_> for Number {
    type Value = Score;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a number from -{LIMIT} to {LIMIT} with at most three decimals"
        )
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Score, E> {
        if number.checked_abs().is_none_or(|size| size > LIMIT) {
            return Err(E::invalid_value(Unexpected::Signed(number), &self));
        }
        Ok(Score(number * 1000))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Score, E> {
        let thousandths = (number * 1000.0).round();
        #[expect(clippy::cast_precision_loss, reason = "a small constant")]
        let limit = LIMIT as f64 * 1000.0;
        let exact = (thousandths - number * 1000.0).abs() < 1e-6;
        if !number.is_finite() || thousandths.abs() > limit || !exact {
            return Err(E::invalid_value(Unexpected::Float(number), &self));
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "compared with the limit above"
        )]
        let thousandths = thousandths as i64;
        Ok(Score(thousandths))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_printed_as_they_are_written() {
        for (thousandths, text) in [
            (0, "0"),
            (5000, "5"),
            (-4000, "-4"),
            (2500, "2.5"),
            (-1, "-0.001"),
            (10, "0.01"),
            (1230, "1.23"),
        ] {
            assert_eq!(Score(thousandths).to_string(), text);
        }
    }
}
