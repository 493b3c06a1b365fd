//! What changed between two images.

use std::cmp::Ordering;

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use rblmap::{Image, NameKey, NameRule, NameRules, Run, Value, ValueId, Zone};

use crate::error::Error;
use crate::key::Scope;

/// One difference between two images.
///
/// See the example of [`changes`].
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The zone, [`NameKey::ROOT`] for the base.
    pub zone: NameKey,
    /// What is now answered otherwise.
    pub place: Place,
    /// What the old image says.
    pub was: Says<'a>,
    /// What the new image says.
    pub is: Says<'a>,
}

/// What a change is about.
///
/// See the example of [`changes`].
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// All addresses of a network.
    Network(IpNet),
    /// A name, or those below it.
    Name(NameKey, Scope),
}

/// What an image says of a network or a name.
///
/// See the example of [`changes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says<'a> {
    /// Nothing of its own. Of a name: the names above it rule.
    Inherits,
    /// That a name is not listed, whatever the names above it say.
    Nothing,
    /// These records.
    Value(Value<'a>),
}

/// Gives `see` every difference: zone by zone, IPv4 and IPv6 networks in order, then names. Linear in
/// both images; nothing is held in memory but the numbers of their values.
///
/// ```
/// use rblmap_history::{Place, Says, changes};
/// let image = rblmap::Image::read("testdata/three.rbl")?;
/// let mut listed = Vec::new();
/// changes(None, &image, |change| {
///     if let (Place::Network(network), Says::Value(_)) = (change.place, change.is) {
///         listed.push(network.to_string());
///     }
/// })?;
/// assert_eq!(listed, ["192.0.2.1/32", "2001:db8::/32"]);
/// # Ok::<(), rblmap_history::Error>(())
/// ```
///
/// # Errors
/// Images whose zones cannot be read.
pub fn changes<'a>(
    old: Option<&'a Image>,
    new: &'a Image,
    mut see: impl FnMut(Change<'a>),
) -> Result<(), Error> {
    let pairs = Pairs::new(old, new);
    let mut zones = Vec::new();
    for image in old.into_iter().chain([new]) {
        for zone in image.zones() {
            zones.push(zone?.name());
        }
    }
    zones.sort();
    zones.dedup();
    for name in zones {
        let from = zone_of(old, &name)?;
        let to = zone_of(Some(new), &name)?;
        zone_changes(from, to, &pairs, |place, was, is| {
            see(Change {
                zone: name,
                place,
                was: pairs.says_old(was),
                is: pairs.says_new(is),
            });
        });
    }
    Ok(())
}

fn zone_of<'a>(image: Option<&'a Image>, name: &NameKey) -> Result<Option<Zone<'a>>, Error> {
    let Some(image) = image else {
        return Ok(None);
    };
    for zone in image.zones() {
        let zone = zone?;
        if zone.name() == *name {
            return Ok(Some(zone));
        }
    }
    Ok(None)
}

fn zone_changes(
    from: Option<Zone<'_>>,
    to: Option<Zone<'_>>,
    pairs: &Pairs<'_>,
    mut see: impl FnMut(Place, NameRule, NameRule),
) {
    let rule = |id: Option<ValueId>| id.map_or(NameRule::Inherit, NameRule::Value);
    let old = from.iter().flat_map(|zone| zone.v4_runs());
    let new = to.iter().flat_map(|zone| zone.v4_runs());
    runs(old, new, pairs, |start, end, was, is| {
        for net in Ipv4Subnets::new(start.into(), end.into(), 0) {
            see(Place::Network(net.into()), rule(was), rule(is));
        }
    });
    let old = from.iter().flat_map(|zone| zone.v6_runs());
    let new = to.iter().flat_map(|zone| zone.v6_runs());
    runs(old, new, pairs, |start, end, was, is| {
        for net in Ipv6Subnets::new(start.into(), end.into(), 0) {
            see(Place::Network(net.into()), rule(was), rule(is));
        }
    });
    let old = from.iter().flat_map(|zone| zone.names());
    let new = to.iter().flat_map(|zone| zone.names());
    names(old, new, pairs, |name, scope, was, is| {
        see(Place::Name(name, scope), was, is);
    });
}

/// The values of two images, and which are the same.
struct Pairs<'a> {
    old: Option<&'a Image>,
    new: &'a Image,
    /// By rank in the old image, the id of the same value in the new one.
    same: Vec<Option<ValueId>>,
}

