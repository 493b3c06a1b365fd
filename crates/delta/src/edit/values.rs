//! Added values as decisions: each between its neighbours in byte order, so that a new case number
//! costs its digits.

use rblmap_content::{Lender, Values, is_canonical};

use crate::codec::neighbours::{Insertions, Neighbours, Shared, common_end};
use crate::codec::numbers::Gamma;
use crate::codec::range_coder::{Chance, Coder};
use crate::codec::text_model::{Model, TextRoom, Texts, around};
use crate::error::Error;

/// Codes `count` values that `old` does not have, in byte order.
///
/// # Errors
/// Reading: values that are not canonical, do not rise or are not between their neighbours; more
/// bytes of them than there is room for.
pub(crate) fn code<C: Coder, L: Lender>(
    coder: &mut C,
    old: &Values<L>,
    count: u32,
    given: &[Vec<u8>],
    room: &mut TextRoom,
) -> Result<Vec<Vec<u8>>, Error> {
    let mut places = Insertions::new(old.len() as u64, count.into());
    let mut slots = Vec::new();
    for nth in 0..count as usize {
        let given = given.get(nth).map_or(0, |value| rank_of(old, value));
        slots.push(places.code(coder, given)?);
    }
    let mut shape = Shape::new();
    if let Some(left) = room.modelled() {
        shape.texts = learn(old, &slots, left);
    }
    let mut added: Vec<Vec<u8>> = Vec::new();
    let mut before_slot: Option<u64> = None;
    for (nth, &slot) in slots.iter().enumerate() {
        let given = given.get(nth).map(Vec::as_slice);
        let before = match added.last() {
            Some(last) if before_slot == Some(slot) => last.as_slice(),
            _ => slot
                .checked_sub(1)
                .and_then(|rank| bytes_of(old, rank))
                .unwrap_or_default(),
        };
        let behind = bytes_of(old, slot);
        let near = Neighbours {
            left: before,
            right: behind.unwrap_or_default(),
        };
        let value = shape.code(coder, near, given)?;
        let rises =
            value.as_slice() > before && behind.is_none_or(|behind| value.as_slice() < behind);
        if !rises || !is_canonical(&value) {
            return Err(Error::Malformed {
                what: "added value",
            });
        }
        room.take("added values", value.len())?;
        added.push(value);
        before_slot = Some(slot);
        coder.check()?;
    }
    room.keep(&shape.texts);
    Ok(added)
}

/// Contexts for the bytes of a value beside those of a neighbour.
struct Shape {
    texts: Texts,
    shared: Shared,
    end: Gamma,
    same_len: Chance,
    len: Gamma,
}

impl Shape {
    fn new() -> Shape {
        Shape {
            texts: Texts::Plain,
            shared: Shared::new(),
            end: Gamma::new(),
            same_len: Chance::EVEN,
            len: Gamma::new(),
        }
    }

    fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        near: Neighbours<'_>,
        given: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error> {
        let bad = || Error::Malformed {
            what: "shape of a value",
        };
        let stem = self.shared.code(coder, near, given)?;
        let prefix = stem.prefix.len();
        let rest = stem.neighbour.get(prefix..).unwrap_or_default();
        let given_rest = given.map(|value| value.get(prefix..).unwrap_or_default());
        let end = given_rest.map_or(0, |given| common_end(given, rest));
        let end = self.end.code(coder, end as u64);
        let end = usize::try_from(end)
            .ok()
            .filter(|&end| end <= rest.len())
            .ok_or_else(bad)?;
        let usual = rest.len() - end;
        let middle = given_rest.map_or(0, |given| given.len() - end);
        let middle = if coder.bit(&mut self.same_len, middle == usual) {
            usual
        } else {
            usize::try_from(self.len.code(coder, middle as u64)).map_err(|_| bad())?
        };
        let mut value = stem.prefix.to_vec();
        let given = given_rest.unwrap_or_default();
        self.texts.bytes(coder, middle, given, near, &mut value)?;
        value.extend_from_slice(rest.get(usual..).unwrap_or_default());
        Ok(value)
    }
}

/// A model that has seen the values around the added ones.
fn learn<L: Lender>(old: &Values<L>, slots: &[u64], left: u64) -> Texts {
    let ranks = around(slots, old.len() as u64);
    let value = |rank: Option<u64>| {
        rank.and_then(|rank| bytes_of(old, rank))
            .unwrap_or_default()
    };
    let len = |rank: &u64| value(Some(*rank)).len();
    let bytes: usize = ranks.iter().map(len).sum();
    let mut model = Model::new(bytes.saturating_add(slots.len().saturating_mul(16)));
    for rank in ranks {
        let near = Neighbours {
            left: value(rank.checked_sub(1)),
            right: value(rank.checked_add(1)),
        };
        model.learn(value(Some(rank)), near);
    }
    Texts::modelled(model, left)
}

/// How many values stand before this one.
pub(crate) fn rank_of<L: Lender>(values: &Values<L>, value: &[u8]) -> u64 {
    let (mut low, mut high) = (0u64, values.len() as u64);
    while low < high {
        let mid = low.midpoint(high);
        if bytes_of(values, mid).is_some_and(|bytes| bytes < value) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    low
}

fn bytes_of<L: Lender>(values: &Values<L>, rank: u64) -> Option<&[u8]> {
    let id = u32::try_from(rank)
        .ok()
        .and_then(rblmap::ValueId::from_rank)?;
    (rank < values.len() as u64).then(|| values.get(id).as_bytes())
}
