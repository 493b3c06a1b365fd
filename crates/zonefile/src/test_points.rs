//! Test points of RFC 5782: entries by which one sees that a zone is alive.

use std::collections::BTreeMap;

use rblmap::{NameKey, NameRule, Run, ValueId};
use rblmap_content::{DraftZone, NameTable, Record, ValueBuf, resolve_name};

use crate::error::Error;
use crate::resolve::unions::Unions;
use rblmap_format::Address;

const V4_POINT: u32 = 0x7f00_0002;
const V6_POINT: u128 = 0xffff_7f00_0002;
const NAME_POINT: &[u8] = b"test";

/// Lists what should be listed in every zone: 127.0.0.2, ::ffff:7f00:2 and `test`, as far as the
/// zone has keys of the kind and does not list them anyway.
pub(crate) fn add(
    zones: &mut BTreeMap<NameKey, DraftZone>,
    unions: &mut Unions<'_>,
) -> Result<(), Error> {
    let value = ValueBuf::new([Record {
        a: Some(std::net::Ipv4Addr::from_bits(V4_POINT)),
        text: None,
    }]);
    let value = unions.intern(&value)?;
    for zone in zones.values_mut() {
        if !zone.v4.is_empty() {
            list(&mut zone.v4, V4_POINT, value, unions)?;
        } else if !zone.v6.is_empty() {
            // Where there is IPv4 data, that of 127.0.0.2 answers for the mapped address too.
            list(&mut zone.v6, V6_POINT, value, unions)?;
        }
        if !zone.names.is_empty() {
            list_name(&mut zone.names, value, unions)?;
        }
    }
    Ok(())
}

fn list<A: Address>(
    runs: &mut Vec<Run<A>>,
    point: A,
    value: u32,
    unions: &mut Unions<'_>,
) -> Result<(), Error> {
    let at = runs.partition_point(|run| run.end < point);
    let there = runs.get(at).copied().filter(|run| run.start <= point);
    let said = there.map_or(0, |run| run.value.get());
    if unions.get(said).is_listed() {
        return Ok(());
    }
    let Some(value) = ValueId::new(unions.either(said, value)?) else {
        return Ok(());
    };
    let own = Run {
        start: point,
        end: point,
        value,
    };
    let Some(there) = there else {
        runs.insert(at, own);
        return Ok(());
    };
    let before = point.previous().filter(|end| there.start <= *end);
    let after = point.next().filter(|start| *start <= there.end);
    let parts = [
        before.map(|end| Run { end, ..there }),
        Some(own),
        after.map(|start| Run { start, ..there }),
    ];
    runs.splice(at..=at, parts.into_iter().flatten());
    Ok(())
}

fn list_name(names: &mut NameTable, value: u32, unions: &mut Unions<'_>) -> Result<(), Error> {
    let Ok(key) = NameKey::parse(NAME_POINT) else {
        return Ok(());
    };
    let said = resolve_name(names, &key).map_or(0, |(id, _)| id.get());
    if unions.get(said).is_listed() {
        return Ok(());
    }
    let exact =
        ValueId::new(unions.either(said, value)?).map_or(NameRule::Nothing, NameRule::Value);
    let mut with = NameTable::new();
    let mut below = NameRule::Inherit;
    for point in names.iter() {
        if point.key == key.as_bytes() {
            below = point.below;
        } else {
            with.push(point.key, point.exact, point.below);
        }
    }
    with.push(key.as_bytes(), exact, below);
    *names = with;
    Ok(())
}
