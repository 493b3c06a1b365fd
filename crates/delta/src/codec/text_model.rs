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
//! every machine. A byte costs some two microseconds, so there is a limit on how many there are.

use rayon::prelude::*;

use crate::codec::logistic::{Scale, squash};
use crate::codec::neighbours::{Neighbours, common};
use crate::codec::range_coder::{Coder, Trainer};
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

/// Contexts that are mixed.
const CONTEXTS: usize = 13;
/// Weights of the contexts.
type Weights = [i32; CONTEXTS];
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
        for at in from..own.len() {
            let (before, rest) = own.split_at(at);
            let byte = rest.first().copied().unwrap_or(0);
            let bounds = if at == from {
                between(before, near)
            } else {
                ANY
            };
            self.byte(&mut Trainer, before, near, bounds, byte);
        }
    }

    /// Codes the byte behind `before`. A bit is coded where bytes within the bounds have either.
    fn byte<C: Coder>(
        &mut self,
        coder: &mut C,
        before: &[u8],
        near: Neighbours<'_>,
        Bounds { first, last }: Bounds,
        given: u8,
    ) -> u8 {
        let contexts = contexts(before, near);
        let mut node = 1u32;
        for bit in (0..8).rev() {
            // The first byte that has a one here.
            let ones = (node << 1 | 1) << bit & 0xff;
            let is_one = match (u32::from(first) < ones, u32::from(last) >= ones) {
                (true, true) => self.bit(coder, &contexts, node, given >> bit & 1 == 1),
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

    fn bit<C: Coder>(
        &mut self,
        coder: &mut C,
        contexts: &[u32; CONTEXTS],
        node: u32,
        given: bool,
    ) -> bool {
        let mut places = [0usize; CONTEXTS];
        let mut inputs = [0i32; CONTEXTS];
        let mut known = 0;
        let mask = self.cells.len() - 1;
        for ((context, place), input) in contexts.iter().zip(&mut places).zip(&mut inputs) {
            let hash = mix(context.wrapping_add(node.wrapping_mul(0x9e37_79b1)));
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
                cell.learn(bit);
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
    fn learn(&mut self, bit: bool) {
        let target = if bit { 65_535 } else { 0 };
        let p = i32::from(self.p);
        let p = p + (target - p) * 10 / (10 * i32::from(self.seen) + 13);
        self.p = u16::try_from(p.clamp(24, 65_512)).unwrap_or(1 << 15);
        self.seen = (self.seen + 1).min(SLOWEST);
    }
}

/// Labels of more bytes are not told apart by their length.
const LONG: usize = 20;

/// What a context hashes, beginning with its seed.
#[derive(Clone, Copy)]
enum Takes {
    /// So many bytes before, from the last one backwards.
    Last(usize),
    /// Three bytes before, without the last one.
    SkipOne,
    /// The lower-case letters before.
    Word,
    /// The label so far.
    Label,
    /// The neighbours' bytes at this place, and which of them begin alike.
    Beside,
    /// The length of the label so far, and so many bytes before.
    LengthAndLast(usize),
    /// The first label, and so many bytes before.
    TopAndLast(usize),
}

/// The seeds of the contexts and what they hash. Their order and their numbers are part of the format.
const TAKES: [(u32, Takes); CONTEXTS] = [
    (55, Takes::Word),
    (44, Takes::SkipOne),
    (5, Takes::Last(5)),
    (0, Takes::Last(0)),
    (1, Takes::Last(1)),
    (2, Takes::Last(2)),
    (3, Takes::Last(3)),
    (4, Takes::Last(4)),
    (6, Takes::Last(6)),
    (77, Takes::Label),
    (99, Takes::Beside),
    (33, Takes::LengthAndLast(1)),
    (91, Takes::TopAndLast(2)),
];

fn contexts(before: &[u8], near: Neighbours<'_>) -> [u32; CONTEXTS] {
    TAKES.map(|(seed, takes)| hash(seed, takes, before, near))
}

fn hash(seed: u32, takes: Takes, before: &[u8], near: Neighbours<'_>) -> u32 {
    let last = |from: u32, count: usize| {
        let bytes = before.iter().rev().take(count);
        bytes.fold(from, |hash, byte| step(hash, *byte))
    };
    let in_label = || before.iter().rev().take_while(|byte| **byte != 0);
    match takes {
        Takes::Last(count) => last(seed, count),
        Takes::SkipOne => {
            let bytes = before.iter().rev().skip(1).take(3);
            bytes.fold(seed, |hash, byte| step(hash, *byte))
        }
        Takes::Word => {
            let letters = before.iter().rev();
            let letters = letters.take_while(|byte| byte.is_ascii_lowercase());
            letters.fold(seed, |hash, byte| step(hash, *byte))
        }
        Takes::Label => in_label().fold(seed, |hash, byte| step(hash, *byte)),
        Takes::Beside => {
            let at = before.len();
            let next = |list: &[u8]| list.get(at).copied().unwrap_or(0);
            let is_alike = |list: &[u8]| u8::from(list.get(..at) == Some(before));
            let bytes = [
                next(near.left),
                next(near.right),
                is_alike(near.left) | is_alike(near.right) << 1,
            ];
            bytes.into_iter().fold(seed, step)
        }
        Takes::LengthAndLast(count) => {
            let length = in_label().take(LONG).count();
            let length = u8::try_from(length).expect("LONG is less than 256");
            last(step(seed, length), count)
        }
        Takes::TopAndLast(count) => {
            let top = before.iter().take_while(|byte| **byte != 0);
            last(top.fold(seed, |hash, byte| step(hash, *byte)), count)
        }
    }
}

fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte))
        .wrapping_mul(0x0100_0193)
        .rotate_left(9)
        .wrapping_add(0x7f4a_7c15)
}

fn mix(hash: u32) -> u32 {
    let hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35) ^ hash >> 16
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
