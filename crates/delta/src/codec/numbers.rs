//! Numbers as decisions: sizes, gaps between ranks, small alphabets.

use crate::codec::range_coder::{Chance, Coder};

/// Decisions that a context's first guess is worth.
const TRUST: u8 = 12;
/// Classes of numbers, by the position of their highest bit.
const CLASSES: usize = 64;

/// The context at `index`; the last one for what lies behind it.
pub(crate) fn pick(chances: &mut [Chance], index: usize) -> &mut Chance {
    let last = chances.len() - 1;
    #[expect(clippy::indexing_slicing, reason = "no context list is empty")]
    &mut chances[index.min(last)]
}

/// Adaptive Elias gamma: how many bits the number has, one decision for each, then its bits.
/// Small numbers get a context for every prefix, large ones plain bits.
#[derive(Debug, Clone)]
pub(crate) struct Gamma {
    class: [Chance; CLASSES],
    prefix: [Chance; 1 << PREFIX_BITS],
}

/// Numbers of up to this many bits have contexts of their own.
const PREFIX_BITS: usize = 8;

impl Gamma {
    pub(crate) fn new() -> Gamma {
        Gamma {
            class: [Chance::EVEN; CLASSES],
            prefix: [Chance::EVEN; 1 << PREFIX_BITS],
        }
    }

    /// A number of 0 to 2^63 - 2; decoding never gives more.
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, number: u64) -> u64 {
        let given = number + 1;
        let bits = code_class(coder, &mut self.class, given);
        let mut value = 1u64;
        for bit in (0..bits).rev() {
            let is_one = given >> bit & 1 == 1;
            let context = usize::try_from(value).unwrap_or(usize::MAX);
            let got = if context < self.prefix.len() && bits < PREFIX_BITS {
                coder.bit(pick(&mut self.prefix, context), is_one)
            } else {
                coder.uniform(2, is_one.into()) == 1
            };
            value = value << 1 | u64::from(got);
        }
        value - 1
    }
}

/// Gaps of a sorted choice of `n` among `count`, whose law is nearly geometric: the first guesses
/// are those of the true mean, which is why a delta of ten edits costs little.
#[derive(Debug, Clone)]
pub(crate) struct Gaps {
    class: [Chance; CLASSES],
    bits: [Chance; CLASSES],
}

impl Gaps {
    /// For `chosen` of `count`.
    pub(crate) fn new(count: u64, chosen: u64) -> Gaps {
        let mean = u128::from(count.saturating_sub(chosen) / (chosen + 1));
        // The ratio of the law, to the powers 1, 2, 4, ..., in 1/2^32.
        let mut ratio = u64::try_from((mean << 32) / (mean + 1)).unwrap_or(u64::MAX);
        let mut gaps = Gaps {
            class: [Chance::EVEN; CLASSES],
            bits: [Chance::EVEN; CLASSES],
        };
        for (class, bit) in gaps.class.iter_mut().zip(&mut gaps.bits) {
            *class = Chance::new(u32::try_from(ratio >> 16).unwrap_or(u32::MAX), TRUST);
            let one = (ratio << 16) / ((1 << 32) + ratio);
            *bit = Chance::new(u32::try_from(one).unwrap_or(u32::MAX), TRUST);
            ratio = u64::try_from((u128::from(ratio) * u128::from(ratio)) >> 32).unwrap_or(0);
        }
        gaps
    }

    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, gap: u64) -> u64 {
        let given = gap + 1;
        let bits = code_class(coder, &mut self.class, given);
        let mut value = 1u64;
        for bit in (0..bits).rev() {
            let is_one = coder.bit(pick(&mut self.bits, bit), given >> bit & 1 == 1);
            value = value << 1 | u64::from(is_one);
        }
        value - 1
    }
}

