//! The keys of a segment and their events as bytes. Keys are sorted, and each says only what differs
//! from the one before it. So that a search needs not read them all, every 64th is whole, and a table
//! tells where.

use std::cmp::Ordering;

use crate::error::Error;
use crate::segment::codec::{Step, pull, pull_steps, push, push_steps, small};

/// So many keys follow each other, of which only the first is whole.
pub(super) const KEYS_A_GROUP: usize = 64;
/// As much fits into half a byte; this or more is told by a number of its own.
const MORE: usize = 15;

/// The keys and events of a segment, none of which was looked at yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entries<'s> {
    pub(super) bytes: &'s [u8],
    /// Where each group begins, 4 bytes each.
    pub(super) offsets: &'s [u8],
    pub(super) keys: usize,
    /// How many values there are.
    pub(super) values: usize,
}

/// A place among the keys of a segment.
#[derive(Debug)]
pub(crate) struct Cursor<'s> {
    entries: Entries<'s>,
    /// What follows the entry.
    rest: &'s [u8],
    /// The number of the next key.
    next: usize,
    /// The entry; `over` says that there is none.
    key: Vec<u8>,
    steps: Vec<Step>,
    over: bool,
}

/// Keys and events in the making.
#[derive(Debug, Default)]
pub(super) struct EntriesWriter {
    bytes: Vec<u8>,
    offsets: Vec<u8>,
    keys: usize,
    last: Vec<u8>,
}

impl<'s> Entries<'s> {
    /// The steps of a key, oldest first.
    pub(super) fn steps(self, key: &[u8]) -> Vec<Step> {
        let cursor = self.seek(key);
        if cursor.entry().is_some_and(|(found, _)| found == key) {
            cursor.steps
        } else {
            Vec::new()
        }
    }

    /// Stands at the first key.
    pub(crate) fn first(self) -> Cursor<'s> {
        self.group(0)
    }

    /// Stands at the first key that is not below this one.
    pub(super) fn seek(self, key: &[u8]) -> Cursor<'s> {
        // The number of groups whose first key is not above.
        let (mut low, mut high) = (0, self.keys.div_ceil(KEYS_A_GROUP));
        while low < high {
            let middle = low.midpoint(high);
            if self.first_of(middle).is_some_and(|first| first <= key) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let mut cursor = self.group(low.saturating_sub(1));
        while cursor.entry().is_some_and(|(found, _)| found < key) {
            cursor.advance();
        }
        cursor
    }

    /// The first key of a group, which is whole.
    fn first_of(self, group: usize) -> Option<&'s [u8]> {
        let mut rest = self.bytes_of(group)?;
        let (_, new) = pull_lengths(&mut rest)?;
        rest.get(..new)
    }

    fn bytes_of(self, group: usize) -> Option<&'s [u8]> {
        let offset = self.offsets.get(group.checked_mul(4)?..)?.first_chunk()?;
        let offset = usize::try_from(u32::from_le_bytes(*offset)).ok()?;
        self.bytes.get(offset..)
    }

    fn group(self, group: usize) -> Cursor<'s> {
        let mut cursor = Cursor {
            entries: self,
            rest: self.bytes_of(group).unwrap_or_default(),
            next: group.saturating_mul(KEYS_A_GROUP),
            key: Vec::new(),
            steps: Vec::new(),
            over: false,
        };
        cursor.advance();
        cursor
    }
}

impl Cursor<'_> {
    /// The key and its steps, oldest first; nothing after the last.
    pub(crate) fn entry(&self) -> Option<(&[u8], &[Step])> {
        (!self.over).then_some((&self.key, &self.steps))
    }

    /// Goes to the next key. Bytes that are none end the keys.
    pub(crate) fn advance(&mut self) {
        self.over = self.next >= self.entries.keys || self.read().is_none();
    }

    fn read(&mut self) -> Option<()> {
        if self.next.is_multiple_of(KEYS_A_GROUP) {
            self.key.clear();
        }
        self.next += 1;
        let (dropped, new) = pull_lengths(&mut self.rest)?;
        let (new, rest) = self.rest.split_at_checked(new)?;
        self.rest = rest;
        self.key.truncate(self.key.len().checked_sub(dropped)?);
        self.key.extend(new);
        pull_steps(&mut self.rest, self.entries.values, &mut self.steps)
    }
}

