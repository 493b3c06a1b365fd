//! Comparisons in AVX2, the only unsafe code of this crate beside the prefetch.

#![expect(
    unsafe_code,
    reason = "vector loads, and calls of what the token proves is there"
)]

use std::arch::x86_64::{
    __cpuid_count, __m256i, _bzhi_u64, _mm256_castsi256_pd, _mm256_castsi256_ps, _mm256_cmpeq_epi8,
    _mm256_cmpeq_epi16, _mm256_cmpeq_epi32, _mm256_cmpeq_epi64, _mm256_loadu_si256,
    _mm256_min_epu8, _mm256_min_epu16, _mm256_min_epu32, _mm256_movemask_epi8, _mm256_movemask_pd,
    _mm256_movemask_ps, _mm256_packs_epi16, _mm256_permute4x64_epi64, _mm256_set1_epi8,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_setzero_si256, _pdep_u64,
    _xgetbv, CpuidResult,
};
use std::hint::select_unpredictable;
use std::sync::LazyLock;

use super::compare::{Compare, Keys, Task, Window};

/// The implementation of [`Compare`] in AVX2, and the proof that the machine has it: only
/// [`Avx2::detect`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// `Some` where the machine has AVX2, BMI1, BMI2, LZCNT and POPCNT.
    pub(super) fn detect() -> Option<Avx2> {
        HAS_ALL.then_some(Avx2(()))
    }
}

/// Asked once a process. The standard library asks for up to ten leaves of CPUID, each of which leaves a
/// virtual machine for some microseconds: two fifths of what a process needs that looks one address up.
/// Three are enough.
static HAS_ALL: LazyLock<bool> = LazyLock::new(ask);

/// What the processor says, and whether the system keeps the wide registers of a program.
#[cold]
fn ask() -> bool {
    const POPCNT_XSAVE_AVX: u32 = 1 << 23 | 1 << 26 | 1 << 27 | 1 << 28;
    const BMI1_AVX2_BMI2: u32 = 1 << 3 | 1 << 5 | 1 << 8;
    const LZCNT: u32 = 1 << 5;
    const SSE_AVX: u64 = 1 << 1 | 1 << 2;
    let has = |register: u32, bits: u32| register & bits == bits;
    // Leaf 13 goes with XSAVE, and so leaf 7 is there; leaf 0x80000001 goes with 64 bits.
    has(cpuid(1).ecx, POPCNT_XSAVE_AVX)
        // SAFETY: the line above has seen OSXSAVE.
        && unsafe { wide_registers() } & SSE_AVX == SSE_AVX
        && has(cpuid(7).ebx, BMI1_AVX2_BMI2)
        && has(cpuid(0x8000_0001).ecx, LZCNT)
}

#[allow(unused_unsafe, reason = "older compilers ask for it")]
fn cpuid(leaf: u32) -> CpuidResult {
    // SAFETY: every x86-64 has CPUID.
    unsafe { __cpuid_count(leaf, 0) }
}

/// What the system keeps, as XGETBV says.
///
/// # Safety
/// The machine says OSXSAVE.
#[target_feature(enable = "xsave")]
unsafe fn wide_registers() -> u64 {
    // SAFETY: as the caller says.
    unsafe { _xgetbv(0) }
}

#[inline(always)]
pub(super) fn run<T: Task>(avx2: Avx2, task: T) -> T::Output {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn compiled<T: Task>(avx2: Avx2, task: T) -> T::Output {
        task.run(avx2)
    }
    // SAFETY: an `Avx2` is made only where the machine has all of these.
    unsafe { compiled(avx2, task) }
}

impl Compare for Avx2 {
    #[inline(always)]
    fn starts(self, starts: &[[u8; 2]; 64], count: u32, x: u16) -> u32 {
        // SAFETY: an `Avx2` is made only where the machine has AVX2, BMI2 and POPCNT.
        unsafe { count_starts(starts, count, x) }
    }

