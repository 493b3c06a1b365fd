//! Bytes of names and texts: as they are, for zstd to shorten, or as decisions under a model that has
//! learnt from the base.
//!
//! ```text
//!   before the byte   ...  c o m \0 e x a m p | ?
//!   13 contexts            last 1, 2, 3, 4, 5, 6 bytes; the word, the label, the neighbours' byte ...
//!        │ hash, with the bits so far
//!        ▼
//!   cells             what each context has seen: a chance, and how often
//!        │ stretch: a number on a logistic scale
//!        ▼
//!   two sets of weights, by how many contexts know something, and by the bits so far
//!        │ sum, squash
//!        ▼
//!   the chance of the next bit ──► range coder; then cells and weights follow what it was
//! ```
//!
//! That is what the PAQ compressors do (Mahoney 2005), here in integers alone, so that it is the same on
//! every machine. A byte costs some microseconds, so there is a limit on how many there are. Most are
//! learnt, and known before: while one is learnt, the cells of the next come out of memory.

use rayon::prelude::*;
use rblmap_format::prefetch;

use crate::codec::logistic::{Scale, squash};
use crate::codec::neighbours::{Neighbours, common};
use crate::codec::range_coder::{Coder, Trainer};
use crate::codec::text_contexts::{CONTEXTS, Hashes, contexts, hashes};
use crate::error::Error;

/// How the bytes of added names and values are told.
#[derive(Debug)]
pub(crate) enum Texts {
    /// Beside the decisions.
    Plain,
    /// Among the decisions.
    Modelled(Box<Modelled>),
}

/// A model, and how many bytes may still be told under it.
#[derive(Debug)]
pub(crate) struct Modelled {
    model: Model,
    left: u64,
}

/// How many bytes of names and values a file may hold, in all.
#[derive(Debug, Clone)]
pub(crate) struct TextRoom {
    /// So many more, and so many in all.
    left: u64,
    limit: u64,
    /// So many more under a model, if texts are told under one.
    modelled: Option<u64>,
}

/// Up to this many bytes of text of a file are told under a model, which takes a few seconds for so
/// many; and a model learns so many bytes at most.
pub(crate) const MODEL_MAX: u64 = 1 << 20;

impl TextRoom {
    pub(crate) fn new(limit: u64, is_modelled: bool) -> TextRoom {
        TextRoom {
            left: limit,
            limit,
            modelled: is_modelled.then_some(MODEL_MAX),
        }
    }

    /// How many bytes may still be told under a model; none if texts are not.
    pub(crate) fn modelled(&self) -> Option<u64> {
        self.modelled
    }

    /// Notes what texts have left.
    pub(crate) fn keep(&mut self, texts: &Texts) {
        if let Texts::Modelled(modelled) = texts {
            self.modelled = Some(modelled.left);
        }
    }

    /// Takes room for a name or value of so many bytes.
    ///
    /// # Errors
    /// If there is no more.
    pub(crate) fn take(&mut self, what: &'static str, len: usize) -> Result<(), Error> {
        let left = self.left.checked_sub(len as u64);
        self.left = left.ok_or(Error::Limit {
            what,
            size: self.limit.saturating_add(1),
            limit: self.limit,
        })?;
        Ok(())
    }
}

impl Modelled {
    /// # Errors
    /// If so many bytes have been told under the model as may be.
    fn take(&mut self) -> Result<&mut Model, Error> {
        let left = self.left.checked_sub(1);
        self.left = left.ok_or(Error::Limit {
            what: "bytes of text under a model",
            size: MODEL_MAX + 1,
            limit: MODEL_MAX,
        })?;
        Ok(&mut self.model)
    }
}

/// How many texts on each side of an added one a model learns from.
const NEAR: u64 = 8;

/// The ranks, of `count` in all, of the texts around the places of added ones; rising.
pub(crate) fn around(slots: &[u64], count: u64) -> Vec<u64> {
    let mut ranks: Vec<u64> = Vec::new();
    let mut from = 0;
    for slot in slots {
        let to = slot.saturating_add(NEAR).min(count);
        ranks.extend(slot.saturating_sub(NEAR).max(from)..to);
        from = from.max(to);
    }
    ranks
}

impl Texts {
    /// Texts under a model, of which there may be `left` bytes.
    pub(crate) fn modelled(model: Model, left: u64) -> Texts {
        Texts::Modelled(Box::new(Modelled { model, left }))
    }

