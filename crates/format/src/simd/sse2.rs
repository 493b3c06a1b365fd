//! What every x86-64 processor can do.

use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_setzero_si128};

/// As [`super::zero_bytes`].
#[target_feature(enable = "sse2")]
#[inline]
pub(super) fn zero_bytes(numbers: [u64; 4]) -> u32 {
    let half = |low: u64, high: u64| {
        let both = _mm_set_epi64x(high.cast_signed(), low.cast_signed());
        let zeros = _mm_cmpeq_epi8(both, _mm_setzero_si128());
        _mm_movemask_epi8(zeros).cast_unsigned()
    };
    let [a, b, c, d] = numbers;
    half(a, b) | half(c, d) << 16
}
