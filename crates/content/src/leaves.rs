//! The leaves of the content id's hash tree over runs.

use rblmap_format::{Address, Run};

/// Most runs or names that one leaf of the hash tree covers, unless the leaf is a single address.
pub const LEAF: usize = 4096;

/// The leaves of the hash tree over runs: the fewest aligned ranges of addresses in which at most
/// [`LEAF`] runs begin, or a single address; ranges in which none begins are left out. The runs begin
/// in the range of `2^bits` addresses from `first` on, and rise.
///
/// ```
/// use rblmap_content::{LEAF, leaves};
/// use rblmap_format::{Run, ValueId};
///
/// let value = ValueId::from_rank(0).unwrap();
/// let runs: Vec<Run<u32>> = (0..5000).map(|n| Run { start: 2 * n, end: 2 * n, value }).collect();
/// let leaves = leaves(&runs, 0, 32);
/// assert_eq!(leaves.len(), 2);
/// assert!(leaves.iter().all(|leaf| leaf.len() <= LEAF));
/// ```
pub fn leaves(runs: &[Run<u32>], first: u32, bits: u32) -> Vec<&[Run<u32>]> {
    let mut leaves = Vec::new();
    split_runs(runs, first, bits, &mut leaves);
    leaves
}

/// The first address of the upper half of the `bits`-bit block that starts here.
fn upper_half<A: Address>(start: A, bits: u32) -> A {
    start | A::ONE << (bits - 1)
}

/// Cuts runs into the fewest aligned blocks of at most [`LEAF`] runs, by where runs start.
pub(crate) fn split_runs<'a, A: Address>(
    runs: &'a [Run<A>],
    first: A,
    bits: u32,
    out: &mut Vec<&'a [Run<A>]>,
) {
    if runs.is_empty() {
        return;
    }
    if runs.len() <= LEAF || bits == 0 {
        out.push(runs);
        return;
    }
    let upper = upper_half(first, bits);
    let (low, high) = runs.split_at(runs.partition_point(|run| run.start < upper));
    split_runs(low, first, bits - 1, out);
    split_runs(high, upper, bits - 1, out);
}
