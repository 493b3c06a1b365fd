//! Common suffixes: names with many names below, such as `com`. Each has a code of its own, and the
//! names below it are spread over all blocks of the filter.

use super::codes::Code;
use super::hash::{Chain, HashKey, scale};
use crate::bytes::{array_at, put_bytes, u16_at, u32_at};
use crate::error::TooLarge;

/// Bytes of a place of the table of [`crate::sections::kind::NAMES_COMMON_SUFFIXES`]: lower half of the hash, end of
/// the key behind the table, code, length of the key (2), flags (2).
pub const SUFFIX_LEN: usize = 16;
/// A common suffix is at most so many places behind its own.
pub const SUFFIX_STEPS: usize = 8;
/// Most common suffixes.
pub const SUFFIX_MAX: usize = 2048;
/// Flag of a common suffix: it is a listed name itself.
pub const SUFFIX_LISTED: u16 = 1;

/// The common suffixes: a hash table, and behind it their keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommonSuffixes<'a> {
    table: &'a [[u8; SUFFIX_LEN]],
    keys: &'a [u8],
}

/// A common suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommonSuffix {
    /// Where its key begins among the keys, and how many bytes it has: at least one.
    start: usize,
    len: usize,
    /// Its code.
    pub code: Code,
    /// Whether it is a listed name itself.
    pub is_listed: bool,
}

/// The common suffixes of a name.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Common {
    /// Where the longest one ends in the key; 0 if there is none.
    pub end: usize,
    /// Its code.
    pub code: Option<Code>,
    /// Whether one of them is a listed name itself.
    pub is_listed: bool,
}

impl<'a> CommonSuffixes<'a> {
    /// Cuts a section with a table of `places`; `None` if it is too short, or `places` is no power
    /// of two.
    pub(crate) fn new(section: &'a [u8], places: usize) -> Option<CommonSuffixes<'a>> {
        let (table, keys) = section.split_at_checked(places.checked_mul(SUFFIX_LEN)?)?;
        let (table, _) = table.as_chunks();
        places
            .is_power_of_two()
            .then_some(CommonSuffixes { table, keys })
    }

    /// The suffix that is the first `end` bytes of a key, which have this hash.
    #[inline(always)]
    pub(crate) fn find(&self, hash: u64, key: &[u8], end: usize) -> Option<CommonSuffix> {
        let start = self.place(hash);
        for step in 0..SUFFIX_STEPS {
            let place = self.table.get((start + step) & (self.table.len() - 1))?;
            let is_used = u32_at(place, 4) != 0;
            if u64::from(u32_at(place, 0)) == hash & 0xffff_ffff && is_used {
                let found = self.read(place)?;
                if found.len == end && self.is_key(&found, key) {
                    return Some(found);
                }
            }
            if !is_used {
                return None;
            }
        }
        None
    }

    /// Whether a key begins with that of a suffix.
    #[inline(always)]
    fn is_key(&self, suffix: &CommonSuffix, key: &[u8]) -> bool {
        // Most are short, and eight bytes are compared faster than the right number of them.
        match (array_at(self.keys, suffix.start), array_at(key, 0)) {
            (Some(own), Some(first)) if suffix.len <= 8 => {
                let differ = u64::from_le_bytes(own) ^ u64::from_le_bytes(first);
                differ << (64 - 8 * suffix.len) == 0
            }
            _ => key.get(..suffix.len) == Some(self.key(suffix)),
        }
    }

    /// The key of a suffix.
    pub(crate) fn key(&self, suffix: &CommonSuffix) -> &'a [u8] {
        let range = suffix.start..suffix.start + suffix.len;
        self.keys.get(range).unwrap_or_default()
    }

    /// The common suffixes of a name.
    #[inline(always)]
    pub(crate) fn of<const P: usize, const W: usize>(
        &self,
        key: &[u8],
        chain: &Chain<P, W>,
    ) -> Common {
        let mut common = Common::default();
        while let Some(end) = chain.longer(common.end) {
            let Some(found) = self.find(chain.hash(end), key, end) else {
                break;
            };
            common.end = end;
            common.code = Some(found.code);
            common.is_listed |= found.is_listed;
        }
        common
    }

    /// The place where a suffix with this hash goes if it is free.
    #[inline]
    pub(crate) fn place(&self, hash: u64) -> usize {
        scale(hash, self.table.len())
    }

