//! References to values: those of the base, most frequent ones first, then the added ones.

use std::cmp::Reverse;
use std::sync::{Arc, OnceLock};

use rblmap::ValueId;
use rblmap_content::{Content, V4Runs};

use crate::codec::numbers::{Gamma, pick, uniform};
use crate::codec::range_coder::{Chance, Coder};
use crate::error::Error;

/// So many values have contexts of their own: the most frequent ones.
const KNOWN: usize = 16;

/// A value from which the next one can be guessed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside {
    value: Option<ValueId>,
    is_replaced: bool,
}

impl Beside {
    /// The value that the next one replaces.
    pub(crate) fn replaced(value: Option<ValueId>) -> Beside {
        let is_replaced = true;
        Beside { value, is_replaced }
    }

    /// The value of a neighbour.
    pub(crate) fn near(value: Option<ValueId>) -> Beside {
        let is_replaced = false;
        Beside { value, is_replaced }
    }
}

/// How values are numbered in a file. Those of the base are numbered by how many runs and names have
/// them. An added one is told by its place among the added values that nothing has referred to yet, and
/// from then on has the next number.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Those of the base: there may be millions, and each stream has a table.
    old: Arc<Old>,
    /// Added ids in the order in which they were first used; their indices follow those of the base.
    order: Vec<ValueId>,
    /// The index of each added id, by its place among them.
    index: Vec<Option<u32>>,
    fresh: Fresh,
    is_fresh: Chance,
    any: [Gamma; KNOWN + 1],
    instead: [Gamma; KNOWN + 1],
}

/// The values of the base.
#[derive(Debug)]
struct Old {
    /// How many runs and names have each, by rank, and one more.
    counts: Vec<u32>,
    /// The ids with the lowest indices. Nearly always nothing is asked of the others but that they are
    /// others: where each address has a text of its own, who is added has a new one.
    first: Vec<ValueId>,
    all: OnceLock<Indices>,
}

/// The index of each value of the base.
#[derive(Debug)]
struct Indices {
    /// Ids by index, most frequent first.
    order: Vec<ValueId>,
    /// The index of each id.
    index: Vec<u32>,
}

impl Old {
    fn new(counts: Vec<u32>) -> Old {
        // The highest counts so far, the first of equals first.
        let mut first: Vec<(u32, u32)> = Vec::with_capacity(KNOWN + 1);
        let mut least = 0;
        for (rank, count) in (0u32..).zip(&counts) {
            if *count > least {
                let place = first.partition_point(|(other, _)| other >= count);
                first.insert(place, (*count, rank));
                first.truncate(KNOWN);
                least = first.get(KNOWN - 1).map_or(0, |last| last.0);
            }
        }
        let ids = first.into_iter().filter_map(|it| ValueId::from_rank(it.1));
        Old {
            first: ids.collect(),
            all: OnceLock::new(),
            counts,
        }
    }

    fn len(&self) -> usize {
        self.counts.len()
    }

    fn all(&self) -> &Indices {
        self.all.get_or_init(|| {
            let ids = (0u32..).take(self.len()).filter_map(ValueId::from_rank);
            let mut order: Vec<ValueId> = ids.collect();
            let uses = |id: &ValueId| self.counts.get(id.rank() as usize).copied().unwrap_or(0);
            order.sort_by_key(|id| (Reverse(uses(id)), *id));
            let mut index = vec![0; order.len()];
            for (at, id) in (0u32..).zip(&order) {
                if let Some(slot) = index.get_mut(id.rank() as usize) {
                    *slot = at;
                }
            }
            Indices { order, index }
        })
    }

    /// The id of an index.
    fn id(&self, index: usize) -> Option<ValueId> {
        let first = self.first.get(index).copied();
        first.or_else(|| self.all().order.get(index).copied())
    }

    /// The index of an id, if it is one of the first.
    fn first_index(&self, id: ValueId) -> Option<usize> {
        self.first.iter().position(|first| *first == id)
    }

