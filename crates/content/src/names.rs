//! What names say: for each name one *point*, with what it says of itself and of the names below it.
//! All points lie in one block of memory.

use rblmap_format::NamePoint;
use rblmap_format::{NameRule, ValueId};

/// Points with their keys; in content sorted by key, each key once.
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameTable {
    bytes: Vec<u8>,
    points: Vec<Point>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    start: usize,
    end: usize,
    exact: NameRule,
    below: NameRule,
}

impl NameTable {
    /// An empty list.
    pub fn new() -> NameTable {
        NameTable::default()
    }

    /// Adds a point. `key` is what [`rblmap_format::NameKey::as_bytes`] gives.
    pub fn push(&mut self, key: &[u8], exact: NameRule, below: NameRule) {
        let key = key
            .get(..key.len().min(rblmap_format::MAX_KEY))
            .unwrap_or_default();
        self.points.push(Point {
            start: self.bytes.len(),
            end: self.bytes.len() + key.len(),
            exact,
            below,
        });
        self.bytes.extend_from_slice(key);
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
        self.points.get(index).map(|point| self.view(point))
    }

    /// The points in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = NamePoint<'_>> + Clone {
        self.points.iter().map(|point| self.view(point))
    }

    /// The point with this key, in a sorted list.
    pub fn find(&self, key: &[u8]) -> Option<NamePoint<'_>> {
        let index = self
            .points
            .binary_search_by(|point| self.view(point).key.cmp(key))
            .ok()?;
        self.get(index)
    }

    /// Sorts by key; points of one key keep their order.
    pub fn sort(&mut self) {
        let NameTable { bytes, points } = self;
        points.sort_by(|a, b| key_of(bytes, a).cmp(key_of(bytes, b)));
    }

    pub(crate) fn map_values(&mut self, new: impl Fn(ValueId) -> ValueId) {
        let map = |slot: NameRule| slot.value().map_or(slot, |id| NameRule::Value(new(id)));
        for point in &mut self.points {
            point.exact = map(point.exact);
            point.below = map(point.below);
        }
    }

    fn view(&self, point: &Point) -> NamePoint<'_> {
        NamePoint {
            key: key_of(&self.bytes, point),
            exact: point.exact,
            below: point.below,
        }
    }
}

fn key_of<'a>(bytes: &'a [u8], point: &Point) -> &'a [u8] {
    bytes.get(point.start..point.end).unwrap_or_default()
}
