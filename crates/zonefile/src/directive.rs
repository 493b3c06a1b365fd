//! Directives: `$TTL`, `$SOA`, `$1` and the like, by their text.

use rblmap::NameKey;
use rblmap_content::{NameServers, Soa};

use crate::line::{digits, is_space, trim_start, word};

/// A directive that is well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Directive<'t> {
    /// A TTL of 0 is the one of `$TTL` before it.
    Soa(Soa),
    /// The same.
    Ns(NameServers),
    /// A `$NS` whose names are all turned off: it gives its TTL, as `$NS` does, and no name, so the next
    /// one counts.
    NsOff {
        ttl: u32,
    },
    /// The names of a `$NS` that ends in a malformed name: warned about, but the names before it are
    /// kept, and later lines are ignored. Its TTL is not taken: the one of a `$NS` before it, whose
    /// names are all turned off, stays, and without one it really is 0.
    BrokenNs(Vec<Vec<u8>>),
    /// Seconds; 0 for the built-in default.
    Ttl(u32),
    /// At most this many addresses an entry.
    MaxRange4(u32),
    Timestamp(Timestamp),
    /// The text is empty where that is malformed, unless the variable was set before.
    Variable(usize, &'t [u8]),
    /// As for a variable.
    Base(&'t [u8]),
    /// What follows `$DATASET`.
    Dataset(&'t [u8]),
    /// A second `$SOA` or `$NS`, not even read.
    Ignored,
}

/// When data was made and when it stops being valid, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timestamp {
    pub(crate) made: Option<u64>,
    pub(crate) expires: Option<u64>,
}

/// Which of the directives of which the first counts have been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    pub(crate) soa: bool,
    pub(crate) ns: bool,
}

/// A name server or mailbox that is longer, as it is written, is none.
const MAX_DOMAIN: usize = 255;

/// rbldnsd keeps this many name servers of one line.
const MAX_NAME_SERVERS: usize = 32;

/// Reads a directive without its `$`; `None` if it is unknown or malformed.
pub(crate) fn parse(text: &[u8], seen: Seen) -> Option<Directive<'_>> {
    let (name, rest) = word(text);
    if name.len() == text.len() {
        return None;
    }
    // White space may stand before a NUL, so there may be nothing left: each looks after itself.
    match name.to_ascii_lowercase().as_slice() {
        b"soa" if seen.soa => Some(Directive::Ignored),
        b"soa" => soa(rest).map(Directive::Soa),
        b"ns" | b"nameserver" if seen.ns => Some(Directive::Ignored),
        b"ns" | b"nameserver" => name_servers(rest),
        b"ttl" => time(rest)
            .filter(|(_, rest)| rest.is_empty())
            .map(|(ttl, _)| Directive::Ttl(ttl)),
        b"maxrange4" => max_range(rest).map(Directive::MaxRange4),
        b"timestamp" => timestamp(rest).map(Directive::Timestamp),
        b"dataset" => Some(Directive::Dataset(rest)),
        b"=" => Some(Directive::Base(rest)),
        [digit @ b'0'..=b'9'] => Some(Directive::Variable(usize::from(digit - b'0'), rest)),
        _ => None,
    }
}

/// Reads a time: seconds, or a number with a unit; what follows it and white space.
pub(crate) fn time(text: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = digits(text)?;
    let (unit, rest) = match rest {
        [b's' | b'S', rest @ ..] => (1, rest),
        [b'm' | b'M', rest @ ..] => (60, rest),
        [b'h' | b'H', rest @ ..] => (3_600, rest),
        [b'd' | b'D', rest @ ..] => (86_400, rest),
        [b'w' | b'W', rest @ ..] => (604_800, rest),
        rest => (1, rest),
    };
    let seconds = number.checked_mul(unit)?;
    match rest {
        [] | [b' ' | b'\t' | b':', ..] => Some((seconds, trim_start(rest))),
        _ => None,
    }
}

