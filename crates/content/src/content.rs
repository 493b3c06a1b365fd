//! Content: what a zone says, resolved, in its one normal form.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use rblmap_format::facts::Facts;
use rblmap_format::{NameKey, NamePoint, NameRule, Run, ValueId};

use crate::error::Error;
use crate::held::Lender;
use crate::interner::Interner;
use crate::names::NameTable;
use crate::normal;
use crate::v4::{V4Runs, mark, mark_runs};
use crate::values::{Values, renumbered};
use crate::zone_name::ZoneName;

/// Content that is still being put together: values as they come, runs sorted but not merged.
///
/// ```
/// use rblmap_format::{NameKey, Run};
/// use rblmap_content::{Draft, Record, ValueBuf};
///
/// let mut draft = Draft::new("ops.example".parse()?);
/// let value = ValueBuf::new([Record { a: Some([127, 0, 0, 2].into()), text: None }]);
/// let value = draft.values.intern(&value).expect("not empty");
/// let zone = draft.zone_mut(&NameKey::ROOT);
/// zone.v4.push(Run { start: 0xc000_0201, end: 0xc000_0201, value });
/// zone.v4.push(Run { start: 0xc000_0202, end: 0xc000_02ff, value });
/// let content = draft.finish()?;
/// assert_eq!(content.base().v4().len(), 1); // neighbours of equal value are one run
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Draft<V4: V4Runs = Vec<Run<u32>>> {
    /// The zone's name.
    pub name: ZoneName,
    /// The values that runs and names refer to.
    pub values: Interner<V4::Lender>,
    zones: BTreeMap<NameKey, DraftZone<V4>>,
}

/// One zone of a [`Draft`].
///
/// See the example of [`Draft`].
#[derive(Debug, Clone, Default)]
pub struct DraftZone<V4 = Vec<Run<u32>>> {
    /// When the content stops being valid, in seconds since 1970.
    pub expires: Option<u64>,
    /// TTL, SOA and NS.
    pub facts: Facts,
    /// Whether the zone has an IPv4 dataset, an empty one too: IPv4 data alone then answers for
    /// mapped addresses, and runs in `::ffff:0:0/96` are dropped.
    pub has_v4_dataset: bool,
    /// IPv4 runs, rising, none overlapping the one before.
    pub v4: V4,
    /// IPv6 runs, rising, none overlapping the one before.
    pub v6: Vec<Run<u128>>,
    /// Names, each once, in any order.
    pub names: NameTable,
}

/// What a zone and its subzones say. Two contents that answer alike are equal.
///
/// See the example of [`Draft`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content<V4: V4Runs = Vec<Run<u32>>> {
    name: ZoneName,
    values: Values<V4::Lender>,
    zones: Vec<ZoneContent<V4>>,
}

/// What one zone says.
///
/// See the example of [`Draft`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneContent<V4 = Vec<Run<u32>>> {
    name: NameKey,
    expires: Option<u64>,
    facts: Facts,
    v4: V4,
    v6: Vec<Run<u128>>,
    names: NameTable,
}

impl Draft {
    /// An empty draft with a base zone.
    pub fn new(name: ZoneName) -> Draft {
        Draft::empty(name)
    }
}

impl<V4: V4Runs> Draft<V4> {
    /// An empty draft with a base zone, whatever holds its IPv4 runs.
    pub fn empty(name: ZoneName) -> Draft<V4> {
        let zones = BTreeMap::from([(NameKey::ROOT, DraftZone::default())]);
        Draft {
            name,
            values: Interner::of_sorted(Values::lent_by(V4::Lender::default())),
            zones,
        }
    }

    /// The subzone of this name, relative to the base ([`NameKey::ROOT`]); made if there is none.
    pub fn zone_mut(&mut self, name: &NameKey) -> &mut DraftZone<V4> {
        self.zones.entry(*name).or_default()
    }

    /// Removes the zones whose name is not one of these, which rise. Linear in both, but for a logarithm.
    pub fn retain_zones(&mut self, names: &[NameKey]) {
        self.zones
            .retain(|name, _| names.binary_search(name).is_ok());
        // There is always a base.
        self.zone_mut(&NameKey::ROOT);
    }