    /// Appends `len` bytes to `out`, which holds what stands before them. Writing, they are the first of
    /// `given`.
    ///
    /// # Errors
    /// Reading: there are fewer.
    pub(crate) fn bytes<C: Coder>(
        &mut self,
        coder: &mut C,
        len: usize,
        given: &[u8],
        near: Neighbours<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let Texts::Modelled(modelled) = self else {
            return coder.text(len, given, out);
        };
        for at in 0..len {
            let byte = given.get(at).copied().unwrap_or(0);
            let bounds = if at == 0 { between(out, near) } else { ANY };
            let byte = modelled.take()?.byte(coder, out, near, bounds, byte);
            out.push(byte);
            coder.check()?;
        }
        Ok(())
    }

    /// Appends a label and the 00 that ends it to `out`, of at most `room` bytes; `is_first` if what
    /// stands before them is what the text shares with a neighbour.
    ///
    /// # Errors
    /// Reading: no label ends in time.
    pub(crate) fn label<C: Coder>(
        &mut self,
        coder: &mut C,
        room: usize,
        given: &[u8],
        near: Neighbours<'_>,
        is_first: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let Texts::Modelled(modelled) = self else {
            return coder.label(given, out);
        };
        for at in 0..room {
            let byte = given.get(at).copied().unwrap_or(0);
            let is_first = is_first && at == 0;
            let bounds = if is_first { between(out, near) } else { ANY };
            let byte = modelled.take()?.byte(coder, out, near, bounds, byte);
            out.push(byte);
            if byte == 0 {
                return coder.check();
            }
        }
        Err(Error::Malformed {
            what: "length of a name",
        })
    }
}

/// The first and the last byte that there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    first: u8,
    last: u8,
}

const ANY: Bounds = Bounds {
    first: 0,
    last: u8::MAX,
};

/// The bounds of the byte behind `before`, all of which the text shares with a neighbour, and no more
/// with either: it lies between those of the neighbours that begin alike.
fn between(before: &[u8], Neighbours { left, right }: Neighbours<'_>) -> Bounds {
    let next = |list: &[u8]| {
        let rest = list.strip_prefix(before)?;
        rest.first().copied()
    };
    let first = next(left).map_or(Some(0), |byte| byte.checked_add(1));
    let last = next(right).map_or(Some(u8::MAX), |byte| byte.checked_sub(1));
    match (first, last) {
        (Some(first), Some(last)) if first <= last => Bounds { first, last },
        // Reading: nobody writes this, and the place of the text is looked at.
        _ => ANY,
    }
}

/// Weights of the contexts.
type Weights = [i32; CONTEXTS];
/// The bits of a byte.
const BITS: usize = 8;
/// Sets of weights by what is known, and by the bits of the byte so far.
const SETS: usize = 3 * (CONTEXTS + 1);
const NODES: usize = 256;
/// Cells of a model, 4 bytes each: two to the power of 14 to 23.
const LEAST: usize = 1 << 14;
const MOST: usize = 1 << 23;
/// Weights are in 1/65536.
const WEIGHT: i32 = 1 << 16;
const HEAVIEST: i32 = 1 << 24;
/// How fast weights follow errors, as a shift.
const RATE: u32 = 14;
/// Decisions after which a context learns no slower.
const SLOWEST: u8 = 30;

/// What is known of the next bit in one context.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    /// Tells contexts apart that share a slot.
    check: u8,
    seen: u8,
    p: u16,
}

/// Chances of the next byte, given those before it and the neighbours.
#[derive(Debug)]
pub(crate) struct Model {
    cells: Vec<Cell>,
    /// A set for each number of contexts that know something, at the first bit, the next two and the
    /// others.
    by_known: [Weights; SETS],
    /// A set for each beginning of a byte.
    by_node: [Weights; NODES],
    scale: Scale,
    shares: Shares,
    /// How many bytes it may still learn.
    left_to_learn: u64,
}

impl Model {
    /// A model that will see about `bytes` bytes.
    pub(crate) fn new(bytes: usize) -> Model {
        let count = bytes.saturating_mul(8 * CONTEXTS).clamp(LEAST, MOST);
        // On all cores, as memory that nobody had before is slow to write to.
        let cells = (0..count.next_power_of_two()).into_par_iter();
        let cells = cells.with_min_len(LEAST).map(|_| Cell::default());
        Model {
            cells: cells.collect(),
            by_known: [[WEIGHT / 4; CONTEXTS]; SETS],
            by_node: [[WEIGHT / 4; CONTEXTS]; NODES],
            scale: Scale::new(),
            shares: Shares::new(),
            left_to_learn: MODEL_MAX,
        }
    }

