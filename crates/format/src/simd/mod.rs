//! Finds keys in lines: once for AVX2, once for any machine. Chosen when a zone is opened, not at
//! every lookup; the answers are the same.

/// What this machine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Any machine.
    Scalar,
    /// x86-64 with AVX2 and the bit instructions that came with it. Exists only where
    /// [`Level::best`] found them: its token is private to this file.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
}

/// The portable implementation of [`Compare`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scalar;

/// The implementation of [`Compare`] in AVX2, and the proof that the machine has it.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Level {
    /// The best that this machine can do. Asks the processor once per process.
    pub(crate) fn best() -> Level {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2")
            && std::arch::is_x86_feature_detected!("lzcnt")
            && std::arch::is_x86_feature_detected!("popcnt")
        {
            return Level::Avx2(Avx2(()));
        }
        Level::Scalar
    }

    /// Runs a task, compiled for this level.
    #[inline(always)]
    pub(crate) fn run<T: Task>(self, task: T) -> T::Output {
        match self {
            Level::Scalar => scalar::run(task),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(avx2) => avx2::run(avx2, task),
        }
    }
}

mod scalar {
    use super::{Scalar, Task};

    /// A function of its own, as that of the other level is: code that is not run lies elsewhere.
    #[inline(never)]
    pub(super) fn run<T: Task>(task: T) -> T::Output {
        task.run(Scalar)
    }
}

/// Work that compares keys. A trait and not a closure, so that it is compiled once for each level:
/// `run` has to be `#[inline(always)]`.
pub(crate) trait Task {
    type Output;
    fn run(self, compare: impl Compare) -> Self::Output;
}

/// Where the keys of a line lie, for all implementations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys {
    /// One bit a key, in the order in which AVX2 packs the 32 places of a line.
    packed: u32,
    /// The number of the first key, counted in 2 bytes from the start of the line.
    first: u8,
    /// How many there are.
    count: u8,
}

impl Keys {
    /// `count` keys from the 2-byte place `first` of a line on.
    pub(crate) fn new(first: u8, count: u8) -> Keys {
        // Packing two halves takes 8 places of the first, 8 of the second, and so on.
        let packed = |place: u8| match place / 8 {
            1 => place + 8,
            2 => place - 8,
            _ => place,
        };
        let places = first..first.saturating_add(count).min(32);
        let packed = places.fold(0, |bits, place| bits | 1 << packed(place));
        Keys {
            first,
            count,
            packed,
        }
    }
}

impl Keys {
    /// The byte where they begin.
    #[inline(always)]
    pub(crate) fn at(self) -> u8 {
        2 * self.first
    }

    /// How many there are.
    #[inline(always)]
    pub(crate) fn count(self) -> u8 {
        self.count
    }

    /// The keys of a line, in order.
    #[inline(always)]
    pub(crate) fn read(self, line: &[u8; 64]) -> impl Iterator<Item = u16> {
        let (places, _) = line.as_chunks::<2>();
        let keys = places
            .iter()
            .skip(self.first.into())
            .take(self.count.into());
        keys.map(|key| u16::from_le_bytes(*key))
    }
}

/// What a line with keys of 8 bits is asked: which keys are in the window, and how they compare.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// For each window a bit set for each key in it, then a clear one.
    pub(crate) map: u64,
    /// Which window, below 64.
    pub(crate) number: u32,
    /// The place of the first key of the line.
    pub(crate) keys_at: u32,
    /// What the keys are compared with.
    pub(crate) x: u8,
}

impl Window {
    /// The keys before those of the window, and those up to its end. `nth` gives, of a number with
    /// many bits, the one of that number (0 to 63), 0 if there are not so many.
    #[inline(always)]
    fn range(&self, nth: impl Fn(u64, u32) -> u64) -> (u32, u32) {
        // One more clear bit before the first window: so each window lies between two.
        let clear = !(self.map << 1);
        let before = nth(clear, self.number);
        let after = clear & (before << 1).wrapping_neg();
        let start = before.trailing_zeros() - self.number;
        let end = after.trailing_zeros().wrapping_sub(self.number + 1);
        (start, end)
    }
}