/// The position of the highest bit, at most 62, one decision for each step.
fn code_class<C: Coder>(coder: &mut C, contexts: &mut [Chance], given: u64) -> usize {
    let mut bits = 0;
    while bits < CLASSES - 2 && coder.bit(pick(contexts, bits), given >> bits > 1) {
        bits += 1;
    }
    bits
}

/// A symbol of `BITS` bits, with a context for every prefix.
#[derive(Debug, Clone)]
pub(crate) struct Tree<const SIZE: usize> {
    nodes: [Chance; SIZE],
}

impl<const SIZE: usize> Tree<SIZE> {
    /// `SIZE` is a power of two.
    pub(crate) fn new() -> Tree<SIZE> {
        Tree {
            nodes: [Chance::EVEN; SIZE],
        }
    }

    /// A symbol below `SIZE`.
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, symbol: u32) -> u32 {
        let bits = SIZE.trailing_zeros();
        let mut node = 1usize;
        for bit in (0..bits).rev() {
            let is_one = coder.bit(pick(&mut self.nodes, node), symbol >> bit & 1 == 1);
            node = node << 1 | usize::from(is_one);
        }
        u32::try_from(node - SIZE).unwrap_or(0)
    }
}

/// A number below `count`, each as likely, in digits of at most 24 bits. Decoding gives less than
/// `count` or, for wrong bytes, any number.
pub(crate) fn uniform<C: Coder>(coder: &mut C, count: u64, number: u64) -> u64 {
    const DIGIT: u64 = 1 << 24;
    let mut high = count.saturating_sub(1);
    let mut shift = 0;
    while high >= DIGIT {
        high >>= 24;
        shift += 24;
    }
    let mut value = 0;
    let mut size = u32::try_from(high + 1).unwrap_or(1 << 24);
    loop {
        let digit = u32::try_from(number >> shift & (DIGIT - 1)).unwrap_or(0);
        value = value << 24 | u64::from(coder.uniform(size, digit));
        if shift == 0 {
            return value;
        }
        shift -= 24;
        size = 1 << 24;
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;
    use crate::codec::range_coder::{Decoder, Encoder};

    fn all<C: Coder>(coder: &mut C, numbers: &[u64]) -> Vec<u64> {
        let mut gamma = Gamma::new();
        let mut gaps = Gaps::new(1_000_000, 300);
        let mut tree = Tree::<32>::new();
        numbers
            .iter()
            .map(|&number| {
                let low = u32::try_from(number & 31).unwrap();
                let tree = u64::from(tree.code(coder, low));
                let even = uniform(coder, (number | 1).max(7) + 1, number);
                assert_eq!(even, number);
                assert_eq!(gaps.code(coder, number), number);
                assert_eq!(tree, number & 31);
                gamma.code(coder, number)
            })
            .collect()
    }

    #[test]
    fn numbers_come_back() {
        let mut rng = Rng::with_seed(3);
        let numbers: Vec<u64> = (0..2000)
            .map(|_| rng.u64(..) >> rng.u32(2..64))
            .chain([0, 1, (1 << 62) - 1])
            .collect();
        let mut encoder = Encoder::new();
        all(&mut encoder, &numbers);
        let (bytes, _) = encoder.finish();
        assert_eq!(all(&mut Decoder::new(&bytes, &[]), &numbers), numbers);
    }

    #[test]
    fn a_few_gaps_cost_what_the_choice_costs() {
        // log2 C(100000, 11) is 157 bits.
        let mut rng = Rng::with_seed(5);
        let mut total = 0;
        for _ in 0..100 {
            let mut ranks: Vec<u64> = (0..11).map(|_| rng.u64(0..100_000)).collect();
            ranks.sort_unstable();
            ranks.dedup();
            let mut encoder = Encoder::new();
            let mut gaps = Gaps::new(100_000, 11);
            let mut from = 0;
            for rank in ranks {
                gaps.code(&mut encoder, rank - from);
                from = rank + 1;
            }
            total += encoder.finish().0.len();
        }
        assert!(total < 100 * 22, "{total}");
    }
}
