//! The content id: a hash that equal content has on every machine, in every version.
//!
//! `docs/format.md` section "Content id" is the definition; test vectors in `testdata/content-id`
//! freeze it. The image layout may change, the id of a content does not.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use blake3::Hasher;
use rayon::prelude::*;
use rblmap_format::NamePoint;
use rblmap_format::{NameRule, Run, ValueId, prefetch};

use crate::content::Content;
use crate::leaves::{LEAF, split_runs};
use crate::names::{NameTable, Point};
use crate::pool::Pool;
use crate::v4::V4Runs;
use crate::values::Values;
use rblmap_format::Address;

const CONTEXT: &str = "rblmap 2026-11 content id 2";
/// Values of more bytes stand in leaves as their hash, so that a long text that many leaves use is
/// hashed once.
const SHORT: usize = 63;

/// What is known of so many values stays in a core's own cache.
const NEAR: usize = 1 << 14;
/// So many values ahead what is known of them is asked for, and so are their bytes.
const AHEAD: usize = 12;

/// Names a content: equal contents have equal ids, and nobody can make two contents of one id.
///
/// Covered: zone name, subzone names, expiries, and what every address and name is answered with.
/// Not covered: serial, creation time, TTL, SOA and NS.
///
/// ```
/// use rblmap_content::{ContentId, Draft};
///
/// let id = Draft::new("ops.example".parse()?).finish()?.id();
/// assert_ne!(id, Draft::new("dul.example".parse()?).finish()?.id());
/// assert_eq!(id.to_string().parse::<ContentId>()?, id);
/// assert!("12ab".parse::<ContentId>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId([u8; 32]);

/// The text is no content id.
///
/// See the example of [`ContentId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("content id {0:?}: not 64 hexadecimal digits")]
pub struct ContentIdError(String);

impl ContentId {
    /// Takes the bytes of an id, as headers hold them.
    pub const fn from_bytes(bytes: [u8; 32]) -> ContentId {
        ContentId(bytes)
    }

    /// The 32 bytes of the id.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 12 hexadecimal digits, for messages.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentId({self})")
    }
}

impl FromStr for ContentId {
    type Err = ContentIdError;

    fn from_str(text: &str) -> Result<ContentId, ContentIdError> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| ContentIdError(text.to_owned()))?;
        Ok(ContentId(*hash.as_bytes()))
    }
}

impl<V4: V4Runs> Content<V4> {
    /// The id of this content. One pass over all of it, on all cores.
    pub fn id(&self) -> ContentId {
        let values = LeafValues::new(self.values());
        let leaves = Leaves {
            values: &values,
            leaf: Pool::new(),
        };
        let mut hasher = Hasher::new_derive_key(CONTEXT);
        put_bytes(&mut hasher, self.name().as_str().as_bytes());
        hasher.update(&count_bytes(self.zones().len()));
        for zone in self.zones() {
            put_bytes(&mut hasher, zone.name().as_bytes());
            hasher.update(&zone.expires().unwrap_or(0).to_le_bytes());
            let hash = |runs: &[Run<u32>]| leaves.with(|leaf| leaf.hash_runs(runs));
            hasher.update(&root(&zone.v4_runs().map_leaves(hash)));
            hasher.update(&runs_root(zone.v6(), &leaves));
            hasher.update(&names_root(zone.names(), &leaves));
        }
        ContentId(*hasher.finalize().as_bytes())
    }
}

fn runs_root<A: Address>(runs: &[Run<A>], hasher: &Leaves<'_>) -> [u8; 32] {
    let mut leaves = Vec::new();
    split_runs(runs, A::default(), A::BITS, &mut leaves);
    let hash = |runs: &&[Run<A>]| hasher.with(|leaf| leaf.hash_runs(runs));
    root(&leaves.par_iter().map(hash).collect::<Vec<_>>())
}

fn names_root(names: &NameTable, hasher: &Leaves<'_>) -> [u8; 32] {
    let mut leaves = Vec::new();
    let byte = |point: &Point, at: usize| names.view(*point).key.get(at).copied();
    split_keys(names.points(), &byte, 0, &mut leaves);
    let hash = |points: &&[Point]| {
        let points = points.iter().map(|point| names.view(*point));
        hasher.with(|leaf| leaf.hash_names(points))
    };
    root(&leaves.par_iter().map(hash).collect::<Vec<_>>())
}

/// Cuts sorted items into the fewest blocks of a common first bytes and at most [`LEAF`] items.
fn split_keys<'a, T>(
    items: &'a [T],
    byte: &impl Fn(&T, usize) -> Option<u8>,
    depth: usize,
    out: &mut Vec<&'a [T]>,
) {
    let mut rest = items;
    while let Some(first) = rest.first() {
        if depth == 0 && rest.len() <= LEAF && rest.len() == items.len() {
            out.push(rest);
            return;
        }
        // The block of items that share one more byte than the blocks above.
        let here = byte(first, depth);
        let (block, after) = rest.split_at(rest.partition_point(|item| byte(item, depth) <= here));
        if block.len() <= LEAF || here.is_none() {
            out.push(block);
        } else {
            split_keys(block, byte, depth + 1, out);
        }
        rest = after;
    }
}

/// The hash of hashes, and of how many there are.
fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    let mut hasher = Hasher::new();
    hasher.update(&count_bytes(leaves.len()));
    hasher.update(leaves.as_flattened());
    *hasher.finalize().as_bytes()
}

/// The values of a content, as leaves write them.
struct LeafValues<'a> {
    values: &'a Values,
    /// By rank; zeros for those that are short. Empty if all are.
    hashes: Vec<[u8; 32]>,
}