/// How to compare a number with many at once.
pub(crate) trait Compare: Copy {
    /// How many of the first `count` (at most 64) starts are up to `x`.
    fn starts(self, starts: &[[u8; 2]; 64], count: u32, x: u16) -> u32;

    /// A bit for each of the bytes that is `x`.
    fn equal(self, bytes: &[u8; 64], x: u8) -> u64;

    /// A bit for each of 16 numbers of 4 bytes that is `x`.
    fn equal_32(self, numbers: &[u8; 64], x: u32) -> u32;

    /// A bit for each of 16 numbers of 4 bytes that is up to `x`.
    fn up_to_32(self, numbers: &[u8; 64], x: u32) -> u32;

    /// A bit for each of 8 numbers of 8 bytes that is `x`.
    fn equal_64(self, numbers: &[u8; 64], x: u64) -> u32;

    /// How many of the keys of a line are up to `x`, and whether one is `x`.
    fn keys(self, line: &[u8; 64], keys: &Keys, x: u16) -> (u32, bool);

    /// How many keys are in earlier windows or up to `x` in this one, and whether one here is `x`.
    fn window(self, line: &[u8; 64], window: &Window) -> (u32, bool);

    /// [`Compare::window`] if there are windows, else [`Compare::keys`]. Which one cannot be
    /// predicted: both may be worked out.
    #[inline(always)]
    fn either(
        self,
        line: &[u8; 64],
        keys: &Keys,
        x: u16,
        window: &Window,
        has: bool,
    ) -> (u32, bool) {
        if has {
            self.window(line, window)
        } else {
            self.keys(line, keys, x)
        }
    }
}

impl Compare for Scalar {
    #[inline(always)]
    fn starts(self, starts: &[[u8; 2]; 64], count: u32, x: u16) -> u32 {
        let starts = starts.iter().take(count as usize);
        starts
            .map(|start| u32::from(u16::from_le_bytes(*start) <= x))
            .sum()
    }

    #[inline(always)]
    fn equal(self, bytes: &[u8; 64], x: u8) -> u64 {
        let bits = bytes.iter().zip(0..);
        bits.fold(0, |mask, (&byte, bit)| mask | u64::from(byte == x) << bit)
    }

    #[inline(always)]
    fn equal_32(self, numbers: &[u8; 64], x: u32) -> u32 {
        let numbers = numbers.as_chunks().0.iter();
        bits(numbers.map(|number| u32::from_le_bytes(*number) == x))
    }

    #[inline(always)]
    fn up_to_32(self, numbers: &[u8; 64], x: u32) -> u32 {
        let numbers = numbers.as_chunks().0.iter();
        bits(numbers.map(|number| u32::from_le_bytes(*number) <= x))
    }

    #[inline(always)]
    fn equal_64(self, numbers: &[u8; 64], x: u64) -> u32 {
        let numbers = numbers.as_chunks().0.iter();
        bits(numbers.map(|number| u64::from_le_bytes(*number) == x))
    }

    #[inline(always)]
    fn keys(self, line: &[u8; 64], keys: &Keys, x: u16) -> (u32, bool) {
        let (mut below, mut equal) = (0, false);
        for key in keys.read(line) {
            below += u32::from(key <= x);
            equal |= key == x;
        }
        (below, equal)
    }

    #[inline(always)]
    fn window(self, line: &[u8; 64], window: &Window) -> (u32, bool) {
        let (start, end) = window.range(|mut clear, number| {
            for _ in 0..number {
                clear &= clear.wrapping_sub(1);
            }
            clear & clear.wrapping_neg()
        });
        let (mut below, mut equal) = (start, false);
        let keys = line.iter().skip((window.keys_at + start) as usize);
        for &key in keys.take(end.saturating_sub(start) as usize) {
            below += u32::from(key <= window.x);
            equal |= key == window.x;
        }
        (below, equal)
    }
}

