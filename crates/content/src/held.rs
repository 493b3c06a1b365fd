//! Where the values of a list are held: the first ones may lie in an image, which lends them; the others
//! are the list's own.
//!
//! ```text
//!   places  0     1        2    |  3       4
//!   bytes   |=====|========|====|  |=======|===|
//!           a table of an image    memory of the list, for what came later
//!   ranks   0              1       2            an order says which places are of the list
//! ```

use std::fmt;
use std::ops::Range;

use rblmap_format::Value;

use crate::order::Order;

/// What lends a list its first values: nobody (`()`), or the table of an image.
///
/// See the example of [`crate::Values::in_table`].
pub trait Lender: Copy + Default + fmt::Debug + Send + Sync {
    /// The values; none if nobody lends any.
    fn table(&self) -> ValueTable<'_>;
}

/// Values of an image, one behind the other, that a list does not copy.
///
/// See the example of [`crate::Values::in_table`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ValueTable<'a> {
    ends: &'a [[u8; 4]],
    bytes: &'a [u8],
}

impl Lender for () {
    #[inline]
    fn table(&self) -> ValueTable<'_> {
        ValueTable::default()
    }
}

impl Lender for ValueTable<'_> {
    #[inline]
    fn table(&self) -> ValueTable<'_> {
        *self
    }
}

impl<'a> ValueTable<'a> {
    /// The table of values of which these are the ends and the bytes.
    pub(crate) fn new(ends: &'a [[u8; 4]], bytes: &'a [u8]) -> ValueTable<'a> {
        ValueTable { ends, bytes }
    }

    /// How many values it has.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.ends.len()
    }

    #[inline]
    fn span(self, place: usize) -> Range<usize> {
        span(self.ends, place, of_table)
    }
}

#[inline]
fn of_table(end: &[u8; 4]) -> usize {
    u32::from_le_bytes(*end) as usize
}

/// Where the value of a place lies.
#[inline]
fn span<E>(ends: &[E], place: usize, read: impl Fn(&E) -> usize) -> Range<usize> {
    let end = |place: usize| ends.get(place).map_or(0, &read);
    place.checked_sub(1).map_or(0, end)..end(place)
}

/// The values of a list, for reading, whoever holds them.
#[derive(Clone, Copy)]
pub(crate) struct Held<'v> {
    pub(crate) lent: ValueTable<'v>,
    /// Where each of the list's own ends in `bytes`.
    pub(crate) ends: &'v [usize],
    pub(crate) bytes: &'v [u8],
    /// Which of the values are of the list, and in which order; none if all are, as they lie.
    pub(crate) order: Option<&'v Order>,
}

impl<'v> Held<'v> {
    /// How many values the list has.
    #[inline]
    pub(crate) fn len(self) -> usize {
        let all = self.lent.len() + self.ends.len();
        self.order.map_or(all, Order::len)
    }

    /// How many bytes are held, those of values that are not of the list too.
    pub(crate) fn bytes_len(self) -> usize {
        self.lent.bytes.len() + self.bytes.len()
    }

