//! Looks names up: the name itself first, then the longest name above it with a rule for the names
//! below. Small zones have their names sorted, large ones in lines.

use crate::names::lines::NameLines;
use crate::names::sorted::SortedNames;
use crate::run::ValueId;

/// The layouts of names.
///
/// See the example of [`Model`](crate::names::write::Model).
#[derive(Debug, Clone, Copy)]
pub enum Names<'a> {
    /// The zone lists no name.
    Empty,
    /// Sorted names: few.
    Sorted(SortedNames<'a>),
    /// Lines: many names.
    Lines(NameLines<'a>),
}

impl Names<'_> {
    /// The value for a name, and the length of the key that it is listed under, a prefix of `key`.
    #[inline]
    pub fn lookup(&self, key: &[u8]) -> Option<(ValueId, usize)> {
        match self {
            Names::Empty => None,
            Names::Sorted(names) => names.lookup(key),
            Names::Lines(names) => names.lookup(key),
        }
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        match self {
            Names::Empty => 0,
            Names::Sorted(names) => names.len(),
            Names::Lines(names) => names.len(),
        }
    }
}
