//! Lists of values: the one that content has, and the one that grows while sources are read.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::HashTable;
use rayon::prelude::*;
use rblmap_format::{Value, ValueId};

use crate::value::{self, Record, ValueBuf, is_canonical};

/// The values of some content: distinct, each used, in byte order; ids are ranks.
///
/// See the example of [`Values::of_sorted`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Values {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// Why a list of byte strings is not the values of a content.
///
/// See the example of [`Values::of_sorted`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotValues {
    /// One is empty or not in canonical form.
    #[error("a value that is not in canonical form")]
    Value,
    /// They do not rise.
    #[error("values that are not in byte order")]
    Order,
}

impl Values {
    /// The list of these values, if they are canonical, in byte order and none is empty.
    /// [`NotValues::Value`] is an empty or non-canonical one, [`NotValues::Order`] a wrong order. The
    /// checks run on all cores.
    ///
    /// ```
    /// use rblmap_content::{NotValues, Record, ValueBuf, Values};
    /// let value = |last| ValueBuf::new([Record { a: Some([127, 0, 0, last].into()), text: None }]);
    /// let (two, three) = (value(2), value(3));
    /// assert!(Values::of_sorted([two.as_value(), three.as_value()]).is_ok());
    /// assert_eq!(Values::of_sorted([three.as_value(), two.as_value()]), Err(NotValues::Order));
    /// ```
    ///
    /// # Errors
    /// Which rule the values break.
    pub fn of_sorted<'a>(values: impl IntoIterator<Item = Value<'a>>) -> Result<Values, NotValues> {
        let mut list = Values::default();
        values.into_iter().for_each(|value| list.push(value));
        list.checked()
    }

    /// As [`Values::of_sorted`], of values that lie one behind the other: where each ends, and the bytes
    /// of all. An image has them so.
    ///
    /// ```
    /// use rblmap_content::{Record, ValueBuf, Values};
    /// let value = |last| ValueBuf::new([Record { a: Some([127, 0, 0, last].into()), text: None }]);
    /// let (two, three) = (value(2), value(3));
    /// let (two, three) = (two.as_value(), three.as_value());
    /// let len = two.as_bytes().len();
    /// let bytes = [two.as_bytes(), three.as_bytes()].concat();
    /// let values = Values::of_table([len, bytes.len()].into_iter(), &bytes);
    /// assert_eq!(values, Values::of_sorted([two, three]));
    /// ```
    ///
    /// # Errors
    /// Which rule the values break.
    pub fn of_table(
        ends: impl ExactSizeIterator<Item = usize>,
        bytes: &[u8],
    ) -> Result<Values, NotValues> {
        let list = Values {
            ends: ends.collect(),
            bytes: bytes.to_vec(),
        };
        list.checked()
    }

    /// The list, if its values are canonical, in byte order and none is empty.
    fn checked(self) -> Result<Values, NotValues> {
        let is_value = |rank| {
            let bytes = self.bytes_of(rank);
            !bytes.is_empty() && is_canonical(bytes)
        };
        let ranks = (0..self.len()).into_par_iter();
        let is_next = |rank| is_value(rank) && (rank == 0 || self.rises(rank));
        if ranks.clone().all(is_next) {
            return Ok(self);
        }
        Err(match ranks.all(is_value) {
            true => NotValues::Order,
            false => NotValues::Value,
        })
    }

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
        self.find_among(self.len(), value)
    }

    fn find_among(&self, count: usize, value: Value<'_>) -> Option<ValueId> {
        let place = self.place_of(value.as_bytes(), 0..count);
        if place == count || self.bytes_of(place) != value.as_bytes() {
            return None;
        }
        ValueId::from_rank(u32::try_from(place).ok()?)
    }

    /// All values one after the other.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether they are in byte order; of the first `known` that is known.
    pub(crate) fn are_sorted(&self, known: usize) -> bool {
        let ranks = (known.max(1)..self.len()).into_par_iter();
        ranks.all(|rank| self.rises(rank))
    }

    /// Whether a value, which is not the first, is behind the one before it.
    fn rises(&self, rank: usize) -> bool {
        self.bytes_of(rank - 1) < self.bytes_of(rank)
    }

    /// The values of several lists, one after the other.
    fn joined(parts: &[Values]) -> Values {
        let mut ends = Vec::with_capacity(parts.iter().map(Values::len).sum());
        let mut bytes = vec![0; parts.iter().map(|part| part.bytes.len()).sum()];
        let (mut rest, mut start) = (bytes.as_mut_slice(), 0);
        let mut copies = Vec::with_capacity(parts.len());
        for part in parts {
            ends.extend(part.ends.iter().map(|end| start + end));
            let (place, after) = rest
                .split_at_mut_checked(part.bytes.len())
                .unwrap_or_default();
            copies.push((place, part));
            rest = after;
            start += part.bytes.len();
        }
        // On all cores, as memory that nobody had before is slow to write to.
        copies
            .into_par_iter()
            .for_each(|(place, part)| place.copy_from_slice(&part.bytes));
        Values { bytes, ends }
    }

    /// None yet, with room for as many as others are.
    pub(crate) fn with_room_of(others: &Values) -> Values {
        Values {
            bytes: Vec::with_capacity(others.bytes.len()),
            ends: Vec::with_capacity(others.ends.len()),
        }
    }

    /// Adds those of others that have some ranks, behind these.
    pub(crate) fn extend(&mut self, others: &Values, ranks: Range<usize>) {
        let start = others.span(ranks.start).start;
        let (before, ends) = (self.bytes.len(), others.ends.get(ranks).unwrap_or_default());
        let bytes = start..ends.last().copied().unwrap_or(start);
        self.bytes
            .extend_from_slice(others.bytes.get(bytes).unwrap_or_default());
        self.ends
            .extend(ends.iter().map(|end| before + (end - start)));
    }

    /// The first of some ranks, which are in byte order, whose value is not before this one; their end if
    /// there is none.
    pub(crate) fn place_of(&self, value: &[u8], among: Range<usize>) -> usize {
        let (mut low, mut high) = (among.start, among.end);
        while low < high {
            let mid = low.midpoint(high);
            if self.bytes_of(mid) < value {
                low = mid + 1;
            } else {
                high = mid;
            }
        }
        low
    }

    /// Adds a value behind the others, which has the next rank.
    pub(crate) fn push(&mut self, value: Value<'_>) {
        self.bytes.extend_from_slice(value.as_bytes());
        self.ends.push(self.bytes.len());
    }

    /// The bytes of the value of a rank; none for a rank that is not of this list.
    pub fn bytes_of(&self, rank: usize) -> &[u8] {
        self.bytes.get(self.span(rank)).unwrap_or_default()
    }

    /// Where in [`Values::as_bytes`] they are.
    pub(crate) fn span(&self, rank: usize) -> Range<usize> {
        let end = |rank: usize| self.ends.get(rank).copied().unwrap_or(0);
        rank.checked_sub(1).map_or(0, end)..end(rank)
    }
}