    /// All suffixes, in the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = CommonSuffix> + use<'a> {
        let suffixes = *self;
        suffixes
            .table
            .iter()
            .filter_map(move |place| suffixes.read(place))
    }

    #[inline(always)]
    fn read(&self, place: &[u8; SUFFIX_LEN]) -> Option<CommonSuffix> {
        let (end, len) = (u32_at(place, 4) as usize, usize::from(u16_at(place, 12)));
        let start = end.checked_sub(len)?;
        (len > 0).then_some(CommonSuffix {
            start,
            len,
            code: Code(u32_at(place, 8)),
            is_listed: u16_at(place, 14) & SUFFIX_LISTED != 0,
        })
    }
}

/// A table has at most so many times the usual number of places.
const MOST_PLACES: usize = 64;

/// So many names below make a suffix common.
const MANY: u64 = 24;

/// The key of a common suffix.
///
/// See the example of [`Model`](crate::names::write::Model).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonKey {
    /// The key.
    pub key: Vec<u8>,
    /// Whether it is a listed name itself.
    pub is_listed: bool,
}

/// A table of suffixes, to be written. It is read as [`CommonSuffixes`] reads it.
#[derive(Debug)]
pub(crate) struct Suffixes {
    /// The bytes of the section.
    pub section: Vec<u8>,
    /// How many places the table has.
    pub places: usize,
    /// Where each suffix is in the table, and its hash.
    at: Vec<usize>,
}

/// How many names are below suffixes, in a part of a list.
///
/// See the example of [`Model`](crate::names::write::Model).
#[derive(Debug)]
pub struct Below(Vec<(u64, CommonKey)>);

impl Below {
    /// Counts the names below the suffixes of keys that follow each other in a list. Forgets those that
    /// are not common, unless the keys before or behind may have names below them, too.
    pub fn count<'k>(keys: impl Iterator<Item = &'k [u8]>) -> Below {
        let mut found: Vec<(u64, CommonKey)> = Vec::new();
        // Suffixes of the last name: where they end, names below, whether it is a name itself.
        let mut open: Vec<(usize, u64, bool)> = Vec::new();
        let mut last: &[u8] = b"";
        let mut first = None;
        for key in keys.map(Some).chain([None]) {
            let first: &[u8] = first.get_or_insert(key.unwrap_or_default());
            while let Some(&(end, below, is_name)) = open.last() {
                let suffix = last.get(..end).unwrap_or_default();
                if key.is_some_and(|key| key.starts_with(suffix)) {
                    break;
                }
                open.pop();
                if let Some(above) = open.last_mut() {
                    above.1 += below + u64::from(is_name);
                }
                let goes_on = key.is_none() || first.starts_with(suffix);
                if below >= MANY || goes_on {
                    let key = CommonKey {
                        key: suffix.to_vec(),
                        is_listed: is_name,
                    };
                    found.push((below, key));
                }
            }
            let key = key.unwrap_or_default();
            let from = open.last().map_or(0, |(end, ..)| *end);
            let ends = key
                .iter()
                .enumerate()
                .skip(from)
                .filter(|(_, byte)| **byte == 0);
            open.extend(ends.map(|(at, _)| (at + 1, 0, at + 1 == key.len())));
            last = key;
        }
        Below(found)
    }
}

/// The keys of the most common suffixes of a list, in their order; `parts` are what was counted of all
/// of it, in any order. With a suffix all above it are there.
pub fn choose(parts: Vec<Below>) -> Vec<CommonKey> {
    let mut found: Vec<(u64, CommonKey)> = parts.into_iter().flat_map(|part| part.0).collect();
    found.sort_unstable_by(|a, b| a.1.key.cmp(&b.1.key));
    // What several parts counted is one.
    found.dedup_by(|next, kept| {
        let is_same = next.1.key == kept.1.key;
        if is_same {
            kept.0 += next.0;
            kept.1.is_listed |= next.1.is_listed;
        }
        is_same
    });
    found.retain(|(below, _)| *below >= MANY);
    // With a suffix comes the one above it: it has no fewer names below, and a lower key.
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.key.cmp(&b.1.key)));
    found.truncate(SUFFIX_MAX);
    let mut keys: Vec<CommonKey> = found.into_iter().map(|(_, key)| key).collect();
    keys.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    keys
}

impl Suffixes {
    /// Puts each suffix into the first free place from its own on; in place of the code stands its
    /// number for now.
    ///
    /// # Errors
    /// If the suffixes still crowd in a table of 64 times the usual size. The key of their
    /// hash is the content id that a delta claims, so whoever makes the delta can choose the key, and
    /// suffixes that collide under it.
    pub(crate) fn new(keys: &[CommonKey], with: HashKey) -> Result<Suffixes, TooLarge> {
        let usual = (keys.len() * 2).next_power_of_two();
        let limit = usual * MOST_PLACES;
        let mut places = usual;
        while places <= limit {
            if let Some(suffixes) = Suffixes::with_places(keys, with, places) {
                return Ok(suffixes);
            }
            places *= 2;
        }
        Err(TooLarge {
            what: "table of common suffixes",
            size: places as u64,
            limit: limit as u64,
        })
    }

