//! What a mirror refuses even if it is well signed: changes that are more likely a mistake, or a
//! stolen key, than news.

use std::fmt;

use rblmap::Image;
use serde::{Deserialize, Serialize};

use crate::network::{Network, Range, widest};
use crate::reach::{self, Reached};
use crate::time::DAY;

/// Limits on what an update may change.
///
/// See the example of [`accept`](crate::accept).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guards {
    /// How much may be added within a day, in parts of what there is.
    pub grow: f64,
    /// How much may go away within a day, in parts of what there is.
    pub shrink: f64,
    /// A change of fewer addresses, networks or names than this is never refused.
    pub least: u64,
    /// The widest IPv4 network, bits of its prefix.
    pub widest4: u32,
    /// The widest IPv6 network, bits of its prefix.
    pub widest6: u32,
    /// The fewest labels of a name below which everything is listed.
    pub labels: usize,
    /// Networks of which nothing may be listed: one's own mail servers.
    pub never: Vec<Network>,
}

/// How much a lookup by address or name reaches, at one time.
///
/// See the example of [`Health`](crate::Health).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Measured {
    /// When it came into effect, seconds since 1970 by the clock here.
    pub at: u64,
    /// IPv4 addresses, those that names spell included.
    pub v4: u64,
    /// IPv6 networks of 64 bits, those that names spell included.
    pub v6: u64,
    /// Names.
    pub names: u64,
}

/// Why an update is refused.
///
/// See the example of [`accept`](crate::accept).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// More than may be added.
    Grows {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        from: u64,
        /// How many there would be.
        to: u64,
        /// How many there may be.
        limit: u64,
    },
    /// More than may go away.
    Shrinks {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        from: u64,
        /// How many there would be.
        to: u64,
        /// How many there must be.
        limit: u64,
    },
    /// A network that is too wide.
    Wide {
        /// The listed range.
        range: Range,
        /// The widest prefix allowed.
        widest: u32,
    },
    /// All names below one of few labels.
    WideName {
        /// The name.
        name: String,
    },
    /// 127.0.0.1 is listed, which RFC 5782 forbids.
    Loopback,
    /// The test point 127.0.0.2 was listed and would not be any more.
    TestPoint,
    /// A network that must never be listed.
    Never {
        /// The listed range.
        range: Range,
        /// The network it meets.
        network: Network,
    },
}

const LOOPBACK: u32 = 0x7f00_0001;
const TEST_POINT: u32 = 0x7f00_0002;
/// However long a mirror was away, so many days are allowed for at most.
const MOST_DAYS: u64 = 3;
/// Sizes of so many swaps are remembered at most.
const SIZES: usize = 48;

impl Default for Guards {
    fn default() -> Guards {
        Guards {
            grow: 0.5,
            shrink: 0.5,
            least: 1000,
            widest4: 8,
            widest6: 16,
            labels: 2,
            never: Vec::new(),
        }
    }
}

/// What an update is compared with.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Before<'a> {
    /// The running image, if there is one.
    pub(crate) image: Option<&'a Image>,
    /// The size a day ago, if it is known.
    pub(crate) size: Option<Measured>,
    /// When the zone was last looked at with success, by the clock here: times in the feed are
    /// whatever its signer likes.
    pub(crate) checked: u64,
}

impl Guards {
    /// What stands against an update, if anything, and the size of it. One pass over the image.
    ///
    /// # Errors
    /// Zones of an image that do not fit together.
    pub(crate) fn check(
        &self,
        before: Before<'_>,
        new: &Image,
        now: u64,
    ) -> Result<(Option<Refusal>, Measured), rblmap::Error> {
        let mut size = Measured {
            at: now,
            ..Measured::default()
        };
        let mut refusal = None;
        for zone in new.zones() {
            let reached = Reached::by(new, &zone?);
            size.add(&reached);
            refusal = refusal.or_else(|| self.check_zone(&reached));
        }
        if refusal.is_some() {
            return Ok((refusal, size));
        }
        let tested = |image: &Image| image.base().lookup_v4(TEST_POINT).is_listed();
        if before.image.is_some_and(tested) && !tested(new) {
            return Ok((Some(Refusal::TestPoint), size));
        }
        let Some(old) = before.size else {
            return Ok((None, size));
        };
        let away = now.saturating_sub(before.checked);
        let days = u32::try_from((away / DAY).clamp(1, MOST_DAYS)).unwrap_or(1);
        Ok((self.check_size(&old, &size, days), size))
    }

    fn check_size(&self, old: &Measured, new: &Measured, days: u32) -> Option<Refusal> {
        for ((what, from), (_, to)) in old.kinds().into_iter().zip(new.kinds()) {
            let may_grow = (from as f64) * self.grow.max(0.0) * f64::from(days);
            let stays = (1.0 - self.shrink.clamp(0.0, 1.0)).powi(days.cast_signed());
            let may_shrink = (from as f64) * (1.0 - stays);
            let limit = from.saturating_add(whole(may_grow).max(self.least));
            if to > limit {
                return Some(Refusal::Grows {
                    what,
                    from,
                    to,
                    limit,
                });
            }
            let limit = from.saturating_sub(whole(may_shrink).max(self.least));
            if to < limit {
                return Some(Refusal::Shrinks {
                    what,
                    from,
                    to,
                    limit,
                });
            }
        }
        None
    }