/// Values of one record each, as sources state them: in any order, the same ones again and again.
///
/// See the example of [`Interner::intern_all`].
#[derive(Debug, Clone, Default)]
pub struct ValueList {
    values: Values,
}

impl ValueList {
    /// Adds the value of a record; the empty one if it says nothing.
    pub fn push(&mut self, record: &Record) {
        let Values { bytes, ends } = &mut self.values;
        let start = bytes.len();
        value::encode(record, bytes);
        if bytes.get(start) == Some(&0) {
            bytes.truncate(start);
        }
        ends.push(bytes.len());
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values that say something, with their numbers.
    fn stated(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let ranks = (0u32..).zip(0..self.len());
        let all = ranks.map(|(index, rank)| (index, self.values.bytes_of(rank)));
        all.filter(|(_, bytes)| !bytes.is_empty())
    }
}

/// Gives each distinct value a provisional id.
///
/// See the example of [`Interner::intern_all`].
#[derive(Debug, Clone, Default)]
pub struct Interner {
    /// Hash and rank of each value: the hash too, so that growing reads no values.
    ranks: HashTable<(u64, u32)>,
    /// How many values are in there; the others are put in when one is looked for.
    hashed: usize,
    /// Sources choose the values, so the hash has a secret.
    hasher: RandomState,
    values: Values,
    /// So many of the first ones are known to be in byte order.
    sorted: usize,
}

/// Values are counted in 32 bits, less what ids need.
const MAX_VALUES: usize = u32::MAX as usize - 2;

impl Interner {
    /// One that holds these values, under the ids that they have. They are in byte order.
    pub fn of_sorted(values: Values) -> Interner {
        Interner {
            sorted: values.len(),
            values,
            ..Interner::default()
        }
    }

    /// The id of a value; `None` for the empty value, and once 2^32 - 3 values are held.
    pub fn intern(&mut self, value: &ValueBuf) -> Option<ValueId> {
        self.intern_bytes(value.as_value().as_bytes())
    }

