//! Comparisons for any machine.

use super::compare::{Compare, Keys, Task, Window};

/// The portable implementation of [`Compare`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scalar;

/// As [`super::zero_bytes`].
#[cfg(any(test, not(target_arch = "x86_64")))]
pub(super) fn zero_bytes(numbers: [u64; 4]) -> u32 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    numbers.into_iter().rev().fold(0, |bits, number| {
        // The highest bit of each byte that is 0, and no other (Warren, Hacker's Delight, section 6-1).
        let zeros = !(((number & LOW) + LOW) | number | LOW);
        // Each of these bits goes to a place of its own in the highest byte.
        let [.., own] = (zeros >> 7)
            .wrapping_mul(0x0102_0408_1020_4080)
            .to_le_bytes();
        bits << 8 | u32::from(own)
    })
}

/// Runs a task. Not inlined, as the AVX2 twin is not: code that does not run then lies elsewhere.
#[inline(never)]
pub(super) fn run<T: Task>(task: T) -> T::Output {
    task.run(Scalar)
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