fn soa(text: &[u8]) -> Option<Soa> {
    let (ttl, rest) = time(text)?;
    let (origin, rest) = domain(rest)?;
    let (person, rest) = domain(rest)?;
    let (serial, rest) = digits(rest)?;
    if !rest.first().is_some_and(|&b| is_space(b)) {
        return None;
    }
    let (refresh, rest) = time(trim_start(rest))?;
    let (retry, rest) = time(rest)?;
    let (expire, rest) = time(rest)?;
    let (minimum, rest) = time(rest)?;
    rest.is_empty().then(|| Soa {
        ttl,
        origin: origin.to_vec(),
        person: person.to_vec(),
        serial,
        timers: [refresh, retry, expire, minimum],
    })
}

fn name_servers(text: &[u8]) -> Option<Directive<'_>> {
    let (ttl, mut rest) = time(text)?;
    if rest.is_empty() {
        return None;
    }
    let mut names = Vec::new();
    while !rest.is_empty() {
        // Turned off, a name is not even read.
        if rest.first() == Some(&b'-') {
            rest = word(rest).1;
            continue;
        }
        let Some((name, after)) = domain(rest) else {
            return (!names.is_empty()).then_some(Directive::BrokenNs(names));
        };
        if names.len() < MAX_NAME_SERVERS {
            names.push(name.to_vec());
        }
        rest = after;
    }
    Some(if names.is_empty() {
        Directive::NsOff { ttl }
    } else {
        Directive::Ns(NameServers { ttl, names })
    })
}

/// A name as it is written; `.` is one too.
fn domain(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = word(text);
    let good = !name.is_empty() && name.len() <= MAX_DOMAIN && NameKey::parse(name).is_ok();
    good.then_some((name, rest))
}

fn max_range(text: &[u8]) -> Option<u32> {
    let (count, rest) = match text {
        [b'/', bits @ ..] => {
            let (bits, rest) = digits(bits)?;
            let host = 32u32.checked_sub(bits).filter(|&host| host < 32)?;
            (1u32 << host, rest)
        }
        _ => digits(text)?,
    };
    (count > 0 && rest.is_empty()).then_some(count)
}

fn timestamp(text: &[u8]) -> Option<Timestamp> {
    let (made, rest) = word(text);
    let (expires, rest) = word(rest);
    if !rest.is_empty() {
        return None;
    }
    let made = stamp(made)?;
    let expires = match expires {
        [] => None,
        [b'+', after @ ..] => {
            let (seconds, rest) = time(after)?;
            if seconds == 0 || !rest.is_empty() {
                return None;
            }
            Some(made?.saturating_add(seconds.into()))
        }
        text => stamp(text)?,
    };
    Some(Timestamp { made, expires })
}