    /// Learns a text of the old content: what its neighbours `near` do not begin with alike.
    pub(crate) fn learn(&mut self, own: &[u8], near: Neighbours<'_>) {
        let from = common(own, near.left).max(common(own, near.right));
        let new = (own.len() - from) as u64;
        let Some(left) = self.left_to_learn.checked_sub(new) else {
            self.left_to_learn = 0;
            return;
        };
        self.left_to_learn = left;
        let mut next = self.ask(own, from, near);
        for (at, byte) in own.iter().enumerate().skip(from) {
            let hashes = next;
            next = self.ask(own, at + 1, near);
            let bounds = if at == from {
                between(own.get(..at).unwrap_or_default(), near)
            } else {
                ANY
            };
            let of_bit = |place: usize, _| hashes.get(place).copied().unwrap_or_default();
            self.bits(&mut Trainer, bounds, *byte, of_bit);
        }
    }

    /// The hashes of all bits of a byte that is known, the cells of which are asked for.
    fn ask(&self, own: &[u8], at: usize, near: Neighbours<'_>) -> [Hashes; BITS] {
        let Some((before, [byte, ..])) = own.split_at_checked(at) else {
            return [[0; CONTEXTS]; BITS];
        };
        let contexts = contexts(before, near);
        let mask = self.cells.len() - 1;
        let cell = |hash: u32| {
            self.cells
                .as_ptr()
                .wrapping_add((hash >> 8) as usize & mask)
        };
        let bits = (1 << BITS) | u32::from(*byte);
        std::array::from_fn(|place| {
            let hashes = hashes(&contexts, bits >> (BITS - place));
            hashes.iter().for_each(|hash| prefetch(cell(*hash)));
            hashes
        })
    }

    /// Codes the byte behind `before`.
    fn byte<C: Coder>(
        &mut self,
        coder: &mut C,
        before: &[u8],
        near: Neighbours<'_>,
        bounds: Bounds,
        given: u8,
    ) -> u8 {
        let contexts = contexts(before, near);
        self.bits(coder, bounds, given, |_, node| hashes(&contexts, node))
    }

    /// Codes a byte. A bit is coded where bytes within the bounds have either; `of_bit` has the hashes of
    /// one, by its place from the left and the bits before it.
    fn bits<C: Coder>(
        &mut self,
        coder: &mut C,
        Bounds { first, last }: Bounds,
        given: u8,
        of_bit: impl Fn(usize, u32) -> Hashes,
    ) -> u8 {
        let mut node = 1u32;
        for (place, bit) in (0..BITS).rev().enumerate() {
            // The first byte that has a one here.
            let ones = (node << 1 | 1) << bit & 0xff;
            let is_one = match (u32::from(first) < ones, u32::from(last) >= ones) {
                (true, true) => self.bit(coder, &of_bit(place, node), node, given >> bit & 1 == 1),
                (_, is_one) => is_one,
            };
            node = node << 1 | u32::from(is_one);
        }
        u8::try_from(node & 0xff).unwrap_or(0)
    }

    /// The cell of a context: one of two, the less known one of which it takes if it has none.
    fn find(&mut self, first: usize, check: u8) -> usize {
        let seen = |place: usize| {
            self.cells
                .get(place)
                .map_or((0, 0), |cell| (cell.check, cell.seen))
        };
        let (one, other) = (seen(first), seen(first ^ 1));
        if one.0 == check {
            return first;
        }
        if other.0 == check {
            return first ^ 1;
        }
        let place = if one.1 <= other.1 { first } else { first ^ 1 };
        if let Some(cell) = self.cells.get_mut(place) {
            *cell = Cell {
                check,
                seen: 0,
                p: 1 << 15,
            };
        }
        place
    }

    fn bit<C: Coder>(&mut self, coder: &mut C, hashes: &Hashes, node: u32, given: bool) -> bool {
        let mut places = [0usize; CONTEXTS];
        let mut inputs = [0i32; CONTEXTS];
        let mut known = 0;
        let mask = self.cells.len() - 1;
        for ((hash, place), input) in hashes.iter().zip(&mut places).zip(&mut inputs) {
            let check = u8::try_from(hash & 0xff).unwrap_or(0);
            *place = self.find((hash >> 8) as usize & mask, check);
            let Some(cell) = self.cells.get(*place) else {
                continue;
            };
            if cell.seen > 0 {
                *input = self.scale.stretch(cell.p);
                known += 1;
            }
        }
        let stage = usize::from(node > 1) + usize::from(node > 7);
        let by_known = self.by_known.get_mut(known + (CONTEXTS + 1) * stage);
        let by_node = self.by_node.get_mut(node as usize);
        let (Some(by_known), Some(by_node)) = (by_known, by_node) else {
            return given;
        };
        let sums = [sum(by_known, &inputs), sum(by_node, &inputs)];
        let bit = coder.decide(squash((sums[0] + sums[1]) >> 17), given);
        for (weights, sum) in [by_known, by_node].into_iter().zip(sums) {
            let error = (if bit { 65_535 } else { 0 }) - i32::from(squash(sum >> 16));
            for (weight, input) in weights.iter_mut().zip(&inputs) {
                let moved = *weight + ((input * (error >> 2)) >> RATE);
                *weight = moved.clamp(-HEAVIEST, HEAVIEST);
            }
        }
        for place in places {
            if let Some(cell) = self.cells.get_mut(place) {
                cell.learn(bit, &self.shares);
            }
        }
        bit
    }
}

