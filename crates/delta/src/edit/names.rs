//! Names as decisions: which go, which change, and the new ones between their neighbours.
//!
//! ```text
//!   base       com.aaa   com.bbb   com.ddd   net.x      in key order: labels from the root
//!   removed              ^ rank 1
//!   stay       com.aaa   com.ddd   net.x
//!   changed                        ^ rank 2, with what it says now
//!   added                ▲ before rank 1: "com.ccc"
//!                        │
//!                        shares "com." with both neighbours, and no more with either:
//!                        told are 0 more, 1 label, its bytes "ccc", what it says
//! ```
//!
//! A name lies between its neighbours, so what it shares with both costs nothing, and the first byte
//! behind that is known to lie between theirs. The labels that remain are told as text: left to zstd,
//! or under a model (`text_model.rs`).

use std::borrow::Cow;

use rblmap::{MAX_KEY, NameKey, NameRule};
use rblmap_content::NameTable;
use rblmap_format::NamePoint;

use crate::codec::neighbours::{Insertions, Neighbours, Shared};
use crate::codec::numbers::{Gamma, Tree, pick};
use crate::codec::range_coder::{Chance, Coder};
use crate::codec::text_model::{Model, TextRoom, Texts, around};
use crate::codec::value_refs::{Beside, Table};
use crate::edit::addresses::code_ranks;
use crate::error::Error;

/// What a point says of itself and of the names below.
pub(crate) type Pair = (NameRule, NameRule);

/// How many names go, change and come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct NameCounts {
    pub(crate) removed: u64,
    pub(crate) changed: u64,
    pub(crate) added: u64,
}

/// The change from one list of names to another.
#[derive(Debug, Default)]
pub(crate) struct NameEdits<'a> {
    /// Ranks in the old list, rising.
    removed: Vec<u64>,
    /// Ranks among the names that stay, rising.
    changed: Vec<u64>,
    /// What the changed ones now say.
    pairs: Vec<Pair>,
    added: Vec<Added<'a>>,
}

#[derive(Debug)]
struct Added<'a> {
    /// How many of the names that stay stand before it.
    slot: u64,
    point: NamePoint<'a>,
}

/// Finds the change; the values of both lists are numbered alike.
pub(crate) fn find<'a>(old: &NameTable, new: &'a NameTable) -> NameEdits<'a> {
    let mut edit = NameEdits::default();
    let mut new = new.iter().peekable();
    let mut stay = 0;
    for (rank, point) in (0u64..).zip(old.iter()) {
        while let Some(added) = new.next_if(|added| added.key < point.key) {
            edit.added.push(Added {
                slot: stay,
                point: added,
            });
        }
        match new.next_if(|same| same.key == point.key) {
            Some(same) => {
                if pair_of(&same) != pair_of(&point) {
                    edit.changed.push(stay);
                    edit.pairs.push(pair_of(&same));
                }
                stay += 1;
            }
            None => edit.removed.push(rank),
        }
    }
    edit.added
        .extend(new.map(|point| Added { slot: stay, point }));
    edit
}

impl NameEdits<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.counts() == NameCounts::default()
    }

    pub(crate) fn counts(&self) -> NameCounts {
        NameCounts {
            removed: self.removed.len() as u64,
            changed: self.changed.len() as u64,
            added: self.added.len() as u64,
        }
    }
}

