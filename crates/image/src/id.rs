//! The content id: a hash that equal content has on every machine, in every version.
//!
//! `docs/format.md` section "Content id" is the definition; test vectors in `testdata/content-id`
//! freeze it. The image layout may change, the id of a content does not.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Mutex;

use blake3::Hasher;
use rayon::prelude::*;
use rblmap::{NamePoint, Run, Slot, ValueId};

use crate::blocks::Blocks;
use crate::content::{Content, ZoneContent};
use crate::names::NameTable;
use crate::normal::Address;
use crate::v4::{V4Runs, V4View};

/// Most runs, names or values that one leaf of the hash tree covers.
const LEAF: usize = 4096;
const CONTEXT: &str = "rblmap 2026-11 content id 1";

/// Names a content: equal contents have equal ids, and nobody can make two contents of one id.
///
/// Covered: zone name, subzone names, expiries, and what every address and name is answered with.
/// Not covered: serial, creation time, TTL, SOA and NS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId([u8; 32]);

/// The text is no content id.
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
        let hashes: Vec<[u8; 32]> = (0..self.values().len())
            .into_par_iter()
            .map(|rank| self.value_hash(rank))
            .collect();
        let mut hasher = Hasher::new_derive_key(CONTEXT);
        put_bytes(&mut hasher, self.name().as_str().as_bytes());
        put_u32(&mut hasher, self.zones().len());
        for zone in self.zones() {
            put_bytes(&mut hasher, zone.name().as_bytes());
            hasher.update(&zone.expires().unwrap_or(0).to_le_bytes());
            hasher.update(&values_root(zone, &hashes));
            hasher.update(&v4_root(zone.v4_view(), &hashes));
            hasher.update(&runs_root(zone.v6(), &hashes));
            hasher.update(&names_root(zone.names(), &hashes));
        }
        ContentId(*hasher.finalize().as_bytes())
    }

    fn value_hash(&self, rank: usize) -> [u8; 32] {
        let id = u32::try_from(rank).ok().and_then(ValueId::from_rank);
        let bytes = id.map_or(&[][..], |id| self.values().get(id).as_bytes());
        *blake3::hash(bytes).as_bytes()
    }
}

/// An address as the id writes it: fixed width, little-endian.
trait Bytes: Address {
    const BITS: u32;
    fn put(self, out: &mut Vec<u8>);
    /// The first address of the upper half of the `bits`-bit block that starts here.
    fn upper_half(self, bits: u32) -> Self;
}

impl Bytes for u32 {
    const BITS: u32 = 32;
    fn put(self, out: &mut Vec<u8>) {
        out.extend(self.to_le_bytes());
    }
    fn upper_half(self, bits: u32) -> u32 {
        self | 1 << (bits - 1)
    }
}

impl Bytes for u128 {
    const BITS: u32 = 128;
    fn put(self, out: &mut Vec<u8>) {
        out.extend(self.to_le_bytes());
    }
    fn upper_half(self, bits: u32) -> u128 {
        self | 1 << (bits - 1)
    }
}

fn v4_root(runs: V4View<'_>, hashes: &[[u8; 32]]) -> [u8; 32] {
    match runs {
        V4View::List(runs) => runs_root(runs, hashes),
        V4View::Blocks(blocks) => blocks_root(blocks, hashes),
    }
}

fn runs_root<A: Bytes + Default>(runs: &[Run<A>], hashes: &[[u8; 32]]) -> [u8; 32] {
    let mut leaves = Vec::new();
    split_runs(runs, A::default(), A::BITS, &mut leaves);
    let hasher = LeafHasher::new(hashes);
    let leaves: Vec<[u8; 32]> = leaves
        .par_iter()
        .map(|leaf| hasher.hash(leaf, put_run))
        .collect();
    root(&leaves)
}

