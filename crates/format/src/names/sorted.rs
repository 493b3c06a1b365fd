//! Looks names up in sorted names: those of small zones, and the few of large ones that no line has.

use crate::bytes::{id_at, push_id, u32_at};
use crate::error::{TooLarge, u32_of};
use crate::name::parent_key;
use crate::run::{NamePoint, NameRule, RulePair, ValueId};
use crate::trace::{Step, rule};

/// A section of sorted names, cut into its parts.
///
/// ```
/// use rblmap_format::names::Names;
/// use rblmap_format::names::sorted::{SortedNames, write};
/// use rblmap_format::{NameKey, NamePoint, NameRule, ValueId};
///
/// let value = ValueId::from_rank(0).unwrap();
/// let name = NameKey::parse(b"spam.example")?;
/// let below = NameRule::Value(value); // of all names below it, and not of itself
/// let point = NamePoint { key: name.as_bytes(), exact: NameRule::Nothing, below };
/// let section = write([point].into_iter(), 1)?;
///
/// let names = Names::Sorted(SortedNames::new(&section, 1, 1).ok_or("too short")?);
/// let asked = NameKey::parse(b"mail.spam.example")?;
/// assert_eq!(names.lookup(asked.as_bytes()), Some((value, name.as_bytes().len())));
/// assert_eq!(names.lookup(name.as_bytes()), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SortedNames<'a> {
    ends: &'a [u8],
    exact: &'a [u8],
    below: &'a [u8],
    keys: &'a [u8],
    count: usize,
    width: usize,
}

impl<'a> SortedNames<'a> {
    /// Cuts a section; `None` if it is shorter than its parts.
    pub fn new(section: &'a [u8], parameter: u64, width: usize) -> Option<SortedNames<'a>> {
        let count = usize::try_from(parameter).ok()?;
        let (ends, rest) = section.split_at_checked(count.checked_mul(4)?)?;
        let (exact, rest) = rest.split_at_checked(count.checked_mul(width)?)?;
        let (below, keys) = rest.split_at_checked(count.checked_mul(width)?)?;
        let last = count
            .checked_sub(1)
            .map_or(0, |last| u32_at(ends, last * 4) as usize);
        (last == keys.len()).then_some(SortedNames {
            ends,
            exact,
            below,
            keys,
            count,
            width,
        })
    }

    /// The value for a name, and the length of the key of the name it is listed under.
    /// At most one binary search for each label.
    pub(crate) fn lookup(&self, key: &[u8]) -> Option<(ValueId, usize)> {
        match self.find(key).map_or(NameRule::Inherit, |(exact, _)| exact) {
            NameRule::Value(id) => return Some((id, key.len())),
            NameRule::Nothing => return None,
            NameRule::Inherit => {}
        }
        let mut suffix = parent_key(key);
        while let Some(key) = suffix {
            match self.find(key).map_or(NameRule::Inherit, |(_, below)| below) {
                NameRule::Value(id) => return Some((id, key.len())),
                NameRule::Nothing => return None,
                NameRule::Inherit => suffix = parent_key(key),
            }
        }
        None
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The `index`-th name: its key, and what it says.
    pub(crate) fn point(&self, index: usize) -> Option<(&'a [u8], RulePair)> {
        let key = self.key(index).filter(|_| index < self.count)?;
        Some((key, self.rules(index)))
    }

    /// What the name of this key says.
    pub(crate) fn find(&self, key: &[u8]) -> Option<RulePair> {
        let index = self.first_from(key);
        let found = index < self.count && self.key(index) == Some(key);
        found.then(|| self.rules(index))
    }

    /// The first name with this key or one behind it.
    pub(crate) fn first_from(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let mid = low.midpoint(high);
            if self.key(mid).is_some_and(|other| other < key) {
                low = mid + 1;
            } else {
                high = mid;
            }
        }
        low
    }

    /// The bytes that a section of this kind has for a name.
    pub fn trace(&self, kind: u16, key: &[u8]) -> Vec<Step> {
        let index = self.first_from(key);
        let Some((found, (exact, below))) = self.point(index).filter(|(found, _)| *found == key)
        else {
            return Vec::new();
        };
        let from = |at| u32_at(self.ends, at * 4) as usize;
        let start = index.checked_sub(1).map_or(0, from);
        let rules_at = self.ends.len();
        let (first, second) = (rules_at + index * self.width, rules_at + self.exact.len());
        let second = second + index * self.width;
        let keys = rules_at + self.exact.len() + self.below.len() + start;
        let end = index * 4..index * 4 + 4;
        vec![
            Step::new(kind, end, format!("name {index}: end of its key")),
            Step::new(kind, keys..keys + found.len(), "its key".to_owned()),
            Step::new(
                kind,
                first..first + self.width,
                format!("exact: {}", rule(exact)),
            ),
            Step::new(
                kind,
                second..second + self.width,
                format!("below: {}", rule(below)),
            ),
        ]
    }

    fn rules(&self, index: usize) -> RulePair {
        let rule = |codes| NameRule::from_code(id_at(codes, self.width, index));
        (rule(self.exact), rule(self.below))
    }

    fn key(&self, index: usize) -> Option<&'a [u8]> {
        let end = |index: usize| u32_at(self.ends, index * 4) as usize;
        self.keys
            .get(index.checked_sub(1).map_or(0, end)..end(index))
    }
}

/// Writes a section: ends of keys, what each name says of itself and of those below, keys. The names
/// come in the order of their keys, and rules have `width` bytes. The section's parameter is the
/// number of names.
///
/// # Errors
/// 4 GiB of keys or more.
pub fn write<'k>(
    names: impl Iterator<Item = NamePoint<'k>> + Clone,
    width: usize,
) -> Result<Vec<u8>, TooLarge> {
    let mut out = Vec::new();
    let mut end = 0;
    for point in names.clone() {
        end += point.key.len();
        out.extend(u32_of("keys of names", end)?.to_le_bytes());
    }
    for point in names.clone() {
        push_id(&mut out, width, point.exact.code());
    }
    for point in names.clone() {
        push_id(&mut out, width, point.below.code());
    }
    for point in names {
        out.extend_from_slice(point.key);
    }
    Ok(out)
}
