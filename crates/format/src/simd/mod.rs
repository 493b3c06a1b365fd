//! Comparisons of one number with many at once: once in AVX2, once for any machine.
//!
//! The level is chosen when a zone is opened, not at every lookup. The answers are the same.
//!
//! - [`compare`]: what is asked, as a trait
//! - [`scalar`]: the portable implementation
//! - `avx2`: the implementation with vector instructions, the only one with `unsafe`

#[cfg(target_arch = "x86_64")]
mod avx2;
pub(crate) mod compare;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod sse2;

use compare::Task;

/// What this machine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Any machine.
    Scalar,
    /// x86-64 with AVX2 and the bit instructions that came with it.
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
}

impl Level {
    /// The best that this machine can do. Asks the processor once per process.
    pub(crate) fn best() -> Level {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = avx2::Avx2::detect() {
            return Level::Avx2(avx2);
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

/// Asks the processor to load the cache line of `place`, where the language has a way to ask.
///
/// ```
/// let table = vec![7_u32; 1 << 20];
/// rblmap_format::prefetch(&table[1 << 19]);
/// // Other work is done while the line is on its way.
/// assert_eq!(table[1 << 19], 7);
/// ```
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

/// Which bytes of four numbers are 0: a bit for each, the lowest byte of the first number first.
#[inline(always)]
pub(crate) fn zero_bytes(numbers: [u64; 4]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "the instructions are those of some processors")]
    // SAFETY: SSE2 is part of x86-64.
    unsafe {
        sse2::zero_bytes(numbers)
    }
    #[cfg(not(target_arch = "x86_64"))]
    scalar::zero_bytes(numbers)
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::compare::{Compare, Keys, Window};
    use super::*;

    /// The levels to test. Says so where AVX2 cannot be.
    fn levels() -> Vec<Level> {
        let mut levels = vec![Level::Scalar];
        match Level::best() {
            Level::Scalar => println!("skipped: AVX2, which this machine does not have"),
            #[cfg(target_arch = "x86_64")]
            best @ Level::Avx2(_) => levels.push(best),
        }
        levels
    }

    #[test]
    fn each_level_counts_what_a_loop_counts() {
        struct Ask<'a> {
            starts: &'a [[u8; 2]; 64],
            count: u32,
            line: &'a [u8; 64],
            keys: Keys,
            x: u16,
        }
        impl Task for Ask<'_> {
            type Output = (u32, (u32, bool));
            fn run(self, compare: impl Compare) -> Self::Output {
                let starts = compare.starts(self.starts, self.count, self.x);
                (starts, compare.keys(self.line, &self.keys, self.x))
            }
        }
        let levels = levels();
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
            let held = rng.u8(..=32 - first);
            let keys = Keys::new(first, held);
            let up_to = |places: &[[u8; 2]]| {
                places
                    .iter()
                    .map(|place| u32::from(u16::from_le_bytes(*place) <= x))
                    .sum::<u32>()
            };
            let of_line = &line.as_chunks::<2>().0[first.into()..(first + held).into()];
            let equal = of_line.contains(&x.to_le_bytes());
            let expected = (up_to(&starts[..count as usize]), (up_to(of_line), equal));
            for level in &levels {
                let ask = Ask {
                    starts: &starts,
                    count,
                    line: &line,
                    keys,
                    x,
                };
                assert_eq!(level.run(ask), expected, "{level:?} {keys:?} {x}");
            }
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
        let levels = levels();
        let rng = &mut Rng::with_seed(3);
        for _ in 0..1_000 {
            let bytes: [u8; 64] = std::array::from_fn(|_| rng.u8(..9));
            for x in 0..9 {
                for level in &levels {
                    let mask = level.run(Ask(&bytes, x));
                    let bit = |place: usize| mask >> place & 1 != 0;
                    assert!((0..64).all(|place| bit(place) == (bytes[place] == x)));
                }
            }
        }
    }

    #[test]
    fn zero_bytes_are_found_on_every_machine() {
        let rng = &mut Rng::with_seed(5);
        for _ in 0..20_000 {
            // Many are 0, and some 1 or 128, by which a careless way would be misled.
            let bytes: [u8; 32] = std::array::from_fn(|_| [0, 0, 1, 128, 255, 97][rng.usize(..6)]);
            let (places, _) = bytes.as_chunks::<8>();
            let numbers = std::array::from_fn(|at| u64::from_le_bytes(places[at]));
            let expected = (0..32).fold(0, |bits, at| bits | u32::from(bytes[at] == 0) << at);
            assert_eq!(zero_bytes(numbers), expected);
            assert_eq!(scalar::zero_bytes(numbers), expected);
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
        let levels = levels();
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
            for level in &levels {
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
        let levels = levels();
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
            for level in &levels {
                assert_eq!(level.run(Ask(&line, &window)), expected, "{window:?}");
            }
            // Whatever the bytes are, the levels agree.
            rng.fill(&mut line);
            let map = rng.u64(..) | rng.u64(..);
            let window = Window { map, ..window };
            let scalar = Level::Scalar.run(Ask(&line, &window));
            for level in &levels {
                assert_eq!(level.run(Ask(&line, &window)), scalar, "{window:?}");
            }
        }
    }
}
