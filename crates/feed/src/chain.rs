//! The cheapest way from the content that is there to the one that is wanted.

use std::collections::BTreeMap;

use crate::delta_file::DeltaFile;
use crate::manifest::Snapshot;

/// What to fetch, and in which order to apply it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    /// To begin from; none: from the image that runs.
    pub snapshot: Option<Snapshot>,
    /// The deltas after it.
    pub deltas: Vec<DeltaFile>,
}

impl Chain {
    /// All bytes of its files.
    pub(crate) fn bytes(&self) -> u64 {
        let snapshot = self.snapshot.map_or(0, |snapshot| snapshot.bytes);
        let deltas = self.deltas.iter().map(|delta| delta.bytes);
        deltas.fold(snapshot, u64::saturating_add)
    }
}

/// The way of fewest bytes over `deltas` from serial `from` to serial `to`; from equal ones that of
/// fewest files. None if there is none.
///
/// Edges lead forward, so serials in order are an order of the graph and one pass suffices.
pub(crate) fn cheapest(from: u64, to: u64, deltas: &[DeltaFile]) -> Option<Vec<DeltaFile>> {
    let mut outgoing: BTreeMap<u64, Vec<DeltaFile>> = BTreeMap::new();
    let within = deltas
        .iter()
        .filter(|delta| from <= delta.from && delta.to <= to);
    for delta in within {
        outgoing.entry(delta.from).or_default().push(*delta);
    }
    // Bytes and files to get to a serial, and the last delta there.
    let mut best: BTreeMap<u64, (u64, u64, Option<DeltaFile>)> = BTreeMap::new();
    best.insert(from, (0, 0, None));
    for (at, deltas) in &outgoing {
        let Some(&(bytes, files, _)) = best.get(at) else {
            continue;
        };
        for delta in deltas {
            let cost = (bytes.saturating_add(delta.bytes), files + 1);
            let known = best.get(&delta.to);
            if known.is_none_or(|&(bytes, files, _)| cost < (bytes, files)) {
                best.insert(delta.to, (cost.0, cost.1, Some(*delta)));
            }
        }
    }
    let mut path = Vec::new();
    let mut at = to;
    while at != from {
        let delta = best.get(&at)?.2?;
        path.push(delta);
        at = delta.from;
    }
    path.reverse();
    Some(path)
}

/// The cheaper of: deltas from `from`, if there is an image; the snapshot, if it can be had, and the
/// deltas after it.
pub(crate) fn plan(
    from: Option<u64>,
    to: u64,
    snapshot: Option<Snapshot>,
    deltas: &[DeltaFile],
) -> Option<Chain> {
    let update = from
        .and_then(|from| cheapest(from, to, deltas))
        .map(|deltas| Chain {
            snapshot: None,
            deltas,
        });
    let whole = snapshot.and_then(|begin| cheapest(begin.serial, to, deltas));
    let whole = whole.map(|deltas| Chain { snapshot, deltas });
    update.into_iter().chain(whole).min_by_key(Chain::bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::FileHash;

    fn delta(from: u64, to: u64, bytes: u64) -> DeltaFile {
        let hash = FileHash::of(b"");
        DeltaFile {
            from,
            to,
            bytes,
            hash,
        }
    }

    fn serials(path: Option<Vec<DeltaFile>>) -> Option<Vec<(u64, u64)>> {
        path.map(|path| path.iter().map(|delta| (delta.from, delta.to)).collect())
    }

    #[test]
    fn merged_deltas_are_taken_where_they_save() {
        let deltas = [
            delta(1, 2, 10),
            delta(2, 3, 10),
            delta(3, 4, 10),
            delta(1, 4, 25),
            delta(4, 5, 10),
        ];
        assert_eq!(serials(cheapest(1, 5, &deltas)), Some(vec![(1, 4), (4, 5)]));
        assert_eq!(
            serials(cheapest(2, 5, &deltas)),
            Some(vec![(2, 3), (3, 4), (4, 5)])
        );
        assert_eq!(serials(cheapest(5, 5, &deltas)), Some(vec![]));
        assert_eq!(serials(cheapest(0, 5, &deltas)), None);
        assert_eq!(serials(cheapest(1, 6, &deltas)), None);
        assert_eq!(serials(cheapest(6, 5, &deltas)), None);
    }

    #[test]
    fn random_graphs_have_no_cheaper_way() {
        let seed = 0x5eed;
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..200 {
            let deltas: Vec<DeltaFile> = (0..20)
                .map(|_| {
                    let from = random.u64(0..8);
                    delta(from, random.u64(from + 1..10), random.u64(1..100))
                })
                .collect();
            let found = cheapest(0, 9, &deltas);
            let cost = found.map(|path| path.iter().map(|delta| delta.bytes).sum::<u64>());
            assert_eq!(cost, all_ways(0, 9, &deltas), "seed {seed}: {deltas:?}");
        }
    }

    fn all_ways(from: u64, to: u64, deltas: &[DeltaFile]) -> Option<u64> {
        if from == to {
            return Some(0);
        }
        let onward = deltas.iter().filter(|delta| delta.from == from);
        onward
            .filter_map(|delta| Some(delta.bytes + all_ways(delta.to, to, deltas)?))
            .min()
    }

    #[test]
    fn a_snapshot_is_taken_where_deltas_cost_more() {
        let snapshot = Some(Snapshot {
            serial: 3,
            bytes: 50,
            hash: FileHash::of(b""),
        });
        let deltas = [delta(1, 2, 40), delta(2, 3, 40), delta(3, 4, 5)];
        let from_start = plan(Some(1), 4, snapshot, &deltas).unwrap();
        assert_eq!(from_start.snapshot, snapshot);
        assert_eq!(from_start.bytes(), 55);
        assert_eq!(plan(Some(2), 4, snapshot, &deltas).unwrap().snapshot, None);
        assert_eq!(plan(None, 4, snapshot, &deltas).unwrap().bytes(), 55);
        assert_eq!(plan(Some(9), 4, snapshot, &[]), None);
        assert_eq!(plan(None, 4, None, &deltas), None);
    }
}
