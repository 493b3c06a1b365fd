//! What names say: for each name one *point*, with what it says of itself and of the names below it.
//! All points lie in one block of memory.

use rayon::prelude::*;
use rblmap_format::NamePoint;
use rblmap_format::{NameRule, ValueId};

/// Points with their keys; in content sorted by key, each key once.
///
/// A list has millions of them, so each takes 16 bytes beside its key.
///
/// ```
/// use rblmap_content::{NameTable, resolve_name};
/// use rblmap_format::{NameKey, NameRule, ValueId};
///
/// let value = NameRule::Value(ValueId::from_rank(0).unwrap());
/// let mut names = NameTable::new();
/// names.push(NameKey::parse(b"spam.example")?.as_bytes(), value, value);
/// names.push(NameKey::parse(b"good.spam.example")?.as_bytes(), NameRule::Nothing, NameRule::Nothing);
/// names.sort();
/// assert!(resolve_name(&names, &NameKey::parse(b"a.spam.example")?).is_some());
/// assert!(resolve_name(&names, &NameKey::parse(b"good.spam.example")?).is_none());
/// # Ok::<(), rblmap_format::NameError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct NameTable {
    bytes: Vec<u8>,
    points: Vec<Point>,
}

/// Where the key of a point begins (48 bits), how long it is, and the codes of its rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    start: u32,
    start_high: u16,
    len: u16,
    exact: u32,
    below: u32,
}

impl NameTable {
    /// An empty list.
    pub fn new() -> NameTable {
        NameTable::default()
    }

    /// Adds a point. `key` is what [`rblmap_format::NameKey::as_bytes`] gives.
    ///
    /// # Panics
    /// Where the keys together have more than 2^48 bytes, which no memory holds.
    pub fn push(&mut self, key: &[u8], exact: NameRule, below: NameRule) {
        let key = key
            .get(..key.len().min(rblmap_format::MAX_KEY))
            .unwrap_or_default();
        let start = self.bytes.len() as u64;
        let [low @ .., _, _, _, _] = start.to_le_bytes();
        self.points.push(Point {
            start: u32::from_le_bytes(low),
            start_high: u16::try_from(start >> 32).expect("memory has less than 2^48 bytes"),
            len: u16::try_from(key.len()).expect("a key has at most MAX_KEY bytes"),
            exact: exact.code(),
            below: below.code(),
        });
        self.bytes.extend_from_slice(key);
    }

    /// Adds the points of another list behind these: as pushing one by one, but faster.
    ///
    /// ```
    /// use rblmap_content::NameTable;
    /// use rblmap_format::NameRule::{Inherit, Nothing};
    /// let (mut names, mut more) = (NameTable::new(), NameTable::new());
    /// names.push(b"a\0", Nothing, Nothing);
    /// more.push(b"b\0", Nothing, Nothing);
    /// names.append(&more);
    /// names.set(1, Inherit, Nothing);
    /// let last = names.get(1).expect("two points");
    /// assert_eq!((last.key, last.exact), (&b"b\0"[..], Inherit));
    /// ```
    ///
    /// # Panics
    /// As [`NameTable::push`].
    pub fn append(&mut self, more: &NameTable) {
        let before = self.bytes.len() as u64;
        self.bytes.extend_from_slice(&more.bytes);
        let end = self.bytes.len() as u64;
        assert!(end >> 48 == 0, "memory has less than 2^48 bytes");
        self.points.extend(more.points.iter().map(|point| {
            let start = before + (u64::from(point.start_high) << 32 | u64::from(point.start));
            let [a, b, c, d, low, high, ..] = start.to_le_bytes();
            Point {
                start: u32::from_le_bytes([a, b, c, d]),
                start_high: u16::from_le_bytes([low, high]),
                ..*point
            }
        }));
    }

    /// Gives the `index`-th point other rules.
    ///
    /// See the example of [`NameTable::append`].
    pub fn set(&mut self, index: usize, exact: NameRule, below: NameRule) {
        if let Some(point) = self.points.get_mut(index) {
            (point.exact, point.below) = (exact.code(), below.code());
        }
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The `index`-th point.
    pub fn get(&self, index: usize) -> Option<NamePoint<'_>> {
        self.points
            .get(index)
            .map(|point| view(&self.bytes, *point))
    }

    /// The points in order, to be viewed one by one.
    pub(crate) fn points(&self) -> &[Point] {
        &self.points
    }