    #[inline(always)]
    fn equal(self, bytes: &[u8; 64], x: u8) -> u64 {
        // SAFETY: an `Avx2` is made only where the machine has AVX2.
        unsafe { equal_bytes(bytes, x) }
    }

    #[inline(always)]
    fn equal_32(self, numbers: &[u8; 64], x: u32) -> u32 {
        // SAFETY: an `Avx2` is made only where the machine has AVX2.
        unsafe { equal_32(numbers, x) }
    }

    #[inline(always)]
    fn up_to_32(self, numbers: &[u8; 64], x: u32) -> u32 {
        // SAFETY: an `Avx2` is made only where the machine has AVX2.
        unsafe { up_to_32(numbers, x) }
    }

    #[inline(always)]
    fn equal_64(self, numbers: &[u8; 64], x: u64) -> u32 {
        // SAFETY: an `Avx2` is made only where the machine has AVX2.
        unsafe { equal_64(numbers, x) }
    }

    #[inline(always)]
    fn keys(self, line: &[u8; 64], keys: &Keys, x: u16) -> (u32, bool) {
        // SAFETY: an `Avx2` is made only where the machine has AVX2, BMI2 and POPCNT.
        unsafe { compare_keys(line, keys.packed, x) }
    }

    #[inline(always)]
    fn window(self, line: &[u8; 64], window: &Window) -> (u32, bool) {
        // SAFETY: an `Avx2` is made only where the machine has AVX2, BMI2 and POPCNT.
        unsafe { compare_window(line, window) }
    }

