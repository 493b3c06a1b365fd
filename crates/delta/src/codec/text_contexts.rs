//! What a model of texts knows of a byte before it is told: hashes of what stands before it, each in
//! another way.

use crate::codec::neighbours::Neighbours;

/// Contexts that are mixed.
pub(crate) const CONTEXTS: usize = 13;
/// For each context where its cell of a bit is.
pub(crate) type Hashes = [u32; CONTEXTS];

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

/// The hash of each context of the byte behind `before`.
pub(crate) fn contexts(before: &[u8], near: Neighbours<'_>) -> [u32; CONTEXTS] {
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

/// Where the cells are of the bit behind those of `node`.
pub(crate) fn hashes(contexts: &[u32; CONTEXTS], node: u32) -> Hashes {
    let node = node.wrapping_mul(0x9e37_79b1);
    contexts.map(|context| mix(context.wrapping_add(node)))
}

fn mix(hash: u32) -> u32 {
    let hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35) ^ hash >> 16
}
