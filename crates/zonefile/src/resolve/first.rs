//! Tables in which the first line that matches an address decides.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rayon::prelude::*;
use rblmap_format::Address;

use super::layer_run::{self, LayerRun};
use crate::piece::Net;

/// Resolves networks that stand in the order in which they are asked: each address says what the
/// first one with it says. `O(n log n)`.
pub(crate) fn resolve<A: Address>(nets: &[Net<A, u32>]) -> Vec<LayerRun<A>> {
    let apart = |pair: &[Net<A, u32>]| matches!(pair, [a, b] if a.end < b.start);
    if nets.par_windows(2).all(apart) {
        let mut out = Vec::with_capacity(nets.len());
        for net in nets {
            layer_run::push(&mut out, net.start, net.end, net.value);
        }
        return out;
    }
    let mut starts: Vec<(usize, &Net<A, u32>)> = nets.iter().enumerate().collect();
    starts.par_sort_unstable_by_key(|(rank, net)| (net.start, *rank));
    let mut starts = starts.into_iter().peekable();
    let mut out = Vec::new();
    // Networks around the address at hand, the first line on top; some of them may have ended.
    let mut around: BinaryHeap<Reverse<(usize, A, u32)>> = BinaryHeap::new();
    let mut here: Option<A> = None;
    loop {
        let next = starts.peek().map(|(_, net)| net.start);
        // What lies between here and the next start.
        while let (Some(from), Some(&Reverse((_, end, value)))) = (here, around.peek()) {
            if end < from {
                around.pop();
                continue;
            }
            let last = match next.and_then(Address::previous) {
                _ if next.is_some_and(|next| next <= from) => break,
                Some(before) => end.min(before),
                None => end,
            };
            layer_run::push(&mut out, from, last, value);
            here = last.next();
            if next.is_some() && here == next {
                break;
            }
        }
        let Some(start) = next else { return out };
        while let Some((rank, net)) = starts.next_if(|(_, net)| net.start == start) {
            around.push(Reverse((rank, net.end, net.value)));
        }
        here = Some(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_network_with_an_address_decides() {
        let mut rng = fastrand::Rng::with_seed(3);
        for round in 0..500 {
            let base = if round % 2 == 0 { 0u32 } else { u32::MAX - 63 };
            let nets: Vec<Net<u32, u32>> = (0..rng.u32(0..9))
                .map(|line| {
                    let bits = rng.u32(0..7);
                    let start = base + (rng.u32(0..64) >> bits << bits);
                    let end = start + ((1 << bits) - 1);
                    let value = rng.u32(0..3);
                    Net {
                        start,
                        end,
                        value,
                        line,
                    }
                })
                .collect();
            let runs = resolve(&nets);
            assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].start));
            for address in base..=base + 63 {
                let first = nets
                    .iter()
                    .find(|net| net.start <= address && address <= net.end);
                let found = runs
                    .iter()
                    .find(|run| run.start <= address && address <= run.end);
                let (first, found) = (first.map(|net| net.value), found.map(|run| run.value));
                assert_eq!(first, found, "round {round}, {address}: {nets:?}\n{runs:?}");
            }
        }
    }
}
