//! The list of values that content has.

use std::ops::Range;

use rayon::prelude::*;
use rblmap_format::{Value, ValueId};

use crate::held::{Held, Lender, ValueTable, ValuesPart};
use crate::order::Order;
use crate::split_up::split_up;
use crate::value::is_canonical;

/// The values of some content: distinct, each used, in byte order; ids are ranks. The first of those
/// that are held may be lent by an image.
///
/// See the example of [`Values::of_sorted`].
#[derive(Debug, Clone)]
pub struct Values<L = ()> {
    lent: L,
    /// Those that are not lent, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Which of those that are held these are, and in which order; none if all of them, as they lie.
    order: Option<Order>,
}

impl Default for Values {
    fn default() -> Values {
        Values::lent_by(())
    }
}

impl<L: Lender> PartialEq for Values<L> {
    fn eq(&self, other: &Values<L>) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<L: Lender> Eq for Values<L> {}

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
    /// let ends = [len, bytes.len()].map(|end| (end as u32).to_le_bytes());
    /// let values = Values::of_table(&ends, &bytes);
    /// assert_eq!(values, Values::of_sorted([two, three]));
    /// ```
    ///
    /// # Errors
    /// Which rule the values break.
    pub fn of_table(ends: &[[u8; 4]], bytes: &[u8]) -> Result<Values, NotValues> {
        // On all cores, as memory that nobody had before is slow to write to.
        let mut copy = vec![0; bytes.len()];
        let parts = copy.par_chunks_mut(COPIED).zip(bytes.par_chunks(COPIED));
        parts.for_each(|(place, bytes)| place.copy_from_slice(bytes));
        let ends = ends.par_iter().with_min_len(COPIED / 8);
        let list = Values {
            ends: ends.map(|end| u32::from_le_bytes(*end) as usize).collect(),
            bytes: copy,
            ..Values::default()
        };
        list.checked()
    }

    /// Values that are written in parts on all cores, each right to its place: memory that nobody had before is slow
    /// to write to, so no part is made to be copied. Of each part `sizes` has how many values and how many bytes;
    /// `fill` is told which part it is and how many values are before, and hands each value over. What is more than
    /// the sizes say is left out.
    pub(crate) fn written(
        sizes: impl Iterator<Item = (usize, usize)> + Clone,
        fill: impl Fn(usize, usize, &mut dyn FnMut(&[u8])) + Sync,
    ) -> Values {
        let (count, len) = sizes.clone().fold((0, 0), |(count, len), (values, bytes)| {
            (count + values, len + bytes)
        });
        let (mut ends, mut bytes) = (vec![0; count], vec![0; len]);
        let places = split_up(&mut ends, sizes.clone().map(|(count, _)| count))
            .into_iter()
            .zip(split_up(&mut bytes, sizes.map(|(_, len)| len)));
        let (mut rank, mut start) = (0, 0);
        let mut parts = Vec::new();
        for (ends, bytes) in places {
            let (count, len) = (ends.len(), bytes.len());
            parts.push((rank, start, ends, bytes));
            (rank, start) = (rank + count, start + len);
        }
        let parts = parts.into_par_iter().enumerate();
        parts.for_each(|(part, (rank, start, ends, bytes))| {
            let (mut ends, mut at) = (ends.iter_mut(), 0);
            fill(part, rank, &mut |value| {
                let place = bytes.get_mut(at..at + value.len());
                if let (Some(end), Some(place)) = (ends.next(), place) {
                    place.copy_from_slice(value);
                    at += value.len();
                    *end = start + at;
                }
            });
        });
        Values {
            bytes,
            ends,
            ..Values::default()
        }
    }
}

impl<'a> Values<ValueTable<'a>> {
    /// As [`Values::of_table`], but the values are not copied: the table lends them to the list.
    ///
    /// ```
    /// use rblmap_content::{NotValues, Record, ValueBuf, Values};
    /// let value = ValueBuf::new([Record { a: Some([127, 0, 0, 2].into()), text: None }]);
    /// let bytes = value.as_value().as_bytes();
    /// let values = Values::in_table(&[[2, 0, 0, 0]], bytes)?;
    /// assert!(std::ptr::eq(values.bytes_of(0), bytes));
    /// assert_eq!(Values::in_table(&[[1, 0, 0, 0]], bytes), Err(NotValues::Value));
    /// # Ok::<(), NotValues>(())
    /// ```
    ///
    /// # Errors
    /// Which rule the values break.
    pub fn in_table(ends: &'a [[u8; 4]], bytes: &'a [u8]) -> Result<Self, NotValues> {
        Values::lent_by(ValueTable::new(ends, bytes)).checked()
    }
}

impl<L: Lender> Values<L> {
    /// The values that are lent, and no others.
    pub(crate) fn lent_by(lent: L) -> Values<L> {
        Values {
            lent,
            bytes: Vec::new(),
            ends: Vec::new(),
            order: None,
        }
    }