/// A bit for each, from the lowest on.
#[inline(always)]
fn bits(are_set: impl Iterator<Item = bool>) -> u32 {
    (0..u32::BITS)
        .zip(are_set)
        .fold(0, |bits, (bit, is_set)| bits | u32::from(is_set) << bit)
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    #![expect(
        unsafe_code,
        reason = "vector loads, and calls of what the token proves is there"
    )]

    use std::arch::x86_64::{
        __m256i, _bzhi_u64, _mm256_castsi256_pd, _mm256_castsi256_ps, _mm256_cmpeq_epi8,
        _mm256_cmpeq_epi16, _mm256_cmpeq_epi32, _mm256_cmpeq_epi64, _mm256_loadu_si256,
        _mm256_min_epu8, _mm256_min_epu16, _mm256_min_epu32, _mm256_movemask_epi8,
        _mm256_movemask_pd, _mm256_movemask_ps, _mm256_packs_epi16, _mm256_permute4x64_epi64,
        _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_epi64x,
        _mm256_setzero_si256, _pdep_u64,
    };

    use std::hint::select_unpredictable;

    use super::{Avx2, Compare, Keys, Task, Window};

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
}

/// Asks the processor to bring the line of `place` near, where the language has a way to ask.
#[inline(always)]
pub fn prefetch<T>(place: *const T) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "the instruction takes a pointer")]
    // SAFETY: a prefetch reads nothing and never faults, whatever the address is; SSE is part of
    // x86-64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    fn each_level(
        mut check: impl FnMut(
            &dyn Fn(&[[u8; 2]; 64], u32, u16) -> u32,
            &dyn Fn(&[u8; 64], &Keys, u16) -> (u32, bool),
        ),
    ) {
        check(&|s, n, x| Scalar.starts(s, n, x), &|l, k, x| {
            Scalar.keys(l, k, x)
        });
        match Level::best() {
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(avx2) => check(&|s, n, x| avx2.starts(s, n, x), &|l, k, x| {
                avx2.keys(l, k, x)
            }),
            Level::Scalar => println!("skipped: AVX2, which this machine does not have"),
        }
    }

    #[test]
    fn each_level_counts_what_a_loop_counts() {
        let rng = &mut Rng::with_seed(1);
        for round in 0..20_000u32 {
            // Few values, so that many are equal; both ends of the range.
            let mut number = |near: u16| match rng.u8(0..4) {
                0 => [0, 1, 0x7fff, 0x8000, 0xffff][rng.usize(..5)],
                1 => rng.u16(..),
                _ => near.wrapping_add(rng.u16(..20)),
            };
            let x = number(0x7ff8);
            let starts: [[u8; 2]; 64] = std::array::from_fn(|_| number(0x7ff8).to_le_bytes());
            let line: [u8; 64] = *starts.as_flattened().first_chunk().unwrap();
            let count = round % 65;
            let first = rng.u8(..32);
            let keys = Keys::new(first, rng.u8(..=32 - first));
            let up_to = |places: &[[u8; 2]]| {
                places
                    .iter()
                    .map(|place| u32::from(u16::from_le_bytes(*place) <= x))
                    .sum::<u32>()
            };
            let of_line = &line.as_chunks::<2>().0[first.into()..(first + keys.count).into()];
            let equal = of_line.contains(&x.to_le_bytes());
            each_level(|count_starts, compare_keys| {
                let first = &starts[..count as usize];
                assert_eq!(count_starts(&starts, count, x), up_to(first));
                assert_eq!(
                    compare_keys(&line, &keys, x),
                    (up_to(of_line), equal),
                    "{keys:?} {x}"
                );
            });
        }
    }

    #[test]
    fn each_level_finds_equal_bytes() {
        struct Ask<'a>(&'a [u8; 64], u8);
        impl Task for Ask<'_> {
            type Output = u64;
            fn run(self, compare: impl Compare) -> u64 {
                compare.equal(self.0, self.1)
            }
        }
        let rng = &mut Rng::with_seed(3);
        for _ in 0..1_000 {
            let bytes: [u8; 64] = std::array::from_fn(|_| rng.u8(..9));
            for x in 0..9 {
                for level in [Level::Scalar, Level::best()] {
                    let mask = level.run(Ask(&bytes, x));
                    let bit = |place: usize| mask >> place & 1 != 0;
                    assert!((0..64).all(|place| bit(place) == (bytes[place] == x)));
                }
            }
        }
    }

    #[test]
    fn each_level_compares_numbers_of_four_and_eight_bytes() {
        struct Ask<'a>(&'a [u8; 64], u32, u64);
        impl Task for Ask<'_> {
            type Output = [u32; 3];
            fn run(self, compare: impl Compare) -> [u32; 3] {
                [
                    compare.equal_32(self.0, self.1),
                    compare.up_to_32(self.0, self.1),
                    compare.equal_64(self.0, self.2),
                ]
            }
        }
        let rng = &mut Rng::with_seed(4);
        for _ in 0..20_000 {
            // Few values, so that many are equal; both ends of the range, and of its signed half.
            let mut number =
                || [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX, rng.u32(..)][rng.usize(..6)];
            let numbers: [u32; 16] = std::array::from_fn(|_| number());
            let (x, high) = (number(), number());
            let long = u64::from(high) << 32 | u64::from(x);
            let mut bytes = [0; 64];
            for (place, number) in bytes.as_chunks_mut().0.iter_mut().zip(numbers) {
                *place = number.to_le_bytes();
            }
            let expected = |holds: &dyn Fn(usize) -> bool, count: usize| {
                (0..count).fold(0, |bits, at| bits | u32::from(holds(at)) << at)
            };
            let of_eight =
                |at: usize| u64::from(numbers[2 * at + 1]) << 32 | u64::from(numbers[2 * at]);
            let expected = [
                expected(&|at| numbers[at] == x, 16),
                expected(&|at| numbers[at] <= x, 16),
                expected(&|at| of_eight(at) == long, 8),
            ];
            for level in [Level::Scalar, Level::best()] {
                assert_eq!(level.run(Ask(&bytes, x, long)), expected);
            }
        }
    }

    #[test]
    fn each_level_finds_the_keys_of_a_window() {
        struct Ask<'a>(&'a [u8; 64], &'a Window);
        impl Task for Ask<'_> {
            type Output = (u32, bool);
            fn run(self, compare: impl Compare) -> (u32, bool) {
                let keys = Keys::new(0, 0);
                let either = compare.either(self.0, &keys, 0, self.1, true);
                assert_eq!(either, compare.window(self.0, self.1));
                either
            }
        }
        let rng = &mut Rng::with_seed(2);
        for _ in 0..20_000 {
            // Keys in windows, rising; the map as docs/format.md has it.
            let (mut map, mut keys) = (0u64, Vec::new());
            let (mut bit, mut number) = (0, 0);
            while bit < 63 && keys.len() < 38 {
                if rng.u8(..3) == 0 {
                    number += 1;
                } else {
                    map |= 1 << bit;
                    keys.push((number, rng.u8(..)));
                }
                bit += 1;
            }
            keys.sort_unstable();
            let keys_at = rng.u32(8..=26);
            let mut line = [0; 64];
            for (place, (_, key)) in keys.iter().enumerate() {
                line[keys_at as usize + place] = *key;
            }
            let number = rng.u32(..64 - u32::try_from(keys.len()).unwrap());
            let x = if rng.bool() { rng.u8(..) } else { 128 };
            let window = Window {
                map,
                number,
                keys_at,
                x,
            };
            let below = keys.iter().filter(|key| **key <= (number, x)).count();
            let expected = (u32::try_from(below).unwrap(), keys.contains(&(number, x)));
            for level in [Level::Scalar, Level::best()] {
                assert_eq!(level.run(Ask(&line, &window)), expected, "{window:?}");
            }
            // Whatever the bytes are, the levels agree.
            rng.fill(&mut line);
            let map = rng.u64(..) | rng.u64(..);
            let window = Window { map, ..window };
            let [scalar, best] =
                [Level::Scalar, Level::best()].map(|level| level.run(Ask(&line, &window)));
            assert_eq!(scalar, best, "{window:?}");
        }
    }
}
