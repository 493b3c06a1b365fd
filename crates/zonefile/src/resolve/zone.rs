//! The layers of a zone united: an exclusion silences its own dataset only.

use std::collections::BTreeMap;
use std::sync::Arc;

use rblmap::{NameKey, Run, ValueId};
use rblmap_content::DraftZone;

use super::attached::{Attached, Group};
use super::layer_run::{self, LayerRun};
use super::names::{self, Names};
use super::subzones::Subzones;
use super::unions::Unions;
use super::zone_order;
use super::{Layer, Places};
use crate::address6;
use crate::error::Error;
use crate::warning::{Class, Warning};

const MAPPED: LayerRun<u128> = LayerRun {
    start: address6::MAPPED.0,
    end: address6::MAPPED.1,
    value: 0,
};

/// What is to be united: the layers of a zone, and what other datasets say of its names.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) attached: Vec<Attached>,
    pub(crate) moved: Vec<Names>,
}

/// Unites what is said in one zone; `all` are the zones that there are, and rise.
pub(crate) fn unite(
    parts: Parts,
    all: &[NameKey],
    subzones: &Subzones,
    unions: &mut Unions<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<DraftZone, Error> {
    let mut groups: BTreeMap<Group, bool> = BTreeMap::new();
    for one in &parts.attached {
        *groups.entry(one.group).or_default() |= one.layer.has_v4;
    }
    let mut zone = DraftZone {
        has_v4_dataset: groups.values().all(|has| *has),
        ..DraftZone::default()
    };
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    let mut tables = parts.moved;
    for one in parts.attached {
        let mapped_is_v4 = groups.get(&one.group).copied().unwrap_or(false);
        let below = below(&one, all, subzones);
        if mapped_is_v4 {
            warnings.extend(one.layer.hidden_mapped());
        }
        let layer = Arc::unwrap_or_clone(one.layer);
        let names = reachable(layer.names, &layer.places, &below, warnings);
        if !names.is_empty() {
            tables.push(names);
        }
        v4 = layer_run::combine(v4, layer.v4, |a, b| unions.either(a, b))?;
        let own = if mapped_is_v4 && !layer.v6.is_empty() {
            layer_run::overlay(vec![MAPPED], layer.v6)
        } else {
            layer.v6
        };
        v6 = layer_run::combine(v6, own, |a, b| unions.either(a, b))?;
    }
    zone.v4 = layer_run::into_runs(v4);
    zone.v6 = layer_run::into_runs(v6);
    zone.names = names::unite(tables, unions)?.into_table();
    Ok(zone)
}

/// A subzone as seen from a zone above it, and whether a dataset of that zone is still asked there.
struct Below {
    key: Vec<u8>,
    asked: bool,
}

fn below(one: &Attached, all: &[NameKey], subzones: &Subzones) -> Vec<Below> {
    let below = zone_order::inside(all, &one.zone).iter().map(|sub| {
        let key = sub.as_bytes().get(one.zone.as_bytes().len()..);
        Below {
            key: key.unwrap_or_default().to_vec(),
            asked: subzones.asked_in(one.group, sub) == Some(one.zone),
        }
    });
    below.collect()
}

/// The names that belong to the zone: not those under a subzone.
fn reachable(names: Names, places: &Places, below: &[Below], warnings: &mut Vec<Warning>) -> Names {
    if below.is_empty() || names.is_empty() {
        return names;
    }
    let mut kept = Names::default();
    for view in names.iter() {
        // Of nested ones the longest counts.
        match zone_order::longest(below, view.key, |sub| &sub.key) {
            None => kept.push(view),
            Some(sub) if sub.asked => {}
            Some(_) => warnings.extend(places.warning(view.position, Class::Unreachable)),
        }
    }
    kept
}

/// Changes the values of a layer.
pub(crate) fn map_values(
    layer: &mut Layer,
    mut new: impl FnMut(u32) -> Result<u32, Error>,
) -> Result<(), Error> {
    for run in &mut layer.v4 {
        run.value = new(run.value)?;
    }
    for run in &mut layer.v6 {
        run.value = new(run.value)?;
    }
    layer.names.map_values(new)
}

/// Changes the values of runs; those without one go.
pub(crate) fn map_runs<A>(
    runs: &mut Vec<Run<A>>,
    mut new: impl FnMut(u32) -> Result<u32, Error>,
) -> Result<(), Error> {
    let mut failed = None;
    runs.retain_mut(|run| match new(run.value.get()) {
        Ok(value) => match ValueId::new(value) {
            Some(value) => {
                run.value = value;
                true
            }
            None => false,
        },
        Err(error) => {
            failed = Some(error);
            false
        }
    });
    failed.map_or(Ok(()), Err)
}