impl<'a> LeafValues<'a> {
    fn new(values: &'a Values) -> LeafValues<'a> {
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
                prefetch(self.values.held().as_ptr().wrapping_add(later.start));
            }
            let len = span.len();
            if len > SHORT {
                out.push(0);
                out.extend(self.hashes.get(*rank as usize).unwrap_or(&[0; 32]));
                continue;
            }
            out.push(u8::try_from(len).unwrap_or(0)); // at most 63
            let end = out.len() + len;
            let mut rest = self.values.held().get(span.start..).unwrap_or_default();
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

/// Lends what hashes leaves.
struct Leaves<'a> {
    values: &'a LeafValues<'a>,
    leaf: Pool<Leaf<'a>>,
}

impl<'a> Leaves<'a> {
    fn with<R>(&self, work: impl FnOnce(&mut Leaf<'a>) -> R) -> R {
        self.leaf.with(|| Leaf::new(self.values), work)
    }
}

/// Hashes leaves, one after the other. Has a place for each value of the content.
struct Leaf<'a> {
    values: &'a LeafValues<'a>,
    bytes: Vec<u8>,
    local: LocalValues,
    spans: Vec<Range<usize>>,
    /// The ends of runs that have more than one address.
    ends: Vec<u8>,
}

impl<'a> Leaf<'a> {
    fn new(values: &'a LeafValues<'a>) -> Leaf<'a> {
        Leaf {
            values,
            bytes: Vec::new(),
            local: LocalValues::new(values.values.len()),
            spans: Vec::new(),
            ends: Vec::new(),
        }
    }

    fn hash_runs<A: Address>(&mut self, runs: &[Run<A>]) -> [u8; 32] {
        self.bytes.clear();
        self.bytes.extend(count_bytes(runs.len()));
        self.put_addresses(runs);
        let numbers = self.bytes.len();
        self.put_numbers(runs);
        if self.local.used.len() <= 1 {
            self.bytes.truncate(numbers);
        }
        self.finish()
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

    fn hash_names<'p>(&mut self, points: impl ExactSizeIterator<Item = NamePoint<'p>>) -> [u8; 32] {
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
        self.finish()
    }

    /// Ends a leaf with its values.
    fn finish(&mut self) -> [u8; 32] {
        self.bytes.extend(count_bytes(self.local.used.len()));
        let used = &self.local.used;
        self.values.put(used, &mut self.spans, &mut self.bytes);
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

fn count_bytes(count: usize) -> [u8; 4] {
    let count = u32::try_from(count).expect("more than 2^32 - 1 of anything is refused before");
    count.to_le_bytes()
}

fn put_bytes(hasher: &mut Hasher, bytes: &[u8]) {
    hasher.update(&count_bytes(bytes.len()));
    hasher.update(bytes);
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rblmap_format::NameKey;

    use super::*;
    use crate::{Draft, Record, ValueBuf};

    fn content(step: u32, count: u32, first_value: u8) -> Content {
        let mut draft = Draft::new("ops.example".parse().unwrap());
        // Interned in another order, the same content must have the same id.
        let values = [first_value, 5 - first_value].map(|last| {
            let a = Some(Ipv4Addr::new(127, 0, 0, last));
            let value = ValueBuf::new([Record { a, text: None }]);
            (last, draft.values.intern(&value).unwrap())
        });
        let by_last = |last| values.iter().find(|(l, _)| *l == last).unwrap().1;
        let zone = draft.zone_mut(&NameKey::ROOT);
        for index in 0..count {
            let start = index * step;
            let value = by_last(if index % 3 == 0 { 2 } else { 3 });
            zone.v4.push(Run {
                start,
                end: start,
                value,
            });
            zone.v6.push(Run {
                start: u128::from(start) << 90,
                end: u128::from(start) << 90,
                value,
            });
            let name = NameKey::parse(format!("n{index}.example").as_bytes()).unwrap();
            zone.names
                .push(name.as_bytes(), NameRule::Value(value), NameRule::Inherit);
        }
        draft.finish().unwrap()
    }

    #[test]
    fn the_id_does_not_depend_on_how_values_are_numbered() {
        for count in [0, 1, 20_000] {
            assert_eq!(content(77, count, 2).id(), content(77, count, 3).id());
        }
        assert_ne!(content(77, 20_000, 2).id(), content(77, 19_999, 2).id());
        assert_ne!(content(77, 20_000, 2).id(), content(76, 20_000, 2).id());
    }

    #[test]
    fn the_id_does_not_depend_on_threads() {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let content = content(123, 30_000, 2);
        assert_eq!(pool.install(|| content.id()), content.id());
        assert_eq!(content.id().to_string().parse(), Ok(content.id()));
        assert!("xyz".parse::<ContentId>().is_err());
    }

    #[test]
    fn leaves_are_the_largest_blocks_of_few_enough_items() {
        let keys: Vec<Vec<u8>> = (0..10_000u32)
            .map(|n| Ipv4Addr::from_bits(n).octets().to_vec())
            .collect();
        let mut leaves = Vec::new();
        split_keys(&keys, &|key, at| key.get(at).copied(), 0, &mut leaves);
        assert_eq!(
            leaves.iter().map(|leaf| leaf.len()).sum::<usize>(),
            keys.len()
        );
        assert_eq!(leaves.len(), 40); // blocks of 256: the third byte tells them apart
        let mut leaves = Vec::new();
        split_keys(
            &keys[..4096],
            &|key, at| key.get(at).copied(),
            0,
            &mut leaves,
        );
        assert_eq!(leaves.len(), 1);
    }
}
