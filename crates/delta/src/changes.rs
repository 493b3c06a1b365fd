//! What changed between two contents, for people and for logs.

use rblmap::{NameKey, NameRule, Value, ValueId};
use rblmap_content::{Content, Lender, NameTable, ZoneContent, differences};
use rblmap_image::{V4Source, V4View};

use crate::diff::{number, runs6};
use crate::edit::find;

/// One difference between two contents.
///
/// See the example of [`changes`].
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The zone, [`NameKey::ROOT`] for the base.
    pub zone: NameKey,
    /// What is now answered otherwise.
    pub what: Changed,
    /// What the old content says.
    pub was: Says<'a>,
    /// What the new content says.
    pub is: Says<'a>,
}

/// What a change is about.
///
/// See the example of [`changes`].
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// IPv4 addresses in host order, first and last.
    V4(u32, u32),
    /// IPv6 addresses in host order, first and last.
    V6(u128, u128),
    /// A name.
    Name(NameKey, Scope),
}

/// Which names a point of the tree of names speaks of.
///
/// ```
/// use rblmap_delta::{Change, Changed, Scope};
/// fn in_words(change: &Change<'_>) -> String {
///     match change.what {
///         Changed::Name(name, Scope::Exact) => format!("{name} alone"),
///         Changed::Name(name, Scope::Below) => format!("all below {name}"),
///         Changed::Name(name, Scope::Both) => format!("{name} and all below it"),
///         Changed::V4(first, last) => format!("{} addresses", u64::from(last - first) + 1),
///         Changed::V6(first, _) => format!("addresses from {first:x} on"),
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The name alone.
    Exact,
    /// Those below it.
    Below,
    /// Both, alike.
    Both,
}

/// What a content says of an address or a name.
///
/// See the example of [`changes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says<'a> {
    /// That it is not listed; for a name also where a wider name is.
    Nothing,
    /// Nothing of its own: the names above rule.
    Inherits,
    /// These records.
    Value(Value<'a>),
}

/// Gives `see` every difference: zone by zone, IPv4 and IPv6 in address order, then names. Linear
/// in both contents.
///
/// ```
/// use rblmap_delta::{Changed, Says, changes};
/// # use rblmap_content::{Content, Draft};
/// # let image = rblmap::Image::read("testdata/three.rbl")?;
/// # let old = Draft::new("ops.example".parse()?).finish()?;
/// # let new = rblmap_image::decode(&image)?;
/// let mut added = 0;
/// changes(&old, &new, |change| {
///     if let (Changed::V4(..), Says::Nothing) = (change.what, change.was) {
///         added += 1;
///     }
/// });
/// assert_eq!(added, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn changes<'a, V4: V4Source>(
    old: &'a Content<V4>,
    new: &'a Content<V4>,
    mut see: impl FnMut(Change<'a>),
) {
    let (ids, _) = number(old, new);
    let values = Values::new(old.values(), new.values(), find::Ids::new(old, new, ids));
    let empty = NameTable::new();
    let mut zones: Vec<NameKey> = [old, new]
        .iter()
        .flat_map(|content| content.zones())
        .map(|zone| *zone.name())
        .collect();
    zones.sort();
    zones.dedup();
    for zone in zones {
        let (from, to) = (old.zone(&zone), new.zone(&zone));
        let mut see = |what, was, is| {
            see(Change {
                zone,
                what,
                was,
                is,
            })
        };
        let nothing = V4View::List(&[]);
        let view =
            |zone: Option<&'a ZoneContent<V4>>| zone.map_or(nothing, |it| it.v4_runs().view());
        for it in find::differences4(view(from), view(to), &values.ids) {
            let what = Changed::V4(it.start, it.end);
            see(what, values.says(it.was), values.says(it.is));
        }
        let runs: Vec<_> = find::with_ids(runs6(to), |id| values.common(id)).collect();
        differences(runs6(from), &runs, |it| {
            let what = Changed::V6(it.start, it.end);
            see(what, values.says(it.was), values.says(it.is));
        });
        let from = from.map_or(&empty, ZoneContent::names);
        let to = to.map_or(&empty, ZoneContent::names);
        names(from, to, &values, see);
    }
}

fn names<'a, L: Lender>(
    old: &NameTable,
    new: &NameTable,
    values: &Values<'a, L>,
    mut see: impl FnMut(Changed, Says<'a>, Says<'a>),
) {
    let mut old = old.iter().peekable();
    let mut new = new.iter().peekable();
    while let Some(key) = [old.peek(), new.peek()]
        .into_iter()
        .flatten()
        .map(|p| p.key)
        .min()
    {
        let pair =
            |rules: (NameRule, NameRule)| (values.rule_says(rules.0), values.rule_says(rules.1));
        let was = old.next_if(|point| point.key == key);
        let was = pair(was.map_or_else(Default::default, |point| (point.exact, point.below)));
        let common = |rule: NameRule| {
            rule.value()
                .map_or(rule, |id| NameRule::Value(values.common(id)))
        };
        let is = new.next_if(|point| point.key == key);
        let is = is.map_or_else(Default::default, |p| (common(p.exact), common(p.below)));
        let is = pair(is);
        let Ok(name) = NameKey::from_key(key) else {
            continue;
        };
        if was.0 == was.1 && is.0 == is.1 {
            if was != is {
                see(Changed::Name(name, Scope::Both), was.0, is.0);
            }
            continue;
        }
        if was.0 != is.0 {
            see(Changed::Name(name, Scope::Exact), was.0, is.0);
        }
        if was.1 != is.1 {
            see(Changed::Name(name, Scope::Below), was.1, is.1);
        }
    }
}

/// The values of both contents under the ids of a change.
struct Values<'a, L> {
    old: &'a rblmap_content::Values<L>,
    new: &'a rblmap_content::Values<L>,
    ids: find::Ids,
    /// The new content's ids of the added values.
    added: Vec<ValueId>,
}

impl<'a, L: Lender> Values<'a, L> {
    fn new(
        old: &'a rblmap_content::Values<L>,
        new: &'a rblmap_content::Values<L>,
        ids: find::Ids,
    ) -> Values<'a, L> {
        let is_added = |id: ValueId| id.rank() as usize >= old.len();
        let ranks = (0u32..).zip(ids.all()).filter(|(_, id)| is_added(*id));
        let added = ranks
            .filter_map(|(rank, _)| ValueId::from_rank(rank))
            .collect();
        Values {
            old,
            new,
            ids,
            added,
        }
    }

    fn common(&self, id: ValueId) -> ValueId {
        self.ids.of(id)
    }

    fn says(&self, id: Option<ValueId>) -> Says<'a> {
        let Some(id) = id else {
            return Says::Nothing;
        };
        if (id.rank() as usize) < self.old.len() {
            return Says::Value(self.old.get(id));
        }
        let own = self.added.get(id.rank() as usize - self.old.len());
        own.map_or(Says::Nothing, |own| Says::Value(self.new.get(*own)))
    }

    fn rule_says(&self, rule: NameRule) -> Says<'a> {
        match rule {
            NameRule::Inherit => Says::Inherits,
            NameRule::Nothing => Says::Nothing,
            NameRule::Value(id) => self.says(Some(id)),
        }
    }
}
