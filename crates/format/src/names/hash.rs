//! How names are hashed: a name and all its suffixes in one walk over its key. The writer in `rblmap-image` and the
//! reader both go through here.

use std::hint::select_unpredictable;

use crate::bytes::u64_at;
use crate::name::MAX_KEY;
use crate::simd::zero_bytes;

/// How many lines a name may be in.
pub const PROBES: usize = 6;
/// Bits of the filter that a name sets.
pub const FILTER_BITS: u32 = 3;

/// Bytes of a piece of a key.
const PIECE: usize = 8;
/// Pieces of the longest key.
const MOST: usize = MAX_KEY.div_ceil(PIECE);
/// Pieces of nearly all keys.
const FEW: usize = 4;
/// Keys of at most so many bytes have a [`ShortChain`].
pub(crate) const SHORT: usize = FEW * PIECE;

/// What names are hashed with. Derived from the content, so that nobody who adds names to a list
/// knows it while choosing them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HashKey {
    start: u64,
    factor: u64,
}

impl HashKey {
    /// Takes 16 bytes of key.
    pub(crate) fn new(bytes: &[u8]) -> HashKey {
        HashKey {
            start: u64_at(bytes, 0),
            factor: u64_at(bytes, 8) | 1,
        }
    }
}

/// Both halves of the product, one over the other.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "the halves are meant")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

/// The part of `count` that a hash picks by its highest bits.
#[inline]
pub fn scale(hash: u64, count: usize) -> usize {
    let product = u128::from(hash) * count as u128;
    // Less than `count`.
    usize::try_from(product >> 64).unwrap_or(0)
}

/// The lines a name may be in, in the order in which they are tried; `lines` is even.
#[inline]
pub fn probes(hash: u64, lines: usize) -> [usize; PROBES] {
    let first = scale(hash, lines);
    let second = scale(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15), lines);
    let third = scale(hash.wrapping_mul(0xc2b2_ae3d_27d4_eb4f), lines);
    [first, first ^ 1, second, second ^ 1, third, third ^ 1]
}

/// The bits of a block of the filter that a name sets.
#[inline]
pub fn filter_bits(hash: u64) -> [usize; FILTER_BITS as usize] {
    [0, 9, 18].map(|shift| (hash >> shift & 511) as usize)
}

/// The hashes of a name and of all its suffixes, in up to `P` pieces of 8 bytes, of which `W` words with a bit for
/// each byte say where labels end.
///
/// Where pieces begin does not depend on the labels, so a processor reads several at once, and nothing waits for
/// where a label ends: that is different in each name, and a wrong guess costs as much as a few pieces.
#[derive(Debug)]
pub(crate) struct Chain<const P: usize = MOST, const W: usize = { MOST.div_ceil(8) }> {
    pieces: [u64; P],
    /// The hash of all that is before each piece.
    before: [u64; P],
    /// Which bytes close a label.
    closing: [u64; W],
    factor: u64,
    len: usize,
}

/// The chain of a key of at most [`SHORT`] bytes.
pub(crate) type ShortChain = Chain<FEW, 1>;

impl ShortChain {
    /// Hashes a key of at most [`SHORT`] bytes. What a longer one has beyond them does not count.
    #[inline(always)]
    pub(crate) fn of_short(key: &[u8], with: HashKey) -> ShortChain {
        let key = key.get(..SHORT).unwrap_or(key);
        // All pieces are taken, so that nothing hangs on how many there are.
        let pieces: [u64; FEW] = match key.len().checked_sub(PIECE) {
            Some(last) => std::array::from_fn(|number| piece_before(key, number * PIECE, last)),
            None => [few_bytes(key), 0, 0, 0],
        };
        let mut hash = with.start;
        let before = pieces.map(|piece| {
            let before = hash;
            hash = fold(hash ^ piece, with.factor);
            before
        });
        let closing = u64::from(zero_bytes(pieces));
        Chain {
            pieces,
            before,
            closing: [closing & !(u64::MAX << key.len())],
            factor: with.factor,
            len: key.len(),
        }
    }
}

impl Chain {
    /// Hashes the key of any name.
    pub(crate) fn of_any(key: &[u8], with: HashKey) -> Chain {
        let key = key.get(..MOST * PIECE).unwrap_or(key);
        let mut chain = Chain {
            pieces: [0; MOST],
            before: [0; MOST],
            closing: [0; MOST.div_ceil(8)],
            factor: with.factor,
            len: key.len(),
        };
        let mut hash = with.start;
        let places = chain.pieces.iter_mut().zip(&mut chain.before);
        let count = key.len().div_ceil(PIECE);
        for (number, (place, before)) in places.take(count).enumerate() {
            let piece = match key.len().checked_sub(PIECE) {
                Some(last) => piece_before(key, number * PIECE, last),
                None => few_bytes(key),
            };
            (*place, *before) = (piece, hash);
            hash = fold(hash ^ piece, with.factor);
        }
        let (fours, _) = chain.pieces.as_chunks::<4>();
        for (number, four) in fours.iter().take(count.div_ceil(4)).enumerate() {
            if let Some(word) = chain.closing.get_mut(number / 2) {
                *word |= u64::from(zero_bytes(*four)) << (32 * (number % 2));
            }
        }
        if let Some(last) = chain.closing.get_mut(key.len() / 64) {
            *last &= !(u64::MAX << (key.len() % 64));
        }
        chain
    }
}

