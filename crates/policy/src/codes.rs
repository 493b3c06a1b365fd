//! Which A records of a zone count, in the syntax of postscreen's `postscreen_dnsbl_sites`.

use std::net::Ipv4Addr;

/// A set of A records: patterns of four octets, each a number or a list of numbers and ranges in
/// brackets, `127.0.0.[2..11;20]`. Several patterns are divided by commas or spaces.
///
/// 127.255.255.0/24 never counts: lists answer from there to say that they refuse to answer.
///
/// ```
/// use rblmap_policy::Codes;
/// let codes = Codes::parse("127.0.0.[2..11]")?;
/// assert!(codes.contains([127, 0, 0, 10].into()));
/// assert!(!codes.contains([127, 0, 0, 12].into()));
/// assert!(Codes::default().contains([127, 1, 0, 9].into()), "the sums of RBL+ count");
/// assert!(!Codes::default().contains([127, 255, 255, 254].into()));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Codes {
    /// Empty for the default: 127.0.0.0/8 without 127.0.0.1.
    patterns: Vec<[Octets; 4]>,
}

/// A set of octets, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Octets([u128; 2]);

impl Codes {
    /// Reads patterns.
    ///
    /// # Errors
    /// What is wrong with the text, in words.
    pub fn parse(text: &str) -> Result<Codes, String> {
        let patterns = text.split([',', ' ', '\t']).filter(|part| !part.is_empty());
        let patterns: Vec<_> = patterns.map(pattern).collect::<Result<_, _>>()?;
        if patterns.is_empty() {
            return Err("no code: write for example \"127.0.0.[2..11]\"".to_owned());
        }
        for octets in &patterns {
            let refused = Ipv4Addr::new(127, 255, 255, 0).octets();
            let fixed = octets
                .iter()
                .zip(refused)
                .take(3)
                .all(|(set, octet)| set.is_only(octet));
            if fixed {
                let why = "127.255.255.0/24 is how lists say that they refuse to answer";
                return Err(format!("{why}, it never counts as a listing"));
            }
        }
        Ok(Codes { patterns })
    }

    /// Whether an A record counts.
    pub fn contains(&self, code: Ipv4Addr) -> bool {
        let octets = code.octets();
        if octets.starts_with(&[127, 255, 255]) {
            return false;
        }
        if self.patterns.is_empty() {
            return octets.starts_with(&[127]) && octets != [127, 0, 0, 1];
        }
        let matches = |pattern: &[Octets; 4]| {
            pattern
                .iter()
                .zip(octets)
                .all(|(set, octet)| set.contains(octet))
        };
        self.patterns.iter().any(matches)
    }
}

impl Octets {
    fn insert(&mut self, octet: u8) {
        let [low, high] = &mut self.0;
        let half = if octet < 128 { low } else { high };
        *half |= 1 << (octet % 128);
    }

    fn contains(self, octet: u8) -> bool {
        let [low, high] = self.0;
        let half = if octet < 128 { low } else { high };
        half >> (octet % 128) & 1 == 1
    }

    fn is_only(self, octet: u8) -> bool {
        let mut only = Octets::default();
        only.insert(octet);
        self == only
    }
}

fn pattern(text: &str) -> Result<[Octets; 4], String> {
    let bad = |why: &str| format!("code \"{text}\": {why}");
    let mut octets = [Octets::default(); 4];
    let mut rest = text;
    for (index, set) in octets.iter_mut().enumerate() {
        if index > 0 {
            rest = rest
                .strip_prefix('.')
                .ok_or_else(|| bad("four octets with dots between"))?;
        }
        if let Some(inside) = rest.strip_prefix('[') {
            let (list, after) = inside.split_once(']').ok_or_else(|| bad("no ] after ["))?;
            list.split(';')
                .try_for_each(|part| range(part, set))
                .map_err(|why| bad(&why))?;
            rest = after;
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            let (number, after) = rest.split_at(end);
            set.insert(octet(number).map_err(|why| bad(&why))?);
            rest = after;
        }
    }
    if rest.is_empty() {
        Ok(octets)
    } else {
        Err(bad("more than four octets"))
    }
}

fn range(part: &str, set: &mut Octets) -> Result<(), String> {
    let (first, last) = part.split_once("..").unwrap_or((part, part));
    let (first, last) = (octet(first)?, octet(last)?);
    if first > last {
        return Err(format!("{first}..{last} ends before it begins"));
    }
    (first..=last).for_each(|octet| set.insert(octet));
    Ok(())
}

fn octet(text: &str) -> Result<u8, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse::<u8>().ok().filter(|_| digits);
    number.ok_or_else(|| format!("\"{text}\" is not a number from 0 to 255"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_hold_what_they_say() {
        let codes = Codes::parse("127.0.0.[2..4;11], 127.[0..1].0.200").unwrap();
        for (code, counts) in [
            ([127, 0, 0, 2], true),
            ([127, 0, 0, 4], true),
            ([127, 0, 0, 5], false),
            ([127, 0, 0, 11], true),
            ([127, 1, 0, 200], true),
            ([127, 2, 0, 200], false),
        ] {
            assert_eq!(codes.contains(code.into()), counts, "{code:?}");
        }
        assert!(
            Codes::parse("127.0.0.1")
                .unwrap()
                .contains([127, 0, 0, 1].into())
        );
        assert!(
            !Codes::parse("[0..255].[0..255].[0..255].[0..255]")
                .unwrap()
                .contains([127, 255, 255, 1].into())
        );
    }

    #[test]
    fn slips_are_refused() {
        for text in [
            "",
            "127.0.0",
            "127.0.0.256",
            "127.0.0.[5..2]",
            "127.0.0.[2..",
            "127.0.0.2.3",
            "127.0.0.+2",
            "127.0.0.[]",
            "127.255.255.[1..254]",
            "127..0.2",
            "127.0.0.[2,3]",
        ] {
            assert!(Codes::parse(text).is_err(), "{text}");
        }
    }
}