    /// Brings the draft into normal form: `O(n log n)` for names and values, linear for runs.
    ///
    /// # Errors
    /// Runs that do not rise, a name twice, a name that is none, an id of no value.
    pub fn finish(self) -> Result<Content<V4>, Error> {
        let Draft {
            name,
            values,
            zones,
        } = self;
        let mut zones: Vec<ZoneContent<V4>> = zones
            .into_iter()
            .map(|(name, draft)| finish_zone(name, draft, &values))
            .collect::<Result<_, Error>>()?;
        let used = marks(values.len());
        for zone in &zones {
            zone.mark_values(&used).map_err(|id| Error::NoSuchValue {
                zone: zone.name.or_at().to_string(),
                id: id.get(),
                count: values.len(),
            })?;
        }
        let unused = unmarked(&used);
        let is_normal = unused.is_empty() && values.is_sorted();
        let (values, in_order) = values.into_values();
        let values = if is_normal {
            values
        } else {
            let (sorted, ranks) = sort_values(values, in_order, &unused);
            let ranks = Arc::new(ranks);
            zones.iter_mut().for_each(|zone| zone.renumber(&ranks));
            sorted
        };
        Ok(Content {
            name,
            values,
            zones,
        })
    }
}

impl<V4: V4Runs> Content<V4> {
    /// The zone's name.
    pub fn name(&self) -> &ZoneName {
        &self.name
    }

    /// The values, in byte order.
    pub fn values(&self) -> &Values<V4::Lender> {
        &self.values
    }

    /// The base, then the subzones in the order of their names. There is always a base.
    pub fn zones(&self) -> &[ZoneContent<V4>] {
        &self.zones
    }

    /// The base zone.
    #[expect(clippy::missing_panics_doc, reason = "there is always a base")]
    pub fn base(&self) -> &ZoneContent<V4> {
        self.zones
            .first()
            .expect("Draft::new made the base, and no zone is ever taken away")
    }

    /// A zone by its name relative to the base.
    pub fn zone(&self, name: &NameKey) -> Option<&ZoneContent<V4>> {
        let index = self
            .zones
            .binary_search_by(|zone| zone.name.cmp(name))
            .ok()?;
        self.zones.get(index)
    }

    /// A draft that says the same, to change it: values keep their ids.
    pub fn into_draft(self) -> Draft<V4> {
        let zones = self.zones.into_iter().map(|zone| {
            let draft = DraftZone {
                expires: zone.expires,
                facts: zone.facts,
                // What it would drop has been dropped.
                has_v4_dataset: false,
                v4: zone.v4,
                v6: zone.v6,
                names: zone.names,
            };
            (zone.name, draft)
        });
        Draft {
            name: self.name,
            values: Interner::of_sorted(self.values),
            zones: zones.collect(),
        }
    }
}

impl ZoneContent {
    /// The IPv4 runs in address order, neighbours of different value.
    pub fn v4(&self) -> &[Run<u32>] {
        &self.v4
    }
}

impl<V4: V4Runs> ZoneContent<V4> {
    /// The name relative to the base, [`NameKey::ROOT`] for the base itself.
    pub fn name(&self) -> &NameKey {
        &self.name
    }

    /// When the content stops being valid, in seconds since 1970.
    pub fn expires(&self) -> Option<u64> {
        self.expires
    }

    /// TTL, SOA and NS.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The IPv4 runs, in whatever holds them.
    pub fn v4_runs(&self) -> &V4 {
        &self.v4
    }

    /// The IPv6 runs in address order, neighbours of different value.
    pub fn v6(&self) -> &[Run<u128>] {
        &self.v6
    }

    /// The names in key order.
    pub fn names(&self) -> &NameTable {
        &self.names
    }

    /// Marks the ranks of the values that this zone uses.
    ///
    /// # Errors
    /// The first id for which `used` has no place.
    fn mark_values(&self, used: &[AtomicBool]) -> Result<(), ValueId> {
        self.v4.mark_values(used)?;
        mark_runs(&self.v6, used)?;
        let slots = self
            .names
            .iter()
            .flat_map(|point| [point.exact, point.below]);
        slots
            .filter_map(NameRule::value)
            .try_for_each(|id| mark(used, id))
    }

    fn renumber(&mut self, ranks: &Arc<Vec<Option<ValueId>>>) {
        let new = |old: ValueId| renumbered(ranks, old);
        self.v4.renumber(ranks);
        self.v6
            .par_iter_mut()
            .for_each(|run| run.value = new(run.value));
        self.names.map_values(new);
    }
}

