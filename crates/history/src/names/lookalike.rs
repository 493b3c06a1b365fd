//! Listed names that look like given ones.

use std::collections::BTreeMap;

use fst::{IntoStreamer, Streamer};
use rblmap::{NameKey, Zone};
use unicode_security::skeleton;

use crate::error::Error;
use crate::names::automaton::Near;
use crate::names::puny::decode_name;

/// Names differ by so many edits at most.
pub const MAX_DISTANCE: u8 = 2;

/// A listed name that looks like one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lookalike {
    /// How many edits lie between the two once letters that look alike are one: 0 to 2.
    pub distance: u8,
    /// The listed name, as it is stored.
    pub listed: String,
}

/// Names in the form that people see, ready for a search.
#[derive(Debug)]
pub struct Lookalikes {
    set: fst::Set<Vec<u8>>,
    /// By the form of the set, the names that look so.
    stored: BTreeMap<Vec<u8>, Vec<String>>,
}

impl Lookalikes {
    /// Takes names. Costs about a microsecond a name.
    ///
    /// # Errors
    /// None with names that fit into memory.
    pub fn new(names: impl IntoIterator<Item = String>) -> Result<Lookalikes, Error> {
        let mut stored: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
        for name in names {
            stored.entry(seen(&name)).or_default().push(name);
        }
        let set = fst::Set::from_iter(stored.keys()).map_err(|_| Error::TooLarge("names"))?;
        Ok(Lookalikes { set, stored })
    }

    /// The names of a zone, those that it lists or lists names below.
    ///
    /// # Errors
    /// As for [`Lookalikes::new`].
    pub fn of_zone(zone: &Zone<'_>) -> Result<Lookalikes, Error> {
        Lookalikes::new(listed(zone).map(|name| name.to_string()))
    }

    /// The names that look like `name`, the nearest first; the name itself is none of them, nor is
    /// one below it.
    ///
    /// ```
    /// use rblmap_history::names::Lookalikes;
    /// let names = ["paypa1.com", "paypal.com", "pay-pal.com", "example.org"];
    /// let names = Lookalikes::new(names.map(str::to_owned))?;
    /// let found: Vec<(u8, String)> =
    ///     names.like("paypal.com").into_iter().map(|near| (near.distance, near.listed)).collect();
    /// assert_eq!(found, [(0, "paypa1.com".to_owned()), (1, "pay-pal.com".to_owned())]);
    /// # Ok::<(), rblmap_history::Error>(())
    /// ```
    pub fn like(&self, name: &str) -> Vec<Lookalike> {
        let asked = name.trim_end_matches('.').to_ascii_lowercase();
        let form = seen(&asked);
        let near = Near::new(&form, MAX_DISTANCE);
        let mut found = Vec::new();
        let mut stream = self.set.search(&near).into_stream();
        while let Some(key) = stream.next() {
            let distance = near.distance(key);
            let names = self.stored.get(key).into_iter().flatten();
            found.extend(
                names
                    .filter(|listed| **listed != asked)
                    .map(|listed| Lookalike {
                        distance,
                        listed: listed.clone(),
                    }),
            );
        }
        found.sort();
        found
    }
}

/// The names that a zone lists, or of which it lists those below, in order.
pub fn listed<'a>(zone: &Zone<'a>) -> impl Iterator<Item = NameKey> + use<'a> {
    zone.names()
        .filter(|point| point.exact.value().or(point.below.value()).is_some())
        .map(|point| point.key)
}

/// A name as a person sees it: Punycode decoded, letters of other alphabets replaced by those that
/// they are confused with (Unicode Technical Standard 39), and of what remains 0 as o, 1 and i as l,
/// rn as m.
fn seen(name: &str) -> Vec<u8> {
    let decoded = decode_name(&name.to_ascii_lowercase());
    let plain: String = if decoded.is_ascii() {
        decoded
    } else {
        skeleton(&decoded.to_lowercase()).collect()
    };
    let replaced: String = plain
        .chars()
        .map(|letter| match letter {
            '0' => 'o',
            '1' | 'i' | '|' | 'I' => 'l',
            other => other.to_ascii_lowercase(),
        })
        .collect();
    replaced.replace("rn", "m").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The distance of two texts, by the whole table.
    fn distance(one: &[u8], other: &[u8]) -> usize {
        let mut row: Vec<usize> = (0..=other.len()).collect();
        for (i, a) in one.iter().enumerate() {
            let mut next = vec![i + 1];
            for (j, b) in other.iter().enumerate() {
                let replaced = row[j] + usize::from(a != b);
                next.push(replaced.min(row[j + 1] + 1).min(next[j] + 1));
            }
            row = next;
        }
        row[other.len()]
    }

    #[test]
    fn the_search_finds_what_all_pairs_find() {
        let mut random = fastrand::Rng::with_seed(39);
        let mut name = || {
            let len = random.usize(3..8);
            let label: String = (0..len)
                .map(|_| b"abo0l1irnm-"[random.usize(..11)] as char)
                .collect();
            format!("{label}.{}", ["com", "c0m", "org"][random.usize(..3)])
        };
        let names: Vec<String> = (0..3000).map(|_| name()).collect();
        let asked: Vec<String> = (0..60).map(|_| name()).collect();
        let set = Lookalikes::new(names.iter().cloned()).unwrap();
        for asked in asked {
            let mut expected: Vec<Lookalike> = names
                .iter()
                .filter(|name| **name != asked)
                .map(|name| (distance(&seen(name), &seen(&asked)), name))
                .filter(|(distance, _)| *distance <= 2)
                .map(|(distance, name)| Lookalike {
                    distance: u8::try_from(distance).unwrap(),
                    listed: name.clone(),
                })
                .collect();
            expected.sort();
            assert_eq!(set.like(&asked), expected, "{asked}");
        }
    }

    #[test]
    fn letters_that_look_alike() {
        let names = [
            "xn--pypal-4ve.com",
            "xn--80ak6aa92e.com",
            "rnicrosoft.com",
            "micr0soft.com",
        ];
        let set = Lookalikes::new(names.map(str::to_owned)).unwrap();
        let like = |name: &str| -> Vec<(u8, String)> {
            set.like(name)
                .into_iter()
                .map(|l| (l.distance, l.listed))
                .collect()
        };
        assert_eq!(like("paypal.com"), [(0, "xn--pypal-4ve.com".to_owned())]);
        assert_eq!(like("apple.com"), [(0, "xn--80ak6aa92e.com".to_owned())]);
        let microsoft = [
            (0, "micr0soft.com".to_owned()),
            (0, "rnicrosoft.com".to_owned()),
        ];
        assert_eq!(like("microsoft.com"), microsoft);
    }
}