/// Codes the change of a list of names; gives the new list.
///
/// # Errors
/// Reading: ranks past the list, keys that are no names or not between their neighbours, values
/// that do not exist; more bytes of keys than there is room for.
pub(crate) fn code<C: Coder>(
    coder: &mut C,
    old: &NameTable,
    counts: NameCounts,
    given: Option<&NameEdits<'_>>,
    table: &mut Table,
    room: &mut TextRoom,
) -> Result<NameTable, Error> {
    let empty = NameEdits::default();
    let edit = given.unwrap_or(&empty);
    let removed = code_ranks(coder, old.len() as u64, counts.removed, &edit.removed)?;
    let mut removed = removed.into_iter().peekable();
    let mut stay: Vec<NamePoint<'_>> = (0u64..)
        .zip(old.iter())
        .filter(|(rank, _)| removed.next_if_eq(rank).is_none())
        .map(|(_, point)| point)
        .collect();
    let changed = code_ranks(coder, stay.len() as u64, counts.changed, &edit.changed)?;
    let mut pairs = Pairs::new();
    let mut given_pairs = edit.pairs.iter().copied();
    for rank in changed {
        let point = usize::try_from(rank)
            .ok()
            .and_then(|rank| stay.get_mut(rank));
        let point = point.ok_or(Error::Malformed { what: "rank" })?;
        let was = pair_of(point);
        let pair = pairs.code(coder, was, true, given_pairs.next(), table)?;
        if pair == was {
            return Err(Error::Malformed {
                what: "change of a name",
            });
        }
        (point.exact, point.below) = pair;
        coder.check()?;
    }
    let mut places = Insertions::new(stay.len() as u64, counts.added);
    let mut slots = Vec::new();
    for nth in 0..counts.added {
        let given = usize::try_from(nth)
            .ok()
            .and_then(|nth| edit.added.get(nth));
        slots.push(places.code(coder, given.map_or(0, |added| added.slot))?);
    }
    let mut adder = Adder::new();
    if let Some(left) = room.modelled() {
        adder.texts = learn(&stay, &slots, left);
    }
    let mut additions = Additions {
        stay: &stay,
        slots: &slots,
        given: &edit.added,
        adder,
        pairs,
    };
    let names = additions.code(coder, table, room)?;
    room.keep(&additions.adder.texts);
    Ok(names)
}

/// Names that are added to those that stay.
struct Additions<'a> {
    stay: &'a [NamePoint<'a>],
    /// For each added name how many of those that stay stand before it.
    slots: &'a [u64],
    given: &'a [Added<'a>],
    adder: Adder,
    pairs: Pairs,
}

impl Additions<'_> {
    /// The names that stay and, each in its place, the added ones.
    fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        table: &mut Table,
        room: &mut TextRoom,
    ) -> Result<NameTable, Error> {
        let mut names = NameTable::new();
        let mut rest = self.stay.iter();
        let mut given = self.given.iter();
        let mut before: Option<(Cow<'_, [u8]>, Pair)> = None;
        let mut at = 0;
        for &slot in self.slots {
            let given = given.next();
            while at < slot {
                if let Some(point) = rest.next() {
                    names.push(point.key, point.exact, point.below);
                    before = Some((Cow::Borrowed(point.key), pair_of(point)));
                }
                at += 1;
            }
            let near = Near {
                before: before.as_ref().map(|(key, _)| &**key),
                behind: rest.as_slice().first().map(|point| point.key),
            };
            let key = self
                .adder
                .key(coder, near, given.map(|added| added.point.key))?;
            room.take("added names", key.len())?;
            let beside = before
                .as_ref()
                .map_or_else(Pair::default, |(_, pair)| *pair);
            let given = given.map(|added| pair_of(&added.point));
            let pair = self.pairs.code(coder, beside, false, given, table)?;
            names.push(&key, pair.0, pair.1);
            before = Some((Cow::Owned(key), pair));
            coder.check()?;
        }
        rest.for_each(|point| names.push(point.key, point.exact, point.below));
        Ok(names)
    }
}

/// The keys of the neighbours of an added name.
#[derive(Clone, Copy)]
struct Near<'a> {
    before: Option<&'a [u8]>,
    behind: Option<&'a [u8]>,
}

fn pair_of(point: &NamePoint<'_>) -> Pair {
    (point.exact, point.below)
}