/// As [`runs_root`], without a list of all runs.
fn blocks_root(blocks: &Blocks<'_>, hashes: &[[u8; 32]]) -> [u8; 32] {
    // How many runs start before each /16.
    let starts = |block: u16| blocks.outline(block).starts(blocks.outline_before(block)).0;
    let before: Vec<u64> = std::iter::once(0)
        .chain((0..=u16::MAX).scan(0, |sum, block| {
            *sum += u64::from(starts(block));
            Some(*sum)
        }))
        .collect();
    let mut ranges = Vec::new();
    split_blocks(&before, 0, 16, &mut ranges);
    let hasher = LeafHasher::new(hashes);
    let leaves: Vec<Vec<[u8; 32]>> = ranges
        .into_par_iter()
        .map_init(
            || (blocks.reader(), Vec::new()),
            |(reader, runs), range| {
                runs.clear();
                let first = u32::try_from(range.start << 16).unwrap_or(0); // at most 65,535
                let bits = 16 + range.len().ilog2();
                reader.push_runs(range, runs);
                let mut leaves = Vec::new();
                split_runs(runs, first, bits, &mut leaves);
                let leaves = leaves.iter().map(|leaf| hasher.hash(leaf, put_run));
                leaves.collect()
            },
        )
        .collect();
    root(&leaves.concat())
}

/// Cuts all /16s into the fewest aligned ranges of at most [`LEAF`] runs or one /16, leaving out
/// those in which no run starts.
fn split_blocks(before: &[u64], first: usize, bits: u32, out: &mut Vec<Range<usize>>) {
    let end = first + (1 << bits);
    let at = |block: usize| before.get(block).copied().unwrap_or(0);
    match at(end) - at(first) {
        0 => {}
        count if count <= LEAF as u64 || bits == 0 => out.push(first..end),
        _ => {
            split_blocks(before, first, bits - 1, out);
            split_blocks(before, first + (1 << (bits - 1)), bits - 1, out);
        }
    }
}

fn put_run<A: Bytes>(run: &Run<A>, values: &mut LocalValues<'_>, bytes: &mut Vec<u8>) {
    run.start.put(bytes);
    run.end.put(bytes);
    bytes.extend(values.local(run.value).to_le_bytes());
}

/// Cuts runs into the fewest aligned blocks of at most [`LEAF`] runs, by where runs start.
fn split_runs<'a, A: Bytes>(runs: &'a [Run<A>], first: A, bits: u32, out: &mut Vec<&'a [Run<A>]>) {
    if runs.is_empty() {
        return;
    }
    if runs.len() <= LEAF || bits == 0 {
        out.push(runs);
        return;
    }
    let upper = first.upper_half(bits);
    let (low, high) = runs.split_at(runs.partition_point(|run| run.start < upper));
    split_runs(low, first, bits - 1, out);
    split_runs(high, upper, bits - 1, out);
}

fn names_root(names: &NameTable, hashes: &[[u8; 32]]) -> [u8; 32] {
    let points: Vec<NamePoint<'_>> = names.iter().collect();
    let mut leaves = Vec::new();
    split_keys(
        &points,
        &|point, at| point.key.get(at).copied(),
        0,
        &mut leaves,
    );
    let put = |point: &NamePoint<'_>, values: &mut LocalValues<'_>, bytes: &mut Vec<u8>| {
        // Keys have at most MAX_KEY bytes.
        let len = u16::try_from(point.key.len()).unwrap_or(u16::MAX);
        bytes.extend(len.to_le_bytes());
        bytes.extend(point.key);
        for slot in [point.exact, point.below] {
            let code = match slot {
                Slot::Value(id) => values.local(id) + 2,
                other => other.code(),
            };
            bytes.extend(code.to_le_bytes());
        }
    };
    let hasher = LeafHasher::new(hashes);
    let leaves: Vec<[u8; 32]> = leaves
        .par_iter()
        .map(|leaf| hasher.hash(leaf, put))
        .collect();
    root(&leaves)
}

/// Hashes leaves of items that have values.
struct LeafHasher<'a> {
    hashes: &'a [[u8; 32]],
    /// A table has a place for each value, so there are only as many as threads.
    idle: Mutex<Vec<(LocalValues<'a>, Vec<u8>)>>,
}

