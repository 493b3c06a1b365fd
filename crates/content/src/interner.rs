//! The list of values that grows while sources are read.

use std::hash::{BuildHasher, RandomState};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::HashTable;
use rayon::prelude::*;
use rblmap_format::{MAX_TEXT, Value, ValueId};

use crate::held::Lender;
use crate::split_up::split_up;
use crate::value::{self, Record, TemplateBuf, ValueBuf};
use crate::values::Values;

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
        self.values.push_written(|bytes| {
            let start = bytes.len();
            value::encode(record, bytes);
            if bytes.get(start) == Some(&0) {
                bytes.truncate(start);
            }
        });
    }

    /// As [`ValueList::push`], of a record whose text is these bytes, as nearly all texts are: nothing is put in, so
    /// no template is made.
    ///
    /// ```
    /// use rblmap_content::{Interner, Record, TemplateBuf, ValueList};
    /// let a = Some([127, 0, 0, 2].into());
    /// let mut list = ValueList::default();
    /// list.push_literal(a, b"Case 7");
    /// list.push(&Record { a, text: Some(TemplateBuf::literal(b"Case 7")) });
    /// assert_eq!(Interner::default().intern_all(&[list]), Some(vec![vec![1, 1]]));
    /// ```
    pub fn push_literal(&mut self, a: Option<Ipv4Addr>, text: &[u8]) {
        if text.is_empty() || text.len() > MAX_TEXT {
            let text = Some(TemplateBuf::literal(text));
            self.push(&Record { a, text });
        } else {
            let write = |bytes: &mut Vec<u8>| value::encode_literal(a, text, bytes);
            self.values.push_written(write);
        }
    }

    /// A record and the text of each value that is one record with one literal, in order: all those of
    /// [`ValueList::push_literal`].
    ///
    /// ```
    /// use rblmap_content::ValueList;
    /// let a = Some([127, 0, 0, 2].into());
    /// let mut list = ValueList::default();
    /// list.push_literal(a, b"Case 7");
    /// list.push_literal(None, b"Case 8");
    /// let literals: Vec<_> = list.literals().collect();
    /// assert_eq!(literals, [(a, &b"Case 7"[..]), (None, b"Case 8")]);
    /// ```
    pub fn literals(&self) -> impl Iterator<Item = (Option<Ipv4Addr>, &[u8])> {
        let ranks = 0..self.len();
        ranks.filter_map(|rank| value::one_literal(self.values.bytes_of(rank)))
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
#[derive(Debug, Clone)]
pub struct Interner<L = ()> {
    /// Hash and rank of each value: the hash too, so that growing reads no values.
    ranks: HashTable<(u64, u32)>,
    /// How many values are in there; the others are put in when one is looked for.
    hashed: usize,
    /// Sources choose the values, so the hash has a secret.
    hasher: RandomState,
    values: Values<L>,
    /// So many of the first ones are known to be in byte order.
    sorted: usize,
}

/// Values are counted in 32 bits, less what ids need.
const MAX_VALUES: usize = u32::MAX as usize - 2;

impl Default for Interner {
    fn default() -> Interner {
        Interner::of_sorted(Values::default())
    }
}

impl Interner {
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
}

impl<L: Lender> Interner<L> {
    /// One that holds these values, under the ids that they have. They are in byte order.
    pub fn of_sorted(values: Values<L>) -> Interner<L> {
        Interner {
            ranks: HashTable::new(),
            hashed: 0,
            hasher: RandomState::new(),
            sorted: values.len(),
            values,
        }
    }

    /// The id of a value; `None` for the empty value, and once 2^32 - 3 values are held.
    pub fn intern(&mut self, value: &ValueBuf) -> Option<ValueId> {
        self.intern_bytes(value.as_value().as_bytes())
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
    pub(crate) fn into_values(self) -> (Values<L>, usize) {
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
#[derive(Debug, Clone, Copy, Default)]
struct ListPlace {
    /// The first bytes behind what all values begin with: that decides for nearly all pairs.
    key: u64,
    list: u32,
    index: u32,
}

impl ListPlace {
    /// Whether both have the same value. The keys tell most of the others apart, without a look at the
    /// values.
    fn same_value(self, other: ListPlace, lists: &[ValueList]) -> bool {
        self.key == other.key && self.bytes(lists) == other.bytes(lists)
    }

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
    // For each place of a part how many values begin in the part up to it, and how many bytes they have.
    let parts: Vec<(Vec<u32>, usize)> = places
        .par_chunks(TOGETHER)
        .enumerate()
        .map(|(nth, part)| {
            let before = (nth * TOGETHER)
                .checked_sub(1)
                .and_then(|at| places.get(at));
            let mut last = before.copied();
            let (mut begun, mut len) = (0, 0);
            let number = |place: &ListPlace| {
                let before = last.replace(*place);
                if !before.is_some_and(|before| before.same_value(*place, lists)) {
                    begun += 1;
                    len += place.bytes(lists).len();
                }
                begun
            };
            (part.iter().map(number).collect(), len)
        })
        .collect();
    let sizes = || {
        let begun = |numbers: &Vec<u32>| numbers.last().map_or(0, |begun| *begun as usize);
        parts
            .iter()
            .map(move |(numbers, len)| (begun(numbers), *len))
    };
    let count: usize = sizes().map(|(begun, _)| begun).sum();
    if count > MAX_VALUES {
        return None;
    }
    let ids: Vec<Vec<AtomicU32>> = lists
        .par_iter()
        .map(|list| (0..list.len()).map(|_| AtomicU32::new(0)).collect())
        .collect();
    let values = Values::written(sizes(), |part, start, write| {
        let numbers = parts.get(part).into_iter().flat_map(|(numbers, _)| numbers);
        let start = u32::try_from(start).unwrap_or(u32::MAX); // at most MAX_VALUES
        let mut written = 0;
        for (place, number) in places.iter().skip(part * TOGETHER).zip(numbers) {
            if *number > written {
                write(place.bytes(lists));
                written = *number;
            }
            let list = ids.get(place.list as usize);
            if let Some(slot) = list.and_then(|list| list.get(place.index as usize)) {
                slot.store(start + number, Ordering::Relaxed);
            }
        }
    });
    let plain = |ids: Vec<AtomicU32>| ids.into_iter().map(AtomicU32::into_inner).collect();
    let ids = ids.into_par_iter().map(plain).collect();
    Some((values, ids))
}

/// The values of lists that are not empty, in byte order.
fn sorted(lists: &[ValueList]) -> Vec<ListPlace> {
    let common = common_prefix(lists);
    // Into one list from all cores: joined, each would be written twice.
    let counts: Vec<usize> = lists.par_iter().map(|list| list.stated().count()).collect();
    let places = rayon::iter::repeat_n(ListPlace::default(), counts.iter().sum());
    let mut places: Vec<ListPlace> = places.collect();
    let parts = split_up(&mut places, counts).into_par_iter();
    parts
        .zip(lists)
        .enumerate()
        .for_each(|(list, (part, values))| {
            // Lists are pieces of sources: never so many.
            let list = u32::try_from(list).unwrap_or(u32::MAX);
            for (place, (index, bytes)) in part.iter_mut().zip(values.stated()) {
                let key = key_of(bytes.get(common..).unwrap_or_default());
                *place = ListPlace { key, list, index };
            }
        });
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