    /// The ids of the values of lists, 0 for the empty one; `None` once 2^32 - 3 values are held.
    /// On all cores, and without a hash where these are the first values: `O(n log n)`.
    ///
    /// ```
    /// use rblmap_content::{Interner, Record, ValueList};
    /// let record = |last| Record { a: Some([127, 0, 0, last].into()), text: None };
    /// let mut list = ValueList::default();
    /// [record(2), record(3), record(2), Record::default()].iter().for_each(|r| list.push(r));
    /// let ids = Interner::default().intern_all(&[list]).expect("few enough");
    /// assert_eq!(ids, [[1, 2, 1, 0]]);
    /// ```
    pub fn intern_all(&mut self, lists: &[ValueList]) -> Option<Vec<Vec<u32>>> {
        let places = sorted(lists);
        if self.values.is_empty() {
            let (values, ids) = number(lists, &places)?;
            *self = Interner::of_sorted(values);
            return Some(ids);
        }
        let mut ids: Vec<Vec<u32>> = lists.iter().map(|list| vec![0; list.len()]).collect();
        let mut last: Option<(&[u8], u32)> = None;
        for place in &places {
            let bytes = place.bytes(lists);
            let id = match last {
                Some((same, id)) if same == bytes => id,
                _ => self.intern_bytes(bytes)?.get(),
            };
            last = Some((bytes, id));
            let list = ids.get_mut(place.list as usize);
            if let Some(slot) = list.and_then(|list| list.get_mut(place.index as usize)) {
                *slot = id;
            }
        }
        Some(ids)
    }