    #[inline(always)]
    fn either(
        self,
        line: &[u8; 64],
        keys: &Keys,
        x: u16,
        window: &Window,
        has: bool,
    ) -> (u32, bool) {
        let (long, equal_long) = self.keys(line, keys, x);
        let (short, equal_short) = self.window(line, window);
        (
            select_unpredictable(has, short, long),
            select_unpredictable(has, equal_short, equal_long),
        )
    }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn count_starts(starts: &[[u8; 2]; 64], count: u32, x: u16) -> u32 {
    let x = _mm256_set1_epi16(x.cast_signed());
    let (quarters, _) = starts.as_chunks::<16>();
    let [a, b, c, d] = quarters else { return 0 };
    let half = |a: &[[u8; 2]; 16], b: &[[u8; 2]; 16]| {
        let both = _mm256_packs_epi16(up_to(load(a), x), up_to(load(b), x));
        let in_order = _mm256_permute4x64_epi64::<0b11_01_10_00>(both);
        u64::from(_mm256_movemask_epi8(in_order).cast_unsigned())
    };
    let mut mask = half(a, b);
    // Few /16s have so many, and what they do not have lies in other lines of memory.
    if count > 32 {
        mask |= half(c, d) << 32;
    }
    // A count of 64 leaves all bits; more is not asked for.
    _bzhi_u64(mask, count).count_ones()
}

#[inline]
#[target_feature(enable = "avx2")]
fn equal_bytes(bytes: &[u8; 64], x: u8) -> u64 {
    let x = _mm256_set1_epi8(x.cast_signed());
    let (a, b) = halves(bytes);
    mask(_mm256_cmpeq_epi8(a, x), _mm256_cmpeq_epi8(b, x))
}

#[inline]
#[target_feature(enable = "avx2")]
fn equal_32(numbers: &[u8; 64], x: u32) -> u32 {
    let x = _mm256_set1_epi32(x.cast_signed());
    let (a, b) = halves(numbers);
    mask_32(_mm256_cmpeq_epi32(a, x), _mm256_cmpeq_epi32(b, x))
}

#[inline]
#[target_feature(enable = "avx2")]
fn up_to_32(numbers: &[u8; 64], x: u32) -> u32 {
    let x = _mm256_set1_epi32(x.cast_signed());
    let (a, b) = halves(numbers);
    let up_to = |numbers| _mm256_cmpeq_epi32(_mm256_min_epu32(numbers, x), numbers);
    mask_32(up_to(a), up_to(b))
}

#[inline]
#[target_feature(enable = "avx2")]
fn equal_64(numbers: &[u8; 64], x: u64) -> u32 {
    let x = _mm256_set1_epi64x(x.cast_signed());
    let (a, b) = halves(numbers);
    let mask = |equal| _mm256_movemask_pd(_mm256_castsi256_pd(equal)).cast_unsigned();
    mask(_mm256_cmpeq_epi64(a, x)) | mask(_mm256_cmpeq_epi64(b, x)) << 4
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn compare_keys(line: &[u8; 64], packed: u32, x: u16) -> (u32, bool) {
    let x = _mm256_set1_epi16(x.cast_signed());
    let (a, b) = halves(line);
    let pack = |a, b| _mm256_movemask_epi8(_mm256_packs_epi16(a, b)).cast_unsigned() & packed;
    let below = pack(up_to(a, x), up_to(b, x));
    let equal = pack(_mm256_cmpeq_epi16(a, x), _mm256_cmpeq_epi16(b, x));
    (below.count_ones(), equal != 0)
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn compare_window(line: &[u8; 64], window: &Window) -> (u32, bool) {
    let (start, end) = window.range(|clear, number| _pdep_u64(1 << number, clear));
    let x = _mm256_set1_epi8(window.x.cast_signed());
    let (a, b) = halves(line);
    let up_to = |keys| _mm256_cmpeq_epi8(_mm256_min_epu8(keys, x), keys);
    let at = window.keys_at;
    let here = !_bzhi_u64(u64::MAX, at + start) & _bzhi_u64(u64::MAX, at + end);
    let below = mask(up_to(a), up_to(b)) & here;
    let equal = mask(_mm256_cmpeq_epi8(a, x), _mm256_cmpeq_epi8(b, x)) & here;
    (start + below.count_ones(), equal != 0)
}

/// All ones where `numbers` are up to `x`, unsigned.
#[inline]
#[target_feature(enable = "avx2")]
fn up_to(numbers: __m256i, x: __m256i) -> __m256i {
    _mm256_cmpeq_epi16(_mm256_min_epu16(numbers, x), numbers)
}

/// A bit for each byte of which the highest bit is set.
#[inline]
#[target_feature(enable = "avx2")]
fn mask(a: __m256i, b: __m256i) -> u64 {
    let low = _mm256_movemask_epi8(a).cast_unsigned();
    let high = _mm256_movemask_epi8(b).cast_unsigned();
    u64::from(low) | u64::from(high) << 32
}

/// A bit for each number of 4 bytes of which the highest bit is set.
#[inline]
#[target_feature(enable = "avx2")]
fn mask_32(a: __m256i, b: __m256i) -> u32 {
    let mask = |numbers| _mm256_movemask_ps(_mm256_castsi256_ps(numbers)).cast_unsigned();
    mask(a) | mask(b) << 8
}

#[inline]
#[target_feature(enable = "avx2")]
fn halves(line: &[u8; 64]) -> (__m256i, __m256i) {
    let (places, _) = line.as_chunks::<2>();
    let (halves, _) = places.as_chunks::<16>();
    match halves {
        [a, b] => (load(a), load(b)),
        // A line is two halves.
        _ => (_mm256_setzero_si256(), _mm256_setzero_si256()),
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(numbers: &[[u8; 2]; 16]) -> __m256i {
    // SAFETY: the reference is to 32 bytes, and the load asks for no alignment.
    unsafe { _mm256_loadu_si256(std::ptr::from_ref(numbers).cast()) }
}

#[cfg(test)]
mod tests {
    use std::arch::is_x86_feature_detected;

    #[test]
    fn three_leaves_say_what_the_standard_library_finds() {
        let known = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        assert_eq!(super::ask(), known);
        assert_eq!(*super::HAS_ALL, known);
    }
}
