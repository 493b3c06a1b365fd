//! The content id: a hash that equal content has on every machine, in every version.
//!
//! `docs/format.md` section "Content id" is the definition; test vectors in `testdata/content-id`
//! freeze it. The image layout may change, the id of a content does not.

use std::fmt;
use std::str::FromStr;

use blake3::Hasher;
use rayon::prelude::*;
use rblmap_format::{Address, Run};

use crate::content::Content;
use crate::leaf_hasher::{LeafHasher, count_bytes};
use crate::leaves::{LEAF, split_runs};
use crate::names::{NameTable, Point};
use crate::v4::V4Runs;

const CONTEXT: &str = "rblmap 2026-11 content id 2";

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
        let leaves = LeafHasher::new(self.values());
        let mut hasher = Hasher::new_derive_key(CONTEXT);
        put_bytes(&mut hasher, self.name().as_str().as_bytes());
        hasher.update(&count_bytes(self.zones().len()));
        for zone in self.zones() {
            put_bytes(&mut hasher, zone.name().as_bytes());
            hasher.update(&zone.expires().unwrap_or(0).to_le_bytes());
            hasher.update(&root(&zone.v4_runs().leaf_hashes(&leaves)));
            hasher.update(&runs_root(zone.v6(), &leaves));
            hasher.update(&names_root(zone.names(), &leaves));
        }
        ContentId(*hasher.finalize().as_bytes())
    }
}

fn runs_root<A: Address>(runs: &[Run<A>], hasher: &LeafHasher<'_>) -> [u8; 32] {
    let mut leaves = Vec::new();
    split_runs(runs, A::default(), A::BITS, &mut leaves);
    let hash = |runs: &&[Run<A>]| hasher.hash(runs);
    root(&leaves.par_iter().map(hash).collect::<Vec<_>>())
}

fn names_root(names: &NameTable, hasher: &LeafHasher<'_>) -> [u8; 32] {
    let mut leaves = Vec::new();
    let byte = |point: &Point, at: usize| names.view(*point).key.get(at).copied();
    split_keys(names.points(), &byte, 0, &mut leaves);
    let hash = |points: &&[Point]| {
        let points = points.iter().map(|point| names.view(*point));
        hasher.with(|leaf, values| leaf.hash_names(points, values))
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

fn put_bytes(hasher: &mut Hasher, bytes: &[u8]) {
    hasher.update(&count_bytes(bytes.len()));
    hasher.update(bytes);
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rblmap_format::{NameKey, NameRule};

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