    /// The bytes of the value of a rank; none for a rank that is not of this list.
    #[inline]
    pub(crate) fn bytes_of(self, rank: usize) -> &'v [u8] {
        let Some(place) = self.place(rank) else {
            return &[];
        };
        let bytes = match place.checked_sub(self.lent.len()) {
            None => self.lent.bytes.get(self.lent.span(place)),
            Some(own) => self.bytes.get(self.own_span(own)),
        };
        bytes.unwrap_or_default()
    }

    /// Where the value of a rank lies, as if the list's own bytes stood behind the lent ones.
    #[inline]
    pub(crate) fn span(self, rank: usize) -> Range<usize> {
        let Some(place) = self.place(rank) else {
            return 0..0;
        };
        match place.checked_sub(self.lent.len()) {
            None => self.lent.span(place),
            Some(own) => {
                let (span, before) = (self.own_span(own), self.lent.bytes.len());
                before + span.start..before + span.end
            }
        }
    }

    /// The bytes from the start of a span on, as far as they lie one behind the other.
    #[inline]
    pub(crate) fn bytes_from(self, start: usize) -> &'v [u8] {
        let bytes = match start.checked_sub(self.lent.bytes.len()) {
            None => self.lent.bytes.get(start..),
            Some(own) => self.bytes.get(own..),
        };
        bytes.unwrap_or_default()
    }

    /// All values, in parts of neighbours that lie one behind the other, at most `most` in each.
    pub(crate) fn parts(self, most: usize) -> impl Iterator<Item = ValuesPart<'v>> {
        let most = most.max(1);
        let pieces = self.places(0..self.len()).flat_map(move |places| {
            let starts = places.clone().step_by(most);
            starts.map(move |start| start..places.end.min(start.saturating_add(most)))
        });
        pieces.map(move |places| self.part(places))
    }

    /// The places of some ranks, in stretches of values that lie one behind the other.
    pub(crate) fn places(self, ranks: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let as_they_lie = self.order.is_none().then(|| ranks.clone());
        let ordered = self.order.into_iter();
        let ordered = ordered.flat_map(move |order| order.places(ranks.clone()));
        let border = self.lent.len();
        let cut =
            move |it: Range<usize>| [it.start..it.end.min(border), it.start.max(border)..it.end];
        let cut = as_they_lie.into_iter().chain(ordered).flat_map(cut);
        cut.filter(|places| !places.is_empty())
    }

    /// The values of some places, all of which are lent or none.
    pub(crate) fn part(self, places: Range<usize>) -> ValuesPart<'v> {
        let Some(first) = places.start.checked_sub(self.lent.len()) else {
            let (bytes, start) = (self.lent.bytes, self.lent.span(places.start).start);
            let ends = self.lent.ends.get(places).unwrap_or_default();
            let end = ends.last().map_or(start, of_table);
            return ValuesPart {
                bytes: bytes.get(start..end).unwrap_or_default(),
                start,
                lent: ends,
                own: &[],
            };
        };
        let start = self.own_span(first).start;
        let ends = self.ends.get(first..first + places.len());
        let ends = ends.unwrap_or_default();
        let end = ends.last().copied().unwrap_or(start);
        ValuesPart {
            bytes: self.bytes.get(start..end).unwrap_or_default(),
            start,
            lent: &[],
            own: ends,
        }
    }

    #[inline]
    fn place(self, rank: usize) -> Option<usize> {
        match self.order {
            Some(order) => order.place(rank),
            None => Some(rank),
        }
    }

    #[inline]
    fn own_span(self, own: usize) -> Range<usize> {
        span(self.ends, own, |end| *end)
    }
}

/// Some values that lie one behind the other.
///
/// See the example of [`crate::Values::parts`].
#[derive(Debug, Clone, Copy)]
pub struct ValuesPart<'v> {
    /// Their bytes.
    pub bytes: &'v [u8],
    /// Where these begin among others, and where each value ends there: lent ones or others.
    start: usize,
    lent: &'v [[u8; 4]],
    own: &'v [usize],
}

impl<'v> ValuesPart<'v> {
    /// How many values these are.
    pub fn len(&self) -> usize {
        self.lent.len() + self.own.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where in the bytes each value ends.
    pub fn ends(&self) -> impl Iterator<Item = usize> + use<'v> {
        let start = self.start;
        let ends = self
            .lent
            .iter()
            .map(of_table)
            .chain(self.own.iter().copied());
        ends.map(move |end| end.saturating_sub(start))
    }

    /// The values.
    pub fn values(&self) -> impl Iterator<Item = Value<'v>> + use<'v> {
        let (bytes, mut from) = (self.bytes, 0);
        self.ends().map(move |end| {
            let value = bytes.get(std::mem::replace(&mut from, end)..end);
            Value::new(value.unwrap_or_default())
        })
    }
}
