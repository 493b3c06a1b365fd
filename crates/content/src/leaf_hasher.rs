//! Hashes the leaves of the content id's hash tree.
//!
//! `docs/format.md` section "Content id" says what a leaf is and what bytes it has.

use std::fmt;
use std::ops::Range;

use rayon::prelude::*;
use rblmap_format::{Address, NamePoint, NameRule, Run, ValueId, prefetch};

use crate::held::{Held, Lender};
use crate::pool::Pool;
use crate::values::Values;

/// Values of more bytes stand in leaves as their hash, so that a long text that many leaves use is
/// hashed once.
const SHORT: usize = 63;

/// What is known of so many values stays in a core's own cache.
const NEAR: usize = 1 << 14;
/// So many values ahead what is known of them is asked for, and so are their bytes.
const AHEAD: usize = 12;

/// The values of a content, as leaves write them.
pub(crate) struct LeafValues<'a> {
    values: Held<'a>,
    /// By rank; zeros for those that are short. Empty if all are.
    hashes: Vec<[u8; 32]>,
}

impl<'a> LeafValues<'a> {
    fn new(values: Held<'a>) -> LeafValues<'a> {
        let ranks = (0..values.len()).into_par_iter();
        let mut hashes = Vec::new();
        if ranks
            .clone()
            .any(|rank| values.bytes_of(rank).len() > SHORT)
        {
            hashes = vec![[0; 32]; values.len()];
            ranks.zip(&mut hashes).for_each(|(rank, hash)| {
                let bytes = values.bytes_of(rank);
                if bytes.len() > SHORT {
                    *hash = *blake3::hash(bytes).as_bytes();
                }
            });
        }
        LeafValues { values, hashes }
    }

    /// Appends length and bytes, or 0 and the hash, of each.
    fn put(&self, ranks: &[u32], spans: &mut Vec<Range<usize>>, out: &mut Vec<u8>) {
        // Values lie anywhere: where they are is read for all first, so that the processor waits for
        // many at once. Copies of a fixed length need no call, and what is too much goes again.
        spans.clear();
        spans.extend(ranks.iter().map(|rank| self.values.span(*rank as usize)));
        let mut ahead = spans.iter().skip(AHEAD);
        for (rank, span) in ranks.iter().zip(spans.iter()) {
            if let Some(later) = ahead.next() {
                prefetch(self.values.bytes_from(later.start).as_ptr());
            }
            let len = span.len();
            if len > SHORT {
                out.push(0);
                out.extend(self.hashes.get(*rank as usize).unwrap_or(&[0; 32]));
                continue;
            }
            out.push(u8::try_from(len).unwrap_or(0)); // at most 63
            let end = out.len() + len;
            let mut rest = self.values.bytes_from(span.start);
            while let Some((bytes, after)) = rest.split_first_chunk::<16>()
                && out.len() < end
            {
                out.extend_from_slice(bytes);
                rest = after;
            }
            if out.len() < end {
                out.extend(rest.iter().take(end - out.len()));
            }
            out.truncate(end);
        }
    }
}

/// Hashes the leaves of the content id's hash tree, on as many cores as ask.
///
/// ```
/// use rblmap_content::{LeafHasher, Values};
/// let (values, runs) = (Values::default(), [[].as_slice(); 2]);
/// let hasher = LeafHasher::new(&values);
/// assert_eq!(hasher.hash::<u32>(runs[0]), LeafHasher::new(&values).hash(runs[1]));
/// ```
pub struct LeafHasher<'v> {
    values: LeafValues<'v>,
    leaves: Pool<Leaf>,
}

impl fmt::Debug for LeafHasher<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeafHasher").finish_non_exhaustive()
    }
}

impl<'v> LeafHasher<'v> {
    /// For leaves of a content with these values. Values of over 63 bytes are hashed, on all cores.
    pub fn new<L: Lender>(values: &'v Values<L>) -> LeafHasher<'v> {
        LeafHasher {
            values: LeafValues::new(values.held()),
            leaves: Pool::new(),
        }
    }

    /// The hash of a leaf of runs, as `docs/format.md` has it; see [`crate::leaves`].
    pub fn hash<A: Address>(&self, runs: &[Run<A>]) -> [u8; 32] {
        self.with(|leaf, values| leaf.hash_runs(runs, values))
    }

    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Leaf, &LeafValues<'v>) -> R) -> R {
        let new = || Leaf::new(self.values.values.len());
        self.leaves.with(new, |leaf| work(leaf, &self.values))
    }
}

/// Hashes leaves, one after the other. Has a place for each value of the content.
pub(crate) struct Leaf {
    bytes: Vec<u8>,
    local: LocalValues,
    spans: Vec<Range<usize>>,
    /// The ends of runs that have more than one address.
    ends: Vec<u8>,
}

impl Leaf {
    fn new(values: usize) -> Leaf {
        Leaf {
            bytes: Vec::new(),
            local: LocalValues::new(values),
            spans: Vec::new(),
            ends: Vec::new(),
        }
    }