impl<const P: usize, const W: usize> Chain<P, W> {
    /// The hash of the suffix that ends at this byte of the key; not of the empty one.
    #[inline(always)]
    pub(crate) fn hash(&self, end: usize) -> u64 {
        let last = end.saturating_sub(1);
        let number = last / PIECE;
        let (piece, before) = (self.pieces.get(number), self.before.get(number));
        let (Some(piece), Some(before)) = (piece, before) else {
            return 0;
        };
        let own = piece & u64::MAX >> (56 - 8 * (last % PIECE));
        fold(before ^ own, self.factor)
    }

    /// Where the whole key ends.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where the suffix ends that has one label more than the one that ends at `end`.
    #[inline(always)]
    pub(crate) fn longer(&self, end: usize) -> Option<usize> {
        let mut number = end / 64;
        let mut left = self.closing.get(number)? & u64::MAX << (end % 64);
        while left == 0 {
            number += 1;
            left = *self.closing.get(number)?;
        }
        Some(number * 64 + left.trailing_zeros() as usize + 1)
    }

    /// Where the suffix ends that has one label less than the one that ends at `end`; 0: that one has one label.
    #[inline(always)]
    pub(crate) fn shorter(&self, end: usize) -> usize {
        let last = end.saturating_sub(1);
        let mut number = last / 64;
        let closing = |number: usize| self.closing.get(number).copied().unwrap_or(0);
        let mut left = closing(number) & !(u64::MAX << (last % 64));
        while left == 0 && number > 0 {
            number -= 1;
            left = closing(number);
        }
        if left == 0 {
            0
        } else {
            number * 64 + 64 - left.leading_zeros() as usize
        }
    }
}

/// Eight bytes of a key from a place on, with zeros behind its end; its last eight bytes begin at `last`.
#[inline(always)]
fn piece_before(key: &[u8], at: usize, last: usize) -> u64 {
    let from = at.min(last);
    // Without the bytes that belong to the piece before.
    let others = (at - from) * 8;
    // Which piece is the last is as good as random.
    select_unpredictable(others < 64, u64_at(key, from) >> (others % 64), 0)
}

/// Fewer than eight bytes, with zeros behind. Few names are so short.
#[inline(never)]
fn few_bytes(bytes: &[u8]) -> u64 {
    let bytes = bytes.iter().rev();
    bytes.fold(0, |piece, &byte| piece << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;
    use crate::NameKey;

    /// The hash of a key by its definition in `docs/format.md`.
    fn hash(key: &[u8], with: HashKey) -> u64 {
        key.chunks(PIECE).fold(with.start, |hash, piece| {
            let mut bytes = [0; PIECE];
            bytes[..piece.len()].copy_from_slice(piece);
            let product = u128::from(hash ^ u64::from_le_bytes(bytes)) * u128::from(with.factor);
            u64::try_from(product & u128::from(u64::MAX)).unwrap()
                ^ u64::try_from(product >> 64).unwrap()
        })
    }

    /// Where each suffix of a key ends, by its bytes.
    fn ends(key: &[u8]) -> Vec<usize> {
        let closing = key.iter().enumerate().filter(|(_, byte)| **byte == 0);
        closing.map(|(at, _)| at + 1).collect()
    }

    fn check<const P: usize, const W: usize>(chain: &Chain<P, W>, key: &[u8], with: HashKey) {
        assert_eq!(chain.len(), key.len());
        let (mut end, mut found) = (0, Vec::new());
        while let Some(next) = chain.longer(end) {
            assert_eq!(chain.shorter(next), end, "{key:?}");
            assert_eq!(
                chain.hash(next),
                hash(&key[..next], with),
                "{key:?}, {next}"
            );
            found.push(next);
            end = next;
        }
        assert_eq!(found, ends(key), "{key:?}");
    }

    #[test]
    fn suffixes_of_a_name_have_the_hashes_of_names_of_their_own() {
        let mut rng = Rng::with_seed(4);
        let (mut short, mut long) = (0, 0);
        for _ in 0..20_000 {
            let with = HashKey::new(&std::array::from_fn::<u8, 16, _>(|_| rng.u8(..)));
            let mut name = NameKey::ROOT;
            let most = [8, 20, 40, 254][rng.usize(..4)];
            while rng.u8(..12) != 0 {
                // Bytes that a key escapes, too.
                let label: Vec<u8> = (0..rng.usize(1..20)).map(|_| rng.u8(..)).collect();
                if name.as_bytes().len() + label.len() < most {
                    let _ = name.push_label(&label);
                }
            }
            let key = name.as_bytes();
            check(&Chain::of_any(key, with), key, with);
            if key.len() <= SHORT {
                check(&ShortChain::of_short(key, with), key, with);
                short += 1;
            } else {
                long += 1;
            }
        }
        assert!(short > 5_000 && long > 2_000, "{short}, {long}");
    }

    #[test]
    fn the_longest_keys_have_a_chain() {
        let with = HashKey::new(b"0123456789abcdef");
        let mut name = NameKey::ROOT;
        while name.push_label(&[1; 62]).is_ok() {}
        while name.push_label(&[1]).is_ok() {}
        assert!(name.as_bytes().len() > MAX_KEY - 10);
        check(&Chain::of_any(name.as_bytes(), with), name.as_bytes(), with);
        // No name has so many bytes; a caller gets a wrong hash, not a panic.
        let longer = [0; 3 * MAX_KEY];
        assert!(Chain::of_any(&longer, with).len() <= MAX_KEY.next_multiple_of(PIECE));
        assert_eq!(ShortChain::of_short(&longer, with).len(), SHORT);
    }
}
