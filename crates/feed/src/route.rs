//! The cheapest way from the content that is there to the one that is wanted.

use std::collections::BTreeMap;

use crate::manifest::{Edge, Snapshot};

/// What to fetch, and in which order to apply it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// To begin from; none: from the image that runs.
    pub snapshot: Option<Snapshot>,
    /// The deltas after it.
    pub deltas: Vec<Edge>,
}

impl Route {
    /// All bytes of its files.
    pub(crate) fn bytes(&self) -> u64 {
        let snapshot = self.snapshot.map_or(0, |snapshot| snapshot.bytes);
        let deltas = self.deltas.iter().map(|edge| edge.bytes);
        deltas.fold(snapshot, u64::saturating_add)
    }
}

/// The way of fewest bytes over `edges` from serial `from` to serial `to`; from equal ones that of
/// fewest files. None if there is none.
///
/// Edges lead forward, so serials in order are an order of the graph and one pass suffices.
pub(crate) fn cheapest(from: u64, to: u64, edges: &[Edge]) -> Option<Vec<Edge>> {
    let mut outgoing: BTreeMap<u64, Vec<Edge>> = BTreeMap::new();
    let within = edges
        .iter()
        .filter(|edge| from <= edge.from && edge.to <= to);
    for edge in within {
        outgoing.entry(edge.from).or_default().push(*edge);
    }
    // Bytes and files to get to a serial, and the last edge there.
    let mut best: BTreeMap<u64, (u64, u64, Option<Edge>)> = BTreeMap::new();
    best.insert(from, (0, 0, None));
    for (at, edges) in &outgoing {
        let Some(&(bytes, files, _)) = best.get(at) else {
            continue;
        };
        for edge in edges {
            let cost = (bytes.saturating_add(edge.bytes), files + 1);
            let known = best.get(&edge.to);
            if known.is_none_or(|&(bytes, files, _)| cost < (bytes, files)) {
                best.insert(edge.to, (cost.0, cost.1, Some(*edge)));
            }
        }
    }
    let mut path = Vec::new();
    let mut at = to;
    while at != from {
        let edge = best.get(&at)?.2?;
        path.push(edge);
        at = edge.from;
    }
    path.reverse();
    Some(path)
}

/// The cheaper of: deltas from `from`, if there is an image; the snapshot and the deltas after it.
pub(crate) fn plan(
    from: Option<u64>,
    to: u64,
    snapshot: Snapshot,
    edges: &[Edge],
) -> Option<Route> {
    let update = from
        .and_then(|from| cheapest(from, to, edges))
        .map(|deltas| Route {
            snapshot: None,
            deltas,
        });
    let whole = cheapest(snapshot.serial, to, edges).map(|deltas| Route {
        snapshot: Some(snapshot),
        deltas,
    });
    update.into_iter().chain(whole).min_by_key(Route::bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::FileHash;

    fn edge(from: u64, to: u64, bytes: u64) -> Edge {
        let hash = FileHash::of(b"");
        Edge {
            from,
            to,
            bytes,
            hash,
        }
    }

    fn serials(path: Option<Vec<Edge>>) -> Option<Vec<(u64, u64)>> {
        path.map(|path| path.iter().map(|edge| (edge.from, edge.to)).collect())
    }

    #[test]
    fn squashes_are_taken_where_they_save() {
        let edges = [
            edge(1, 2, 10),
            edge(2, 3, 10),
            edge(3, 4, 10),
            edge(1, 4, 25),
            edge(4, 5, 10),
        ];
        assert_eq!(serials(cheapest(1, 5, &edges)), Some(vec![(1, 4), (4, 5)]));
        assert_eq!(
            serials(cheapest(2, 5, &edges)),
            Some(vec![(2, 3), (3, 4), (4, 5)])
        );
        assert_eq!(serials(cheapest(5, 5, &edges)), Some(vec![]));
        assert_eq!(serials(cheapest(0, 5, &edges)), None);
        assert_eq!(serials(cheapest(1, 6, &edges)), None);
        assert_eq!(serials(cheapest(6, 5, &edges)), None);
    }

    #[test]
    fn random_graphs_have_no_cheaper_way() {
        let seed = 0x5eed;
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..200 {
            let edges: Vec<Edge> = (0..20)
                .map(|_| {
                    let from = random.u64(0..8);
                    edge(from, random.u64(from + 1..10), random.u64(1..100))
                })
                .collect();
            let found = cheapest(0, 9, &edges);
            let cost = found.map(|path| path.iter().map(|edge| edge.bytes).sum::<u64>());
            assert_eq!(cost, all_ways(0, 9, &edges), "seed {seed}: {edges:?}");
        }
    }

    fn all_ways(from: u64, to: u64, edges: &[Edge]) -> Option<u64> {
        if from == to {
            return Some(0);
        }
        let onward = edges.iter().filter(|edge| edge.from == from);
        onward
            .filter_map(|edge| Some(edge.bytes + all_ways(edge.to, to, edges)?))
            .min()
    }

    #[test]
    fn a_snapshot_is_taken_where_deltas_cost_more() {
        let snapshot = Snapshot {
            serial: 3,
            bytes: 50,
            hash: FileHash::of(b""),
        };
        let edges = [edge(1, 2, 40), edge(2, 3, 40), edge(3, 4, 5)];
        let from_start = plan(Some(1), 4, snapshot, &edges).unwrap();
        assert_eq!(from_start.snapshot, Some(snapshot));
        assert_eq!(from_start.bytes(), 55);
        assert_eq!(plan(Some(2), 4, snapshot, &edges).unwrap().snapshot, None);
        assert_eq!(plan(None, 4, snapshot, &edges).unwrap().bytes(), 55);
        assert_eq!(plan(Some(9), 4, snapshot, &[]), None);
    }
}