    fn with_places(keys: &[CommonKey], with: HashKey, places: usize) -> Option<Suffixes> {
        let mut table = vec![[0u8; SUFFIX_LEN]; places];
        let mut all = Vec::new();
        let mut taken = Vec::with_capacity(keys.len());
        for (number, key) in (0u32..).zip(keys) {
            let chain = Chain::of_any(&key.key, with);
            let hash = chain.hash(chain.len());
            all.extend_from_slice(&key.key);
            let start = CommonSuffixes::new(table.as_flattened(), places)?.place(hash);
            let is_free = |at: &usize| {
                table
                    .get(*at)
                    .is_some_and(|place| *place == [0; SUFFIX_LEN])
            };
            let near = (start..start + SUFFIX_STEPS).map(|at| at & (places - 1));
            let at = near.into_iter().find(is_free)?;
            let place = table.get_mut(at)?;
            let len = u16::try_from(key.key.len()).expect("keys have at most 510 bytes");
            let end = u32::try_from(all.len()).expect("2,048 keys have less than 4 GiB");
            let flags = if key.is_listed { SUFFIX_LISTED } else { 0 };
            let [low, ..] = *hash.to_le_bytes().as_chunks::<4>().0 else {
                continue;
            };
            put_bytes(place, 0, &low);
            put_bytes(place, 4, &end.to_le_bytes());
            put_bytes(place, 8, &number.to_le_bytes());
            put_bytes(place, 12, &len.to_le_bytes());
            put_bytes(place, 14, &flags.to_le_bytes());
            taken.push(at);
        }
        let mut section = table.concat();
        section.extend(all);
        Some(Suffixes {
            section,
            places,
            at: taken,
        })
    }

    /// How many suffixes there are.
    pub(crate) fn len(&self) -> usize {
        self.at.len()
    }

    /// The table, for reading.
    pub(crate) fn table(&self) -> CommonSuffixes<'_> {
        // Made with so many places.
        CommonSuffixes::new(&self.section, self.places).expect("the section begins with its table")
    }

    /// Gives each suffix its code.
    pub(crate) fn set_codes(&mut self, codes: &[Code]) {
        for (at, code) in self.at.iter().zip(codes) {
            let at = at * SUFFIX_LEN + 8;
            put_bytes(&mut self.section, at, &code.0.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fastrand::Rng;

    use super::*;

    /// Names of a few labels each, many below the same ones.
    fn keys(rng: &mut Rng) -> Vec<Vec<u8>> {
        let count = rng.usize(..400);
        let name = |_| -> Vec<u8> {
            let mut key = Vec::new();
            for _ in 0..rng.usize(..4) {
                key.extend([b'a' + rng.u8(..3), 0]);
            }
            if rng.bool() {
                key.extend(format!("{}\0", rng.u8(..)).into_bytes());
            }
            key
        };
        let names: BTreeSet<Vec<u8>> = (0..count).map(name).collect();
        names.into_iter().collect()
    }

    #[test]
    fn parts_of_a_list_count_what_the_whole_does() {
        let mut chosen = 0;
        for seed in 0..300 {
            let mut rng = Rng::with_seed(seed);
            let keys = keys(&mut rng);
            // Each suffix with many names below it, by its definition.
            let suffixes = keys.iter().flat_map(|key| {
                let ends = (0..key.len()).filter(|&at| key[at] == 0);
                ends.map(|at| key[..=at].to_vec())
            });
            let below = |suffix: &Vec<u8>| {
                let names = keys
                    .iter()
                    .filter(|key| key.starts_with(suffix) && key != &suffix);
                names.count() as u64
            };
            let suffixes: BTreeSet<Vec<u8>> = suffixes.collect();
            let common: Vec<CommonKey> = suffixes
                .into_iter()
                .filter(|suffix| below(suffix) >= MANY)
                .map(|key| CommonKey {
                    is_listed: keys.contains(&key),
                    key,
                })
                .collect();
            let part = |keys: &[Vec<u8>]| Below::count(keys.iter().map(Vec::as_slice));
            assert_eq!(choose(vec![part(&keys)]), common, "seed {seed}");
            let size = rng.usize(1..200);
            assert_eq!(
                choose(keys.chunks(size).map(part).collect()),
                common,
                "seed {seed}"
            );
            chosen += common.len();
        }
        assert!(chosen > 500, "{chosen}");
    }
}