impl<'a> Pairs<'a> {
    /// Values are sorted by their bytes in each image, so one pass over both suffices.
    fn new(old: Option<&'a Image>, new: &'a Image) -> Pairs<'a> {
        let count = |image: &Image| u32::try_from(image.value_count()).unwrap_or(u32::MAX);
        let mut same = Vec::new();
        let mut rank = 0;
        let news = count(new);
        let value = |image: &'a Image, rank| {
            let id = ValueId::from_rank(rank)?;
            Some((id, image.value(id)))
        };
        for old_rank in 0..old.map_or(0, count) {
            let Some((_, wanted)) = old.and_then(|old| value(old, old_rank)) else {
                break;
            };
            let mut found = None;
            while rank < news {
                let Some((id, other)) = value(new, rank) else {
                    break;
                };
                match other.as_bytes().cmp(wanted.as_bytes()) {
                    Ordering::Less => rank += 1,
                    Ordering::Equal => {
                        found = Some(id);
                        break;
                    }
                    Ordering::Greater => break,
                }
            }
            same.push(found);
        }
        Pairs { old, new, same }
    }

    fn is_same(&self, old: Option<ValueId>, new: Option<ValueId>) -> bool {
        match (old, new) {
            (None, None) => true,
            (Some(old), Some(new)) => {
                self.same.get(old.rank() as usize).copied().flatten() == Some(new)
            }
            _ => false,
        }
    }

    fn is_same_rule(&self, old: NameRule, new: NameRule) -> bool {
        match (old, new) {
            (NameRule::Value(old), NameRule::Value(new)) => self.is_same(Some(old), Some(new)),
            (old, new) => old == new,
        }
    }

    fn says_old(&self, rule: NameRule) -> Says<'a> {
        match (rule, self.old) {
            (NameRule::Value(id), Some(old)) => Says::Value(old.value(id)),
            (NameRule::Nothing, _) => Says::Nothing,
            (NameRule::Value(_) | NameRule::Inherit, _) => Says::Inherits,
        }
    }

    fn says_new(&self, rule: NameRule) -> Says<'a> {
        match rule {
            NameRule::Value(id) => Says::Value(self.new.value(id)),
            NameRule::Nothing => Says::Nothing,
            NameRule::Inherit => Says::Inherits,
        }
    }
}

/// An address as a number.
trait Number: Copy + Ord {
    const LAST: Self;
    fn next(self) -> Self;
    fn before(self) -> Self;
}

impl Number for u32 {
    const LAST: u32 = u32::MAX;
    fn next(self) -> u32 {
        self.wrapping_add(1)
    }
    fn before(self) -> u32 {
        self.wrapping_sub(1)
    }
}

impl Number for u128 {
    const LAST: u128 = u128::MAX;
    fn next(self) -> u128 {
        self.wrapping_add(1)
    }
    fn before(self) -> u128 {
        self.wrapping_sub(1)
    }
}

/// A range that changed, before it is known where it ends.
#[derive(Clone, Copy)]
struct Changed<A> {
    start: A,
    end: A,
    was: Option<ValueId>,
    is: Option<ValueId>,
}

/// Walks two lists of runs side by side; neighbours that changed alike are one range.
fn runs<A: Number>(
    old: impl Iterator<Item = Run<A>>,
    new: impl Iterator<Item = Run<A>>,
    pairs: &Pairs<'_>,
    mut see: impl FnMut(A, A, Option<ValueId>, Option<ValueId>),
) {
    let (mut old, mut new) = (old.peekable(), new.peekable());
    let mut pending: Option<Changed<A>> = None;
    let mut at: Option<A> = None;
    loop {
        // What ended before `at` is done with.
        if let Some(at) = at {
            while old.next_if(|run| run.end < at).is_some() {}
            while new.next_if(|run| run.end < at).is_some() {}
        }
        let (a, b) = (old.peek().copied(), new.peek().copied());
        let begin = |run: &Run<A>| at.map_or(run.start, |at| run.start.max(at));
        let Some(start) = a.iter().chain(&b).map(begin).min() else {
            break;
        };
        // The runs that hold `start`, and where the first of them ends or another begins.
        let holds = |run: &Run<A>| run.start <= start;
        let was = a.filter(holds).map(|run| run.value);
        let is = b.filter(holds).map(|run| run.value);
        let until = |run: &Run<A>| {
            if holds(run) {
                run.end
            } else {
                run.start.before()
            }
        };
        let end = a.iter().chain(&b).map(until).min().unwrap_or(start);
        if !pairs.is_same(was, is) {
            match &mut pending {
                Some(last) if last.end.next() == start && last.was == was && last.is == is => {
                    last.end = end;
                }
                pending => {
                    if let Some(done) = pending.replace(Changed {
                        start,
                        end,
                        was,
                        is,
                    }) {
                        see(done.start, done.end, done.was, done.is);
                    }
                }
            }
        }
        if end == A::LAST {
            break;
        }
        at = Some(end.next());
    }
    if let Some(done) = pending {
        see(done.start, done.end, done.was, done.is);
    }
}

/// Walks two lists of names side by side.
fn names(
    old: impl Iterator<Item = NameRules>,
    new: impl Iterator<Item = NameRules>,
    pairs: &Pairs<'_>,
    mut see: impl FnMut(NameKey, Scope, NameRule, NameRule),
) {
    let (mut old, mut new) = (old.peekable(), new.peekable());
    while let Some(key) = old
        .peek()
        .into_iter()
        .chain(new.peek())
        .map(|p| p.key)
        .min()
    {
        let rules = |point: Option<NameRules>| {
            point.map_or((NameRule::Inherit, NameRule::Inherit), |p| {
                (p.exact, p.below)
            })
        };
        let was = rules(old.next_if(|point| point.key == key));
        let is = rules(new.next_if(|point| point.key == key));
        if was.0 == was.1 && is.0 == is.1 {
            if !pairs.is_same_rule(was.0, is.0) {
                see(key, Scope::Both, was.0, is.0);
            }
            continue;
        }
        if !pairs.is_same_rule(was.0, is.0) {
            see(key, Scope::Exact, was.0, is.0);
        }
        if !pairs.is_same_rule(was.1, is.1) {
            see(key, Scope::Below, was.1, is.1);
        }
    }
}