impl EntriesWriter {
    /// Adds a key, which must come after those before it, and its steps in order.
    pub(super) fn push(&mut self, key: &[u8], steps: &[Step], values: usize) -> Result<(), Error> {
        if self.keys > 0 && key.cmp(&self.last) != Ordering::Greater {
            return Err(Error::TooLarge("two changes of one key"));
        }
        if self.keys.is_multiple_of(KEYS_A_GROUP) {
            let offset = small(self.bytes.len(), "bytes of events")?;
            self.offsets.extend(offset.to_le_bytes());
            self.last.clear();
        }
        let alike = self
            .last
            .iter()
            .zip(key)
            .take_while(|(one, other)| one == other);
        let alike = alike.count();
        let new = key.get(alike..).unwrap_or_default();
        push_lengths(&mut self.bytes, self.last.len() - alike, new.len());
        self.bytes.extend(new);
        push_steps(&mut self.bytes, steps, values);
        self.last.truncate(alike);
        self.last.extend(new);
        self.keys += 1;
        Ok(())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn offsets(&self) -> &[u8] {
        &self.offsets
    }

    pub(super) fn keys(&self) -> usize {
        self.keys
    }
}

/// How many bytes of the key before are dropped, and how many new ones follow: half a byte each, and
/// what is above that as numbers.
fn push_lengths(out: &mut Vec<u8>, dropped: usize, new: usize) {
    let half = |len: usize| u8::try_from(len.min(MORE)).unwrap_or(u8::MAX);
    out.push(half(dropped) << 4 | half(new));
    for len in [dropped, new] {
        if let Some(more) = len.checked_sub(MORE) {
            push(out, more as u64);
        }
    }
}

fn pull_lengths(rest: &mut &[u8]) -> Option<(usize, usize)> {
    let (&halves, after) = rest.split_first()?;
    *rest = after;
    let mut whole = |half: u8| match usize::from(half) {
        MORE => usize::try_from(pull(rest)?).ok()?.checked_add(MORE),
        len => Some(len),
    };
    Some((whole(halves >> 4)?, whole(halves & 0xf)?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::segment::codec::Said;

    /// Keys of many lengths that have much or little in common, and some steps each.
    fn model(dice: &mut fastrand::Rng, keys: usize) -> BTreeMap<Vec<u8>, Vec<Step>> {
        let mut model = BTreeMap::new();
        while model.len() < keys {
            let alike = dice.usize(..40);
            let mut key = vec![b'a'; alike];
            key.extend((0..dice.usize(1..40)).map(|_| dice.u8(..4)));
            let mut version = dice.u32(..3);
            let steps = (0..dice.usize(1..4)).map(|_| {
                version += dice.u32(1..300);
                let mut said = || match dice.u32(..4) {
                    0 => Said::Inherits,
                    1 => Said::Nothing,
                    more => Said::Value(more * 100),
                };
                let (was, is) = (said(), said());
                Step { version, was, is }
            });
            model.insert(key, steps.collect());
        }
        model
    }

    /// Beside a sorted map: all entries in order, and every place between them.
    #[test]
    fn entries_are_found_as_in_a_map() {
        let mut dice = fastrand::Rng::with_seed(26);
        for keys in [0, 1, 2, 63, 64, 65, 128, 1000] {
            let model = model(&mut dice, keys);
            let mut writer = EntriesWriter::default();
            for (key, steps) in &model {
                writer.push(key, steps, 2).unwrap();
            }
            let entries = Entries {
                bytes: &writer.bytes,
                offsets: &writer.offsets,
                keys,
                values: 2,
            };
            let mut cursor = entries.first();
            for (key, steps) in &model {
                assert_eq!(cursor.entry(), Some((&**key, &**steps)));
                assert_eq!(entries.steps(key), *steps);
                cursor.advance();
            }
            assert_eq!(cursor.entry(), None);
            for _ in 0..500 {
                let mut key = vec![b'a'; dice.usize(..40)];
                key.extend((0..dice.usize(..5)).map(|_| dice.u8(..5)));
                let next = model.range(key.clone()..).next();
                let next = next.map(|(key, steps)| (&**key, &**steps));
                assert_eq!(entries.seek(&key).entry(), next);
                assert_eq!(
                    entries.steps(&key),
                    model.get(&key).cloned().unwrap_or_default()
                );
            }
        }
    }

    #[test]
    fn a_key_that_comes_twice_is_refused() {
        let mut writer = EntriesWriter::default();
        let (was, is) = (Said::Inherits, Said::Nothing);
        let step = Step {
            version: 0,
            was,
            is,
        };
        writer.push(b"one", &[step], 0).unwrap();
        assert!(writer.push(b"one", &[step], 0).is_err());
    }
}