/// A model that has seen the names around the added ones, and as many from all over the list.
fn learn(stay: &[NamePoint<'_>], slots: &[u64], left: u64) -> Texts {
    let count = stay.len() as u64;
    let mut ranks = around(slots, count);
    let wanted = (slots.len() as u64).saturating_mul(FAR).max(64);
    let stride = (count / wanted).max(1);
    ranks.extend((0..count).step_by(usize::try_from(stride).unwrap_or(usize::MAX)));
    ranks.sort_unstable();
    ranks.dedup();
    let mut model = Model::new((ranks.len() + slots.len()).saturating_mul(16));
    let key = |rank: Option<u64>| {
        let rank = rank.and_then(|rank| usize::try_from(rank).ok());
        rank.and_then(|rank| stay.get(rank))
            .map_or(&[][..], |point| point.key)
    };
    for rank in ranks {
        let near = Neighbours {
            left: key(rank.checked_sub(1)),
            right: key(rank.checked_add(1)),
        };
        model.learn(key(Some(rank)), near);
    }
    Texts::modelled(model, left)
}

/// How many names from all over the list a model learns from for each added one.
const FAR: u64 = 16;

/// Contexts for added keys.
struct Adder {
    texts: Texts,
    shared: Shared,
    labels: Gamma,
}

impl Adder {
    fn new() -> Adder {
        Adder {
            texts: Texts::Plain,
            shared: Shared::new(),
            labels: Gamma::new(),
        }
    }

    /// A key between its neighbours: what it shares with one of them, how many labels end behind
    /// that, and these as text.
    fn key<C: Coder>(
        &mut self,
        coder: &mut C,
        Near { before, behind }: Near<'_>,
        given: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error> {
        let near = Neighbours {
            left: before.unwrap_or_default(),
            right: behind.unwrap_or_default(),
        };
        let stem = self.shared.code(coder, near, given)?;
        let given = given.map_or(&[][..], |key| {
            key.get(stem.prefix.len()..).unwrap_or_default()
        });
        let ends = given.iter().filter(|&&byte| byte == 0).count();
        let labels = self.labels.code(coder, ends as u64);
        let mut key = stem.prefix.to_vec();
        for nth in 0..labels {
            let given = given
                .get(key.len() - stem.prefix.len()..)
                .unwrap_or_default();
            let room = MAX_KEY.saturating_sub(key.len());
            self.texts
                .label(coder, room, given, near, nth == 0, &mut key)?;
            if key.len() > MAX_KEY {
                return Err(Error::Malformed {
                    what: "length of a name",
                });
            }
        }
        let rises = before.is_none_or(|before| before < &key[..])
            && behind.is_none_or(|behind| &key[..] < behind);
        if !rises || NameKey::from_key(&key).is_err() {
            return Err(Error::Malformed { what: "added name" });
        }
        Ok(key)
    }
}

/// Contexts for what names say.
struct Pairs {
    same: [Chance; 2],
    exact: [Tree<4>; 2],
    below: [Tree<4>; 3],
    alike: Chance,
}

impl Pairs {
    fn new() -> Pairs {
        Pairs {
            same: [Chance::EVEN; 2],
            exact: std::array::from_fn(|_| Tree::new()),
            below: std::array::from_fn(|_| Tree::new()),
            alike: Chance::EVEN,
        }
    }

    /// `beside` is what the name before says, or what the name said so far.
    fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        beside: Pair,
        is_change: bool,
        given: Option<Pair>,
        table: &mut Table,
    ) -> Result<Pair, Error> {
        let bad = || Error::Malformed {
            what: "what a name says",
        };
        let is_pair = beside != (NameRule::Inherit, NameRule::Inherit);
        if !is_change && is_pair && coder.bit(pick(&mut self.same, 0), given == Some(beside)) {
            return Ok(beside);
        }
        let given = given.unwrap_or_default();
        let [first, second] = &mut self.exact;
        let exact = if is_change { first } else { second };
        let exact = exact.code(coder, shape_of(given.0));
        let below = self.below.get_mut(exact as usize).ok_or_else(bad)?;
        let below = below.code(coder, shape_of(given.1));
        let near = beside.0.value().or(beside.1.value());
        let beside = if is_change {
            Beside::replaced(near)
        } else {
            Beside::near(None)
        };
        let exact = match exact {
            0 => NameRule::Inherit,
            1 => NameRule::Nothing,
            _ => NameRule::Value(table.code(coder, beside, given.0.value())?),
        };
        let below = match (below, exact) {
            (0, NameRule::Inherit) | (3, _) => return Err(bad()),
            (0, _) => NameRule::Inherit,
            (1, _) => NameRule::Nothing,
            (_, NameRule::Value(_)) if coder.bit(&mut self.alike, given.0 == given.1) => exact,
            _ => NameRule::Value(table.code(coder, beside, given.1.value())?),
        };
        Ok((exact, below))
    }
}

fn shape_of(slot: NameRule) -> u32 {
    match slot {
        NameRule::Inherit => 0,
        NameRule::Nothing => 1,
        NameRule::Value(_) => 2,
    }
}