    /// The values, for reading.
    #[inline]
    pub(crate) fn held(&self) -> Held<'_> {
        Held {
            lent: self.lent.table(),
            ends: &self.ends,
            bytes: &self.bytes,
            order: self.order.as_ref(),
        }
    }

    /// The list, if its values are canonical, in byte order and none is empty.
    fn checked(self) -> Result<Values<L>, NotValues> {
        let is_value = |value: Value<'_>| {
            let bytes = value.as_bytes();
            !bytes.is_empty() && is_canonical(bytes)
        };
        let parts: Vec<ValuesPart<'_>> = self.parts(CHECKED).collect();
        let firsts = (0..self.len()).step_by(CHECKED);
        let rises = firsts.skip(1).all(|rank| self.rises(rank));
        let are_right = |part: &ValuesPart<'_>| {
            let mut last: &[u8] = &[];
            part.values().all(|value| {
                let bytes = value.as_bytes();
                is_value(value) && std::mem::replace(&mut last, bytes) < bytes
            })
        };
        if rises && parts.par_iter().all(are_right) {
            return Ok(self);
        }
        let are_values = |part: &ValuesPart<'_>| part.values().all(is_value);
        Err(match parts.par_iter().all(are_values) {
            true => NotValues::Order,
            false => NotValues::Value,
        })
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.held().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of an id; the empty one for an id that is not of this list.
    pub fn get(&self, id: ValueId) -> Value<'_> {
        Value::new(self.bytes_of(id.rank() as usize))
    }

    /// All values in order; the first has rank 0.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Value<'_>> {
        (0..self.len()).map(|rank| Value::new(self.bytes_of(rank)))
    }

    /// The id of a value.
    pub fn find(&self, value: Value<'_>) -> Option<ValueId> {
        self.find_among(self.len(), value)
    }

    pub(crate) fn find_among(&self, count: usize, value: Value<'_>) -> Option<ValueId> {
        let place = self.place_of(value.as_bytes(), 0..count);
        if place == count || self.bytes_of(place) != value.as_bytes() {
            return None;
        }
        ValueId::from_rank(u32::try_from(place).ok()?)
    }

    /// All values, in parts of neighbours that lie one behind the other, at most `most` in each.
    ///
    /// ```
    /// use rblmap_content::{Record, ValueBuf, Values};
    /// let value = |last| ValueBuf::new([Record { a: Some([127, 0, 0, last].into()), text: None }]);
    /// let [two, three, four] = [2, 3, 4].map(value);
    /// let values = Values::of_sorted([&two, &three, &four].map(|value| value.as_value()))?;
    /// let parts: Vec<_> = values.parts(2).collect();
    /// assert_eq!(parts[0].bytes, [two.as_value().as_bytes(), three.as_value().as_bytes()].concat());
    /// assert_eq!(parts[0].ends().collect::<Vec<_>>(), [2, 4]);
    /// assert_eq!(parts[1].bytes, four.as_value().as_bytes());
    /// # Ok::<(), rblmap_content::NotValues>(())
    /// ```
    pub fn parts(&self, most: usize) -> impl Iterator<Item = ValuesPart<'_>> {
        self.held().parts(most)
    }

    /// These values in another order, or some of them: of some ranks, then of others. What lies one
    /// behind the other is not moved, as long as that is much.
    pub(crate) fn picked(self, order: &[Range<usize>]) -> Values<L> {
        let held = self.held();
        let places = || order.iter().flat_map(|ranks| held.places(ranks.clone()));
        let count: usize = order.iter().map(Range::len).sum();
        if places().count() > count / TOGETHER_AT_LEAST {
            let mut all = Values::lent_by(L::default());
            all.ends.reserve(count);
            all.bytes.reserve(held.bytes_len());
            places().for_each(|places| all.extend(held.part(places)));
            return all;
        }
        let mut picked = Order::default();
        places().for_each(|places| picked.push(places));
        let order = Some(picked);
        Values { order, ..self }
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

    /// Adds others, behind these.
    fn extend(&mut self, others: ValuesPart<'_>) {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(others.bytes);
        self.ends.extend(others.ends().map(|end| before + end));
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
        self.push_written(|bytes| bytes.extend_from_slice(value.as_bytes()));
    }

    /// Adds a value whose bytes `write` puts behind those that there are.
    pub(crate) fn push_written(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let place = self.lent.table().len() + self.ends.len();
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
        if let Some(order) = &mut self.order {
            order.push(place..place + 1);
        }
    }

    /// The bytes of the value of a rank; none for a rank that is not of this list.
    pub fn bytes_of(&self, rank: usize) -> &[u8] {
        self.held().bytes_of(rank)
    }
}

/// So many values are checked at once.
const CHECKED: usize = 1 << 14;
/// So many bytes are copied at once.
const COPIED: usize = 1 << 18;
/// Values in another order stay where they lie if so many of them do one behind the other, on average.
const TOGETHER_AT_LEAST: usize = 16;

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
