//! Bits that choices and columns need at least.

use std::collections::BTreeMap;

/// How often each comes.
pub fn counts<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    counts
}

/// Bits of a column at its entropy of order 0.
pub fn entropy<T: Ord>(column: impl Iterator<Item = T>) -> f64 {
    let counts = counts(column);
    let total: usize = counts.values().sum();
    let bits = |count: &usize| -(*count as f64) * (*count as f64 / total as f64).log2();
    counts.values().map(bits).sum()
}

/// log2 of the ways to choose `k` of `n`.
pub fn choose(n: usize, k: usize) -> f64 {
    if k == 0 || k >= n {
        return 0.0;
    }
    log2_factorial(n) - log2_factorial(k) - log2_factorial(n - k)
}

/// log2 of the ways to put so many in turn.
pub fn log2_factorial(n: usize) -> f64 {
    if n < 256 {
        return (2..=n).map(|n| (n as f64).log2()).sum();
    }
    // Stirling's series; the next term is below 10^-10 here.
    let x = n as f64;
    let ln = x * x.ln() - x + 0.5 * (std::f64::consts::TAU * x).ln() + 1.0 / (12.0 * x);
    ln / std::f64::consts::LN_2
}