/// Reads a stamp: `Some(None)` for one that is not given.
fn stamp(text: &[u8]) -> Option<Option<u64>> {
    if matches!(text, b"0" | b"-" | b":") {
        return Some(None);
    }
    let (year, rest) = stamp_part(text, 4)?;
    let (month, rest) = stamp_part(rest, 2)?;
    let (day, mut rest) = stamp_part(rest, 2)?;
    let mut clock = [0u64; 3];
    for part in &mut clock {
        if rest.is_empty() {
            break;
        }
        (*part, rest) = stamp_part(rest, 2)?;
    }
    let [hour, minute, second] = clock;
    let good = (1970..=2038).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && rest.is_empty();
    good.then(|| {
        Some(days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
    })
}

/// Up to `most` digits and a `:` or `-` behind them.
fn stamp_part(text: &[u8], most: usize) -> Option<(u64, &[u8])> {
    let len = text
        .iter()
        .take(most)
        .take_while(|b| b.is_ascii_digit())
        .count();
    let (number, rest) = text.split_at_checked(len)?;
    let (number, _) = digits(number)?;
    let rest = match rest {
        [b':' | b'-', rest @ ..] => rest,
        rest => rest,
    };
    Some((number.into(), rest))
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

fn days_of(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let years: u64 = (1970..year).map(|y| 365 + u64::from(is_leap(y))).sum();
    let months: u64 = (1..month).map(|m| days_of(year, m)).sum();
    years + months + day - 1
}

/// Year, month and day of a day since 1970.
pub(crate) fn civil(day: u64) -> (u64, u64, u64) {
    let mut rest = day;
    let mut year = 1970;
    while rest >= 365 + u64::from(is_leap(year)) {
        rest -= 365 + u64::from(is_leap(year));
        year += 1;
        // Far beyond all that a stamp can say.
        if year > 9_999 {
            break;
        }
    }
    let mut month = 1;
    while month < 12 && rest >= days_of(year, month) {
        rest -= days_of(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Directive<'_>> {
        parse(text.as_bytes(), Seen::default())
    }

    #[test]
    fn directives_are_read_by_the_rules_of_zone_files() {
        assert_eq!(read("TTL 5m"), Some(Directive::Ttl(300)));
        assert_eq!(read("ttl\t2W"), Some(Directive::Ttl(1_209_600)));
        assert_eq!(read("1 x y"), Some(Directive::Variable(1, b"x y")));
        assert_eq!(read("= see $"), Some(Directive::Base(b"see $")));
        assert_eq!(read("MAXRANGE4 /16"), Some(Directive::MaxRange4(65_536)));
        assert_eq!(read("MAXRANGE4 /32"), Some(Directive::MaxRange4(1)));
        let bad = [
            "TTL",
            "TTL 1x",
            "4",
            "10 ten",
            "7:no",
            "=no",
            "A x",
            "ENT",
            "$",
            "NOSUCH thing",
            "MAXRANGE4 /33",
            "MAXRANGE4 /0",
            "MAXRANGE4 0",
            "MAXRANGE4 x",
            "NS 1h",
            "NS 1h \\999 a",
            "NS 4294967296 a",
            "TTL 4294967296",
            "SOA 0 ns.example. admin.example. 0 1 1 1",
        ];
        for text in bad {
            assert_eq!(read(text), None, "{text}");
        }
        assert!(matches!(read("NS 1h a -\\999 ."), Some(Directive::Ns(ns)) if ns.names.len() == 2));
        assert_eq!(read("NS 1h -a"), Some(Directive::NsOff { ttl: 3600 }));
        let broken = vec![b"a".to_vec()];
        assert_eq!(read("NS 1h a \\999 b"), Some(Directive::BrokenNs(broken)));
        assert!(read("SOA 0 . . 0 1h 1h 1w 1h").is_some());
        assert!(read("SOA 0 ns.example. admin.example. 0 1h 1h 1w 1h").is_some());
        assert!(read("SOA 0 ns.example. admin.example. 0 1h 1h 1w 1h x").is_none());
    }

    #[test]
    fn stamps_may_be_written_in_many_ways() {
        let day = 1_104_624_000; // 2005-01-02
        let second = day + 3 * 3_600 + 4 * 60 + 5;
        let cases = [
            ("2005:01:02", Some(Some(day))),
            ("2005-1-2", Some(Some(day))),
            ("20050102030405", Some(Some(second))),
            ("2005:01:02:03:04:05-", Some(Some(second))),
            ("0", Some(None)),
            ("-", Some(None)),
            ("2005:13:01", None),
            ("2005:02:29", None),
            ("1969:01:01", None),
            ("2039:01:01", None),
            ("junk", None),
            ("2005", None),
        ];
        for (text, time) in cases {
            assert_eq!(stamp(text.as_bytes()), time, "{text}");
        }
        assert_eq!(stamp(b"20040229"), Some(Some(1_078_012_800)));
    }

    #[test]
    fn days_have_their_dates() {
        for day in (0..25_202).step_by(97) {
            let (year, month, date) = civil(day);
            assert_eq!(days_since_1970(year, month, date), day);
        }
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(u64::MAX / 86_400).0, 10_000);
    }

    #[test]
    fn an_expiry_may_be_relative_to_the_stamp() {
        let read = |text: &str| timestamp(text.as_bytes());
        let expires = |text| read(text).and_then(|stamp| stamp.expires);
        assert_eq!(expires("2005:01:02 +1w"), Some(1_104_624_000 + 604_800));
        assert_eq!(expires("- 20050102"), Some(1_104_624_000));
        for bad in [
            "0 +1w",
            "2005:01:01 +0",
            "2005:01:01 junk",
            "2005:01:01 2005:01:02 x",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
