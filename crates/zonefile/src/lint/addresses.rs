//! Findings about addresses and networks.

use std::cmp::Reverse;

use super::{Entry, Finding, line_of_single, value_of};
use crate::dataset_type::DatasetType;
use crate::load::Dataset;
use crate::piece::Net;
use crate::resolve::ip4set::{LEVELS, cut};
use crate::resolve::layer_run::LayerRun;
use crate::spec::Check;
use crate::warning::Class;

/// First and last address.
type Range = (u128, u128);

/// Private and reserved space (RFC 6890 and its successors), by network and prefix length.
const RESERVED4: [(u32, u32); 14] = [
    (0x0000_0000, 8),
    (0x0a00_0000, 8),
    (0x6440_0000, 10),
    (0x7f00_0000, 8),
    (0xa9fe_0000, 16),
    (0xac10_0000, 12),
    (0xc000_0000, 24),
    (0xc000_0200, 24),
    (0xc058_6300, 24),
    (0xc0a8_0000, 16),
    (0xc612_0000, 15),
    (0xc633_6400, 24),
    (0xcb00_7100, 24),
    (0xe000_0000, 3),
];
/// What is not global unicast, and the networks for documentation.
const RESERVED6: [Range; 4] = [
    (0, (0x2000 << 112) - 1),
    (0x2001_0db8 << 96, (0x2001_0db9 << 96) - 1),
    (0x3fff << 112, (0x3fff_1000 << 96) - 1),
    (0x4000 << 112, u128::MAX),
];
/// The test points of RFC 5782 are listed on purpose.
const POINT4: u128 = 0x7f00_0002;
const POINT6: u128 = 0xffff_7f00_0002;
/// So many wider entries are looked at for one that says the same.
const DEPTH: usize = 32;

pub(super) fn v4(dataset: &Dataset<'_>, check: &Check, findings: &mut Vec<Finding>) {
    let mut entries = Vec::new();
    for placed in &dataset.pieces {
        let v4 = &placed.piece.v4;
        for (from, singles, value) in v4.by_value() {
            entries.extend((from..).zip(singles).map(|(index, &address)| Entry {
                key: (address.into(), address.into()),
                value: value_of(placed, value),
                position: placed.position + line_of_single(placed, index),
            }));
        }
        entries.extend(v4.nets.iter().map(|net| Entry {
            key: (net.start.into(), net.end.into()),
            value: value_of(placed, net.value),
            position: placed.position + net.line,
        }));
    }
    let reserved = RESERVED4.map(|(network, bits)| {
        let host = u32::MAX.checked_shr(bits).unwrap_or(0);
        (network.into(), (network | host).into())
    });
    let widest = 32 - u32::from(check.widest_v4.min(32));
    space(&entries, &reserved, POINT4, widest, findings);
    let idle = if dataset.kind == DatasetType::Ip4set {
        idle_by_level(&entries)
    } else {
        Vec::new()
    };
    nested(dataset.kind, entries, findings);
    findings.extend(idle.into_iter().map(|at| (at, Class::IdleExclusion)));
}

pub(super) fn v6(dataset: &Dataset<'_>, check: &Check, findings: &mut Vec<Finding>) {
    let mut entries = Vec::new();
    for placed in &dataset.pieces {
        entries.extend(placed.piece.v6.iter().map(|net| Entry {
            key: (net.start, net.end),
            value: value_of(placed, net.value),
            position: placed.position + net.line,
        }));
    }
    let widest = 128 - u32::from(check.widest_v6.min(128));
    space(&entries, &RESERVED6, POINT6, widest, findings);
    nested(dataset.kind, entries, findings);
}

/// Reserved space, and networks that are too wide.
fn space(
    entries: &[Entry<Range>],
    reserved: &[Range],
    point: u128,
    widest: u32,
    findings: &mut Vec<Finding>,
) {
    let most = 1u128.checked_shl(widest).map_or(u128::MAX, |size| size - 1);
    for entry in entries.iter().filter(|entry| entry.value.is_some()) {
        let (start, end) = entry.key;
        let meets = |range: &&Range| start <= range.1 && range.0 <= end;
        if entry.key != (point, point) && reserved.iter().any(|range| meets(&range)) {
            findings.push((entry.position, Class::Reserved));
        }
        if end - start > most {
            findings.push((entry.position, Class::Wide));
        }
    }
}

/// Entries inside others of their dataset.
fn nested(kind: DatasetType, mut entries: Vec<Entry<Range>>, findings: &mut Vec<Finding>) {
    let first_wins = matches!(kind, DatasetType::Ip4trie | DatasetType::Ip6trie);
    entries.sort_unstable_by_key(|entry| (entry.key.0, Reverse(entry.key.1), entry.position));
    let mut open: Vec<Entry<Range>> = Vec::new();
    for entry in entries {
        while open.last().is_some_and(|above| above.key.1 < entry.key.0) {
            open.pop();
        }
        let again = open.last().is_some_and(|above| above.key == entry.key);
        if first_wins && again {
            // Said already: the same network again.
            continue;
        }
        let above = open.iter().rev().take(DEPTH);
        let around = above.clone().find(|above| above.key.1 >= entry.key.1);
        match (entry.value, around.map(|around| around.value)) {
            (Some(own), Some(Some(above))) if own == above => {
                findings.push((entry.position, Class::Shadowed));
            }
            // Where levels decide, it is found by level.
            (None, None | Some(None)) if kind != DatasetType::Ip4set => {
                findings.push((entry.position, Class::IdleExclusion));
            }
            _ => {}
        }
        open.push(entry);
    }
}

/// Exclusions of an `ip4set` that no listed piece of their level or a wider one lies under.
fn idle_by_level(entries: &[Entry<Range>]) -> Vec<u32> {
    let pieces = |entry: &Entry<Range>| {
        let mut levels: [Vec<LayerRun<u32>>; LEVELS] = Default::default();
        // IPv4 addresses.
        let [start, end] =
            [entry.key.0, entry.key.1].map(|address| u32::try_from(address).unwrap_or(u32::MAX));
        let (value, line) = (0, 0);
        cut(
            &Net {
                start,
                end,
                value,
                line,
            },
            &mut levels,
        );
        levels
    };
    let mut listed: [Vec<(u32, u32)>; LEVELS] = Default::default();
    if entries.iter().all(|entry| entry.value.is_some()) {
        return Vec::new();
    }
    for entry in entries.iter().filter(|entry| entry.value.is_some()) {
        for (listed, runs) in listed.iter_mut().zip(pieces(entry)) {
            listed.extend(runs.iter().map(|run| (run.start, run.end)));
        }
    }
    for runs in &mut listed {
        merge(runs);
    }
    let meets = |level: usize, run: &LayerRun<u32>| {
        listed.iter().take(level + 1).any(|runs| {
            let at = runs.partition_point(|(_, end)| *end < run.start);
            runs.get(at).is_some_and(|(start, _)| *start <= run.end)
        })
    };
    let idle = entries.iter().filter(|entry| {
        entry.value.is_none()
            && !pieces(entry)
                .iter()
                .enumerate()
                .any(|(level, runs)| runs.iter().any(|run| meets(level, run)))
    });
    idle.map(|entry| entry.position).collect()
}

fn merge(runs: &mut Vec<(u32, u32)>) {
    runs.sort_unstable();
    runs.dedup_by(|next, last| {
        let meet = next.0 <= last.1;
        if meet {
            last.1 = last.1.max(next.1);
        }
        meet
    });
}