    fn index(&self, id: ValueId) -> Option<u32> {
        match self.first_index(id) {
            Some(index) => u32::try_from(index).ok(),
            None => self.all().index.get(id.rank() as usize).copied(),
        }
    }
}

impl Table {
    /// A table of the values of `old`.
    pub(crate) fn new<V4: V4Runs>(old: &Content<V4>) -> Table {
        Table {
            old: Arc::new(Old::new(count_uses(old))),
            order: Vec::new(),
            index: Vec::new(),
            fresh: Fresh::new(0),
            is_fresh: Chance::EVEN,
            any: std::array::from_fn(|_| Gamma::new()),
            instead: std::array::from_fn(|_| Gamma::new()),
        }
    }

    /// The same, with so many added values.
    pub(crate) fn with_added(mut self, added: u32) -> Table {
        self.index = vec![None; added as usize];
        self.fresh = Fresh::new(added as usize);
        self
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.old.len() + self.index.len()
    }

    /// The value, when there is but one: it need not be coded.
    pub(crate) fn only(&self) -> Option<ValueId> {
        (self.len() == 1).then(|| ValueId::from_rank(0)).flatten()
    }

    /// Codes a value; `beside` is a value that makes it likelier or not.
    ///
    /// # Errors
    /// Decoding: no value has the number.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        beside: Beside,
        given: Option<ValueId>,
    ) -> Result<ValueId, Error> {
        let known = given.and_then(|id| self.index_of(id));
        let left = self.fresh.left();
        let all_fresh = self.old.len() == 0 && self.order.is_empty();
        if left > 0 && (all_fresh || coder.bit(&mut self.is_fresh, known.is_none())) {
            let place = given.and_then(|id| self.place_of(id));
            let place = place.map_or(0, |place| self.fresh.count_before(place));
            let place = uniform(coder, left as u64, place as u64);
            let place = usize::try_from(place)
                .ok()
                .and_then(|place| self.fresh.take(place));
            return place
                .and_then(|place| self.append(place))
                .ok_or(Error::Malformed {
                    what: "added value",
                });
        }
        let context = beside.value.and_then(|id| self.context_of(id)).unwrap_or(0);
        let models = if beside.is_replaced {
            &mut self.instead
        } else {
            &mut self.any
        };
        let model = models
            .get_mut(context)
            .ok_or(Error::Malformed { what: "value" })?;
        let index = model.code(coder, known.unwrap_or(0).into());
        let id =
            usize::try_from(index)
                .ok()
                .and_then(|index| match index.checked_sub(self.old.len()) {
                    Some(added) => self.order.get(added).copied(),
                    None => self.old.id(index),
                });
        id.ok_or(Error::Malformed {
            what: "value number",
        })
    }

    /// The place of an id among the added ones.
    fn place_of(&self, id: ValueId) -> Option<usize> {
        (id.rank() as usize).checked_sub(self.old.len())
    }

    fn index_of(&self, id: ValueId) -> Option<u32> {
        match self.place_of(id) {
            Some(place) => self.index.get(place).copied().flatten(),
            None => self.old.index(id),
        }
    }

    /// The context of what stands beside a value that has an index: one more than the index, the last
    /// one for the many behind the first.
    fn context_of(&self, id: ValueId) -> Option<usize> {
        let index = match self.place_of(id) {
            Some(_) => self.index_of(id)? as usize,
            None => self.old.first_index(id).unwrap_or(KNOWN),
        };
        Some(index.min(KNOWN - 1) + 1)
    }

    /// Gives the added value of a place the next index.
    fn append(&mut self, place: usize) -> Option<ValueId> {
        let rank = self.old.len() + place;
        let id = ValueId::from_rank(u32::try_from(rank).ok()?)?;
        let index = u32::try_from(self.old.len() + self.order.len()).ok();
        *self.index.get_mut(place)? = index;
        self.order.push(id);
        Some(id)
    }
}