    fn hash_runs<A: Address>(&mut self, runs: &[Run<A>], values: &LeafValues<'_>) -> [u8; 32] {
        self.bytes.clear();
        self.bytes.extend(count_bytes(runs.len()));
        self.put_addresses(runs);
        let numbers = self.bytes.len();
        self.put_numbers(runs);
        if self.local.used.len() <= 1 {
            self.bytes.truncate(numbers);
        }
        self.finish(values)
    }

    /// Appends where runs start, a bit for each that says whether it has one address, and the ends of the
    /// others.
    fn put_addresses<A: Address>(&mut self, runs: &[Run<A>]) {
        A::write_all(runs.iter().map(|run| run.start), &mut self.bytes);
        self.ends.clear();
        for runs in runs.chunks(8) {
            let mut singles = 0;
            // The next one takes the place of one that says nothing.
            let (mut ends, mut count) = ([A::FIRST; 8], 0);
            for (at, run) in runs.iter().enumerate() {
                let is_single = run.start == run.end;
                singles |= u8::from(is_single) << at;
                if let Some(place) = ends.get_mut(count) {
                    *place = run.end;
                }
                count += usize::from(!is_single);
            }
            self.bytes.push(singles);
            let ends = ends.iter().take(count);
            ends.for_each(|end| end.write(&mut self.ends));
        }
        self.bytes.extend_from_slice(&self.ends);
    }

    /// Appends the numbers that the values of runs have in this leaf.
    fn put_numbers<A: Address>(&mut self, runs: &[Run<A>]) {
        let numbers = self.bytes.len();
        self.bytes.resize(numbers + 2 * runs.len(), 0);
        let places = self.bytes.get_mut(numbers..).unwrap_or_default();
        let (places, _) = places.as_chunks_mut::<2>();
        // Few values are near anyway.
        if self.local.seen.len() > NEAR {
            let mut ahead = runs.iter().skip(AHEAD);
            for (place, run) in places.iter_mut().zip(runs) {
                if let Some(later) = ahead.next() {
                    self.local.prefetch(later.value);
                }
                *place = self.local.number(run.value).to_le_bytes();
            }
        } else {
            for (place, run) in places.iter_mut().zip(runs) {
                *place = self.local.number(run.value).to_le_bytes();
            }
        }
    }

    pub(crate) fn hash_names<'p>(
        &mut self,
        points: impl ExactSizeIterator<Item = NamePoint<'p>>,
        values: &LeafValues<'_>,
    ) -> [u8; 32] {
        self.bytes.clear();
        self.bytes.extend(count_bytes(points.len()));
        for point in points {
            let len = u16::try_from(point.key.len()).expect("a key has at most MAX_KEY bytes");
            self.bytes.extend(len.to_le_bytes());
            self.bytes.extend(point.key);
            for slot in [point.exact, point.below] {
                let code = match slot {
                    NameRule::Inherit => 0,
                    NameRule::Nothing => 1,
                    NameRule::Value(id) => 2 + self.local.number(id),
                };
                self.bytes.extend(code.to_le_bytes());
            }
        }
        self.finish(values)
    }

    /// Ends a leaf with its values.
    fn finish(&mut self, values: &LeafValues<'_>) -> [u8; 32] {
        self.bytes.extend(count_bytes(self.local.used.len()));
        let used = &self.local.used;
        values.put(used, &mut self.spans, &mut self.bytes);
        self.local.used.clear();
        self.local.leaf += 1;
        *blake3::hash(&self.bytes).as_bytes()
    }
}

/// Numbers the values of a leaf in order of first use, so that ids do not enter the hash.
struct LocalValues {
    leaf: u32,
    /// For each value the last leaf that used it and its number there.
    seen: Vec<(u32, u16)>,
    used: Vec<u32>,
}

impl LocalValues {
    fn new(count: usize) -> LocalValues {
        LocalValues {
            leaf: 0,
            // Zeros would be pages that are given when they are written, after they were read: a
            // stop of all threads each.
            seen: vec![(u32::MAX, 0); count],
            used: Vec::new(),
        }
    }

    /// Asks for the place of a value that comes soon: values lie anywhere.
    fn prefetch(&self, id: ValueId) {
        prefetch(self.seen.as_ptr().wrapping_add(id.rank() as usize));
    }

    fn number(&mut self, id: ValueId) -> u16 {
        let Some(slot) = self.seen.get_mut(id.rank() as usize) else {
            return u16::MAX; // content has values for all its ids
        };
        if slot.0 != self.leaf {
            // A leaf has at most 4,096 items of one or two values.
            let next = u16::try_from(self.used.len()).unwrap_or(u16::MAX);
            *slot = (self.leaf, next);
            self.used.push(id.rank());
        }
        slot.1
    }
}

pub(crate) fn count_bytes(count: usize) -> [u8; 4] {
    let count = u32::try_from(count).expect("more than 2^32 - 1 of anything is refused before");
    count.to_le_bytes()
}