    /// Holds more values behind those of a content, which are all that were held: values in byte
    /// order of which the content has none. False if they are not so; some may be held then.
    /// Without a hash: `O(m log n)`.
    ///
    /// ```
    /// use rblmap_content::{Interner, Record, ValueBuf};
    /// let value = |last| ValueBuf::new([Record { a: Some([127, 0, 0, last].into()), text: None }]);
    /// let mut interner = Interner::default();
    /// assert!(interner.append([value(2), value(4)].iter().map(ValueBuf::as_value)));
    /// assert!(!interner.append([value(4)].iter().map(ValueBuf::as_value)));
    /// ```
    pub fn append<'a>(&mut self, more: impl IntoIterator<Item = Value<'a>>) -> bool {
        let count = self.values.len();
        let mut last: &[u8] = &[];
        for value in more {
            let rises = value.as_bytes() > last;
            let is_new = self.values.find_among(count, value).is_none();
            if self.sorted < count || !rises || !is_new || self.values.len() >= MAX_VALUES {
                return false;
            }
            self.values.push(value);
            last = value.as_bytes();
        }
        true
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

    /// Whether the values are in byte order, so that ids are ranks.
    pub(crate) fn is_sorted(&self) -> bool {
        self.values.are_sorted(self.sorted)
    }

    /// The values, by provisional id, and how many of the first are known to be in byte order.
    pub(crate) fn into_values(self) -> (Values, usize) {
        (self.values, self.sorted)
    }

    fn intern_bytes(&mut self, bytes: &[u8]) -> Option<ValueId> {
        if bytes.is_empty() {
            return None;
        }
        let Interner {
            ranks,
            hashed,
            hasher,
            values,
            ..
        } = self;
        for rank in *hashed..values.len() {
            let hash = hasher.hash_one(values.bytes_of(rank));
            let rank = u32::try_from(rank).ok()?;
            ranks.insert_unique(hash, (hash, rank), |(hash, _)| *hash);
        }
        *hashed = values.len();
        let hash = hasher.hash_one(bytes);
        let same =
            |(other, rank): &(u64, u32)| *other == hash && values.bytes_of(*rank as usize) == bytes;
        if let Some((_, rank)) = ranks.find(hash, same) {
            return ValueId::from_rank(*rank);
        }
        if values.len() >= MAX_VALUES {
            return None;
        }
        let rank = u32::try_from(values.len()).ok()?;
        ranks.insert_unique(hash, (hash, rank), |(hash, _)| *hash);
        values.push(Value::new(bytes));
        *hashed = values.len();
        ValueId::from_rank(rank)
    }
}

/// Where a value stands in lists.
#[derive(Debug, Clone, Copy)]
struct ListPlace {
    /// The first bytes behind what all values begin with: that decides for nearly all pairs.
    key: u64,
    list: u32,
    index: u32,
}

impl ListPlace {
    fn bytes(self, lists: &[ValueList]) -> &[u8] {
        let list = lists.get(self.list as usize);
        list.map_or(&[], |list| list.values.bytes_of(self.index as usize))
    }
}

/// How many places are numbered in one go.
const TOGETHER: usize = 1 << 14;

/// The distinct values of sorted places, and for each list the ids of its values, 0 for the empty
/// one; `None` if there are too many. On all cores.
fn number(lists: &[ValueList], places: &[ListPlace]) -> Option<(Values, Vec<Vec<u32>>)> {
    // Of each part of the places the values that begin in it, and for each place how many have.
    let parts: Vec<(Values, Vec<u32>)> = places
        .par_chunks(TOGETHER)
        .enumerate()
        .map(|(nth, part)| {
            let before = (nth * TOGETHER)
                .checked_sub(1)
                .and_then(|at| places.get(at));
            let mut last = before.map(|place| place.bytes(lists));
            let (mut values, mut begun) = (Values::default(), 0);
            let number = |place: &ListPlace| {
                let bytes = place.bytes(lists);
                if last.replace(bytes) != Some(bytes) {
                    values.push(Value::new(bytes));
                    begun += 1;
                }
                begun
            };
            let numbers = part.iter().map(number).collect();
            (values, numbers)
        })
        .collect();
    // How many begin before each part.
    let starts = parts.iter().scan(0, |sum, (values, _)| {
        let before = *sum;
        *sum += values.len();
        Some(before)
    });
    let starts: Vec<usize> = starts.collect();
    let count: usize = parts.iter().map(|(values, _)| values.len()).sum();
    if count > MAX_VALUES {
        return None;
    }
    let ids: Vec<Vec<AtomicU32>> = lists
        .par_iter()
        .map(|list| (0..list.len()).map(|_| AtomicU32::new(0)).collect())
        .collect();
    let numbered = places.par_chunks(TOGETHER).zip(&parts).zip(&starts);
    numbered.for_each(|((places, (_, numbers)), start)| {
        let start = u32::try_from(*start).unwrap_or(u32::MAX); // at most MAX_VALUES
        for (place, number) in places.iter().zip(numbers) {
            let list = ids.get(place.list as usize);
            if let Some(slot) = list.and_then(|list| list.get(place.index as usize)) {
                slot.store(start + number, Ordering::Relaxed);
            }
        }
    });
    let plain = |ids: Vec<AtomicU32>| ids.into_iter().map(AtomicU32::into_inner).collect();
    let ids = ids.into_par_iter().map(plain).collect();
    let parts: Vec<Values> = parts.into_iter().map(|(values, _)| values).collect();
    Some((Values::joined(&parts), ids))
}

/// The values of lists that are not empty, in byte order.
fn sorted(lists: &[ValueList]) -> Vec<ListPlace> {
    let common = common_prefix(lists);
    let parts: Vec<Vec<ListPlace>> = lists
        .par_iter()
        .enumerate()
        .map(|(list, values)| {
            // Lists are pieces of sources: never so many.
            let list = u32::try_from(list).unwrap_or(u32::MAX);
            let places = values.stated().map(|(index, bytes)| {
                let key = key_of(bytes.get(common..).unwrap_or_default());
                ListPlace { key, list, index }
            });
            places.collect()
        })
        .collect();
    let mut places = parts.concat();
    places.par_sort_unstable_by(|a, b| {
        let whole = || a.bytes(lists).cmp(b.bytes(lists));
        a.key.cmp(&b.key).then_with(whole)
    });
    places
}

/// The first eight bytes as a number, zeros behind the end.
fn key_of(bytes: &[u8]) -> u64 {
    let mut key = [0; 8];
    let slots = key.iter_mut().zip(bytes);
    slots.for_each(|(slot, byte)| *slot = *byte);
    key.iter().fold(0, |key, byte| key << 8 | u64::from(*byte))
}

/// How many bytes all values begin with that are not empty.
fn common_prefix(lists: &[ValueList]) -> usize {
    let Some((_, first)) = lists.iter().flat_map(ValueList::stated).next() else {
        return 0;
    };
    let common = |list: &ValueList| {
        list.stated().fold(first.len(), |common, (_, bytes)| {
            let pairs = first.iter().zip(bytes).take(common);
            pairs.take_while(|(a, b)| a == b).count()
        })
    };
    lists.par_iter().map(common).min().unwrap_or(0)
}

/// The new id of a value, by the rank of the old one; the old id where there is no new one.
///
/// ```
/// use rblmap_content::renumbered;
/// use rblmap_format::ValueId;
/// let [first, second] = [0, 1].map(|rank| ValueId::from_rank(rank).unwrap());
/// let new_ids = [Some(second), None];
/// assert_eq!(renumbered(&new_ids, first), second);
/// assert_eq!(renumbered(&new_ids, second), second);
/// ```
pub fn renumbered(ids: &[Option<ValueId>], old: ValueId) -> ValueId {
    let new = ids.get(old.rank() as usize).copied().flatten();
    new.unwrap_or(old)
}