impl<'a> LeafHasher<'a> {
    fn new(hashes: &'a [[u8; 32]]) -> LeafHasher<'a> {
        LeafHasher {
            hashes,
            idle: Mutex::new(Vec::new()),
        }
    }

    fn hash<T>(
        &self,
        leaf: &[T],
        put: impl Fn(&T, &mut LocalValues<'_>, &mut Vec<u8>),
    ) -> [u8; 32] {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let new = || (LocalValues::new(self.hashes), Vec::new());
        let (mut values, mut bytes) = idle.unwrap_or_else(new);
        bytes.clear();
        bytes.extend(count_bytes(leaf.len()));
        leaf.iter()
            .for_each(|item| put(item, &mut values, &mut bytes));
        values.finish(&mut bytes);
        let hash = *blake3::hash(&bytes).as_bytes();
        if let Ok(mut idle) = self.idle.lock() {
            idle.push((values, bytes));
        }
        hash
    }
}

fn values_root<V4: V4Runs>(zone: &ZoneContent<V4>, hashes: &[[u8; 32]]) -> [u8; 32] {
    let hash = |rank: u32| hashes.get(rank as usize).copied().unwrap_or_default();
    // The first bytes of each as a number, and its rank: two that begin alike are rare.
    let mut used: Vec<(u64, u32)> = zone
        .used_values(hashes.len())
        .map(|rank| (first_bytes(&hash(rank)), rank))
        .collect();
    used.par_sort_unstable_by(|a, b| {
        let whole = || hash(a.1).cmp(&hash(b.1));
        a.0.cmp(&b.0).then_with(whole)
    });
    let mut leaves = Vec::new();
    let byte = |item: &(u64, u32), depth: usize| hash(item.1).get(depth).copied();
    split_keys(&used, &byte, 0, &mut leaves);
    let leaves: Vec<[u8; 32]> = leaves
        .par_iter()
        .map(|leaf| {
            let hashes: Vec<[u8; 32]> = leaf.iter().map(|(_, rank)| hash(*rank)).collect();
            root(&hashes)
        })
        .collect();
    root(&leaves)
}

/// The first bytes as a number that orders like them.
fn first_bytes(hash: &[u8; 32]) -> u64 {
    let first = hash.first_chunk().copied();
    first.map_or(0, |first| u64::from_le_bytes(first).swap_bytes())
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
    put_u32(&mut hasher, leaves.len());
    hasher.update(leaves.as_flattened());
    *hasher.finalize().as_bytes()
}

/// Numbers the values of a leaf in order of first use, so that ids do not enter the hash.
struct LocalValues<'a> {
    hashes: &'a [[u8; 32]],
    leaf: u32,
    /// For each value the last leaf that used it and its number there.
    seen: Vec<(u32, u32)>,
    used: Vec<u32>,
}

impl<'a> LocalValues<'a> {
    fn new(hashes: &'a [[u8; 32]]) -> LocalValues<'a> {
        LocalValues {
            hashes,
            leaf: 1,
            seen: vec![(0, 0); hashes.len()],
            used: Vec::new(),
        }
    }

    fn local(&mut self, id: ValueId) -> u32 {
        let next = u32::try_from(self.used.len()).unwrap_or(u32::MAX);
        let Some(slot) = self.seen.get_mut(id.rank() as usize) else {
            return u32::MAX;
        };
        if slot.0 != self.leaf {
            *slot = (self.leaf, next);
            self.used.push(id.rank());
        }
        slot.1
    }

    /// Ends a leaf with the hashes of its values.
    fn finish(&mut self, bytes: &mut Vec<u8>) {
        for rank in self.used.drain(..) {
            if let Some(hash) = self.hashes.get(rank as usize) {
                bytes.extend_from_slice(hash);
            }
        }
        self.leaf += 1;
    }
}

fn put_u32(hasher: &mut Hasher, count: usize) {
    hasher.update(&count_bytes(count));
}

/// More than 2^32 - 1 of anything is refused before.
fn count_bytes(count: usize) -> [u8; 4] {
    u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes()
}

fn put_bytes(hasher: &mut Hasher, bytes: &[u8]) {
    put_u32(hasher, bytes.len());
    hasher.update(bytes);
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rblmap::NameKey;

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
                .push(name.as_bytes(), Slot::Value(value), Slot::Inherit);
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