fn finish_zone<V4: V4Runs>(
    name: NameKey,
    draft: DraftZone<V4>,
    values: &Interner<V4::Lender>,
) -> Result<ZoneContent<V4>, Error> {
    let label = || name.or_at().to_string();
    let mut draft = draft;
    let order = |index| Error::Order {
        zone: label(),
        index,
    };
    draft.v4.normalize().map_err(order)?;
    if draft.has_v4_dataset {
        draft.v6 = normal::without_mapped(&draft.v6);
    }
    normal::merge_runs(&mut draft.v6).map_err(order)?;
    let names = normal::names(draft.names, values, &label)?;
    Ok(ZoneContent {
        name,
        expires: draft.expires,
        facts: draft.facts,
        v4: draft.v4,
        v6: draft.v6,
        names,
    })
}

/// A mark for each value, none set.
fn marks(count: usize) -> Vec<AtomicBool> {
    (0..count).map(|_| AtomicBool::new(false)).collect()
}

/// The ranks of the marks that are not set, rising.
fn unmarked(marks: &[AtomicBool]) -> Vec<usize> {
    let ranks = marks.par_iter().with_min_len(LOOKED_AT).enumerate();
    let unmarked = ranks.filter(|(_, mark)| !mark.load(Ordering::Relaxed));
    unmarked.map(|(rank, _)| rank).collect()
}

/// One thread looks at so many marks at least.
const LOOKED_AT: usize = 1 << 14;

/// The values in byte order, but for those of the ranks `unused`, which rise, and for each old rank the new
/// id. The first `in_order` are in order: the others are put between them.
fn sort_values<L: Lender>(
    values: Values<L>,
    in_order: usize,
    unused: &[usize],
) -> (Values<L>, Vec<Option<ValueId>>) {
    let others = (in_order..values.len()).filter(|rank| unused.binary_search(rank).is_err());
    let mut others: Vec<(usize, &[u8])> =
        others.map(|rank| (rank, values.bytes_of(rank))).collect();
    others.par_sort_unstable_by(|a, b| a.1.cmp(b.1));
    let (mut from, mut unused) = (0, unused.iter().peekable());
    // Those that are in order and used, from the last place up to this one.
    let mut put_up_to = |place: usize, order: &mut Vec<Range<usize>>| {
        while let Some(unused) = unused.next_if(|rank| **rank < place) {
            order.push(from..*unused);
            from = unused + 1;
        }
        order.push(from..place);
        from = place;
    };
    let (mut order, mut last) = (Vec::new(), 0);
    for (rank, bytes) in others {
        last = values.place_of(bytes, last..in_order);
        put_up_to(last, &mut order);
        order.push(rank..rank + 1);
    }
    put_up_to(in_order, &mut order);
    // On all cores, as memory that nobody had before is slow to write to.
    let ranks = (0..values.len()).into_par_iter().with_min_len(LOOKED_AT);
    let mut ids: Vec<Option<ValueId>> = ranks.map(|_| None).collect();
    let mut new = 0u32..;
    for ranks in &order {
        let slots = ids.get_mut(ranks.clone()).unwrap_or_default().iter_mut();
        slots
            .zip(&mut new)
            .for_each(|(slot, rank)| *slot = ValueId::from_rank(rank));
    }
    (values.picked(&order), ids)
}

/// What a name is answered with in a list of points in normal form, and the name that matched. This
/// is the rule in its simplest form, as a model for tests and for the union of datasets.
///
/// See the example of [`NameTable`].
pub fn resolve_name(names: &NameTable, name: &NameKey) -> Option<(ValueId, NameKey)> {
    let point = |key: &NameKey| -> Option<NamePoint<'_>> { names.find(key.as_bytes()) };
    match point(name).map_or(NameRule::Inherit, |point| point.exact) {
        NameRule::Value(id) => return Some((id, *name)),
        NameRule::Nothing => return None,
        NameRule::Inherit => {}
    }
    let mut suffix = name.parent();
    while let Some(key) = suffix {
        match point(&key).map_or(NameRule::Inherit, |point| point.below) {
            NameRule::Value(id) => return Some((id, key)),
            NameRule::Nothing => return None,
            NameRule::Inherit => suffix = key.parent(),
        }
    }
    None
}