fn sum(weights: &Weights, inputs: &Weights) -> i64 {
    let products = weights.iter().zip(inputs);
    products.map(|(w, i)| i64::from(*w) * i64::from(*i)).sum()
}

impl Cell {
    fn learn(&mut self, bit: bool, shares: &Shares) {
        let target = if bit { 65_535 } else { 0 };
        let p = i32::from(self.p);
        let p = p + shares.of(target - p, self.seen);
        self.p = u16::try_from(p.clamp(24, 65_512)).unwrap_or(1 << 15);
        self.seen = (self.seen + 1).min(SLOWEST);
    }
}

/// How far cells move, without the division: 13 of these a bit.
#[derive(Debug)]
struct Shares([u64; SLOWEST as usize + 1]);

impl Shares {
    /// 2^32 over each divisor, rounded up. What that adds to a quotient is less than the divisor's part of
    /// one, since 655,350 * 313 is less than 2^32.
    fn new() -> Shares {
        Shares(std::array::from_fn(|seen| {
            (1u64 << 32).div_ceil(10 * seen as u64 + 13)
        }))
    }

    /// `off * 10 / (10 * seen + 13)`, rounded towards zero.
    fn of(&self, off: i32, seen: u8) -> i32 {
        let over = self.0.get(usize::from(seen)).copied().unwrap_or(0);
        let share = (u64::from(off.unsigned_abs()) * 10 * over) >> 32;
        let share = i32::try_from(share).unwrap_or(0);
        if off < 0 { -share } else { share }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::range_coder::{Decoder, Encoder};

    fn all<C: Coder>(coder: &mut C, texts: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut model = Texts::modelled(Model::new(100), MODEL_MAX);
        let mut last = Vec::new();
        for text in texts {
            let (shared, rest) = text.split_at(common(text, &last));
            let mut out = shared.to_vec();
            let near = Neighbours {
                left: &last,
                right: b"x",
            };
            model
                .bytes(coder, rest.len(), rest, near, &mut out)
                .unwrap();
            last = out;
            assert_eq!(&last, text);
        }
        texts.to_vec()
    }

    #[test]
    fn a_byte_lies_between_those_of_neighbours_that_begin_alike() {
        let of = |left: &str, right: &str| {
            let (left, right) = (left.as_bytes(), right.as_bytes());
            let Bounds { first, last } = between(b"ab", Neighbours { left, right });
            (first, last)
        };
        assert_eq!(of("abd", "abf"), (b'e', b'e'));
        assert_eq!(of("ab", "abf"), (0, b'e'));
        assert_eq!(of("aad", "abf"), (0, b'e'));
        assert_eq!(of("abd", "ac"), (b'e', 255));
        // What nobody writes.
        assert_eq!(of("abd", "abe"), (0, 255));
        assert_eq!(of("ab\u{7f}", "ab\0"), (0, 255));
    }

    #[test]
    fn a_cell_moves_by_the_quotient_that_the_document_gives() {
        let shares = Shares::new();
        for seen in 0..=SLOWEST {
            for off in -65_535..=65_535 {
                let divided = off * 10 / (10 * i32::from(seen) + 13);
                assert_eq!(shares.of(off, seen), divided, "{off} {seen}");
            }
        }
    }

    #[test]
    fn texts_come_back_shorter() {
        let texts: Vec<Vec<u8>> = (0..200)
            .map(|n| format!("case {:04} of the open proxies", n * 31).into_bytes())
            .collect();
        let mut encoder = Encoder::new();
        all(&mut encoder, &texts);
        let (bytes, plain) = encoder.finish();
        assert!(bytes.len() < 700 && plain.is_empty(), "{}", bytes.len());
        all(&mut Decoder::new(&bytes, &[]), &texts);
    }
}
