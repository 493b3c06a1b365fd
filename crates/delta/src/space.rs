//! Address spaces as numbers, for what is the same in both.

use std::ops::{Add, BitAnd, BitXor, Shl, Shr, Sub};

use rblmap_image::Address;

/// `u32` for IPv4, `u128` for IPv6.
pub(crate) trait Space:
    Address
    + Add<Output = Self>
    + Sub<Output = Self>
    + BitAnd<Output = Self>
    + BitXor<Output = Self>
    + Shl<u32, Output = Self>
    + Shr<u32, Output = Self>
{
    const BITS: u32;
    const ZERO: Self;
    const ONE: Self;
    const LAST: Self;
    fn trailing_zeros(self) -> u32;
    fn leading_zeros(self) -> u32;

    fn bit(self, at: u32) -> bool {
        self >> at & Self::ONE == Self::ONE
    }

    /// All bits below bit `at`; `at` is less than [`Space::BITS`].
    fn low_mask(at: u32) -> Self {
        (Self::ONE << at) - Self::ONE
    }
}

impl Space for u32 {
    const BITS: u32 = u32::BITS;
    const ZERO: u32 = 0;
    const ONE: u32 = 1;
    const LAST: u32 = u32::MAX;
    fn trailing_zeros(self) -> u32 {
        u32::trailing_zeros(self)
    }
    fn leading_zeros(self) -> u32 {
        u32::leading_zeros(self)
    }
}

impl Space for u128 {
    const BITS: u32 = u128::BITS;
    const ZERO: u128 = 0;
    const ONE: u128 = 1;
    const LAST: u128 = u128::MAX;
    fn trailing_zeros(self) -> u32 {
        u128::trailing_zeros(self)
    }
    fn leading_zeros(self) -> u32 {
        u128::leading_zeros(self)
    }
}
