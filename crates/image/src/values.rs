//! Lists of values: the one that content has, and the one that grows while sources are read.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use rblmap::{Value, ValueId};

use crate::value::ValueBuf;

/// The values of some content: distinct, each used, in byte order; ids are ranks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Values {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Values {
    /// How many values there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The value of an id; the empty one for an id that is not of this list.
    pub fn get(&self, id: ValueId) -> Value<'_> {
        Value::new(self.bytes_of(id.rank() as usize))
    }

    /// All values in order; the first has rank 0.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Value<'_>> {
        (0..self.ends.len()).map(|rank| Value::new(self.bytes_of(rank)))
    }

    /// The id of a value.
    pub fn find(&self, value: Value<'_>) -> Option<ValueId> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let mid = low.midpoint(high);
            match self.bytes_of(mid).cmp(value.as_bytes()) {
                std::cmp::Ordering::Less => low = mid + 1,
                std::cmp::Ordering::Greater => high = mid,
                std::cmp::Ordering::Equal => return ValueId::from_rank(u32::try_from(mid).ok()?),
            }
        }
        None
    }

    /// All values one after the other.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn push(&mut self, value: Value<'_>) {
        self.bytes.extend_from_slice(value.as_bytes());
        self.ends.push(self.bytes.len());
    }

    fn bytes_of(&self, rank: usize) -> &[u8] {
        let end = |rank: usize| self.ends.get(rank).copied().unwrap_or(0);
        let start = rank.checked_sub(1).map_or(0, end);
        self.bytes.get(start..end(rank)).unwrap_or_default()
    }
}

/// Gives each distinct value a provisional id, in order of first sight.
#[derive(Debug, Clone, Default)]
pub struct Interner {
    /// Hash and rank of each value: the hash too, so that growing reads no values.
    ranks: HashTable<(u64, u32)>,
    /// Sources choose the values, so the hash has a secret.
    hasher: RandomState,
    values: Values,
}

impl Interner {
    /// The id of a value; `None` for the empty value, and once 2^32 - 2 values are held.
    pub fn intern(&mut self, value: &ValueBuf) -> Option<ValueId> {
        if value.is_empty() {
            return None;
        }
        let Interner {
            ranks,
            hasher,
            values,
        } = self;
        let bytes = value.as_value().as_bytes();
        let hash = hasher.hash_one(bytes);
        let same =
            |(other, rank): &(u64, u32)| *other == hash && values.bytes_of(*rank as usize) == bytes;
        if let Some((_, rank)) = ranks.find(hash, same) {
            return ValueId::from_rank(*rank);
        }
        let rank = u32::try_from(values.len())
            .ok()
            .filter(|&rank| rank < u32::MAX - 2)?;
        ranks.insert_unique(hash, (hash, rank), |(hash, _)| *hash);
        values.push(value.as_value());
        ValueId::from_rank(rank)
    }

    /// The value of an id; the empty one for an id that is not of this list.
    pub fn get(&self, id: ValueId) -> Value<'_> {
        self.values.get(id)
    }

    /// How many values are held.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}
