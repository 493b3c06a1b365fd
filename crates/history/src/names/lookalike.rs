//! Listed names that look like given ones.

use fst::{IntoStreamer, Streamer};
use rblmap::{NameKey, Zone};
use unicode_security::skeleton;

use crate::error::Error;
use crate::names::automaton::Near;
use crate::names::puny::decode_name;

/// A listed name that looks like one that was asked for.
///
/// See the example of [`Lookalikes::like`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lookalike {
    /// How many edits lie between the two once letters that look alike are one: 0 to 2.
    pub distance: u8,
    /// The listed name, as it is stored.
    pub listed: String,
}

/// Names in the form that people see, ready for a search.
///
/// See the example of [`Lookalikes::like`].
#[derive(Debug)]
pub struct Lookalikes {
    /// By the form that people see, which of the names look so: the first one, and how many.
    map: fst::Map<Vec<u8>>,
    /// The names in the order of the map.
    names: Texts,
}

/// Many short texts in one allocation.
#[derive(Debug, Default)]
struct Texts {
    bytes: String,
    ends: Vec<u32>,
}

impl Texts {
    fn push(&mut self, text: &str) -> Result<(), Error> {
        self.bytes.push_str(text);
        let end = u32::try_from(self.bytes.len());
        self.ends.push(end.map_err(|_| Error::TooLarge("names"))?);
        Ok(())
    }

    fn get(&self, index: u32) -> &str {
        let index = index as usize;
        let end = |index: usize| self.ends.get(index).map_or(0, |&end| end as usize);
        let start = index.checked_sub(1).map_or(0, end);
        self.bytes.get(start..end(index)).unwrap_or_default()
    }

    fn len(&self) -> u32 {
        // Each has an end in bytes, of which there are so many at most.
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }
}

impl Lookalikes {
    /// Takes names. Costs about a microsecond a name; holds twice their text and eight bytes each.
    ///
    /// # Errors
    /// Names of more than 4 GiB together.
    pub fn new(names: impl IntoIterator<Item = String>) -> Result<Lookalikes, Error> {
        let (mut forms, mut given) = (Texts::default(), Texts::default());
        for name in names {
            forms.push(&seen(&name))?;
            given.push(&name)?;
        }
        let mut order: Vec<u32> = (0..given.len()).collect();
        order.sort_unstable_by(|one, other| {
            (forms.get(*one), given.get(*one)).cmp(&(forms.get(*other), given.get(*other)))
        });
        let mut map = fst::MapBuilder::memory();
        let mut names = Texts::default();
        for alike in order.chunk_by(|one, other| forms.get(*one) == forms.get(*other)) {
            let Some(first) = alike.first() else {
                continue;
            };
            let group = u64::from(names.len()) << 32 | alike.len() as u64;
            let inserted = map.insert(forms.get(*first), group);
            inserted.map_err(|_| Error::TooLarge("names"))?;
            alike
                .iter()
                .try_for_each(|name| names.push(given.get(*name)))?;
        }
        Ok(Lookalikes {
            map: map.into_map(),
            names,
        })
    }

    /// The names of a zone, those that it lists or lists names below.
    ///
    /// # Errors
    /// As for [`Lookalikes::new`].
    pub fn of_zone(zone: &Zone<'_>) -> Result<Lookalikes, Error> {
        Lookalikes::new(listed(zone).map(|name| name.to_string()))
    }

    /// The names that look like `name`, the nearest first; the name itself is one of them, at
    /// distance 0.
    ///
    /// ```
    /// use rblmap_history::names::Lookalikes;
    /// let names = ["paypa1.com", "pay-pal.com", "example.org"];
    /// let names = Lookalikes::new(names.map(str::to_owned))?;
    /// let found: Vec<(u8, String)> =
    ///     names.like("paypal.com").into_iter().map(|near| (near.distance, near.listed)).collect();
    /// assert_eq!(found, [(0, "paypa1.com".to_owned()), (1, "pay-pal.com".to_owned())]);
    /// # Ok::<(), rblmap_history::Error>(())
    /// ```
    pub fn like(&self, name: &str) -> Vec<Lookalike> {
        let near = Near::new(&seen(name.trim_end_matches('.')));
        let mut found = Vec::new();
        let mut stream = self.map.search(&near).into_stream();
        while let Some((key, group)) = stream.next() {
            let distance = near.distance(key);
            let half = |number: u64| u32::try_from(number & 0xffff_ffff).unwrap_or(0);
            let (first, count) = (half(group >> 32), half(group));
            found.extend((first..first.saturating_add(count)).map(|index| Lookalike {
                distance,
                listed: self.names.get(index).to_owned(),
            }));
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
fn seen(name: &str) -> String {
    let name = name.to_lowercase();
    let decoded = if name.contains("xn--") {
        decode_name(&name)
    } else {
        name
    };
    let plain = if decoded.is_ascii() {
        decoded
    } else {
        skeleton(&decoded.to_lowercase()).collect()
    };
    let mut form = String::with_capacity(plain.len());
    for letter in plain.chars() {
        match letter.to_ascii_lowercase() {
            '0' => form.push('o'),
            '1' | 'i' | '|' => form.push('l'),
            'n' if form.ends_with('r') => {
                form.pop();
                form.push('m');
            }
            other => form.push(other),
        }
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The distance of two texts, by the whole table.
    fn distance(one: &str, other: &str) -> usize {
        let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
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
            let letters = [
                'a', 'b', 'o', '0', 'l', '1', 'i', 'r', 'n', 'm', '-', '\u{430}', '\u{e9}',
                '\u{5b57}',
            ];
            let label: String = (0..len)
                .map(|_| letters[random.usize(..letters.len())])
                .collect();
            format!("{label}.{}", ["com", "c0m", "org"][random.usize(..3)])
        };
        let names: Vec<String> = (0..3000).map(|_| name()).collect();
        let asked: Vec<String> = (0..60).map(|_| name()).collect();
        let set = Lookalikes::new(names.iter().cloned()).unwrap();
        for asked in asked {
            let mut expected: Vec<Lookalike> = names
                .iter()
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
