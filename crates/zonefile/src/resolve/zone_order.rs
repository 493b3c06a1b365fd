//! Zones in the order of their names. A name is sorted from the root, so the zones inside another one
//! stand right behind it, and the longest zone above a name is found by looking for each part of the
//! name: nobody walks over all zones for each zone.

use rblmap::NameKey;

/// The zones strictly inside `zone`, of all `zones`, which rise. Costs a binary search and a step for
/// each of them.
pub(crate) fn inside<'z>(zones: &'z [NameKey], zone: &NameKey) -> &'z [NameKey] {
    let from = zones.partition_point(|other| other <= zone);
    let behind = zones.get(from..).unwrap_or_default();
    let len = behind.partition_point(|other| other.is_within(zone));
    behind.get(..len).unwrap_or_default()
}

/// The longest of the `sorted` zones that a name is at or below; both are bytes of keys, relative to
/// one zone. A binary search for each label of the name.
pub(crate) fn longest<'z, Z>(
    sorted: &'z [Z],
    name: &[u8],
    key: impl Fn(&Z) -> &[u8],
) -> Option<&'z Z> {
    let ends = name.iter().enumerate().rev();
    let ends = ends.filter(|(_, byte)| **byte == 0).map(|(at, _)| at + 1);
    // A key that is empty is above every name.
    ends.chain([0]).find_map(|end| {
        let part = name.get(..end)?;
        let at = sorted.binary_search_by(|zone| key(zone).cmp(part)).ok()?;
        sorted.get(at)
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn key(name: &str) -> NameKey {
        NameKey::parse(name.as_bytes()).unwrap()
    }

    fn sorted(names: &[&str]) -> Vec<NameKey> {
        let mut keys: Vec<NameKey> = names.iter().map(|name| key(name)).collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn zones_inside_are_those_that_a_walk_finds() {
        let zones = sorted(&["", "a", "b.a", "c.b.a", "b", "x.b", "a-b", "a0", "z"]);
        for zone in &zones {
            let walked = zones
                .iter()
                .filter(|other| other.is_within(zone) && *other != zone);
            let walked: Vec<&NameKey> = walked.collect();
            let found: Vec<&NameKey> = inside(&zones, zone).iter().collect();
            assert_eq!(found, walked, "{zone}");
        }
    }

    #[test]
    fn the_longest_zone_is_the_one_that_a_walk_finds() {
        let zones = sorted(&["a", "b.a", "d.c.b.a", "x"]);
        for name in [
            "",
            "a",
            "q.a",
            "b.a",
            "c.b.a",
            "d.c.b.a",
            "e.d.c.b.a",
            "ab",
            "y",
            "b.x",
        ] {
            let name = key(name);
            let walked = zones.iter().rfind(|zone| name.is_within(zone));
            let found = longest(&zones, name.as_bytes(), NameKey::as_bytes);
            assert_eq!(found, walked, "{name}");
        }
        assert_eq!(
            longest(&[key("")], b"a\0", NameKey::as_bytes),
            Some(&key(""))
        );
    }

    /// With twice the zones a name costs one step more for each of its labels, not twice the steps.
    #[test]
    fn a_name_costs_the_logarithm_of_the_number_of_zones() {
        for count in [1_000u32, 2_000, 64_000] {
            let zones: Vec<Vec<u8>> = (0..count).map(|n| format!("{n:08}\0").into()).collect();
            let steps = Cell::new(0);
            let found = longest(&zones, b"00000777\0mail\0mx\0", |zone| {
                steps.set(steps.get() + 1);
                zone
            });
            assert_eq!(found, zones.get(777));
            let most = 4 * (count.ilog2() + 2);
            assert!(
                steps.get() <= most,
                "{} steps for {count} zones",
                steps.get()
            );
        }
    }
}
