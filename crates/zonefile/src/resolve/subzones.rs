//! Which datasets are asked for a name, and what those of a zone say of the names in a subzone.
//!
//! A subzone of a `combined` dataset is a matter of that dataset: it alone is asked in none but its
//! longest subzone. The other datasets of the zone see the whole name, so what their names say
//! there is moved into the subzone.

use std::collections::{BTreeMap, BTreeSet};

use rblmap::NameKey;
use rblmap_content::{Record, TemplateBuf, TextPart, ValueBuf};

use super::attached::{Attached, Group};
use super::names::{Names, View};
use super::unions::Unions;
use crate::error::Error;

/// The zones of the specs, and those that each group of datasets knows.
#[derive(Debug)]
pub(crate) struct Subzones {
    asked: BTreeSet<NameKey>,
    groups: BTreeMap<Group, BTreeSet<NameKey>>,
}

impl Subzones {
    pub(crate) fn new<'a>(
        asked: impl Iterator<Item = NameKey>,
        attached: impl Iterator<Item = &'a Attached>,
    ) -> Subzones {
        let mut groups: BTreeMap<Group, BTreeSet<NameKey>> = BTreeMap::new();
        for one in attached {
            groups.entry(one.group).or_default().insert(one.zone);
        }
        Subzones {
            asked: asked.collect(),
            groups,
        }
    }

    /// The zone of a spec that a name belongs to: the longest one.
    pub(crate) fn owner(&self, name: &NameKey) -> Option<NameKey> {
        longest(name, |above| self.asked.contains(above))
    }

    /// The zone in which a group is asked for the names of a zone.
    pub(crate) fn asked_in(&self, group: Group, zone: &NameKey) -> Option<NameKey> {
        let known = self.groups.get(&group)?;
        let owner = self.owner(zone)?;
        longest(zone, |above| known.contains(above)).filter(|found| found.is_within(&owner))
    }

    /// Whether any dataset sees into the subzones of another.
    pub(crate) fn is_mixed(&self) -> bool {
        self.groups.len() > 1
    }
}

fn longest(name: &NameKey, is_one: impl Fn(&NameKey) -> bool) -> Option<NameKey> {
    let mut above = Some(*name);
    while let Some(key) = above {
        if is_one(&key) {
            return Some(key);
        }
        above = key.parent();
    }
    None
}

/// What names say of those in a subzone, in terms of the subzone; their texts keep the names that
/// they had.
pub(crate) fn moved(
    names: &Names,
    subzone: &NameKey,
    unions: &mut Unions<'_>,
) -> Result<Names, Error> {
    let mut out = Names::default();
    let from_above = match names.says_below(subzone) {
        Some((above, value)) => renamed(value, &Rename::Whole(above), unions)?,
        None => 0,
    };
    let prefix = subzone.as_bytes();
    let mut at_head = None;
    let mut deeper = Vec::new();
    for view in names.within(prefix) {
        if view.key == prefix {
            at_head = Some(view);
        } else {
            deeper.push(view);
        }
    }
    let mut own = |value: Option<u32>| {
        value
            .map(|value| renamed(value, &Rename::Whole(*subzone), unions))
            .transpose()
    };
    let (exact, below) = (
        own(at_head.and_then(|view| view.exact))?,
        own(at_head.and_then(|view| view.below))?,
    );
    if from_above != 0 || exact.is_some() || below.is_some() {
        out.push(View {
            key: &[],
            exact: exact.or(Some(from_above)),
            below: below.or(Some(from_above)),
            position: at_head.map_or(u32::MAX, |view| view.position),
        });
    }
    for view in deeper {
        let mut own = |value: Option<u32>| {
            value
                .map(|value| renamed(value, &Rename::Suffix(*subzone), unions))
                .transpose()
        };
        out.push(View {
            key: view.key.get(prefix.len()..).unwrap_or_default(),
            exact: own(view.exact)?,
            below: own(view.below)?,
            position: view.position,
        });
    }
    Ok(out)
}

/// How a key is spelled from inside a subzone.
enum Rename {
    /// By this name, whatever is asked.
    Whole(NameKey),
    /// With this name behind it.
    Suffix(NameKey),
}

fn renamed(value: u32, rename: &Rename, unions: &mut Unions<'_>) -> Result<u32, Error> {
    let value = unions.get(value);
    let records = value.records().map(|record| Record {
        a: record.a,
        text: record.template.and_then(|template| {
            TemplateBuf::rewritten(template, |less| match rename {
                Rename::Whole(name) => vec![TextPart::Literal(name.to_string().into_bytes())],
                Rename::Suffix(name) => {
                    let behind = format!(".{name}").into_bytes();
                    vec![TextPart::KeyLess(less), TextPart::Literal(behind)]
                }
            })
        }),
    });
    let renamed = ValueBuf::new(records.collect::<Vec<_>>());
    unions.intern(&renamed)
}