/// How many runs and names of the content have each value, by rank, and one more: no content has as many
/// as do not fit.
fn count_uses<V4: V4Runs>(content: &Content<V4>) -> Vec<u32> {
    // Zeros would be pages that are given when they are written, after they were read: a stop of all
    // threads each.
    let mut counts = vec![1u32; content.values().len()];
    for zone in content.zones() {
        zone.v4_runs().count_uses(&mut counts);
        let mut see = |id: ValueId| {
            if let Some(count) = counts.get_mut(id.rank() as usize) {
                *count = count.saturating_add(1);
            }
        };
        zone.v6().iter().for_each(|run| see(run.value));
        let slots = zone
            .names()
            .iter()
            .flat_map(|point| [point.exact, point.below]);
        slots.filter_map(|slot| slot.value()).for_each(&mut see);
    }
    counts
}

/// The added values that nothing has referred to yet: a tree of counts (Fenwick 1994), so that the
/// n-th of them is found in the logarithm of their number.
#[derive(Debug, Clone)]
struct Fresh {
    /// `tree[i]` counts the places from `i - lowest bit of i` on to `i`, places from 1.
    tree: Vec<u32>,
    left: usize,
}

impl Fresh {
    fn new(count: usize) -> Fresh {
        let lowest = |at: usize| 1u32 << at.trailing_zeros().min(31);
        Fresh {
            tree: (0..=count).map(lowest).collect(),
            left: count,
        }
    }

    fn left(&self) -> usize {
        self.left
    }

    /// How many are left before a place.
    fn count_before(&self, place: usize) -> usize {
        let mut at = place.min(self.tree.len() - 1);
        let mut count = 0;
        while at > 0 {
            count += self.tree.get(at).copied().unwrap_or(0) as usize;
            at &= at - 1;
        }
        count
    }

    /// Takes the `nth` that is left away, and returns its place.
    fn take(&mut self, nth: usize) -> Option<usize> {
        if nth >= self.left {
            return None;
        }
        let mut at = 0;
        let mut before = nth;
        let mut step = self.tree.len().next_power_of_two() / 2;
        while step > 0 {
            match self.tree.get(at + step) {
                Some(&count) if count as usize <= before => {
                    before -= count as usize;
                    at += step;
                }
                _ => {}
            }
            step /= 2;
        }
        let mut node = at + 1;
        while let Some(count) = self.tree.get_mut(node) {
            *count -= 1;
            node += node & node.wrapping_neg();
        }
        self.left -= 1;
        Some(at)
    }
}

/// Contexts for guesses: how likely a value is the `n`-th guess.
#[derive(Debug)]
pub(crate) struct Guesses<const N: usize> {
    chances: [[Chance; 8]; N],
}

impl<const N: usize> Guesses<N> {
    pub(crate) fn new() -> Guesses<N> {
        Guesses {
            chances: [[Chance::EVEN; 8]; N],
        }
    }

    /// Whether the value is the guess; `context` is less than 8.
    pub(crate) fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        nth: usize,
        context: usize,
        is_it: bool,
    ) -> bool {
        match self.chances.get_mut(nth) {
            Some(chances) => coder.bit(pick(chances, context), is_it),
            None => is_it,
        }
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    #[test]
    fn fresh_values_are_found_by_their_place() {
        for count in [0usize, 1, 2, 3, 7, 8, 9, 100] {
            let mut rng = Rng::with_seed(count as u64);
            let mut model: Vec<usize> = (0..count).collect();
            let mut fresh = Fresh::new(count);
            while !model.is_empty() {
                let nth = rng.usize(0..model.len());
                let place = model.remove(nth);
                assert_eq!(fresh.count_before(place), nth);
                assert_eq!(fresh.take(nth), Some(place));
                assert_eq!(fresh.left(), model.len());
            }
            assert_eq!(fresh.take(0), None);
        }
    }
}
