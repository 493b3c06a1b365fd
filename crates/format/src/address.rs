//! IPv4 and IPv6 addresses as numbers.

use std::fmt::Debug;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::{Add, BitAnd, BitOr, BitXor, Not, Shl, Shr, Sub};

/// An IPv4 address (`u32`) or an IPv6 address (`u128`) in host order: 192.0.2.1 is `0xc000_0201`.
///
/// The arithmetic is that of the numbers: it wraps nowhere, and panics on overflow in builds with
/// checks. [`Address::next`] and [`Address::previous`] are the ways to step.
///
/// ```
/// use rblmap_format::Address;
///
/// assert_eq!(0xc000_0201_u32.next(), Some(0xc000_0202));
/// assert_eq!(u128::LAST.next(), None);
/// assert_eq!(0xc000_0201_u32.to_ip().to_string(), "192.0.2.1");
/// assert_eq!(0xc000_0201_u32.top(8), 0xc0);
/// ```
pub trait Address:
    Copy
    + Ord
    + Hash
    + Debug
    + Default
    + Send
    + Sync
    + Into<u128>
    + Add<Output = Self>
    + Sub<Output = Self>
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitXor<Output = Self>
    + Not<Output = Self>
    + Shl<u32, Output = Self>
    + Shr<u32, Output = Self>
    + 'static
{
    /// How many bits an address has: 32 or 128.
    const BITS: u32;
    /// How many bytes an address has: 4 or 16.
    const LEN: usize;
    /// The first address, all bits zero.
    const FIRST: Self;
    /// The number one.
    const ONE: Self;
    /// The last address, all bits one.
    const LAST: Self;

    /// The address after this one; `None` after the last.
    fn next(self) -> Option<Self>;
    /// The address before this one; `None` before the first.
    fn previous(self) -> Option<Self>;
    /// How many of the lowest bits are zero before the first that is one.
    fn trailing_zeros(self) -> u32;
    /// How many of the highest bits are zero before the first that is one.
    fn leading_zeros(self) -> u32;
    /// The number that the first `bits` bits form, at most 16 of them.
    fn top(self, bits: u32) -> usize;
    /// Reads the little-endian address at place `index` of a list of addresses.
    fn read(list: &[u8], index: usize) -> Option<Self>;
    /// Appends the little-endian bytes.
    fn write(self, out: &mut Vec<u8>);
    /// Puts the little-endian bytes in a place of [`Address::LEN`] bytes; in another, nothing.
    fn put(self, place: &mut [u8]);
    /// Appends the little-endian bytes of many.
    fn write_all(all: impl ExactSizeIterator<Item = Self>, out: &mut Vec<u8>) {
        let from = out.len();
        out.resize(from + Self::LEN * all.len(), 0);
        let places = out.get_mut(from..).unwrap_or_default();
        for (place, address) in places.chunks_exact_mut(Self::LEN).zip(all) {
            address.put(place);
        }
    }
    /// The low bits of a number; those that an address does not have are dropped.
    fn truncate(bits: u128) -> Self;
    /// The address as the standard library has it.
    fn to_ip(self) -> IpAddr;

    /// The bit at place `at`, counted from the lowest. `at` is less than [`Address::BITS`].
    fn bit(self, at: u32) -> bool {
        self >> at & Self::ONE == Self::ONE
    }

    /// A number with the lowest `bits` bits one and all others zero. `bits` is at most
    /// [`Address::BITS`].
    ///
    /// ```
    /// use rblmap_format::Address;
    ///
    /// assert_eq!(u32::low_mask(0), 0);
    /// assert_eq!(u32::low_mask(8), 0xff);
    /// assert_eq!(u32::low_mask(32), u32::MAX);
    /// ```
    fn low_mask(bits: u32) -> Self {
        match bits {
            0 => Self::FIRST,
            bits => Self::LAST >> (Self::BITS - bits),
        }
    }
}

impl Address for u32 {
    const BITS: u32 = 32;
    const LEN: usize = 4;
    const FIRST: u32 = 0;
    const ONE: u32 = 1;
    const LAST: u32 = u32::MAX;

    #[inline]
    fn next(self) -> Option<u32> {
        self.checked_add(1)
    }

    #[inline]
    fn previous(self) -> Option<u32> {
        self.checked_sub(1)
    }

    #[inline]
    fn trailing_zeros(self) -> u32 {
        u32::trailing_zeros(self)
    }

    #[inline]
    fn leading_zeros(self) -> u32 {
        u32::leading_zeros(self)
    }

    #[inline]
    fn top(self, bits: u32) -> usize {
        (u64::from(self) << bits >> 32) as usize
    }

    #[inline]
    fn read(list: &[u8], index: usize) -> Option<u32> {
        let bytes = list.get(index.checked_mul(4)?..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    }

    #[inline]
    fn put(self, place: &mut [u8]) {
        if place.len() == Self::LEN {
            place.copy_from_slice(&self.to_le_bytes());
        }
    }

    #[inline]
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    fn truncate(bits: u128) -> u32 {
        bits as u32
    }

    fn to_ip(self) -> IpAddr {
        Ipv4Addr::from_bits(self).into()
    }
}

impl Address for u128 {
    const BITS: u32 = 128;
    const LEN: usize = 16;
    const FIRST: u128 = 0;
    const ONE: u128 = 1;
    const LAST: u128 = u128::MAX;

    #[inline]
    fn next(self) -> Option<u128> {
        self.checked_add(1)
    }

    #[inline]
    fn previous(self) -> Option<u128> {
        self.checked_sub(1)
    }

    #[inline]
    fn trailing_zeros(self) -> u32 {
        u128::trailing_zeros(self)
    }

    #[inline]
    fn leading_zeros(self) -> u32 {
        u128::leading_zeros(self)
    }

    #[inline]
    fn top(self, bits: u32) -> usize {
        // At most 16 bits are left. A shift by all 128 bits would overflow.
        self.checked_shr(128 - bits).unwrap_or(0) as usize
    }

    #[inline]
    fn read(list: &[u8], index: usize) -> Option<u128> {
        let bytes = list.get(index.checked_mul(16)?..)?.first_chunk()?;
        Some(u128::from_le_bytes(*bytes))
    }

    #[inline]
    fn put(self, place: &mut [u8]) {
        if place.len() == Self::LEN {
            place.copy_from_slice(&self.to_le_bytes());
        }
    }

    #[inline]
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    #[inline]
    fn truncate(bits: u128) -> u128 {
        bits
    }

    fn to_ip(self) -> IpAddr {
        Ipv6Addr::from_bits(self).into()
    }
}

/// The length of the prefix of the widest network around `address` that lies within `start` to
/// `end`, which `address` does too.
///
/// ```
/// use rblmap_format::address::widest;
///
/// assert_eq!(widest(0xc000_0201_u32, 0xc000_0200, 0xc000_02ff), 24);
/// assert_eq!(widest(0xc000_0201_u32, 0xc000_0201, 0xc000_02ff), 32);
/// ```
pub fn widest<A: Address>(address: A, start: A, end: A) -> u32 {
    let mut prefix = A::BITS;
    while prefix > 0 {
        let mask = A::low_mask(A::BITS - (prefix - 1));
        let (first, last) = (address & !mask, address | mask);
        if first < start || last > end {
            break;
        }
        prefix -= 1;
    }
    prefix
}
