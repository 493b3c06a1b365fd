//! Looks names up: the name itself first, then the longest name above that speaks for those below.

use crate::layout::bytes::{id_at, u32_at};
use crate::name::parent_key;
use crate::run::{NamePoint, Slot, ValueId};

/// A section of sorted names, cut into its parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    ends: &'a [u8],
    exact: &'a [u8],
    below: &'a [u8],
    keys: &'a [u8],
    count: usize,
    width: usize,
}

impl<'a> Names<'a> {
    /// Cuts a section; `None` if it is shorter than its parts.
    pub(crate) fn new(section: &'a [u8], parameter: u64, width: usize) -> Option<Names<'a>> {
        let count = usize::try_from(parameter).ok()?;
        let (ends, rest) = section.split_at_checked(count.checked_mul(4)?)?;
        let (exact, rest) = rest.split_at_checked(count.checked_mul(width)?)?;
        let (below, keys) = rest.split_at_checked(count.checked_mul(width)?)?;
        let last = count
            .checked_sub(1)
            .map_or(0, |last| u32_at(ends, last * 4) as usize);
        (last == keys.len()).then_some(Names {
            ends,
            exact,
            below,
            keys,
            count,
            width,
        })
    }

    /// The value for a name, and the key of the name it is listed under.
    /// At most one binary search for each label.
    pub(crate) fn lookup(&self, key: &[u8]) -> Option<(ValueId, &'a [u8])> {
        if let Some(point) = self.find(key) {
            match point.exact {
                Slot::Value(id) => return Some((id, point.key)),
                Slot::Nothing => return None,
                Slot::Inherit => {}
            }
        }
        let mut suffix = parent_key(key);
        while let Some(key) = suffix {
            if let Some(point) = self.find(key) {
                match point.below {
                    Slot::Value(id) => return Some((id, point.key)),
                    Slot::Nothing => return None,
                    Slot::Inherit => {}
                }
            }
            suffix = parent_key(key);
        }
        None
    }

    pub(crate) fn point(&self, index: usize) -> Option<NamePoint<'a>> {
        let key = self.key(index).filter(|_| index < self.count)?;
        let slot = |codes| Slot::from_code(id_at(codes, self.width, index));
        Some(NamePoint {
            key,
            exact: slot(self.exact),
            below: slot(self.below),
        })
    }

    fn find(&self, key: &[u8]) -> Option<NamePoint<'a>> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let mid = low.midpoint(high);
            match self.key(mid)?.cmp(key) {
                std::cmp::Ordering::Less => low = mid + 1,
                std::cmp::Ordering::Greater => high = mid,
                std::cmp::Ordering::Equal => return self.point(mid),
            }
        }
        None
    }

    fn key(&self, index: usize) -> Option<&'a [u8]> {
        let end = |index: usize| u32_at(self.ends, index * 4) as usize;
        self.keys
            .get(index.checked_sub(1).map_or(0, end)..end(index))
    }
}