    /// What a point of this table says.
    pub(crate) fn view(&self, point: Point) -> NamePoint<'_> {
        view(&self.bytes, point)
    }

    /// The points in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = NamePoint<'_>> + Clone {
        self.points.iter().map(|point| view(&self.bytes, *point))
    }

    /// The index of the first point whose key is not below this one, in a sorted list.
    pub fn lower_bound(&self, key: &[u8]) -> usize {
        self.points
            .partition_point(|point| key_of(&self.bytes, *point) < key)
    }

    /// The point with this key, in a sorted list.
    pub fn find(&self, key: &[u8]) -> Option<NamePoint<'_>> {
        let found = self.get(self.lower_bound(key));
        found.filter(|point| point.key == key)
    }

    /// Sorts by key; points of one key keep their order.
    pub fn sort(&mut self) {
        let NameTable { bytes, points } = self;
        let rises =
            |pair: &[Point]| matches!(pair, [a, b] if key_of(bytes, *a) <= key_of(bytes, *b));
        if !points.par_windows(2).all(rises) {
            points.sort_by(|a, b| key_of(bytes, *a).cmp(key_of(bytes, *b)));
        }
    }

    /// Gives each point new rules for itself and for the names below it, in order and in place; a
    /// point that comes to inherit both is taken out. `rules` gets the index that a point had.
    ///
    /// ```
    /// use rblmap_content::NameTable;
    /// use rblmap_format::NameRule::{Inherit, Nothing};
    /// let mut table = NameTable::new();
    /// table.push(b"a\0", Nothing, Inherit);
    /// table.push(b"b\0", Nothing, Nothing);
    /// table.rewrite(|_, point| Ok::<_, ()>([Inherit, point.below]))?;
    /// assert_eq!(table.iter().map(|point| point.key).collect::<Vec<_>>(), [b"b\0"]);
    /// # Ok::<(), ()>(())
    /// ```
    ///
    /// # Errors
    /// The first error of `rules`; the points before it have their new rules then.
    pub fn rewrite<'t, E>(
        &'t mut self,
        mut rules: impl FnMut(usize, NamePoint<'t>) -> Result<[NameRule; 2], E>,
    ) -> Result<(), E> {
        let NameTable { bytes, points } = self;
        let bytes: &'t [u8] = bytes;
        let (mut index, mut failed) = (0, None);
        points.retain_mut(|point| {
            if failed.is_some() {
                return true;
            }
            let old = index;
            index += 1;
            match rules(old, view(bytes, *point)) {
                Ok([exact, below]) => {
                    (point.exact, point.below) = (exact.code(), below.code());
                    (exact, below) != (NameRule::Inherit, NameRule::Inherit)
                }
                Err(error) => {
                    failed = Some(error);
                    true
                }
            }
        });
        failed.map_or(Ok(()), Err)
    }

    pub(crate) fn map_values(&mut self, new: impl Fn(ValueId) -> ValueId) {
        let map = |code: u32| {
            let rule = NameRule::from_code(code);
            rule.value()
                .map_or(code, |id| NameRule::Value(new(id)).code())
        };
        for point in &mut self.points {
            point.exact = map(point.exact);
            point.below = map(point.below);
        }
    }

    /// Gives the bytes of keys back that no point has any more, if they are many.
    pub(crate) fn compact(&mut self) {
        let used: usize = self.points.iter().map(|point| usize::from(point.len)).sum();
        if used < self.bytes.len() / 4 * 3 {
            let mut kept = NameTable::new();
            kept.bytes.reserve_exact(used);
            kept.points.reserve_exact(self.points.len());
            for point in self.iter() {
                kept.push(point.key, point.exact, point.below);
            }
            *self = kept;
        }
    }
}

/// Tables are equal that have the same points, wherever the keys lie.
impl PartialEq for NameTable {
    fn eq(&self, other: &NameTable) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for NameTable {}

fn view(bytes: &[u8], point: Point) -> NamePoint<'_> {
    NamePoint {
        key: key_of(bytes, point),
        exact: NameRule::from_code(point.exact),
        below: NameRule::from_code(point.below),
    }
}

fn key_of(bytes: &[u8], point: Point) -> &[u8] {
    let start = u64::from(point.start_high) << 32 | u64::from(point.start);
    let Ok(start) = usize::try_from(start) else {
        return &[];
    };
    bytes
        .get(start..start + usize::from(point.len))
        .unwrap_or_default()
}