    fn check_zone(&self, reached: &Reached) -> Option<Refusal> {
        for &(start, end) in &reached.v4 {
            let range = Range(crate::network::ip4(start), crate::network::ip4(end));
            if (start..=end).contains(&LOOPBACK) {
                return Some(Refusal::Loopback);
            }
            if widest(start.into(), end.into(), 32) < self.widest4 {
                let widest = self.widest4;
                return Some(Refusal::Wide { range, widest });
            }
            let met = self.never.iter().find(|network| {
                matches!(network, Network::V4(first, last) if start <= *last && *first <= end)
            });
            if let Some(&network) = met {
                return Some(Refusal::Never { range, network });
            }
        }
        for &(start, end) in &reached.v6 {
            let range = Range(crate::network::ip6(start), crate::network::ip6(end));
            if widest(start, end, 128) < self.widest6 {
                let widest = self.widest6;
                return Some(Refusal::Wide { range, widest });
            }
            let met = self.never.iter().find(|network| {
                matches!(network, Network::V6(first, last) if start <= *last && *first <= end)
            });
            if let Some(&network) = met {
                return Some(Refusal::Never { range, network });
            }
        }
        let wide = reached.widest_name.as_ref();
        let wide = wide.filter(|(labels, _)| *labels < self.labels);
        wide.map(|(_, name)| Refusal::WideName { name: name.clone() })
    }
}

impl Measured {
    /// The size of an image.
    ///
    /// # Errors
    /// Zones of an image that do not fit together.
    pub(crate) fn of(image: &Image, at: u64) -> Result<Measured, rblmap::Error> {
        let mut size = Measured {
            at,
            ..Measured::default()
        };
        for zone in image.zones() {
            size.add(&Reached::by(image, &zone?));
        }
        Ok(size)
    }

    fn add(&mut self, reached: &Reached) {
        self.v4 = self.v4.saturating_add(reached.v4_addresses());
        self.v6 = self.v6.saturating_add(reach::networks64(&reached.v6));
        self.names = self.names.saturating_add(reached.names);
    }

    /// The three that are compared, with what they count.
    fn kinds(&self) -> [(&'static str, u64); 3] {
        [
            ("IPv4 addresses", self.v4),
            ("IPv6 /64 networks", self.v6),
            ("names", self.names),
        ]
    }
}

/// The size that an update is compared with: that of the image which ran a day ago, or of the first
/// one since.
pub(crate) fn a_day_ago(sizes: &[Measured], now: u64) -> Option<Measured> {
    let day_ago = now.saturating_sub(DAY);
    let ran = sizes.iter().rev().find(|size| size.at <= day_ago);
    ran.or(sizes.first()).copied()
}

/// Remembers the size of the image that runs from now on, and forgets those before the one that ran
/// a day ago.
pub(crate) fn remember(sizes: &mut Vec<Measured>, size: Measured) {
    let now = size.at;
    // A clock that was ahead once.
    sizes.retain(|old| old.at <= now);
    let day_ago = now.saturating_sub(DAY);
    let ran = sizes.iter().rposition(|old| old.at <= day_ago);
    sizes.drain(..ran.unwrap_or(0));
    sizes.push(size);
    // The oldest is what counts; those in between are there to become the oldest.
    while sizes.len() > SIZES {
        sizes.remove(sizes.len() / 2);
    }
}

fn whole(number: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, which is what is meant"
    )]
    let whole = number as u64;
    whole
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Grows {
                what,
                from,
                to,
                limit,
            } => write!(
                f,
                "grows from {from} to {to} {what}, at most {limit} are taken"
            ),
            Refusal::Shrinks {
                what,
                from,
                to,
                limit,
            } => write!(
                f,
                "shrinks from {from} to {to} {what}, at least {limit} are taken"
            ),
            Refusal::Wide { range, widest } => {
                write!(f, "{range} is listed, which is wider than /{widest}")
            }
            Refusal::WideName { name } => {
                write!(f, "everything below {name} is listed, or the empty name")
            }
            Refusal::Loopback => f.write_str("127.0.0.1 is listed"),
            Refusal::TestPoint => {
                f.write_str("the test point 127.0.0.2 is listed now and would not be any more")
            }
            Refusal::Never { range, network } => {
                write!(f, "{range} is listed, but nothing of {network} must be")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_by_day_and_never_below_the_least() {
        let guards = Guards::default();
        let of = |v4| Measured {
            v4,
            ..Measured::default()
        };
        let check = |from, to, days| guards.check_size(&of(from), &of(to), days).is_none();
        assert!(check(10_000, 15_000, 1));
        assert!(!check(10_000, 15_001, 1));
        assert!(check(10_000, 20_000, 2));
        assert!(check(10_000, 5_000, 1));
        assert!(!check(10_000, 4_999, 1));
        assert!(check(10_000, 2_500, 2));
        assert!(check(0, 1_000, 1), "below the least");
        assert!(!check(0, 1_001, 1));
        assert!(check(900, 0, 1));
    }

    #[test]
    fn what_ran_a_day_ago_is_compared_with() {
        let mut sizes = Vec::new();
        let at = |at, v4| Measured {
            at,
            v4,
            ..Measured::default()
        };
        assert_eq!(a_day_ago(&sizes, 5), None);
        for hour in 0..100u64 {
            remember(&mut sizes, at(hour * 3600, hour));
            let compared = a_day_ago(&sizes, hour * 3600).unwrap();
            assert_eq!(compared.v4, hour.saturating_sub(24), "hour {hour}");
        }
        assert!(sizes.len() <= 26, "{}", sizes.len());
        // Many swaps within the hour do not move the day.
        for second in 0..1000u64 {
            remember(&mut sizes, at(100 * 3600 + second, 1_000_000 + second));
        }
        assert!(sizes.len() <= SIZES);
        assert!(a_day_ago(&sizes, 100 * 3600 + 1000).unwrap().v4 < 100);
        // After weeks without a swap the running image is what ran a day ago.
        let last = sizes.last().unwrap().v4;
        assert_eq!(a_day_ago(&sizes, 5000 * 3600).unwrap().v4, last);
    }
}
