//! Codes that are shorter for what is more frequent (Huffman, canonical), of at most 16 bits.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::codes::{Code, SYMBOL_BITS};

/// A code for each symbol that occurs; none for the others.
pub(super) fn codes(counts: &[u64]) -> Vec<Code> {
    let mut counts = counts.to_vec();
    loop {
        let lengths = lengths(&counts);
        if lengths.iter().all(|&len| len <= SYMBOL_BITS) {
            return canonical(&lengths);
        }
        // Flatter counts make shorter codes of the rarest.
        counts
            .iter_mut()
            .for_each(|count| *count = count.div_ceil(2));
    }
}

/// The depth of each symbol in the tree. Of equal weights the one made first is joined first.
fn lengths(counts: &[u64]) -> Vec<u32> {
    let occurs = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    let mut heap: BinaryHeap<Reverse<(u64, usize)>> = occurs
        .map(|(symbol, &count)| Reverse((count, symbol)))
        .collect();
    let mut lengths = vec![0; counts.len()];
    if let (1, Some(Reverse((_, only)))) = (heap.len(), heap.peek()) {
        if let Some(length) = lengths.get_mut(*only) {
            *length = 1;
        }
        return lengths;
    }
    // Joined nodes are numbered from the number of symbols on.
    let mut joined: Vec<(usize, usize)> = Vec::new();
    while let (Some(Reverse(a)), Some(Reverse(b))) = (heap.pop(), heap.pop()) {
        joined.push((a.1, b.1));
        heap.push(Reverse((a.0 + b.0, counts.len() + joined.len() - 1)));
        if heap.len() == 1 {
            break;
        }
    }
    let mut depths = vec![0u32; joined.len()];
    for (number, (a, b)) in joined.iter().enumerate().rev() {
        let below = depths.get(number).map_or(1, |depth| depth + 1);
        for child in [*a, *b] {
            let place = match child.checked_sub(counts.len()) {
                Some(inner) => depths.get_mut(inner),
                None => lengths.get_mut(child),
            };
            place.into_iter().for_each(|place| *place = below);
        }
    }
    lengths
}

/// Codes rise with length, then symbol; their first bit is put lowest.
fn canonical(lengths: &[u32]) -> Vec<Code> {
    let mut codes = vec![Code::default(); lengths.len()];
    let mut next = 0u32;
    for len in 1..=SYMBOL_BITS {
        next <<= 1;
        for (code, _) in codes
            .iter_mut()
            .zip(lengths)
            .filter(|(_, own)| **own == len)
        {
            *code = Code::new(next.reverse_bits() >> (32 - len), len);
            next += 1;
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_begins_another() {
        let mut steep = vec![1u64, 1];
        while steep.len() < 40 {
            steep.push(steep[steep.len() - 1] + steep[steep.len() - 2]);
        }
        for counts in [vec![5, 0, 3, 1, 1], vec![0, 9], vec![7; 258], steep] {
            let codes = codes(&counts);
            let mut room = 0u64;
            for (a, code) in codes.iter().enumerate() {
                assert_eq!(code.is_empty(), counts[a] == 0);
                if code.is_empty() {
                    continue;
                }
                room += 1 << (SYMBOL_BITS - code.len());
                for other in codes.iter().skip(a + 1).filter(|other| !other.is_empty()) {
                    let len = code.len().min(other.len());
                    assert_ne!(code.bits() << (32 - len), other.bits() << (32 - len));
                }
            }
            assert!(room <= 1 << SYMBOL_BITS);
        }
        assert_eq!(codes(&[]), []);
    }
}
